"""Telling people that something waits: noted with its cause, sent after it, never lost.

The row is written in the transaction of whatever causes it. The queue wakes the worker after the
commit; what the queue loses, `sweep` finds. A worker that dies leaves its claim to run out.
"""

import datetime as dt
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Update, case, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.config import Config
from portal.core import clock, mail, sms
from portal.core.crypto import Unreadable, open_with, pad, seal_to, unpad
from portal.core.database import Database
from portal.core.delivery import NotSent
from portal.core.ids import new_id
from portal.core.jobs import wake_after_commit
from portal.core.keyring import Keyring
from portal.core.statements import Prepared
from portal.notifications import formats
from portal.notifications.models import (
    AHEAD,
    PROOF,
    URGENT,
    Address,
    Channel,
    JoinedCause,
    Pointer,
    State,
)
from portal.notifications.preferences import drop, postpone, reaches
from portal.notifications.queries import Errand, due, errand, is_due
from portal.notifications.wordings import words_for

DELIVER = "portal.notifications.jobs.deliver"

# Longer than a job may take, so that nobody else sends what is still being sent.
CLAIM = dt.timedelta(seconds=90)
FIRST_PAUSE = dt.timedelta(seconds=30)
LONGEST_PAUSE = dt.timedelta(hours=6)
MOST_ATTEMPTS = 14
SWEEP_AT_ONCE = 200


def set_address(
    session: Session,
    config: Config,
    *,
    clinic_id: uuid.UUID,
    user_id: uuid.UUID,
    channel: Channel,
    address: str,
) -> None:
    """Keeps where a person wants to be told, sealed so that only the worker can read it.

    For addresses that need no proof; people's own go through `addresses.enter`.
    """
    keyring = Keyring(config.server_keys)
    hint = formats.hint(channel, address)
    place = formats.address_place(clinic_id, user_id, channel)
    session.merge(
        Address(
            user_id=user_id,
            channel=channel,
            clinic_id=clinic_id,
            sealed=seal_to(config.worker_public_key, pad(address.encode()), place),
            lookup=formats.lookup(keyring, channel, address),
            hint=formats.seal_hint(keyring, "addresses", user_id, channel, hint),
            confirmed_at=clock.now(),
        )
    )
    session.flush()


def point(
    session: Session,
    *,
    clinic_id: uuid.UUID,
    recipient_id: uuid.UUID,
    kind: str,
    cause_kind: str,
    cause_id: uuid.UUID,
    urgent: bool = False,
) -> None:
    """Has a person told that something waits, if this transaction commits, and when they may be.

    Somebody who is about to be told anyway is not told twice. `urgent` waits for no morning, and is
    for staff alone: raises ValueError for a client.
    """
    now = clock.now()
    for reach in reaches(session, recipient_id):
        if urgent and not reach.role.is_staff:
            raise ValueError("only staff are told at any hour")
        add(
            session,
            Telling(clinic_id, recipient_id, reach.channel, cause_kind, cause_id),
            kind=URGENT if urgent else kind,
            due_at=now if urgent else reach.next_allowed(now),
        )


@dataclass(frozen=True)
class Telling:
    """Who is to be told where, and because of what."""

    clinic_id: uuid.UUID
    recipient_id: uuid.UUID
    channel: Channel
    cause_kind: str
    cause_id: uuid.UUID


def add(
    session: Session, telling: Telling, *, kind: str, due_at: dt.datetime, reminder: int = 0
) -> None:
    """Notes a pointer, or joins the one still ahead; the sooner of the two moments holds."""
    now, pointer_id = clock.now(), new_id()
    ahead = _ADD_OR_JOIN[session.get_bind().dialect.name].first(
        session,
        id=pointer_id,
        clinic_id=telling.clinic_id,
        recipient_id=telling.recipient_id,
        channel=telling.channel,
        kind=kind,
        cause_kind=telling.cause_kind,
        cause_id=telling.cause_id,
        created_at=now,
        due_at=due_at,
        state=State.PENDING,
        attempts=0,
        last_error_code=None,
        sent_at=None,
        reminder=reminder,
        opened_at=None,
    )
    if ahead.id != pointer_id:
        _join(session, ahead, telling)
    # What is due later the clock finds; whoever is ahead has had the worker woken already, unless
    # it was to wait and now must not.
    if due_at <= now and (ahead.id == pointer_id or kind == URGENT):
        wake_after_commit(session, DELIVER, ahead.id)


def _join(session: Session, ahead: Any, telling: Telling) -> None:
    if (ahead.cause_kind, ahead.cause_id) != (telling.cause_kind, telling.cause_id):
        _NOTE_JOINED[session.get_bind().dialect.name].run(
            session,
            pointer_id=ahead.id,
            cause_kind=telling.cause_kind,
            cause_id=telling.cause_id,
            clinic_id=telling.clinic_id,
        )


