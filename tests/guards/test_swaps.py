"""Whoever can write to the database can break things, but makes nothing look like another.

Sealed values are put where they do not belong, and what they are bound to is changed. Each time the
value does not open, the same way for whatever reason; it costs itself, and the page stands.
"""

import datetime as dt
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Table, and_, insert, select, update

from portal.accounts.models import BrowserSession, KeyWrap, User, WrapKind
from portal.clinics.models import Clinic
from portal.core import clock
from portal.core.crypto import KeyPair
from portal.core.database import Base
from portal.core.ids import short
from portal.core.nonces import new_nonce
from portal.modules import shelves
from portal.notifications.models import Address, Channel, Pointer, State
from portal.notifications.outgoing import deliver
from portal.notifications.services import set_address
from portal.threads.access import thread_for
from portal.threads.models import Draft, KeptText, Message, Thread
from portal.threads.services import unsent
from portal.vault.keys import seal_grant
from portal.vault.models import Grant, Vault
from tests.cast import PASSPHRASE, Cast
from tests.guards.filled_forms import RECOVERY_CODE, ROLES
from tests.guards.sealed_columns import NOT_SEALED, SEALED, columns_of_bytes
from tests.guards.world import World

DAMAGED = "This message was damaged. It cannot be shown."


def test_every_column_of_bytes_is_known() -> None:
    assert columns_of_bytes() == SEALED | NOT_SEALED
    assert not SEALED & NOT_SEALED


@pytest.fixture
def talk(world: World) -> "Talk":
    return Talk(world)


