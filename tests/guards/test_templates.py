"""House rules for every page: safe, complete without scripts, readable by all, and small."""

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import brotli
import pytest
from jinja2 import Environment, FileSystemLoader, nodes

from tests.guards.samples import FRAGMENTS, PAGES, PROSE, composer, open_thread, render, sample_app

TEMPLATES = Path(__file__).parents[2] / "templates"
SOURCES = {
    path.relative_to(TEMPLATES).as_posix(): path.read_text("utf-8")
    for path in sorted(TEMPLATES.rglob("*.html"))
}
APPS = {language: sample_app(language) for language in ("en", "es")}
HEADERS = 570  # what a page's response headers weigh over HTTP/1.1
SMALL_HEADERS = 300  # and a fragment's
VOID = {"br", "input", "link", "meta"}
# HTML closes these by itself when the next one begins, or their parent ends.
OPTIONAL = {"li", "p", "option", "html", "head", "body"}
INTERACTIVE = {"a", "button", "input", "select", "summary", "textarea"}

every_source = pytest.mark.parametrize("name", SOURCES)
every_page = pytest.mark.parametrize("name", PAGES)
both_languages = pytest.mark.parametrize("language", ["en", "es"])


class Page(HTMLParser):
    """What the guards ask about a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.forms: list[list[tuple[str, dict[str, str | None]]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = (tag, dict(attrs))
        self.elements.append(element)
        if tag == "form":
            self.forms.append([])
        if "form" in self.open or tag == "form":
            self.forms[-1].append(element)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] != tag and self.open[-1] in OPTIONAL:
            self.open.pop()
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.unbalanced.append(tag)

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def ids(self) -> list[str]:
        return [str(a["id"]) for _, a in self.elements if "id" in a]


def shown(name: str, language: str = "en", **request: Any) -> Page:
    template, context = PAGES[name]
    return Page(render(APPS[language], template, context, **request))


def visible_controls(page: Page) -> list[dict[str, str | None]]:
    fields = page.all("input", "select", "textarea")
    return [field for field in fields if field.get("type") != "hidden"]


# --- the source ---


@every_source
def test_nothing_gets_past_the_escaping(name: str) -> None:
    source = SOURCES[name]
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", source)
    bare = re.sub(r'"[^"]*"', '""', source)
    assert not re.search(r"=\s*\{\{", bare), "a value in an attribute stands in quotes"


@every_source
def test_no_script_and_no_style_in_the_markup(name: str) -> None:
    source = SOURCES[name]
    assert not re.search(r"\son\w+\s*=|\sstyle\s*=|javascript:|<style|hx-on", source, re.IGNORECASE)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", source))


@every_source
def test_htmx_attributes_are_valid_html(name: str) -> None:
    assert not re.search(r"(?<!data-)\bhx-[a-z-]+\s*=", SOURCES[name])
    assert not re.search(r"data-hx-(vals|headers|vars|history|boost|push-url)", SOURCES[name])


@every_source
def test_no_page_reaches_out(name: str) -> None:
    assert not re.search(r"""(src|href|action)=["']?(https?:)?//""", SOURCES[name])


@every_source
def test_every_word_on_a_page_can_be_translated(name: str) -> None:
    tree = Environment(autoescape=True).parse(SOURCES[name])
    texts = " ".join(node.data for node in tree.find_all(nodes.TemplateData))
    words = re.sub(r"<[^>]*(>|$)|^[^<]*>|&\w+;", " ", texts)
    left = set(re.findall(r"[^\W\d_]{2,}", words)) - {"Notes", "English", "Español"}
    assert left <= LEFT_OVERS_OF_TAGS, name


