"""Where pages point, and what is at addresses to which none does; nobody is led elsewhere."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from werkzeug.test import TestResponse

from portal.accounts.browser import EXIT_URL
from tests.cast import PASSPHRASE
from tests.guards.keyholes import EVERYBODY
from tests.guards.markup import Bones
from tests.guards.test_access import rules
from tests.guards.test_xss import PAYLOADS
from tests.guards.world import World


@pytest.mark.parametrize(
    "probe",
    ["/.env", "/.git/HEAD", "/console", "/debug", "/server-status", "/metrics", "/robots.txt",
     "/static/../portal/config.py", "/static/%2e%2e/wsgi.py", "/static/portal.css", "/favicon.ico",
     "/api", "/admin", "/openapi.json", "/backup.zip", "/portal.sqlite"],
)  # fmt: skip
def test_there_is_nothing_beside_the_pages(world: World, probe: str) -> None:
    for role in ("nobody", "administrator"):
        answer = world.visit(role).open(probe, follow=False)
        assert answer.status_code == 404
        assert "Werkzeug" not in answer.text


@pytest.fixture(scope="module")
def every_page(a_world: tuple[World, Any]) -> list[tuple[str, TestResponse]]:
    """What everybody sees at every address, of their own and of what is not there."""
    return list(pages_of(a_world[0]))


def pages_of(world: World) -> Iterator[tuple[str, TestResponse]]:
    for (method, address), rule in rules(world.app).items():
        if method == "GET" and address != "/static/<name>":
            for role in EVERYBODY:
                for which in ("own", "absent") if rule.arguments else ("own",):
                    url = world.url(rule, world.ids_of(role, which))
                    answer = world.visit(role).open(url, follow=False)
                    if answer.mimetype == "text/html":
                        yield f"{role} {url}", answer
                    else:
                        assert is_a_file(answer), url


def is_a_file(answer: TestResponse) -> bool:
    """To be kept under a name that says nothing; a browser shows none of it."""
    return answer.headers["Content-Disposition"] == 'attachment; filename="module.md"'


OURS = re.compile(r"(/(?![/\\])|#|\?|data:,$|tel:\+?\d+$|sms:\+?\d+$)")
POINTING = {
    "href", "src", "action", "formaction", "srcset", "poster", "data", "ping", "background", "cite",
    "data-hx-get", "data-hx-post", "data-hx-put", "data-hx-delete",
}  # fmt: skip


def test_no_page_points_outside_but_for_the_quick_exit(
    world: World, every_page: list[tuple[str, TestResponse]]
) -> None:
    for name, answer in every_page:
        outside = []
        for tag, values in Bones(answer.text).tags:
            for attribute, value in values:
                if attribute in POINTING and value and not OURS.match(value):
                    outside.append((tag, attribute, value))
        exits = [("a", "href", EXIT_URL)] if answer.status_code != 303 else []
        assert outside == exits, name
        assert len(re.findall(r"https?://", answer.text)) == len(exits) + answer.text.count(
            world.config.base_url
        ), name


def test_every_title_is_the_same_and_says_nothing(
    world: World, every_page: list[tuple[str, TestResponse]]
) -> None:
    for name, answer in every_page:
        if answer.status_code != 303:
            assert re.findall(r"<title>(.*?)</title>", answer.text) == ["Notes"], name


def test_no_address_says_anything_of_anybody(
    world: World, every_page: list[tuple[str, TestResponse]]
) -> None:
    """Neither a name nor a word that was typed is part of an address."""
    words = set(world.ids) | {"sleep", "plan", "hello", "words", "larkspur"}
    for name, answer in every_page:
        for _, values in Bones(answer.text).tags:
            for attribute, value in values:
                if attribute in POINTING and not value.startswith("data:"):
                    assert not set(re.findall(r"[a-z]+", value.lower())) & words, (name, value)


FOREIGN = [payload for payload in PAYLOADS if "evil.example" in payload and "<" not in payload]


@pytest.mark.slow
def test_nobody_is_sent_elsewhere_after_signing_in(world: World) -> None:
    assert len(FOREIGN) > 25
    wishes = [*FOREIGN, "javascript:alert(1)", "data:text/html,x", "x", "", " /", "/\u2028/x"]
    for wish in wishes:
        answer = world.submit(
            "nobody", "/sign-in", user_name="dana", passphrase=PASSPHRASE, next=wish
        )
        assert answer.status_code == 303
        target = urljoin("http://localhost/sign-in", answer.headers["Location"])
        assert urlsplit(target)[:2] == ("http", "localhost"), wish
        world.put_back()
        world.app.extensions["guard"].throttle._local.storage.reset()
        page = world.visit("nobody")._go(
            "GET", "/sign-in", htmx=False, follow=False, query_string={"next": wish}
        )
        for value in re.findall(r'name=next value="([^"]*)"', page.text):
            assert re.match(r"/(?![/\\])", value), wish


def test_a_wish_for_a_page_of_ours_is_granted(world: World) -> None:
    wish = world.thread_url(world.threads["client"])
    answer = world.submit("nobody", "/sign-in", user_name="dana", passphrase=PASSPHRASE, next=wish)
    assert answer.headers["Location"] == wish


def test_no_forwarded_word_changes_where_a_page_points(world: World) -> None:
    headers = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "//evil.example",
        "X-Original-URL": "/people",
        "X-Rewrite-URL": "/people",
        "Forwarded": "host=evil.example",
    }
    for role in ("nobody", "client", "administrator"):
        for url in ("/", "/people", "/recover"):
            answer = world.visit(role).client.get(url, headers=headers)
            plain = world.visit(role).client.get(url)
            assert answer.status_code == plain.status_code
            assert "evil.example" not in answer.text + str(answer.headers)


def test_the_invitation_names_the_settings_address_whatever_host_was_asked(world: World) -> None:
    world.visit("administrator")
    answer = world.visit("administrator").client.post(
        "/people",
        data={
            "csrf_token": world.tokens["administrator"],
            "name": "Quentin",
            "role": "clinician",
            "language": "en",
        },
        headers={"X-Forwarded-Host": "evil.example"},
    )
    assert f"{world.config.base_url}/invitation" in answer.text
