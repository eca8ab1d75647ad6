"""No other site, and no old page, can act for somebody; and what they typed is never lost."""

import datetime as dt
import operator
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.core import clock
from portal.core.ids import short
from tests.cast import Browser, Cast
from tests.guards.filled_forms import filled
from tests.guards.keyholes import EVERYBODY, OBJECTS, Ids, Keyholes
from tests.guards.test_access import expected, rules, table
from tests.guards.world import MARKS_OF_READING, World

MINUTE = dt.timedelta(minutes=1)

# A form that only shows something: with a good code, what to write down before it is used up.
SHOW_ONLY = {
    "/invitation",
    "/recover",
    # A walk through a module, of which nothing is kept.
    "/modules/drafts/<id:draft_id>/preview",
    "/modules/library/<module_id>/preview",
    "/modules/own/<id:published_id>/preview",
}
# Called by machines that sign what they say; tests/notifications/test_calls.py forges that.
SIGNED = re.compile("/notices/(gateway|twilio)/")
UNSAFE = sorted(
    address for method, address in table() if method == "POST" and not SIGNED.match(address)
)
RESCUED = [
    "/clients/<id:engagement_id>/threads/new",
    "/clients/<id:engagement_id>/threads/new/draft",
    "/threads/<id:thread_id>",
    "/threads/<id:thread_id>/draft",
    "/modules/drafts/<id:draft_id>",
    "/modules/drafts/<id:draft_id>/draft",
    "/work/<id:work_id>/homework/<prompt_id>",
    "/work/<id:work_id>/steps/<step_id>",
    "/work/<id:work_id>/steps/<step_id>/draft",
    "/work/<id:work_id>/steps/<step_id>/feedback",
    "/work/<id:work_id>/steps/<step_id>/sheet",
]
# Of given work: one that was not opened yet, one that was sent and to which something was said, one
# that was read and whose plan failed twice, and one whose time is over.
STAGES = {
    "/open": "given", "/spare": "given", "/all": "sent", "/complete": "read", "/seen": "read",
    "/again": "over",
}  # fmt: skip


def who_may(address: str) -> str:
    """The first of those to whom this address does what it is for."""
    if address == "/sign-out":
        return "client"
    for role in EVERYBODY:
        if expected("POST", address, role, "own") not in ("in", "401", "404"):
            return role
    raise LookupError(address)


def what_of(world: Keyholes, address: str, role: str) -> Ids:
    """An object with which it can be done: Vera can be let in again, Nadia has not come yet."""
    if address.endswith("/enable"):
        return world.ids_of(role, "removed")
    if address.endswith("<id:engagement_id>/invitation") or "<id:member_id>" in address:
        nadia = {"engagement_id": world.engagements["nadia"], "member_id": world.ids["sam"]}
        return world.ids_of(role, "own") | nadia
    stage = STAGES.get(f"/{address.rpartition('/')[2]}")
    if address.startswith("/work/") and stage is not None:
        return world.ids_of(role, "own") | {"work_id": world.work[stage]}
    return world.ids_of(role, "own")


def place_of(world: World, rule: Rule, ids: Ids) -> str:
    """Where the words are offered."""
    url = world.url(rule, ids).removesuffix("/draft")
    if "/homework/" in url:
        return "/"
    return url.partition("/steps/")[0] if url.endswith("/feedback") else url


def kept_in(address: str) -> list[str]:
    tables = {"work": "kept_answers", "modules": "kept_module_texts"}
    return [tables.get(address.split("/")[1], "kept_texts")]


def token_of(world: World, cookie: str | None) -> str:
    """The token in the pages of whoever holds this cookie."""
    browser = Browser(world.app)
    if cookie is not None:
        browser.client.set_cookie("p", cookie)
    browser.open("/recover")
    return browser.token


def anothers(world: World, role: str) -> dict[str, str]:
    return {"csrf_token": world.tokens["administrator" if role == "clinician" else "clinician"]}


