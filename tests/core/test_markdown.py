"""Authors' Markdown becomes a few plain elements, whatever is in it."""

import json
import re
import time
from pathlib import Path

import pytest

from portal.core.html import authors_text

PAYLOADS: list[str] = json.loads(
    (Path(__file__).parents[1] / "guards" / "xss_payloads.json").read_text("utf-8")
)
LINK = r'<a(?: href="(?i:https://|tel:)[^"<>]*")? rel="noopener noreferrer nofollow">|</a>'
ALLOWED = re.compile(rf"</?(?:p|br|ul|ol|li|strong|em|h3|h4|blockquote)>|{LINK}")


def tags(html: str) -> set[str]:
    return set(re.findall(r"<[^>]*>?", html))


def test_markdown_becomes_the_elements_it_means() -> None:
    html = authors_text(
        "One **two** *three*\nfour\\\nfive\n\n#### Head\n\n##### Low\n\n- a\n- b\n\n1. c\n\n> d"
    )
    found = {tag.strip("</>") for tag in tags(html)}
    assert found == {"p", "br", "ul", "ol", "li", "strong", "em", "h3", "h4", "blockquote"}


def test_links_lead_to_https_and_telephones_only() -> None:
    html = authors_text("[a](https://a.example/?b=1&c) [b](tel:988) <https://d.example>")
    for href in ("https://a.example/?b=1&amp;c", "tel:988", "https://d.example"):
        assert f'href="{href}"' in html
    for bad in (
        "http://a.b",
        "//a.b",
        "/here",
        "javascript:alert(1)",
        "data:x",
        "sms:1",
        "mailto:a",
    ):
        assert "href" not in authors_text(f"[x]({bad}) <{bad}>"), bad


@pytest.mark.parametrize(
    "way", ["{}", "*{}*", "[{}](https://a.b)", "[x]({})", "[x](<{}>)", "- {}", "> {}"]
)
def test_no_payload_becomes_more_than_text(way: str) -> None:
    for payload in PAYLOADS:
        html = str(authors_text(way.replace("{}", payload)))
        bad = [tag for tag in tags(html) if not ALLOWED.fullmatch(tag)]
        assert bad == [], payload


def test_what_is_clean_stays_as_it_is() -> None:
    import nh3

    from portal.core.markdown import ELEMENTS

    for payload in PAYLOADS[::5]:
        html = str(authors_text(payload))
        again = nh3.clean(html, tags=set(ELEMENTS), attributes={"a": {"href"}},
                          link_rel="noopener noreferrer nofollow")  # fmt: skip
        assert again == html


@pytest.mark.parametrize(
    "text",
    ["*" * 6000, "*a " * 2000, "**a *b " * 800, "[" * 6000, "[a](" * 1500, ">" * 6000,
     "- " * 3000, "<a " * 2000, "&" * 6000, "_*" * 3000, "\\" * 6000],
)  # fmt: skip
def test_wild_markdown_takes_no_time(text: str) -> None:
    begin = time.process_time()
    html = str(authors_text(text))
    assert time.process_time() - begin < 2
    assert all(ALLOWED.fullmatch(tag) for tag in tags(html))


def test_html_is_shown_as_it_was_typed() -> None:
    assert authors_text("<b>x</b>") == "<p>&lt;b&gt;x&lt;/b&gt;</p>"


@pytest.mark.parametrize("gone", ["bleach.clean", "nh3.clean"])
def test_each_of_the_two_cleaners_would_do_alone(
    gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if Markdown let everything through."""
    from markdown_it import MarkdownIt

    from portal.core import markdown

    monkeypatch.setattr(markdown, "_reader", lambda: MarkdownIt("js-default", {"html": True}))
    monkeypatch.setattr(gone, lambda html, **_rules: html)
    links = (
        "[x](javascript:alert(1)) <a href=http://a.b>x</a> <a href=//a.b>x</a> <a href=sms:1>",
    )
    for payload in [*PAYLOADS, *links]:
        found = tags(str(authors_text(payload)))
        loose = [
            tag for tag in found if re.search(r"(?i)^<(?!/)(?!a\b)(?!\w+>)|\son\w+=|<script", tag)
        ]
        assert loose == [], payload
        hrefs = [href for tag in found for href in re.findall(r'href="([^"]*)"', tag)]
        assert all(re.match(r"(?i)https://|tel:", href) for href in hrefs), payload