class Talk:
    """Two conversations of Dana's and one of Mateo's, all with messages of two people."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.one = self._begin("dana", "ruth", "alpha")
        self.two = self._begin("dana", "helen", "beta")
        self.mateos = self._begin("mateo", "luis", "gamma")

    def _begin(self, client: str, counsellor: str, word: str) -> uuid.UUID:
        thread = self.cast.begin_thread(client, client, subject=f"{word}-subject", text=f"{word}-1")
        self.cast.send(counsellor, thread, f"{word}-2")
        self.cast.send(client, thread, f"{word}-3")
        return uuid.UUID(str(thread))

    def change(self, model: type[Base], where: ColumnElement[bool], **values: Any) -> None:
        with self.cast.database.writing() as session:
            assert session.scalars(select(model).where(where)).first() is not None
            session.execute(update(model).where(where).values(**values))

    def value(self, column: Any, where: ColumnElement[bool]) -> Any:
        with self.cast.database.reading() as session:
            return session.scalars(select(column).where(where)).first()

    def swap(self, model: type[Base], name: str, *where: ColumnElement[bool]) -> None:
        """Each of two rows gets what the other had."""
        column = getattr(model, name)
        first, second = (self.value(column, condition) for condition in where)
        assert first != second
        self.change(model, where[0], **{name: second})
        self.change(model, where[1], **{name: first})

    def page(self, name: str = "dana", thread: uuid.UUID | None = None) -> str:
        answer = self.cast.browser(name).open(self.cast.thread_url(thread or self.one))
        assert answer.status_code == 200
        return answer.text


def at(thread: uuid.UUID, seq: int) -> ColumnElement[bool]:
    return and_(Message.thread_id == thread, Message.seq == seq)


Tampering = Callable[[Talk], None]
MESSAGES: dict[str, tuple[Tampering, set[int]]] = {
    "with one before it": (
        lambda talk: talk.swap(Message, "sealed", at(talk.one, 1), at(talk.one, 2)),
        {1, 2},
    ),
    "with another of the same author's": (
        lambda talk: talk.swap(Message, "sealed", at(talk.one, 1), at(talk.one, 3)),
        {1, 3},
    ),
    "with another thread's of the same number": (
        lambda talk: talk.swap(Message, "sealed", at(talk.one, 1), at(talk.two, 1)),
        {1},
    ),
    "with another vault's": (
        lambda talk: talk.swap(Message, "sealed", at(talk.one, 1), at(talk.mateos, 1)),
        {1},
    ),
    "said to be another's": (
        lambda talk: talk.change(Message, at(talk.one, 2), author_id=talk.cast.ids["helen"]),
        {2},
    ),
    "said to be the client's own": (
        lambda talk: talk.change(Message, at(talk.one, 2), author_id=talk.cast.ids["dana"]),
        {2},
    ),
    "under an epoch that is not there": (
        lambda talk: talk.change(Message, at(talk.one, 1), epoch=2),
        {1},
    ),
    "one bit turned": (lambda talk: _turn(talk, at(talk.one, 1), 40), {1}),
    "its nonce changed": (lambda talk: _turn(talk, at(talk.one, 1), 0), {1}),
    "its tag changed": (lambda talk: _turn(talk, at(talk.one, 1), -1), {1}),
    "cut short": (lambda talk: talk.change(Message, at(talk.one, 1), sealed=b"\0" * 20), {1}),
    "emptied": (lambda talk: talk.change(Message, at(talk.one, 1), sealed=b""), {1}),
    "a subject in its place": (
        lambda talk: talk.change(
            Message,
            at(talk.one, 1),
            sealed=talk.value(Thread.subject_sealed, Thread.id == talk.one),
        ),
        {1},
    ),
}


def _turn(talk: Talk, where: ColumnElement[bool], position: int) -> None:
    sealed = bytearray(talk.value(Message.sealed, where))
    sealed[position] ^= 1
    talk.change(Message, where, sealed=bytes(sealed))


@pytest.mark.parametrize("tampering", MESSAGES)
def test_a_message_that_is_not_what_it_was_is_damaged_and_the_others_stand(
    talk: Talk, tampering: str
) -> None:
    tamper, damaged = MESSAGES[tampering]
    tamper(talk)
    for reader in ("dana", "ruth"):
        page = talk.page(reader)
        assert page.count(DAMAGED) + page.count("before you were added") == len(damaged)
        for seq in (1, 2, 3):
            assert (f"alpha-{seq}" in page) is (seq not in damaged)
        assert "beta-" not in page
        assert "gamma-" not in page


def test_messages_put_into_another_order_show_as_damaged(talk: Talk) -> None:
    for old, new in ((1, 91), (3, 1), (91, 3)):
        talk.change(Message, at(talk.one, old), seq=new)
    page = talk.page()
    assert page.count(DAMAGED) == 2
    assert "alpha-2" in page


def test_a_message_moved_into_another_conversation_shows_as_damaged(talk: Talk) -> None:
    talk.change(Message, at(talk.two, 3), thread_id=talk.one, seq=4)
    talk.change(Thread, Thread.id == talk.one, last_seq=4, last_client_seq=4)
    page = talk.page()
    assert page.count(DAMAGED) == 1
    assert "beta-3" not in page
    assert "alpha-3" in page


SUBJECTS: dict[str, Tampering] = {
    "swapped": lambda talk: talk.swap(
        Thread, "subject_sealed", Thread.id == talk.one, Thread.id == talk.two
    ),
    "another vault's": lambda talk: talk.swap(
        Thread, "subject_sealed", Thread.id == talk.one, Thread.id == talk.mateos
    ),
    "another's": lambda talk: talk.change(
        Thread, Thread.id == talk.one, begun_by=talk.cast.ids["helen"]
    ),
    "a message": lambda talk: talk.change(
        Thread, Thread.id == talk.one, subject_sealed=talk.value(Message.sealed, at(talk.one, 1))
    ),
    "another epoch's": lambda talk: talk.change(Thread, Thread.id == talk.one, subject_epoch=2),
    "emptied": lambda talk: talk.change(Thread, Thread.id == talk.one, subject_sealed=b""),
}


@pytest.mark.parametrize("tampering", SUBJECTS)
def test_a_subject_that_is_not_what_it_was_is_left_out(talk: Talk, tampering: str) -> None:
    SUBJECTS[tampering](talk)
    page = talk.page()
    assert "-subject" not in page
    assert "alpha-1" in page
    for name, url in (("dana", "/"), ("ruth", talk.cast.client_url("dana"))):
        listed = talk.cast.browser(name).open(url)
        assert listed.status_code == 200
        assert "alpha-subject" not in listed.text


def _write(talk: Talk, name: str, place: uuid.UUID, text: str) -> None:
    """A draft and kept words."""
    cast, person = talk.cast, talk.cast.person(name)
    with cast.database.writing() as session:
        vault = thread_for(session, person, place).vault
        unsent.save_draft(session, person, vault, place, text=f"draft {text}", nonce=None)
        nonce = new_nonce(cast.keyring, person.id, place)
        unsent.keep_for_author(session, cast.keyring, place, f"kept {text}", nonce)


@pytest.mark.parametrize("model", [Draft, KeptText])
@pytest.mark.parametrize("how", ["places", "authors", "emptied"])
def test_what_is_not_sent_stays_its_authors_and_in_its_place(
    talk: Talk, model: type[Draft | KeptText], how: str
) -> None:
    _write(talk, "dana", talk.one, "first")
    _write(talk, "dana", talk.two, "second")
    _write(talk, "ruth", talk.one, "third")

    def of(name: str, place: uuid.UUID) -> ColumnElement[bool]:
        return and_(model.author_id == talk.cast.ids[name], model.place_id == place)

    if how == "places":
        talk.swap(model, "sealed", of("dana", talk.one), of("dana", talk.two))
    elif how == "authors":
        talk.swap(model, "sealed", of("dana", talk.one), of("ruth", talk.one))
    else:
        talk.change(model, of("dana", talk.one), sealed=b"")
    word = "draft" if model is Draft else "kept"
    page = talk.page()
    assert not re.search(f"{word} (first|second|third)", page)
    assert ("kept first" if model is Draft else "draft first") in page
    assert "alpha-1" in page


def test_kept_words_moved_to_another_place_do_not_open(talk: Talk) -> None:
    _write(talk, "dana", talk.one, "first")
    talk.change(KeptText, KeptText.place_id == talk.one, place_id=talk.two)
    assert "kept first" not in talk.page() + talk.page(thread=talk.two)


def grant_of(talk: Talk, name: str, client: str = "dana") -> ColumnElement[bool]:
    vault = _vault(talk, client)
    return and_(Grant.holder_id == talk.cast.ids[name], Grant.vault_id == vault)


def _vault(talk: Talk, client: str) -> uuid.UUID:
    thread = talk.one if client == "dana" else talk.mateos
    found: uuid.UUID = talk.value(Thread.vault_id, Thread.id == thread)
    return found


GRANTS: dict[str, Tampering] = {
    "another holder's": lambda talk: talk.swap(
        Grant, "sealed", grant_of(talk, "dana"), grant_of(talk, "ruth")
    ),
    "another vault's": lambda talk: talk.swap(
        Grant, "sealed", grant_of(talk, "dana"), grant_of(talk, "mateo", "mateo")
    ),
    "another epoch's": lambda talk: talk.change(Grant, grant_of(talk, "dana"), epoch=2),
    "emptied": lambda talk: talk.change(Grant, grant_of(talk, "dana"), sealed=b""),
    "of no known suite": lambda talk: talk.change(
        Grant,
        grant_of(talk, "dana"),
        sealed=b"\x02" + talk.value(Grant.sealed, grant_of(talk, "dana"))[1:],
    ),
}


@pytest.mark.parametrize("tampering", GRANTS)
def test_a_grant_opens_only_for_its_holder_its_vault_and_its_epoch(
    talk: Talk, tampering: str
) -> None:
    GRANTS[tampering](talk)
    page = talk.page()
    assert "alpha-" not in page
    assert page.count("before you were added") == 3
    home = talk.cast.browser("dana").open("/")
    assert home.status_code == 200
    assert "-subject" not in home.text


def test_a_copied_grant_lets_nobody_read(talk: Talk) -> None:
    """A row for Luis in Dana's vault, with what was sealed to Ruth."""
    with talk.cast.database.writing() as session:
        row = (
            session.execute(select(Grant.__table__).where(grant_of(talk, "ruth"))).mappings().one()
        )
        session.execute(insert(Grant).values(**dict(row) | {"holder_id": talk.cast.ids["luis"]}))
    answer = talk.cast.browser("luis").open(talk.cast.thread_url(talk.one))
    assert "alpha-" not in answer.text


