"""The audit trail: every deed leaves an entry, and whoever changes the trail is found out."""

import datetime as dt
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import delete, select, update

from portal.core import audit, clock
from portal.core.audit import GENESIS, AuditCheckpoint, AuditEntry
from portal.core.database import Database
from portal.core.ids import short
from tests.accounts.arrivals import quick_passphrases
from tests.cast import PASSPHRASE, Browser, Cast
from tests.commands import Portal, command_line

pytestmark = pytest.mark.slow

NOT_WHOLE = re.compile(r"the audit trail is not whole: \d+ problem")


@pytest.fixture
def portal(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """The command line, on a clinic whose people have done something."""
    thread = cast.begin_thread("ruth", "dana")
    cast.send("dana", thread, "An answer")
    return command_line(monkeypatch, cast.app.extensions["portal"].config)


def sign(cast: Cast) -> int:
    with cast.database.writing() as session:
        return audit.sign_checkpoint(session, cast.app.extensions["portal"].config)


def verify(portal: Portal) -> Result:
    return portal("audit", "verify")


def length(cast: Cast) -> int:
    with cast.database.reading() as session:
        last = select(AuditEntry.seq).where(AuditEntry.clinic_id == cast.clinic.id)
        return session.scalars(last.order_by(AuditEntry.seq.desc()).limit(1)).one()


def test_an_untouched_trail_is_whole(cast: Cast, portal: Portal) -> None:
    assert verify(portal).output == "The audit trail is whole.\n"
    assert sign(cast) >= 1
    assert sign(cast) == 0, "what has not grown is not signed again"
    assert verify(portal).exit_code == 0
    cast.begin_thread("luis", "mateo")
    assert sign(cast) == 1
    assert verify(portal).exit_code == 0


def _edit(field: str, value: Any) -> Callable[[Cast], Any]:
    return lambda cast: (
        update(AuditEntry)
        .where(AuditEntry.clinic_id == cast.clinic.id, AuditEntry.seq == 3)
        .values({field: value})
    )


def _delete(condition: Any) -> Callable[[Cast], Any]:
    return lambda cast: delete(AuditEntry).where(AuditEntry.clinic_id == cast.clinic.id, condition)


@pytest.mark.parametrize(
    "tamper",
    [
        _edit("action", "session:end"),
        _edit("actor_id", audit.NOWHERE),
        _edit("object_id", audit.NOWHERE),
        _edit("detail", "x"),
        _edit("at", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
        _edit("digest", bytes(32)),
        _delete(AuditEntry.seq == 3),
        _delete(AuditEntry.seq == 1),
    ],
)
def test_what_is_edited_or_taken_out_is_noticed(
    cast: Cast, portal: Portal, tamper: Callable[[Cast], Any]
) -> None:
    with cast.database.writing() as session:
        session.execute(tamper(cast))
    result = verify(portal)
    assert result.exit_code == 1
    assert NOT_WHOLE.search(result.output)
    assert str(cast.clinic.id) in result.output


def test_a_trail_that_was_cut_off_is_noticed(cast: Cast, portal: Portal) -> None:
    sign(cast)
    with cast.database.writing() as session:
        session.execute(_delete(AuditEntry.seq > length(cast) - 2)(cast))
    result = verify(portal)
    assert result.exit_code == 1
    assert "missing from the end" in result.output


def test_a_trail_that_is_gone_altogether_is_noticed_by_the_ledger(
    cast: Cast, portal: Portal
) -> None:
    sign(cast)
    with cast.database.writing() as session:
        session.execute(delete(AuditEntry))
        session.execute(delete(AuditCheckpoint))
    assert "missing from the end" in verify(portal).output


def stamp_anew(session: Any, clinic_id: Any) -> None:
    """What somebody does who knows how the chain is made: it fits together again."""
    previous = GENESIS
    rows = session.scalars(
        select(AuditEntry).where(AuditEntry.clinic_id == clinic_id).order_by(AuditEntry.seq)
    )
    for row in rows:
        event = audit.Event(row.clinic_id, row.actor_id, row.action, row.object_id, row.detail)
        row.digest = previous = audit._digest(previous, row.clinic_id, row.seq, row.at, event)


def test_a_trail_that_was_written_anew_is_noticed_by_its_checkpoint(
    cast: Cast, portal: Portal
) -> None:
    sign(cast)
    with cast.database.writing() as session:
        session.execute(_edit("action", "session:end")(cast))
        stamp_anew(session, cast.clinic.id)
    assert "the chain was written anew" in verify(portal).output


def test_a_checkpoint_that_was_written_anew_is_noticed_too(cast: Cast, portal: Portal) -> None:
    sign(cast)
    with cast.database.writing() as session:
        session.execute(_edit("action", "session:end")(cast))
        stamp_anew(session, cast.clinic.id)
        for checkpoint in session.scalars(select(AuditCheckpoint)):
            entry = session.get_one(AuditEntry, (checkpoint.clinic_id, checkpoint.seq))
            checkpoint.head = entry.digest
    output = verify(portal).output
    assert "the signature is wrong" in output
    assert "the chain was written anew" in output, "the ledger outside the database remembers"


def test_without_a_checkpoint_a_restamped_chain_fits(cast: Cast, portal: Portal) -> None:
    """Why there are checkpoints: the chain alone does not show it."""
    with cast.database.writing() as session:
        session.execute(_edit("action", "session:end")(cast))
        stamp_anew(session, cast.clinic.id)
    assert verify(portal).exit_code == 0


def test_a_ledger_line_that_was_changed_is_noticed(cast: Cast, portal: Portal) -> None:
    sign(cast)
    ledger = audit.ledger_file(cast.app.extensions["portal"].config)
    first, *rest = ledger.read_text().splitlines()
    changed = json.dumps(json.loads(first) | {"seq": 1})
    ledger.write_text("\n".join([changed, *rest]) + "\n")
    assert "the signature is wrong" in verify(portal).output


def test_many_at_once_make_one_chain(database: Database) -> None:
    from functools import partial

    from portal.core.ids import new_id
    from tests.accounts.arrivals import together

    clinic = new_id()

    def note(number: int) -> None:
        for _ in range(10):
            with database.writing() as session:
                audit.note(session, clinic, None, "test:note", None, str(number))

    assert together(*[partial(note, number) for number in range(8)]) == [None] * 8
    with database.reading() as session:
        found = session.scalars(select(AuditEntry.seq).order_by(AuditEntry.seq)).all()
        assert found == list(range(1, 81))
        assert not list(audit._verify_chain(session, clinic, {}))


class Watch:
    """What has been added to a clinic's trail since one looked last."""

    def __init__(self, cast: Cast) -> None:
        self.cast, self.seen = cast, length(cast)

    def new(self) -> list[str]:
        with self.cast.database.reading() as session:
            rows = session.execute(
                select(AuditEntry.seq, AuditEntry.action)
                .where(AuditEntry.clinic_id == self.cast.clinic.id, AuditEntry.seq > self.seen)
                .order_by(AuditEntry.seq)
            ).all()
        self.seen = max([self.seen, *[row.seq for row in rows]])
        return [row.action for row in rows]


def test_every_deed_leaves_an_entry(sqlite_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = sqlite_cast
    quick_passphrases(monkeypatch)
    cast.set_passphrase("dana")
    thread = cast.begin_thread("ruth", "dana")
    url, client_url = cast.thread_url(thread), cast.client_url("dana")
    dana, ruth, tom = cast.browser(), cast.browser("ruth"), cast.browser("tom")
    luis_url = f"/people/{short(cast.ids['luis'])}"
    watch = Watch(cast)

    def is_noted(*actions: str) -> None:
        new = watch.new()
        assert [action for action in actions if action not in new] == [], new

    dana.sign_in("dana", "wrong")
    is_noted("session:refuse")
    dana.sign_in("dana")
    is_noted("session:begin", "threads:list")
    dana.open(url)
    is_noted("thread:open")
    dana.post(url, text="An answer", action="send")
    is_noted("message:send")
    dana.post(f"{url}/messages/2/take-back")
    is_noted("message:take_back")
    dana.post(f"{url}/no-reply-needed")
    is_noted("thread:no_reply_needed")
    dana.open(f"{client_url}/reading")
    is_noted("team:open")
    dana.open(cast.client_url("mateo"))
    is_noted("access:refuse")
    dana.open(f"{client_url}/threads/new")
    dana.post(f"{client_url}/threads/new", subject="More", text="More", action="send")
    is_noted("thread:begin")
    dana.open("/account")
    dana.post("/account/language", language="en")
    is_noted("language:choose")
    dana.post("/account/recovery-code", passphrase="wrong")
    is_noted("passphrase:refuse")
    dana.post("/account/passphrase", current="wrong", new="a wholly other sentence")
    is_noted("passphrase:refuse")
    dana._go("POST", "/account/language", htmx=False, follow=False, data={"language": "es"})
    is_noted("form:refuse")
    dana.open("/account")
    dana.post("/account/recovery-code", passphrase=PASSPHRASE)
    is_noted("recovery_code:change")
    dana.open("/account")
    dana.post("/account/passphrase", current=PASSPHRASE, new="a wholly other sentence")
    is_noted("passphrase:change")
    dana.post("/account/sessions/end-others")
    is_noted("session:end")
    dana.post("/sign-out")
    is_noted("session:end")

    ruth.open("/")
    is_noted("queue:open")
    ruth.open(client_url)
    is_noted("engagement:open")
    ruth.post(f"{client_url}/team", person=short(cast.ids["luis"]), past="new")
    is_noted("grant:add", "vault:epoch", "team:join")
    ruth.open(client_url)
    ruth.post(f"{client_url}/team/{short(cast.ids['luis'])}/remove")
    is_noted("grant:remove", "vault:epoch", "team:leave")
    ruth.open(url)
    ruth.post(f"{url}/close")
    is_noted("thread:close")
    ruth.open("/clients/invite")
    ruth.post("/clients/invite", name="Nora", language="en", second=short(cast.ids["helen"]))
    is_noted("account:invite", "engagement:begin", "vault:epoch", "grant:add")

    tom.open("/people")
    is_noted("people:open")
    tom.open(luis_url)
    is_noted("person:open")
    tom.post(f"{luis_url}/disable")
    is_noted("account:disable", "grant:remove", "team:leave")
    tom.post(f"{luis_url}/enable")
    is_noted("account:enable")
    with cast.database.reading() as session:
        assert not list(audit._verify_chain(session, cast.clinic.id, {}))


def refusals(cast: Cast) -> list[tuple[str, Any, Any, str]]:
    """Who was turned away, in anybody's trail, in the order in which it happened."""
    with cast.database.reading() as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.at)).all()
        return [
            (row.action, row.actor_id, row.object_id, row.detail)
            for row in rows
            if row.action.endswith((":refuse", ":throttle"))
        ]


@pytest.mark.parametrize(
    ("url", "fields", "action", "whose"),
    [
        ("/sign-in", {"user_name": "dana"}, "session:refuse", "dana"),
        ("/sign-in", {"user_name": "nobody"}, "session:refuse", None),
        ("/invitation", {"code": "wrong"}, "invitation:refuse", None),
        ("/invitation/accept", {"code": "wrong"}, "invitation:refuse", None),
        ("/recover", {"user_name": "dana", "code": "x"}, "recovery_code:refuse", "dana"),
        ("/recover/accept", {"user_name": "dana", "code": "x"}, "recovery_code:refuse", "dana"),
        ("/recover/accept", {"user_name": "nobody", "code": "x"}, "recovery_code:refuse", None),
    ],
)
def test_whoever_is_turned_away_at_the_door_is_in_the_trail(
    cast: Cast,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    fields: dict[str, Any],
    action: str,
    whose: str | None,
) -> None:
    """Whatever becomes of the rest of the request, and with nothing of what was typed."""
    quick_passphrases(monkeypatch)
    cast.set_passphrase("dana")
    visitor = Browser(cast.app)
    visitor.open("/sign-in")
    assert visitor.post(url, **fields).status_code == 422
    assert refusals(cast) == [(action, None, cast.ids[whose] if whose else None, "")]


def test_a_form_from_elsewhere_is_in_the_trail_with_whose_browser_sent_it(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = cast.begin_thread("ruth", "dana")
    dana, visitor = cast.browser("dana"), Browser(cast.app)
    for browser, url in ((dana, f"{cast.thread_url(thread)}/close"), (visitor, "/sign-in")):
        said = browser._go("POST", url, htmx=False, follow=False, data={"csrf_token": "x" * 27})
        assert said.status_code == 400
    # What is kept for its author is an entry besides.
    forged: dict[str, Any] = {"text": "Not hers", "csrf_token": "no"}
    dana._go("POST", cast.thread_url(thread), htmx=False, follow=False, data=forged)
    hers = cast.ids["dana"]
    assert refusals(cast) == [
        ("form:refuse", hers, hers, "threads.close"),
        ("form:refuse", None, None, "accounts.enter"),
        ("form:refuse", hers, hers, "threads.write"),
    ]
    with cast.database.reading() as session:
        assert not list(audit._verify_chain(session, cast.clinic.id, {}))


def test_a_refusal_that_cannot_be_stored_is_answered_all_the_same(
    sqlite_cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = Browser(sqlite_cast.app)
    visitor.open("/sign-in")

    def full(**_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("portal.accounts.browser.store", full)
    said = visitor._go("POST", "/sign-in", htmx=False, follow=False, data={"csrf_token": "no"})
    assert said.status_code == 400
    assert "not in the trail" in caplog.text


def test_the_trail_has_no_content(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    canary = "Zitronenfalter"
    thread = cast.begin_thread("ruth", "dana", subject=canary, text=canary)
    dana = cast.browser("dana")
    dana.open(cast.thread_url(thread))
    dana.post(cast.thread_url(thread), text=canary, action="send")
    Browser(cast.app).sign_in(canary, canary)
    with cast.database.reading() as session:
        rows = session.execute(select(AuditEntry.__table__)).all()
    assert rows
    assert canary not in str(rows)
    assert all(re.fullmatch(r"[a-z_.]*|\d+", row.detail) for row in rows)


def test_a_refused_look_is_noted_even_though_nothing_else_is_stored(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    thread = cast.begin_thread("ruth", "dana")
    watch = Watch(cast)
    luis = cast.browser("luis")
    luis.open(cast.thread_url(thread))
    assert luis.page.status_code == 404
    assert watch.new() == ["access:refuse"]
    with cast.database.reading() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "access:refuse")
        ).one()
    assert (entry.actor_id, entry.object_id) == (cast.ids["luis"], thread)


def test_the_order_of_the_trail_does_not_hang_on_the_clock(sqlite_cast: Cast) -> None:
    cast = sqlite_cast
    now = clock.now()
    clock.set_clock(lambda: now - dt.timedelta(days=400))
    cast.begin_thread("ruth", "dana")
    with cast.database.reading() as session:
        assert not list(audit._verify_chain(session, cast.clinic.id, {}))
