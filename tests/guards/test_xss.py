"""Whatever people type shows as what they typed: no tag, no attribute, no address comes of it."""

import json
import uuid
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import update
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal.accounts.models import User
from portal.core.ids import short
from portal.core.keyring import name_place
from portal.core.nonces import new_nonce
from portal.modules.services import authoring
from portal.modules.services.authoring import Late
from portal.threads.access import thread_for
from portal.threads.services import sending, unsent
from tests.guards.filled_forms import ROLES, filled
from tests.guards.markup import Bones, Tag, bare
from tests.guards.test_access import rules
from tests.guards.test_csrf import RESCUED, SIGNED, UNSAFE, who_may
from tests.guards.world import World
from tests.modules import stories

PAYLOADS: list[str] = json.loads(
    (Path(__file__).parent / "xss_payloads.json").read_text(encoding="utf-8")
)
# Every name that a form has, and (below) every name that is read from an address.
FIELDS = (
    "a.act.what", "a.best", "a.seen", "action", "address", "after", "answers", "any", "ask",
    "based_on", "before", "channel", "code", "contact", "current", "day", "ends", "file",
    "from", "h.obstacle", "hour", "in", "lang", "language", "name", "new", "next", "nonce",
    "number", "of", "pace", "passphrase", "past", "person", "recovery_code",
    "rhythm", "role", "s.noticed", "second", "sender_name", "starts", "subject", "text",
    "time_zone", "until", "user_name", "voicemail", "weekday", "who_else", "why", "wording",
    "words", "written",
)  # fmt: skip
IN_ADDRESSES = (
    "after", "answers", "before", "check", "code", "day", "first", "from", "in", "lang", "more",
    "next", "passphrase", "to", "user_name", "version", "why",
)  # fmt: skip


def bundles(payloads: list[str], longest: int = 6000) -> list[str]:
    """Payloads joined by line breaks into as few texts as will hold them."""
    found = [""]
    for payload in payloads:
        if len(found[-1]) + len(payload) > longest:
            found.append("")
        found[-1] += f"{payload}\n"
    return found


def harmless(texts: list[str]) -> list[str]:
    return ["\n".join("zz" for _ in text.split("\n")) for text in texts]


def test_the_corpus_is_large_and_varied() -> None:
    assert len(PAYLOADS) == len(set(PAYLOADS))
    assert len(TWO_OF_THREE) >= 300
    for mark in ("<script", "onerror", "javascript:", "hx-", "{{", "svg", "http-equiv", "id=main"):
        assert sum(mark in payload for payload in PAYLOADS) >= 2, mark


def bones(answer: TestResponse) -> Bones:
    assert answer.status_code < 500
    return Bones(answer.text)


Sink = Callable[[World, list[str]], Iterator[TestResponse]]


def in_messages(world: World, texts: list[str]) -> Iterator[TestResponse]:
    """In messages of both sides, on pages and in every fragment that carries messages."""
    thread = world.threads["client"]
    url = world.thread_url(thread)
    for text in texts:
        world.send("dana", thread, text)
    for text in texts:
        world.send("ruth", thread, text)
    for role in ("client", "clinician", "supervisor"):
        for address in ("", "/earlier?before=99", "/new?after=1"):
            for htmx in (False, True):
                yield world.visit(role)._go("GET", url + address, htmx=htmx, follow=False)


def in_answers_to_a_send(world: World, texts: list[str]) -> Iterator[TestResponse]:
    thread = world.threads["client"]
    for htmx in (False, True):
        for text in texts:
            form = {"text": text, "action": "send", "nonce": str(world.nonce("client", thread))}
            browser = world.visit("client")
            form["csrf_token"] = world.tokens["client"]
            yield browser._go("POST", world.thread_url(thread), htmx=htmx, follow=False, data=form)


def in_drafts(world: World, texts: list[str]) -> Iterator[TestResponse]:
    thread, dana = world.threads["client"], world.reader("client")
    for place, url in (
        (thread, world.thread_url(thread)),
        (world.engagements["dana"], f"{world.client_url('dana')}/threads/new"),
    ):
        for text in texts:
            with world.database.writing() as session:
                vault = thread_for(session, dana, thread).vault
                unsent.save_draft(session, dana, vault, place, text=text, subject=text, nonce=None)
            yield world.visit("client").open(url)


def in_kept_words(world: World, texts: list[str]) -> Iterator[TestResponse]:
    thread = world.threads["client"]
    with world.database.writing() as session:
        for text in texts:
            nonce = world.nonce("client", thread)
            unsent.keep_for_author(session, world.keyring, thread, text, nonce, subject=text)
    yield world.visit("client").open(world.thread_url(thread))