def another_sessions(world: World, role: str) -> dict[str, str]:
    name = {"client": "dana", "clinician": "ruth", "administrator": "tom"}.get(role)
    return {"csrf_token": token_of(world, str(world.cookie(name)) if name else None)}


Forgery = Callable[[World, str], tuple[dict[str, str], dict[str, str]]]
NO_HEADERS: dict[str, str] = {}
FORGERIES: dict[str, Forgery] = {
    "no token": lambda _world, _role: ({}, NO_HEADERS),
    "an empty token": lambda _world, _role: ({"csrf_token": ""}, NO_HEADERS),
    "a garbled token": lambda _world, _role: ({"csrf_token": "A" * 43}, NO_HEADERS),
    "letters of no alphabet": lambda _world, _role: ({"csrf_token": "ñ\u2028\0=" * 9}, NO_HEADERS),
    "another user's": lambda world, role: (anothers(world, role), NO_HEADERS),
    "another session's": lambda world, role: (another_sessions(world, role), NO_HEADERS),
    "from before signing in": lambda world, _role: (
        {"csrf_token": token_of(world, None)},
        NO_HEADERS,
    ),
    "in a header": lambda world, role: ({}, {"X-CSRFToken": world.tokens[role]}),
    "from another origin": lambda world, role: (
        {"csrf_token": world.tokens[role]},
        {"Origin": "https://evil.example"},
    ),
    "from no origin": lambda world, role: ({"csrf_token": world.tokens[role]}, {"Origin": "null"}),
    "from another port": lambda world, role: (
        {"csrf_token": world.tokens[role]},
        {"Origin": "http://localhost:81"},
    ),
    "from another site": lambda world, role: (
        {"csrf_token": world.tokens[role]},
        {"Sec-Fetch-Site": "cross-site"},
    ),
    "from a sister site": lambda world, role: (
        {"csrf_token": world.tokens[role]},
        {"Sec-Fetch-Site": "same-site"},
    ),
}


def post(
    world: World, rule: Rule, role: str, fields: dict[str, str], headers: dict[str, str]
) -> TestResponse:
    url = world.url(rule, what_of(world, rule.rule, role))
    return world.visit(role).client.post(url, data=fields, headers=headers)


@pytest.mark.parametrize("address", UNSAFE)
def test_a_form_of_ones_own_does_what_it_is_for(world: World, address: str) -> None:
    """Without this, a route that never does anything would pass all that follows."""
    rule, role = rules(world.app)["POST", address], who_may(address)
    world.visit(role)
    fields = filled(world, rule.endpoint, role, what_of(world, address, role))
    before = world.snapshot()
    answer = post(world, rule, role, fields | {"csrf_token": world.tokens[role]}, {})
    assert answer.status_code < 400
    assert bool(before.changed(world.snapshot())) is (address not in SHOW_ONLY)


@pytest.mark.parametrize("address", UNSAFE)
def test_a_form_that_is_not_from_here_changes_nothing(world: World, address: str) -> None:
    rule, role, wrong = rules(world.app)["POST", address], who_may(address), []
    world.visit(role), world.visit("clinician"), world.visit("administrator")
    fields = filled(world, rule.endpoint, role, what_of(world, address, role))
    if "nonce" in fields:
        fields["nonce"] = "guessed"
    for name, forge in FORGERIES.items():
        forged, headers = forge(world, role)
        before = world.snapshot()
        answer = post(world, rule, role, fields | forged, headers)
        changed = before.changed(world.snapshot())
        if answer.status_code != 400 or changed or answer.headers.get("Set-Cookie"):
            wrong.append((name, answer.status_code, changed, answer.headers.get("Set-Cookie")))
        if "text" in fields:
            assert "typed words" in answer.text, "what was typed is shown again"
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("address", UNSAFE)
def test_a_token_in_the_address_counts_for_nothing(world: World, address: str) -> None:
    rule, role = rules(world.app)["POST", address], who_may(address)
    browser, before = world.visit(role), world.snapshot()
    url = world.url(rule, what_of(world, address, role))
    bodies: list[dict[str, Any]] = [
        {"data": {}},
        {"data": "csrf_token=x", "content_type": "text/plain"},
    ]
    for body in bodies:
        answer = browser.client.post(f"{url}?csrf_token={world.tokens[role]}", **body)
        assert answer.status_code == 400
    assert before.changed(world.snapshot()) == []


