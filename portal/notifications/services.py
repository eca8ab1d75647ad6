"""Telling people that something waits: noted with its cause, sent after it, never lost.

The row is written in the transaction of whatever causes it. The queue wakes the worker after the
commit; what the queue loses, `sweep` finds. A worker that dies leaves its claim to run out.
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, text, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import ClauseElement

from portal.config import Config
from portal.core import clock
from portal.core.crypto import pad, seal_to
from portal.core.database import connection_of
from portal.core.ids import new_id
from portal.core.inserts import Insert, prepared
from portal.core.jobs import wake_after_commit
from portal.core.keyring import Keyring
from portal.core.statements import Prepared
from portal.notifications import formats, problems
from portal.notifications.models import (
    AHEAD,
    URGENT,
    Address,
    Channel,
    JoinedCause,
    Pointer,
    State,
)
from portal.notifications.preferences import Reach, alarm_reaches, reaches
from portal.notifications.queries import due

DELIVER = "portal.notifications.jobs.deliver"

SWEEP_AT_ONCE = 8


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
    problems.resolve(session, user_id, problems.SHUTTING, channel=channel, by=user_id)


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

    Somebody who is about to be told anyway is not told twice. `urgent` waits for no morning, goes
    even where something failed before, and is for staff alone: raises ValueError for a client.
    """
    reached = (alarm_reaches if urgent else reaches)(session, recipient_id)
    if urgent and not all(reach.role.is_staff for reach in reached):
        raise ValueError("only staff are told at any hour")
    now = clock.now()
    for reach in reached:
        add(
            session,
            Telling(clinic_id, reach.user_id, reach.channel, cause_kind, cause_id),
            kind=URGENT if urgent else kind,
            due_at=now if urgent else reach.next_allowed(now),
        )


def point_each(
    session: Session,
    reached: Iterable[Reach],
    *,
    clinic_id: uuid.UUID,
    kind: str,
    cause_kind: str,
    cause_id: uuid.UUID,
) -> None:
    """As `point`, for several ways and people at once, such as a Circle's; never an alarm."""
    now = clock.now()
    for reach in reached:
        add(
            session,
            Telling(clinic_id, reach.user_id, reach.channel, cause_kind, cause_id),
            kind=kind,
            due_at=reach.next_allowed(now),
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
    ahead = _ADD_OR_JOIN[connection_of(session).dialect.name].first(
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
        _hasten(session, ahead, kind, due_at)
        _join(session, ahead, telling)
    # What is due later the clock finds; whoever is ahead has had the worker woken already, unless
    # it was to wait and now must not.
    if due_at <= now and (ahead.id == pointer_id or kind == URGENT):
        wake_after_commit(session, DELIVER, ahead.id)


def _hasten(session: Session, ahead: Any, kind: str, due_at: dt.datetime) -> None:
    """Has the pointer that is ahead go out sooner, or as an alarm, if the new one would."""
    kinds = {ahead.kind, kind}
    sooner, as_alarm = min(ahead.due_at, due_at), URGENT if URGENT in kinds else ahead.kind
    if (sooner, as_alarm) != (ahead.due_at, ahead.kind):
        _HASTEN.run(session, pointer=ahead.id, sooner=sooner, as_alarm=as_alarm)


_HASTEN = Prepared(
    update(Pointer)
    .where(Pointer.id == bindparam("pointer"))
    .values(due_at=bindparam("sooner"), kind=bindparam("as_alarm"))
)


def _join(session: Session, ahead: Any, telling: Telling) -> None:
    if (ahead.cause_kind, ahead.cause_id) != (telling.cause_kind, telling.cause_id):
        _NOTE_JOINED[connection_of(session).dialect.name].run(
            session,
            pointer_id=ahead.id,
            cause_kind=telling.cause_kind,
            cause_id=telling.cause_id,
            clinic_id=telling.clinic_id,
        )


def _add_or_join(insert: Insert) -> ClauseElement:
    """The new pointer, or the one which is still ahead.

    Joining touches that row, so that it cannot go out before this transaction is through; and it
    touches no column of an index, most of which would have to be written anew for nothing.
    """
    statement = insert(Pointer)
    joined = statement.on_conflict_do_update(
        index_elements=[Pointer.recipient_id, Pointer.channel],
        # As the index says it, word for word: a bound value would match no partial index.
        index_where=text(AHEAD),
        set_={"reminder": Pointer.reminder},
    )
    returning: ClauseElement = joined.returning(
        Pointer.id, Pointer.cause_kind, Pointer.cause_id, Pointer.due_at, Pointer.kind
    )
    return returning


_ADD_OR_JOIN = prepared(_add_or_join)
_NOTE_JOINED = prepared(lambda insert: insert(JoinedCause).on_conflict_do_nothing())


def sweep(session: Session, _config: Config) -> int:
    """Wakes the worker for what is due, and returns for how many pointers.

    A few for each channel are enough: whoever sends one goes on with the others.
    """
    now, woken = clock.now(), 0
    for channel in Channel:
        for identifier in session.scalars(due(now, channel, SWEEP_AT_ONCE)):
            wake_after_commit(session, DELIVER, identifier)
            woken += 1
    return woken
