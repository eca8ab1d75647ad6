"""People are told that something waits: once, surely, and without a word about what."""

import datetime as dt
import logging
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

import pytest
from sqlalchemy import LargeBinary, String, delete, select, update

from portal.accounts.models import Disablement, Role, User
from portal.clinics.models import Clinic
from portal.config import Config
from portal.core import clock
from portal.core.columns import Base, Id, Moment
from portal.core.database import Database
from portal.core.ids import new_id
from portal.notifications import outcome, outgoing
from portal.notifications.models import Address, Channel, Pointer, State
from portal.notifications.outgoing import deliver
from portal.notifications.services import point, set_address, sweep
from portal.notifications.wordings import wording
from tests.servers import Gateway, MailServer

NOON = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
Row = TypeVar("Row", bound=Base)
EMAIL, SMS = "canary-maria@example.org", "+15550177"


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> dt.datetime:
        return self.now

    def move(self, **by: int) -> None:
        self.now += dt.timedelta(**by)


@pytest.fixture
def hands() -> Iterator[Hands]:
    hands = Hands()
    with clock.use(hands):
        yield hands


@pytest.fixture
def settings(config: Config, mail_server: MailServer, gateway: Gateway) -> Config:
    return replace(
        config,
        smtp_url=mail_server.url,
        mail_from="notes@portal.example.org",
        sms_url=gateway.url,
    )


@pytest.fixture
def maria(database: Database, hands: Hands) -> User:
    """A client who wants to be told by mail."""
    clinic_id, user_id = new_id(), new_id()
    with database.writing() as session:
        session.add(an_empty(Clinic, id=clinic_id))
        session.flush()
        maria = an_empty(User, id=user_id, clinic_id=clinic_id, role=Role.CLIENT, language="es")
        session.add(maria)
        session.flush()
    return maria


def an_empty(model: type[Row], **values: object) -> Row:
    """A row with something of the right kind in every column that needs it."""
    fillers: dict[type, object] = {Id: new_id(), Moment: NOON, LargeBinary: b"", String: "-"}
    for column in model.__table__.columns:
        if not column.nullable and column.key not in values:
            values[column.key] = fillers[type(column.type)]
    return model(**values)


@pytest.fixture
def by_mail(database: Database, settings: Config, maria: User) -> User:
    return with_address(database, settings, maria, Channel.EMAIL, EMAIL)


def with_address(
    database: Database, config: Config, user: User, channel: Channel, address: str
) -> User:
    with database.writing() as session:
        set_address(
            session,
            config,
            clinic_id=user.clinic_id,
            user_id=user.id,
            channel=channel,
            address=address,
        )
    return user


def tell(database: Database, user: User, *, fail: bool = False) -> None:
    """Something happens that the person should hear of, unless it fails after all."""
    with database.writing() as session:
        point(
            session,
            clinic_id=user.clinic_id,
            recipient_id=user.id,
            kind="message",
            cause_kind="message",
            cause_id=new_id(),
        )
        if fail:
            raise RuntimeError


def pointers(database: Database) -> list[Pointer]:
    with database.reading() as session:
        return list(session.scalars(select(Pointer).order_by(Pointer.id)))


def only_pointer(database: Database) -> Pointer:
    (pointer,) = pointers(database)
    return pointer


def test_a_pointer_arrives_in_the_persons_language_and_says_nothing(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer
) -> None:
    tell(database, by_mail)
    deliver(database, settings, only_pointer(database).id)
    (mail,) = mail_server.received
    assert mail["To"] == EMAIL
    assert mail["Subject"] == wording("emails/pointer/note/subject", "es")
    assert mail.get_content().split() == wording("emails/pointer/note/body", "es").split()
    assert only_pointer(database).state is State.SENT
    assert only_pointer(database).sent_at == NOON


def test_a_text_goes_out_with_the_pointers_id_as_its_key(
    database: Database, settings: Config, maria: User, gateway: Gateway
) -> None:
    with_address(database, settings, maria, Channel.SMS, SMS)
    tell(database, maria)
    pointer = only_pointer(database)
    deliver(database, settings, pointer.id)
    ((headers, body),) = gateway.received
    assert body == {"to": SMS, "text": wording("texts/pointer/note", "es")}
    assert headers["Idempotency-Key"] == str(pointer.id)


def test_the_pointer_is_stored_with_its_cause_or_not_at_all(
    database: Database, by_mail: User
) -> None:
    with pytest.raises(RuntimeError):
        tell(database, by_mail, fail=True)
    assert pointers(database) == []