# Attribute names that remain where an expression has cut a tag in two.
LEFT_OVERS_OF_TAGS = set(
    """
    action aria autocapitalize autocomplete button checked class content current data defer delay
    describedby equiv false for formaction from hint href http hx id input invalid lang method name
    none noreferrer off option post problem refresh rel role required script selected spellcheck
    src sync true type url value
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


@every_source
def test_every_file_is_used(name: str) -> None:
    named = re.compile(rf"""['"]{re.escape(name)}['"]""")
    portal = TEMPLATES.parent / "portal"
    files = [*portal.rglob("*.py"), *TEMPLATES.rglob("*.html")]
    assert any(named.search(path.read_text("utf-8")) for path in files)


def test_every_page_has_a_sample() -> None:
    samples = {template for template, _ in [*PAGES.values(), *FRAGMENTS.values()]}
    pages = {name for name in SOURCES if "/_" not in name}
    assert pages - samples - {"layouts/base.html", "components/forms.html"} == set()


def test_every_template_compiles_with_its_partials_in_place() -> None:
    environment = APPS["en"].jinja_env
    assert isinstance(environment.loader, FileSystemLoader | type(environment.loader))
    for name in SOURCES:
        environment.get_template(name)


# --- the page ---


@every_page
@both_languages
def test_the_title_and_the_icon_tell_nothing(name: str, language: str) -> None:
    html = shown(name, language).html
    assert re.findall(r"<title>(.*?)</title>", html) == ["Notes"]
    assert '<link rel=icon href="data:,">' in html
    assert f'<html lang="{language}"' in html
    assert "name=viewport" in html


@every_page
def test_the_markup_is_sound(name: str) -> None:
    page = shown(name)
    assert page.unbalanced == []
    assert set(page.open) <= OPTIONAL
    assert len(page.ids) == len(set(page.ids)), "an id is there once"
    assert "{{" not in page.html
    assert "{%" not in page.html


@every_page
def test_one_main_heading_and_none_skipped(name: str) -> None:
    page = shown(name)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@every_page
def test_the_way_out_comes_first(name: str) -> None:
    controls = [(t, a) for t, a in shown(name).elements if t in INTERACTIVE]
    tag, way_out = controls[0]
    assert (tag, way_out["id"], way_out["rel"]) == ("a", "x", "noreferrer")
    assert controls[1][1]["href"] == "#main", "then the way past the header"


@every_page
def test_whoever_is_signed_in_can_sign_out(name: str) -> None:
    page = shown(name)
    signed_in = PAGES[name][1].get("person") is not None
    actions = [form["action"] for form in page.all("form") if "action" in form]
    assert ("/accounts/sign_out" in actions) == signed_in


@every_page
@both_languages
def test_a_crisis_line_is_on_the_page_once(name: str, language: str) -> None:
    page = shown(name, language)
    links = [link["href"] for link in page.all("a")]
    for href in ("tel:5550100", "tel:988", "sms:988", "tel:911"):
        assert links.count(href) == 1


@pytest.mark.parametrize("name", ["thread", "sent", "new-thread", "thread-problem"])
def test_the_crisis_line_stands_where_a_client_writes(name: str) -> None:
    form = next(f for f in shown(name).forms if any(tag == "textarea" for tag, _ in f))
    assert any(attributes.get("href") == "tel:988" for _, attributes in form)


@every_page
def test_every_field_has_its_label(name: str) -> None:
    page = shown(name)
    labelled = {label.get("for") for label in page.all("label")}
    for field in visible_controls(page):
        if field.get("type") in ("radio", "checkbox"):
            assert re.search(rf'<label class=r><input[^>]*value="?{field["value"]}\b', page.html)
        else:
            assert field["id"] in labelled, field


@every_page
def test_what_describes_a_field_is_there(name: str) -> None:
    page = shown(name)
    for field in visible_controls(page):
        for described_by in (field.get("aria-describedby") or "").split():
            assert described_by in page.ids


@pytest.mark.parametrize("name", [n for n in PAGES if n.endswith(("wrong", "problem"))])
def test_what_is_wrong_is_said_and_tied_to_its_field(name: str) -> None:
    page = shown(name)
    alert = next(a for _, a in page.elements if a.get("id") == "problem")
    assert alert["role"] == "alert"
    wrong = [f for f in visible_controls(page) if f.get("aria-invalid") == "true"]
    assert wrong
    assert all("problem" in (field["aria-describedby"] or "").split() for field in wrong)


@every_page
def test_every_post_carries_its_token(name: str) -> None:
    """And nothing else does: what only asks for a page would show the token in its address."""
    for form in shown(name).forms:
        names = [attributes.get("name") for tag, attributes in form if tag == "input"]
        assert form[0][1]["method"] in ("post", "get")
        assert names.count("csrf_token") == (form[0][1]["method"] == "post")


@every_page
def test_browsers_keep_nothing_that_is_typed(name: str) -> None:
    for form in shown(name).forms:
        typed = [a for t, a in form if t == "textarea" or (t == "input" and "type" not in a)]
        typed += [a for t, a in form if a.get("type") in ("text", "password")]
        assert not typed or form[0][1].get("autocomplete") == "off", form[0]


@every_page
def test_every_button_works_without_scripts(name: str) -> None:
    page = shown(name)
    owners = {str(form.get("id")) for form in page.all("form")}
    inside = [a for form in page.forms for tag, a in form if tag == "button"]
    for button in page.all("button"):
        assert button in inside or button.get("form") in owners
    for link in page.all("a"):
        assert link["href"]


@every_page
def test_a_page_dies_by_itself_unless_somebody_writes_on_it(name: str) -> None:
    page = shown(name)
    refresh = [m for m in page.all("meta") if m.get("http-equiv") == "refresh"]
    signed_in = PAGES[name][1].get("person") is not None
    writes = bool(page.all("textarea"))
    assert bool(refresh) == (signed_in and not writes)
    if refresh:
        assert refresh[0]["content"] == "1802;url=/gone"
    assert ("data-idle" in page.elements[0][1]) == signed_in, "with scripts all of them do"


def test_the_sign_in_form_has_the_names_people_know() -> None:
    html = shown("sign-in").html
    assert '<label for="user_name">User name</label>' in html
    assert '<label for="passphrase">Passphrase</label>' in html
    assert "<button>Sign in</button>" in html
    assert "<script" not in html


def test_the_box_has_the_name_people_know() -> None:
    html = shown("thread").html
    assert "<label for=text>Your message</label>" in html
    assert "<button name=action value=send>Send</button>" in html
    assert "<button class=q name=action value=save>Save draft</button>" in html


@pytest.mark.parametrize("text", ["\nfirst line empty", "</textarea><b>", "&amp; <i>"])
def test_the_box_gives_back_exactly_what_was_typed(text: str) -> None:
    html = render(APPS["en"], "threads/show.html", open_thread(composer=composer(text=text)))
    inside = re.search(r"<textarea id=text name=text>\n(.*?)</textarea>", html, re.DOTALL)
    assert inside
    assert unescape(inside[1]) == text
    assert "<b>" not in inside[1]


# --- the bytes ---


def weight(html: str) -> int:
    mode = brotli.MODE_TEXT
    return len(brotli.compress(html.encode(), mode=mode, quality=5, lgwin=16))


def held() -> dict[str, str]:
    return {"Cookie": f"s={APPS['en'].extensions['assets'].stylesheet.hash}"}


def test_the_first_page_is_light() -> None:
    assert weight(shown("sign-in").html) + HEADERS <= 2_600


def test_a_cold_conversation_is_light() -> None:
    assert weight(shown("thread").html) + HEADERS <= 5_900


@both_languages
def test_a_conversation_in_a_running_visit_is_little_more_than_its_text(language: str) -> None:
    markup = weight(shown("thread", language, headers=held()).html) - weight("\n".join(PROSE))
    assert markup <= 1_350


def test_the_answer_to_a_send_without_scripts_is_light() -> None:
    assert weight(shown("sent").html) + HEADERS <= 3_600
    assert weight(shown("sent", headers=held()).html) + HEADERS <= 2_200


@pytest.mark.parametrize(("name", "limit"), [("sent", 800), ("checked-none", 330), ("saved", 320)])
def test_fragments_are_light(name: str, limit: int) -> None:
    template, context = FRAGMENTS[name]
    html = render(APPS["en"], template, context)
    assert min(weight(html), len(html)) + SMALL_HEADERS <= limit


def test_a_fragment_is_no_page() -> None:
    for template, context in FRAGMENTS.values():
        html = render(APPS["en"], template, context)
        assert not re.search(r"<html|<title|<main|<form", html)


def test_the_page_and_the_fragment_share_their_messages() -> None:
    context = open_thread()
    page = render(APPS["en"], "threads/show.html", context)
    fragment = render(APPS["en"], "threads/_older.html", context)
    for item in re.findall(r"<li.*?(?=<li|</ol>)", fragment, re.DOTALL):
        assert item.strip() in page


def every_text_node(page: str) -> Iterator[str]:
    yield from (text.strip() for text in re.findall(r">([^<]+)<", page) if text.strip())


@pytest.mark.parametrize("name", ["thread", "sign-in", "threads", "account", "people"])
def test_the_spanish_page_is_spanish(name: str) -> None:
    english = set(every_text_node(shown(name).html))
    spanish = set(every_text_node(shown(name, "es").html))
    assert len(spanish - english) >= 5