@pytest.mark.parametrize("address", RESCUED)
@pytest.mark.parametrize("htmx", [False, True], ids=["page", "htmx"])
def test_words_in_a_stale_form_wait_for_their_author(
    world: World, address: str, htmx: bool
) -> None:
    """The page is the author's own, its token is not good any more: nothing else changes."""
    rule, role = rules(world.app)["POST", address], who_may(address)
    ids = world.ids_of(role, "own")
    fields = filled(world, rule.endpoint, role, ids) | {"csrf_token": "stale"}
    before, author = world.snapshot(), world.visit(role)
    author._go("POST", world.url(rule, ids), htmx=htmx, follow=False, data=fields)
    assert before.changed(world.snapshot()) == kept_in(address)
    page = author.open(place_of(world, rule, ids))
    assert "typed words" in page.text


@pytest.mark.parametrize("address", RESCUED)
@pytest.mark.parametrize("htmx", [False, True], ids=["page", "htmx"])
def test_words_that_come_after_signing_out_wait_for_their_author(
    world: World, address: str, htmx: bool
) -> None:
    rule, role = rules(world.app)["POST", address], who_may(address)
    ids = world.ids_of(role, "own")
    fields = filled(world, rule.endpoint, role, ids) | {"csrf_token": "stale"}
    before, somebody = world.snapshot(), Browser(world.app)
    answer = somebody._go("POST", world.url(rule, ids), htmx=htmx, follow=False, data=fields)
    assert before.changed(world.snapshot()) == kept_in(address)
    assert "typed words" not in answer.text, "whoever sits there now is somebody else"
    place = place_of(world, rule, ids)
    assert "typed words" in world.visit(role).open(place).text


def test_the_next_person_at_the_computer_does_not_see_what_was_kept(world: World) -> None:
    rule, ids = rules(world.app)["POST", RESCUED[2]], world.ids_of("client", "own")
    fields = filled(world, rule.endpoint, "client", ids)
    ruth = world.visit("clinician")
    answer = ruth.client.post(world.url(rule, ids), data=fields | {"csrf_token": "x"})
    assert "typed words" not in answer.text
    assert "typed words" not in ruth.open(world.url(rule, ids)).text
    assert "typed words" in world.visit("client").open(world.url(rule, ids)).text


def test_a_kept_beginning_keeps_its_subject(cast: Cast) -> None:
    dana = cast.browser("dana")
    url = f"{cast.client_url('dana')}/threads/new"
    dana.open(url)
    form = {"nonce": dana.nonce, "subject": "About mornings", "text": "They are hard"}
    Browser(cast.app).client.post(url, data=form | {"csrf_token": "x", "action": "send"})
    dana.open(url)
    assert "They are hard" in dana.page.text
    dana.post(f"{url}/kept", action="restore")
    assert "About mornings" in dana.page.text
    assert "They are hard" in dana.page.text


def test_words_without_a_good_form_are_shown_again_and_kept_nowhere(world: World) -> None:
    """Somebody else's nonce, one for another place, none, an invented one."""
    rule, ids = rules(world.app)["POST", RESCUED[2]], world.ids_of("client", "own")
    before = world.snapshot()
    for nonce in (
        str(world.nonce("client", world.threads["clinician"])),
        str(world.nonce("administrator", ids["thread_id"])),
        "",
        "A" * 38,
    ):
        fields = {"text": "typed words", "nonce": nonce, "csrf_token": "x", "action": "send"}
        answer = Browser(world.app).client.post(world.url(rule, ids), data=fields)
        assert answer.status_code == 401
        assert "typed words" in answer.text
    assert before.changed(world.snapshot()) == []