def in_what_is_shown_again(world: World, texts: list[str]) -> Iterator[TestResponse]:
    """Too long, empty subject, no form of ours, a closed thread: the words stand in the page."""
    url, new = world.thread_url(world.threads["client"]), f"{world.client_url('dana')}/threads/new"
    for text in texts:
        nonce = str(world.nonce("client", world.threads["client"]))
        yield world.submit("client", url, text=text + "z" * 8000, action="send", nonce=nonce)
        yield world.submit("client", new, text=text, subject=text, action="send")
        yield world.submit("client", url, text=text, csrf_token="x")
        yield world.submit("nobody", url, text=text)
        yield world.submit("client", "/people", text=text, nonce=text, subject=text)
    world.submit("clinician", f"{url}/close")
    for text in texts:
        nonce = str(world.nonce("client", world.threads["client"]))
        yield world.submit("client", url, text=text, action="send", nonce=nonce)


def in_subjects(world: World, texts: list[str]) -> Iterator[TestResponse]:
    begun = [world.begin_thread("ruth", "dana", subject=text, text="x") for text in texts]
    for role, url in (("client", "/"), ("clinician", world.client_url("dana"))):
        yield world.visit(role).open(url)
    for thread in begun:
        yield world.visit("client").open(world.thread_url(thread))
    yield world.visit("client").open("/")


def in_names(world: World, texts: list[str]) -> Iterator[TestResponse]:
    """Everybody is called something dangerous: oneself, the team, the client, all people."""
    thread = world.thread_url(world.threads["client"])
    everybody = [*ROLES.values(), "luis", "sam", "walter", "vera"]
    for name, text in zip(everybody, cycle(texts), strict=False):
        call(world, name, text)
    world.submit("client", f"{thread}/no-reply-needed")
    world.submit("clinician", f"{thread}/close")
    for role in ROLES:
        for url in (
            "/",
            "/account",
            "/people",
            "/clients/invite",
            thread,
            world.thread_url(world.threads["clinician"]),
            world.client_url("dana"),
            f"{world.client_url('dana')}/reading",
            f"{world.client_url('dana')}/threads/new",
        ):
            yield world.visit(role).open(url)
    for name in ("walter", "vera"):
        url = f"/people/{world.url_id(name)}"
        yield world.visit("administrator").open(url)
    yield world.submit("administrator", f"/people/{world.url_id('walter')}/invitation")


def call(world: World, name: str, text: str) -> None:
    """Gives somebody another name and another user name, without the form's limits."""
    user_id = world.ids[name]
    with world.database.writing() as session:
        session.execute(
            update(User)
            .where(User.id == user_id)
            .values(
                name_sealed=world.keyring.seal_text(text, name_place("users", "name", user_id)),
                user_name_sealed=world.keyring.seal_text(
                    text, name_place("users", "user_name", user_id)
                ),
            )
        )


def in_the_postbox(world: World, texts: list[str]) -> Iterator[TestResponse]:
    folder = world.config.data / "postbox"
    folder.mkdir(exist_ok=True)
    at = {"at": "2026-03-04T14:02:00+00:00"}
    mails = [{"to": text, "subject": text, "body": text} | at for text in texts]
    (folder / "mail.jsonl").write_text("".join(json.dumps(mail) + "\n" for mail in mails))
    (folder / "sms.jsonl").write_text("".join(json.dumps(mail) + "\n" for mail in mails))
    yield world.visit("nobody").open("/postbox")


def in_modules(world: World, texts: list[str]) -> Iterator[TestResponse]:
    """A module's text in its box, kept words, what was typed into a preview."""
    ruth, draft = world.reader("clinician"), world.drafts["dana"]
    url = f"/modules/drafts/{short(draft)}"
    for text in texts:
        nonce = new_nonce(world.keyring, ruth.id, draft)
        with world.database.writing() as session:
            authoring.keep_for_author(session, world.keyring, draft, Late(text, nonce))
            authoring.save(session, world.keyring, ruth, draft, text, nonce=nonce, based_on=1)
        yield world.visit("clinician").open(url)
        yield world.submit("clinician", url, text=text, nonce="x")
    own = f"/modules/own/{short(world.published['dana'])}/preview"
    for text in texts:
        form = {"a.mood": text, "a.again.what": text, "step": "second", "action": "next"}
        yield world.submit("clinician", own, **form | {"action": "show"})
        yield world.submit("clinician", own, **form | {"step": text, "say": text, "width": text})