def _add_or_join(insert: Callable[..., Any]) -> Prepared:
    """The new pointer, or the one which is still ahead.

    Joining touches that row, so that it cannot go out before this transaction is through.
    """
    statement = insert(Pointer)
    new = statement.excluded
    joined = statement.on_conflict_do_update(
        index_elements=[Pointer.recipient_id, Pointer.channel],
        # As the index says it, word for word: a bound value would match no partial index.
        index_where=text(AHEAD),
        set_={
            "due_at": case((new.due_at < Pointer.due_at, new.due_at), else_=Pointer.due_at),
            "kind": case((new.kind == URGENT, new.kind), else_=Pointer.kind),
        },
    )
    return Prepared(joined.returning(Pointer.id, Pointer.cause_kind, Pointer.cause_id))


_ADD_OR_JOIN = {
    "sqlite": _add_or_join(sqlite.insert),
    "postgresql": _add_or_join(postgresql.insert),
}
_NOTE_JOINED = {
    "sqlite": Prepared(sqlite.insert(JoinedCause).on_conflict_do_nothing()),
    "postgresql": Prepared(postgresql.insert(JoinedCause).on_conflict_do_nothing()),
}


def sweep(session: Session, _config: Config) -> int:
    """Wakes the worker for everything due; returns how much that is."""
    identifiers = session.scalars(due(clock.now(), SWEEP_AT_ONCE)).all()
    for identifier in identifiers:
        wake_after_commit(session, DELIVER, identifier)
    return len(identifiers)


def deliver(database: Database, config: Config, pointer_id: uuid.UUID) -> None:
    """Sends one pointer if it is due and nobody else is sending it."""
    claimed = _claim(database, pointer_id)
    if claimed is None:
        return
    try:
        _send(config, claimed)
    except NotSent as failure:
        _note_failure(database, claimed, failure)
    else:
        _finish(database, pointer_id, state=State.SENT, sent_at=clock.now(), last_error_code=None)


def _claim(database: Database, pointer_id: uuid.UUID) -> Errand | None:
    with database.writing() as session:
        now = clock.now()
        claim = (
            update(Pointer)
            .where(Pointer.id == pointer_id, is_due(now))
            .values(
                state=State.SENDING,
                attempts=Pointer.attempts + 1,
                due_at=now + CLAIM,
                last_error_code=None,
            )
        )
        if _changed(session, claim) == 0:
            return None
        found = errand(session, pointer_id)
        if found is None:
            drop(session, pointer_id)
            return None
        if postpone(session, pointer_id, now):
            return None
        if found.kind != PROOF:
            _drop_older(session, found)
        return found


def _drop_older(session: Session, claimed: Errand) -> None:
    """An older one that is waiting to be tried again would say nothing that this one does not."""
    _changed(
        session,
        update(Pointer)
        .where(
            Pointer.recipient_id == claimed.user_id,
            Pointer.channel == claimed.channel,
            Pointer.state == State.SENDING,
            Pointer.last_error_code.is_not(None),
            Pointer.id != claimed.pointer_id,
        )
        .values(state=State.DROPPED),
    )


def _send(config: Config, claimed: Errand) -> None:
    address, key = _open_address(config, claimed), str(claimed.pointer_id)
    said = words_for(claimed, code=_open_code(config, claimed), url=config.neutral_url)
    if claimed.channel is Channel.EMAIL:
        letter = mail.Mail(address, said.subject, said.body, key, said.sender_name)
        mail.send(config, letter)
    else:
        sms.send(config, sms.Text(to=address, body=said.body, key=key))


def _open_address(config: Config, claimed: Errand) -> str:
    place = formats.address_place(claimed.clinic_id, claimed.user_id, claimed.channel)
    return _open(config, claimed.sealed_address, place)


def _open_code(config: Config, claimed: Errand) -> str:
    """The code that proves an address; none in any other pointer."""
    if claimed.sealed_code is None:
        return ""
    place = formats.code_place(claimed.clinic_id, claimed.user_id, claimed.channel)
    return _open(config, claimed.sealed_code, place)


def _open(config: Config, sealed: bytes, place: bytes) -> str:
    try:
        opened = open_with(config.worker_private_key or b"", sealed, place)
    except (Unreadable, ValueError):
        raise NotSent("address_unreadable", for_good=True) from None
    return unpad(opened).decode()


def _note_failure(database: Database, claimed: Errand, failure: NotSent) -> None:
    if failure.for_good or claimed.attempts >= MOST_ATTEMPTS:
        _finish(database, claimed.pointer_id, state=State.FAILED, last_error_code=failure.code)
    else:
        due_at = clock.now() + _pause(claimed.attempts, failure.after_seconds)
        _finish(database, claimed.pointer_id, due_at=due_at, last_error_code=failure.code)


def _pause(attempts: int, asked_seconds: int) -> dt.timedelta:
    """Twice as long each time, and never the same for all, so that a server can recover."""
    pause: dt.timedelta = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempts - 1))
    spread = pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, keeps no secret
    return max(spread, dt.timedelta(seconds=asked_seconds))


def _finish(database: Database, pointer_id: uuid.UUID, **values: object) -> None:
    with database.writing() as session:
        _changed(session, _that(pointer_id).where(Pointer.state == State.SENDING).values(**values))


def _that(pointer_id: uuid.UUID) -> Update:
    return update(Pointer).where(Pointer.id == pointer_id)


def _changed(session: Session, statement: Update) -> int:
    """How many rows a change touched."""
    result = session.execute(statement.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], result).rowcount