def test_an_ended_grant_that_is_revived_opens_nothing(talk: Talk) -> None:
    cast = talk.cast
    luis = cast.browser("luis")
    luis.open(cast.client_url("mateo"))
    luis.post(f"{cast.client_url('mateo')}/team", person=_short(cast, "helen"), past="all")
    luis.post(f"{cast.client_url('mateo')}/team/{_short(cast, 'helen')}/remove")
    cast.send("mateo", talk.mateos, "gamma-4")
    talk.change(Grant, grant_of(talk, "helen", "mateo"), ended_at=None)
    answer = cast.browser("helen").open(cast.thread_url(talk.mateos))
    assert "gamma-" not in answer.text


def _short(cast: Cast, name: str) -> str:
    return short(cast.ids[name])


def test_nobody_is_slipped_in_when_a_new_key_is_made(talk: Talk) -> None:
    """The attacker adds a holder with a key pair of their own, and has the vault renewed."""
    cast, vault_id, pair = talk.cast, _vault(talk, "mateo"), KeyPair.new()
    talk.change(User, User.id == cast.ids["tom"], public_key=pair.public)
    guess = seal_grant(pair.public, b"\0" * 32, cast.clinic.id, vault_id, 1, cast.ids["tom"])
    with cast.database.writing() as session:
        session.execute(
            insert(Grant).values(
                holder_id=cast.ids["tom"],
                vault_id=vault_id,
                epoch=1,
                clinic_id=cast.clinic.id,
                sealed=guess,
                granted_by=cast.ids["luis"],
                granted_at=clock.now(),
            )
        )
        session.get_one(Vault, vault_id).stale_since = clock.now()
    mateo = cast.browser("mateo")
    mateo.open(cast.thread_url(talk.mateos))
    mateo.post(cast.thread_url(talk.mateos), text="gamma-5", action="send")
    assert mateo.page.status_code == 500
    assert "gamma-5" in mateo.page.text, "nothing typed is lost"
    epochs = talk.value(Vault.epoch, Vault.id == vault_id)
    assert epochs == 1