def in_sheets(world: World, texts: list[str]) -> Iterator[TestResponse]:
    """What came on paper: on both sides' pages, printed, and typed in again with a slip in it."""
    work, ruth = world.work["dana"], world.reader("clinician")
    url = f"/work/{short(work)}"
    sheet = f"{url}/steps/first/sheet"
    for text in texts:
        stories.type_in(world, ruth, work, "first", {"best": text, "act": {"what": text}})
        for role in ("client", "clinician"):
            for address in (url, f"{url}/paper?answers=1", f"{url}/steps/first"):
                yield world.visit(role).open(address)
        nonce = str(world.nonce("clinician", work))
        typed: dict[str, str] = {"a.best": text, "written": text, "nonce": nonce}
        yield world.submit("clinician", sheet, **typed)
        yield world.visit("clinician").open(sheet)
        yield world.visit("clinician").open(f"/work/sheet?{urlencode({'code': text})}")
    yield world.visit("client").open("/")


SINKS: list[Sink] = [
    in_messages, in_answers_to_a_send, in_drafts, in_kept_words, in_what_is_shown_again,
    in_modules, in_sheets, in_subjects, in_names, in_the_postbox,
]  # fmt: skip


def test_what_an_author_writes_is_told_of_and_is_nothing_else(world: World) -> None:
    """In titles and mistakes: the pages are those of harmless text, but for how much is wrong."""
    known = set[Tag]()
    for texts in (harmless(bundles(PAYLOADS)), bundles(PAYLOADS)):
        tags = set[Tag]()
        for text in texts:
            draft = world.drafts["dana"]
            _write_module(world, draft, f"---\ntitle:\n  en: {text.splitlines()[0]}\n---\n{text}")
            for url in (f"/modules/drafts/{short(draft)}?check=1", "/modules"):
                tags |= set(bones(world.visit("clinician").open(url)).tags)
        known = known or tags
        assert tags <= known
        world.put_back()


def _write_module(world: World, draft: uuid.UUID, text: str) -> None:
    ruth = world.reader("clinician")
    nonce = new_nonce(world.keyring, ruth.id, draft)
    with world.database.writing() as session:
        authoring.save(session, world.keyring, ruth, draft, text, nonce=nonce, based_on=1)