def test_the_worker_is_woken_after_the_commit_and_not_before(
    database: Database, by_mail: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    class Queue:
        def wake(self, _name: str, _identifier: uuid.UUID) -> None:
            seen.append(len(pointers(database)))

    monkeypatch.setattr("portal.core.jobs._queue", Queue())
    tell(database, by_mail)
    assert seen == [1]


def test_many_causes_make_one_telling(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer
) -> None:
    for _ in range(10):
        tell(database, by_mail)
    deliver(database, settings, only_pointer(database).id)
    assert len(mail_server.received) == 1


def test_what_comes_after_a_telling_is_told_again(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer, hands: Hands
) -> None:
    for _ in range(2):
        tell(database, by_mail)
        deliver(database, settings, pointers(database)[-1].id)
        hands.move(days=1)
    assert len(mail_server.received) == 2


def test_running_the_job_again_sends_nothing_again(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer
) -> None:
    tell(database, by_mail)
    for _ in range(5):
        deliver(database, settings, only_pointer(database).id)
    deliver(database, settings, new_id())
    assert len(mail_server.received) == 1


def test_somebody_without_an_address_is_not_told(database: Database, maria: User) -> None:
    tell(database, maria)
    assert pointers(database) == []


def test_a_worker_that_dies_loses_nothing(
    database: Database,
    settings: Config,
    by_mail: User,
    mail_server: MailServer,
    hands: Hands,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(*_args: object) -> None:
        raise SystemExit

    tell(database, by_mail)
    pointer_id = only_pointer(database).id
    with monkeypatch.context() as patch:
        patch.setattr(outgoing, "_message", die)
        with pytest.raises(SystemExit):
            deliver(database, settings, pointer_id)
    assert swept(database, settings) == 0
    hands.move(minutes=2)
    assert swept(database, settings) == 1
    deliver(database, settings, pointer_id)
    assert len(mail_server.received) == 1
    assert only_pointer(database).state is State.SENT


def swept(database: Database, config: Config) -> int:
    with database.writing() as session:
        return sweep(session, config)


def test_the_clock_finds_what_the_queue_lost(
    database: Database, settings: Config, by_mail: User
) -> None:
    tell(database, by_mail)
    assert swept(database, settings) == 1
    deliver(database, settings, only_pointer(database).id)
    assert swept(database, settings) == 0


def test_a_passing_failure_is_tried_again_later_and_later(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer, hands: Hands
) -> None:
    tell(database, by_mail)
    mail_server.answer = "451 later"
    pauses = []
    for _ in range(4):
        deliver(database, settings, only_pointer(database).id)
        pauses.append(only_pointer(database).due_at - hands.now)
        assert only_pointer(database).last_error_code == "smtp_451"
        hands.now = only_pointer(database).due_at
    assert pauses == sorted(pauses)
    assert dt.timedelta(minutes=3) < pauses[0] < dt.timedelta(minutes=7)
    mail_server.answer = "250 OK"
    deliver(database, settings, only_pointer(database).id)
    assert only_pointer(database).state is State.SENT
    assert only_pointer(database).last_error_code is None


def test_a_final_refusal_is_kept_without_the_address(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer
) -> None:
    mail_server.answer = f"550 {EMAIL} unknown"
    tell(database, by_mail)
    deliver(database, settings, only_pointer(database).id)
    assert only_pointer(database).state is State.FAILED
    assert only_pointer(database).last_error_code == "smtp_550"


def test_trying_ends_at_some_time(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer, hands: Hands
) -> None:
    mail_server.answer = "451 later"
    tell(database, by_mail)
    tries = 0
    while only_pointer(database).state is not State.FAILED:
        deliver(database, settings, only_pointer(database).id)
        hands.now = max(hands.now, only_pointer(database).due_at)
        tries += 1
        assert tries < 30
    assert hands.now - NOON > outcome.LASTS_FOR_ONE_ADDRESS
    assert swept(database, settings) == 0


def test_a_newer_telling_replaces_one_that_waits_to_be_tried_again(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer, hands: Hands
) -> None:
    mail_server.answer = "451 later"
    tell(database, by_mail)
    deliver(database, settings, only_pointer(database).id)
    mail_server.answer = "250 OK"
    tell(database, by_mail)
    for pointer in pointers(database):
        deliver(database, settings, pointer.id)
    hands.move(days=1)
    assert swept(database, settings) == 0
    assert [pointer.state for pointer in pointers(database)] == [State.DROPPED, State.SENT]
    assert len(mail_server.received) == 1


@pytest.mark.parametrize("change", ["disabled", "no address"])
def test_somebody_who_is_gone_is_not_told(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer, change: str
) -> None:
    tell(database, by_mail)
    with database.writing() as session:
        if change == "disabled":
            session.add(an_empty(Disablement, user_id=by_mail.id))
            session.flush()
        else:
            session.execute(delete(Address))
    deliver(database, settings, only_pointer(database).id)
    assert only_pointer(database).state is State.DROPPED
    assert mail_server.received == []


def test_an_address_that_was_moved_to_another_person_does_not_open(
    database: Database, settings: Config, by_mail: User, mail_server: MailServer
) -> None:
    with database.writing() as session:
        session.execute(update(Address).values(sealed=b"\1" + b"\0" * 100))
    tell(database, by_mail)
    deliver(database, settings, only_pointer(database).id)
    assert only_pointer(database).last_error_code == "address_unreadable"
    assert mail_server.received == []


def test_the_web_cannot_read_an_address_back(
    database: Database, settings: Config, by_mail: User
) -> None:
    web = replace(settings, worker_private_key=None)
    tell(database, by_mail)
    deliver(database, web, only_pointer(database).id)
    assert only_pointer(database).last_error_code == "address_unreadable"


def test_addresses_are_not_in_the_database_or_the_log(
    database: Database,
    settings: Config,
    by_mail: User,
    mail_server: MailServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    mail_server.answer = f"451 {EMAIL} later"
    tell(database, by_mail)
    deliver(database, settings, only_pointer(database).id)
    assert "canary" not in caplog.text
    with database.reading() as session:
        sealed = session.scalars(select(Address.sealed)).one()
    assert b"canary" not in sealed
    assert len(sealed) > 256