SESSIONS: dict[str, Callable[[Talk, Any, Any], None]] = {
    "keys swapped": lambda talk, dana, ruth: talk.swap(
        BrowserSession,
        "wrapped_key",
        BrowserSession.cookie_digest == dana.digest,
        BrowserSession.cookie_digest == ruth.digest,
    ),
    "said to be another's": lambda talk, dana, _ruth: talk.change(
        BrowserSession,
        BrowserSession.cookie_digest == dana.digest,
        user_id=talk.cast.ids["tom"],
    ),
    "made to last": lambda talk, dana, _ruth: talk.change(
        BrowserSession,
        BrowserSession.cookie_digest == dana.digest,
        expires_at=clock.now() + dt.timedelta(days=900),
    ),
    "emptied": lambda talk, dana, _ruth: talk.change(
        BrowserSession, BrowserSession.cookie_digest == dana.digest, wrapped_key=b""
    ),
}


@pytest.mark.parametrize("tampering", SESSIONS)
def test_a_session_that_is_not_what_it_was_is_over(talk: Talk, tampering: str) -> None:
    dana, ruth = talk.cast.cookie("dana"), talk.cast.cookie("ruth")
    SESSIONS[tampering](talk, dana, ruth)
    browser = talk.cast.browser()
    browser.carry(dana)
    answer = browser.open("/account", follow=False)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in")


