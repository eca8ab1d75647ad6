"""Telling people that something waits: noted with its cause, sent after it, never lost.

The row is written in the transaction of whatever causes it. The queue wakes the worker after the
commit; what the queue loses, `sweep` finds. A worker that dies leaves its claim to run out.
"""

import datetime as dt
import random
import uuid
from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import CursorResult, Update, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.config import Config
from portal.core import clock, mail, sms
from portal.core.crypto import Unreadable, label, open_with, pad, seal_to, unpad
from portal.core.database import Database
from portal.core.delivery import NotSent
from portal.core.ids import new_id
from portal.core.jobs import wake_after_commit
from portal.core.statements import Prepared
from portal.notifications.models import Address, Channel, Pointer, State
from portal.notifications.queries import Errand, confirmed_channels, due, errand, is_due
from portal.notifications.wordings import wording

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
    """Keeps where a person wants to be told, sealed so that only the worker can read it."""
    place = _place(clinic_id, user_id, channel)
    session.merge(
        Address(
            user_id=user_id,
            channel=channel,
            clinic_id=clinic_id,
            sealed=seal_to(config.worker_public_key, pad(address.encode()), place),
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
) -> None:
    """Has a person told that something waits, if this transaction commits.

    Somebody who is about to be told anyway is not told twice.
    """
    for channel in confirmed_channels(session, recipient_id):
        now, pointer_id = clock.now(), new_id()
        ahead = _ADD_OR_JOIN[session.get_bind().dialect.name].first(
            session,
            id=pointer_id,
            clinic_id=clinic_id,
            recipient_id=recipient_id,
            channel=channel,
            kind=kind,
            cause_kind=cause_kind,
            cause_id=cause_id,
            created_at=now,
            due_at=now,
            state=State.PENDING,
            attempts=0,
            last_error_code=None,
            sent_at=None,
        )
        # Whoever is ahead has had the worker woken already, or the clock will find them.
        if ahead.id == pointer_id:
            wake_after_commit(session, DELIVER, pointer_id)


def _add_or_join(insert: Callable[..., Any]) -> Prepared:
    """The new pointer's id, or that of the one which is still ahead.

    Joining touches that row, so that it cannot go out before this transaction is through.
    """
    joined = insert(Pointer).on_conflict_do_update(
        index_elements=[Pointer.recipient_id, Pointer.channel],
        # As the index says it, word for word: a bound value would match no partial index.
        index_where=text("state = 'pending'"),
        set_={"due_at": Pointer.due_at},
    )
    return Prepared(joined.returning(Pointer.id))


_ADD_OR_JOIN = {
    "sqlite": _add_or_join(sqlite.insert),
    "postgresql": _add_or_join(postgresql.insert),
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
            _changed(session, _that(pointer_id).values(state=State.DROPPED))
        else:
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
    if claimed.channel is Channel.EMAIL:
        subject = wording("emails/pointer/subject", claimed.language)
        body = wording("emails/pointer/body", claimed.language)
        mail.send(config, mail.Mail(to=address, subject=subject, body=body, key=key))
    else:
        body = wording("texts/pointer/body", claimed.language)
        sms.send(config, sms.Text(to=address, body=body, key=key))


def _open_address(config: Config, claimed: Errand) -> str:
    place = _place(claimed.clinic_id, claimed.user_id, claimed.channel)
    try:
        opened = open_with(config.worker_private_key or b"", claimed.sealed_address, place)
    except (Unreadable, ValueError):
        raise NotSent("address_unreadable", for_good=True) from None
    return unpad(opened).decode()


def _place(clinic_id: uuid.UUID, user_id: uuid.UUID, channel: Channel) -> bytes:
    return label("addresses", clinic_id, user_id, channel.value)


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