def test_nobody_fills_the_database_with_kept_words(world: World) -> None:
    """One form keeps one text, and there is a limit to forms."""
    rule, ids = rules(world.app)["POST", RESCUED[2]], world.ids_of("client", "own")
    fields = filled(world, rule.endpoint, "client", ids) | {"csrf_token": "x"}
    for _ in range(3):
        Browser(world.app).client.post(world.url(rule, ids), data=fields)
    assert _kept(world) == 3, "two from the beginning, and this one"
    for _ in range(30):
        nonce = str(world.nonce("client", ids["thread_id"]))
        answer = Browser(world.app).client.post(
            world.url(rule, ids), data=fields | {"nonce": nonce}
        )
    assert answer.status_code == 409
    assert "typed words" in answer.text
    assert _kept(world) == 20


def _kept(world: World) -> int:
    author = world.ids["dana"].bytes
    rows = world.snapshot().rows["kept_texts"]
    return sum(author in row for row in rows)


def test_the_sign_in_page_keeps_the_name_that_was_typed(world: World) -> None:
    answer = Browser(world.app).client.post(
        "/sign-in", data={"user_name": "dana", "passphrase": "x"}
    )
    assert answer.status_code == 400
    assert 'value="dana"' in answer.text
    assert 'value="x"' not in answer.text


GETS = sorted(address for method, address in table() if method == "GET")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("address", GETS)
def test_looking_changes_nothing_that_matters(world: World, address: str, method: str) -> None:
    """Only who read what and when: the trail, read marks, opened marks, when a browser was seen."""
    rule = rules(world.app)["GET", address]
    before = world.snapshot(MARKS_OF_READING)
    for role in EVERYBODY:
        for which in OBJECTS if rule.arguments else ("own",):
            url = world.url(rule, world.ids_of(role, which))
            for htmx in (False, True):
                browser = world.visit(role)
                browser._go(method, f"{url}?after=0&action=send&text=x", htmx=htmx, follow=False)
    assert before.changed(world.snapshot(MARKS_OF_READING)) == []


def test_no_other_word_turns_looking_into_doing(world: World) -> None:
    url, before = world.thread_url(world.threads["client"]), world.snapshot()
    dana, token = world.visit("client"), world.tokens["client"]
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = dana.client.get(
            f"{url}/close?_method=POST&csrf_token={token}", headers={header: "POST"}
        )
        assert answer.status_code == 405
    assert before.changed(world.snapshot()) == []


def test_a_form_is_good_for_as_long_as_somebody_writes(cast: Cast) -> None:
    """People write for hours; a page stays good while its session lives."""
    thread = cast.begin_thread("ruth", "dana")
    dana, url = cast.browser("dana"), cast.thread_url(thread)
    dana.open(url)
    form: dict[str, Any] = {"csrf_token": dana.token, "nonce": dana.nonce, "action": "send"}
    began = clock.now()
    for minutes in range(20, 600, 20):
        clock.set_clock(partial(operator.add, began, MINUTE * minutes))
        dana.client.get(f"{url}/new?after=99", headers={"HX-Request": "true"})
    answer = dana.client.post(url, data=form | {"text": "Nine hours later"})
    assert answer.status_code == 200
    assert "Nine hours later" in answer.text


def test_every_answer_masks_the_token_anew(world: World) -> None:
    dana = world.visit("client")
    tokens = [
        set(re.findall(r'name=csrf_token value="([^"]+)"', dana.open("/account").text))
        for _ in range(20)
    ]
    assert all(len(found) == 1 for found in tokens)
    assert len(set.union(*tokens)) == 20
    assert short(world.ids["dana"]) not in str(tokens)