@pytest.fixture
def without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many payloads fit into one field: how long it is has nothing to do with how it is shown."""
    monkeypatch.setattr(sending, "LONGEST_SUBJECT", 10_000)


@pytest.mark.usefixtures("without_limits")
@pytest.mark.parametrize("sink", SINKS, ids=lambda sink: sink.__name__)
def test_what_was_typed_is_shown_and_is_nothing_else(world: World, sink: Sink) -> None:
    texts = bundles(PAYLOADS)
    typed = [bones(answer) for answer in sink(world, texts)]
    world.put_back()
    plain = [bones(answer) for answer in sink(world, harmless(texts))]
    assert len(typed) == len(plain)
    for one, other in zip(typed, plain, strict=True):
        assert one.tags == other.tags
    everything = "\n".join(page.shown for page in typed)
    for payload in PAYLOADS:
        assert bare(payload) in everything, payload


HARMLESS = [
    "", "z", "zzzz", "zz zz", "/zz", "zz\nzz", "z" * 81, "z" * 101, "z" * 8001, "https://zz.zz/",
    "{zz}", "zz\n" * 600, "nine brown kettles sing low", "/lanterns/over/the/quiet/bay",
]  # fmt: skip


def everywhere(world: World, typed: str) -> Iterator[tuple[str, TestResponse]]:
    """Every address, with the same thing in every field that it could possibly read."""
    for (method, address), rule in rules(world.app).items():
        if SIGNED.match(address):
            continue
        if method == "POST" or address == "/sign-in" or len(typed) > LONGEST_FIELD:
            for htmx in (False, True) if rule.endpoint.startswith("threads") else (False,):
                yield f"{method} {address} {htmx}", ask_all(world, method, rule, typed, htmx=htmx)


def ask_all(world: World, method: str, rule: Rule, typed: str, *, htmx: bool) -> TestResponse:
    role = who_may(rule.rule) if method == "POST" else "client" if "<id" in rule.rule else "nobody"
    browser = world.visit(role)
    if method == "POST":
        form = f"{encoded(FIELDS, typed)}&csrf_token={world.tokens[role]}"
        where: dict[str, Any] = {"data": form, "content_type": FORM}
    else:
        where = {"query_string": encoded(IN_ADDRESSES, typed)}
    url = world.url(rule, world.ids_of(role, "own"))
    return browser._go(method, url, htmx=htmx, follow=False, **where)


@lru_cache(maxsize=4)
def encoded(fields: tuple[str, ...], typed: str) -> str:
    return urlencode(dict.fromkeys(fields, typed))


def with_good_ones(world: World, typed: str) -> Iterator[tuple[str, TestResponse]]:
    """The same thing in one field at a time, and something proper in all the others."""
    for (method, address), rule in rules(world.app).items():
        if address not in UNSAFE or method != "POST":
            continue
        role = who_may(address)
        ids = world.ids_of(role, "own")
        proper = filled(world, rule.endpoint, role, ids)
        for field in proper:
            form = proper | {field: typed}
            yield f"{address} {field}", world.submit(role, world.url(rule, ids), **form)


Sweep = Callable[[World, str], Iterator[tuple[str, TestResponse]]]


Seen = dict[str, tuple[int, list[str], list[Tag]]]


def look(world: World, sweep: Sweep, typed: str) -> Seen:
    world.put_back()
    found = {}
    for number, (name, answer) in enumerate(sweep(world, typed)):
        # Deeds of one's own would change what the next address shows.
        if answer.status_code < 400 and not name.startswith("GET"):
            world.put_back()
        headers = sorted(answer.headers.keys())
        assert answer.status_code < 500, (name, typed)
        _goes_nowhere_else(answer)
        world.app.extensions["guard"].throttle._local.storage.reset()
        found[f"{number} {name}"] = (answer.status_code, headers, Bones(answer.text).tags)
    return found


_known: dict[tuple[World, Sweep], list[Seen]] = {}


def harmless_pages(world: World, sweep: Sweep) -> list[Seen]:
    """What is shown for harmless texts: looked at once, for all groups in this world."""
    which = (world, sweep)
    if which not in _known:
        _known[which] = [look(world, sweep, typed) for typed in HARMLESS]
    return _known[which]


def _goes_nowhere_else(answer: TestResponse) -> None:
    for header in ("Location", "HX-Redirect", "HX-Location"):
        target = answer.headers.get(header, "/")
        assert target.startswith("/")
        assert not target.startswith(("//", "/\\"))
    for header in ("HX-Trigger", "HX-Retarget", "HX-Reswap", "HX-Push-Url", "HX-Replace-Url"):
        assert header not in answer.headers


# Of what is asked for in an address only signing in shows anything: there each payload by itself,
# elsewhere all of them at once.
LONGEST_FIELD = 1000
GROUPS = 4
FORM = "application/x-www-form-urlencoded"
# All of them are in every place where words are kept and shown, above. Here each one travels by
# itself; two of three are enough, and beside good fields one of six.
TWO_OF_THREE = [payload for number, payload in enumerate(PAYLOADS) if number % 3]
SWEEPS = [
    (everywhere, [*bundles(PAYLOADS), *TWO_OF_THREE]),
    (with_good_ones, PAYLOADS[::6]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("sweep", "payloads"), SWEEPS, ids=["everywhere", "with good ones"])
@pytest.mark.parametrize("group", range(GROUPS))
def test_each_payload_in_each_field_changes_no_page(
    world: World, sweep: Sweep, payloads: list[str], group: int
) -> None:
    known = harmless_pages(world, sweep)
    wrong = [
        (name, payload)
        for payload in payloads[group::GROUPS]
        for name, seen in look(world, sweep, payload).items()
        if seen not in [one.get(name) for one in known]
    ]
    assert wrong == []


def test_the_fields_of_the_sweep_are_those_of_the_forms(world: World) -> None:
    for address in UNSAFE:
        role, rule = who_may(address), rules(world.app)["POST", address]
        assert set(filled(world, rule.endpoint, role, world.ids_of(role, "own"))) <= set(FIELDS)
    assert set(RESCUED) <= set(UNSAFE)


def test_the_names_in_addresses_are_those_that_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set[str]()

    class Noting(ImmutableMultiDict[str, str]):
        """What is read from an address in which something stands; no form comes with a GET."""

        def __contains__(self, name: Any) -> bool:
            asked.update([name] if self else [])
            return super().__contains__(name)

        def get(self, name: Any, *rest: Any, **named: Any) -> Any:  # type: ignore[override]
            asked.update([name] if self else [])
            return super().get(name, *rest, **named)

        def getlist(self, name: Any, *rest: Any, **named: Any) -> Any:  # type: ignore[override]
            asked.update([name] if self else [])
            return super().getlist(name, *rest, **named)

    monkeypatch.setattr(world.app.request_class, "parameter_storage_class", Noting)
    for (method, _address), rule in rules(world.app).items():
        for role in [*ROLES, "nobody"]:
            if method == "GET":
                url = world.url(rule, world.ids_of(role, "own"))
                world.visit(role)._go(method, f"{url}?x=x", htmx=False, follow=False)
    assert asked == set(IN_ADDRESSES)