WRAPS = [WrapKind.PASSPHRASE, WrapKind.RECOVERY_CODE, WrapKind.INVITATION, WrapKind.ESCROW]


@pytest.mark.parametrize("kind", WRAPS, ids=lambda kind: kind.value)
def test_a_key_wrapped_for_another_lets_nobody_in(world: World, kind: WrapKind) -> None:
    """Dana's row holds Ruth's wrap of the same kind; Walter's Nadia's."""
    pairs = ("walter", "nadia") if kind is WrapKind.INVITATION else ("dana", "ruth")
    _swap_wraps(world, kind, *pairs)
    answers = [
        world.submit("nobody", "/sign-in", user_name="dana", passphrase=PASSPHRASE),
        world.submit("nobody", "/recover", user_name="dana", code=RECOVERY_CODE),
        world.submit(
            "nobody",
            "/invitation/accept",
            code=world.codes["walter"],
            user_name="walter.new",
            passphrase="eleven slow lanterns drift by",
            recovery_code=RECOVERY_CODE,
        ),
    ]
    touched = {WrapKind.PASSPHRASE: 0, WrapKind.RECOVERY_CODE: 1, WrapKind.INVITATION: 2}.get(kind)
    for number, answer in enumerate(answers):
        assert (answer.status_code >= 400) is (number == touched), number
        if number == touched:
            assert "Set-Cookie" not in answer.headers
    if kind is WrapKind.PASSPHRASE:
        assert answers[0].status_code == 422


def _swap_wraps(world: World, kind: WrapKind, one: str, other: str) -> None:
    with world.database.writing() as session:
        first, second = (session.get_one(KeyWrap, (world.ids[name], kind)) for name in (one, other))
        first.sealed, second.sealed = second.sealed, first.sealed


def test_names_of_others_are_not_taken_over(talk: Talk) -> None:
    """Dana is not shown Tom's name where Ruth's should stand, nor anybody's user name."""
    ids = talk.cast.ids
    talk.swap(User, "name_sealed", User.id == ids["ruth"], User.id == ids["tom"])
    page = talk.page()
    assert "Tom" not in page
    assert "Ruth" not in page
    assert "<b>?</b>" in page
    assert "alpha-2" in page
    user_name = talk.value(User.user_name_sealed, User.id == ids["helen"])
    talk.change(User, User.id == ids["helen"], name_sealed=user_name)
    people = talk.cast.browser("tom").open("/people")
    assert people.status_code == 200
    assert "Helen" not in people.text


def test_crisis_lines_that_do_not_open_give_way_to_the_national_ones(talk: Talk) -> None:
    talk.change(Clinic, Clinic.id == talk.cast.clinic.id, crisis_sealed=b"k1:nothing")
    talk.cast.app.extensions["clinics"].forget()
    assert "tel:988" in talk.page()


STAFF = ("clinician", "administrator")


def pages_of(world: World) -> list[tuple[str, str]]:
    dana, threads_ = world.client_url("dana"), world.threads
    return [
        *[("client", url) for url in ("/", world.thread_url(threads_["client"]), "/account")],
        ("client", "/account/notices"),
        *[(role, f"/work/{short(world.work['dana'])}") for role in ("client", "clinician")],
        ("client", f"/work/{short(world.work['dana'])}/steps/first"),
        ("clinician", "/modules"),
        ("clinician", f"/modules/drafts/{short(world.drafts['dana'])}"),
        *[(role, f"/modules/own/{short(world.published['dana'])}") for role in STAFF],
        ("clinician", f"/work/{short(world.work['dana'])}/steps/first/sheet"),
        *[
            (role, f"/work/{short(world.work['dana'])}/paper?answers=1")
            for role in ("client", "clinician")
        ],
        *[("client", url) for url in (f"{dana}/reading", f"{dana}/threads/new")],
        *[("clinician", url) for url in ("/", dana, world.thread_url(threads_["clinician"]))],
        *[("clinician", url) for url in ("/clients/invite", f"{dana}/reading", f"{dana}/contact")],
        *[("administrator", url) for url in ("/", "/people", "/account")],
        ("nobody", "/sign-in"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("table", "column"), sorted(SEALED), ids=lambda name: name)
def test_one_damaged_byte_takes_no_page_down(world: World, table: str, column: str) -> None:
    """In every row of a column in turn, as long as it touches somebody who is looked at."""
    if table == "addresses":
        _give_an_address(world)
    for key, value in _rows(world, Base.metadata.tables[table], column):
        damaged = bytearray(value)
        damaged[len(damaged) // 2] ^= 0x80
        _write_row(world, Base.metadata.tables[table], column, key, bytes(damaged))
        world.app.extensions["clinics"].forget()
        shelves._kept.clear()
        for role, url in pages_of(world):
            answer = world.visit(role).open(url)
            assert answer.status_code < 500, (role, url)
        _write_row(world, Base.metadata.tables[table], column, key, value)


def _give_an_address(world: World) -> None:
    with world.database.writing() as session:
        set_address(
            session,
            world.config,
            clinic_id=world.clinic.id,
            user_id=world.ids["dana"],
            channel=Channel.EMAIL,
            address="dana@example.org",
        )


MOST_ROWS = 6


def _rows(world: World, table: Table, column: str) -> list[tuple[dict[str, Any], bytes]]:
    """Rows of those who are looked at come first."""
    with world.database.reading() as session:
        found = session.execute(select(table).order_by(*table.primary_key.columns)).mappings().all()
    names = [one.name for one in table.primary_key.columns]
    rows = [({name: row[name] for name in names}, row[column]) for row in found if row[column]]
    own = {world.ids[name] for name in ROLES.values()} | set(world.threads.values())
    own |= {world.work["dana"], world.drafts["dana"], world.published["dana"]}
    rows.sort(key=lambda row: not own & set(row[0].values()))
    assert rows
    return rows[:MOST_ROWS]


def _write_row(world: World, table: Table, column: str, key: dict[str, Any], value: bytes) -> None:
    with world.database.writing() as session:
        session.execute(
            update(table)
            .where(*(table.c[name] == part for name, part in key.items()))
            .values(**{column: value})
        )


def test_an_address_moved_to_another_is_told_nothing(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    """Mateo's pointer would have gone to Dana's address."""
    cast = talk.cast
    config = cast.app.extensions["portal"].config
    for name in ("dana", "mateo"):
        with cast.database.writing() as session:
            set_address(
                session,
                config,
                clinic_id=cast.clinic.id,
                user_id=cast.ids[name],
                channel=Channel.EMAIL,
                address=f"{name}@example.org",
            )
        cast.is_told_at_any_hour(name)
    talk.swap(
        Address,
        "sealed",
        Address.user_id == cast.ids["dana"],
        Address.user_id == cast.ids["mateo"],
    )
    for name, thread in (("ruth", talk.one), ("luis", talk.mateos)):
        cast.send(name, thread, "Something waits")
    with cast.database.reading() as session:
        pointers = list(session.scalars(select(Pointer.id)))
    assert pointers
    for pointer in pointers:
        deliver(cast.database, config, pointer)
    with cast.database.reading() as session:
        for row in session.scalars(select(Pointer)):
            assert (row.state, row.last_error_code) == (State.FAILED, "address_unreadable")
    assert "example.org" not in caplog.text


def test_a_stranger_id_in_a_row_reaches_nothing(talk: Talk) -> None:
    """A thread put under another engagement: its team holds no key to it."""
    engagement = talk.cast.engagements["mateo"]
    talk.change(Thread, Thread.id == talk.one, engagement_id=engagement)
    listed = talk.cast.browser("luis").open(talk.cast.client_url("mateo"))
    assert listed.status_code == 200
    assert "alpha-subject" not in listed.text
    assert talk.cast.browser("luis").open(talk.cast.thread_url(talk.one)).status_code == 404
