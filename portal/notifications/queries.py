"""What is due, and what one telling needs."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Exists, Select, and_, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from portal.accounts.models import Disablement, User
from portal.core.statements import Prepared
from portal.notifications.models import Address, Channel, Pointer, State

UNFINISHED = (State.PENDING, State.SENDING)


@dataclass(frozen=True)
class Errand:
    """A pointer that is being sent, and to whom."""

    pointer_id: uuid.UUID
    clinic_id: uuid.UUID
    user_id: uuid.UUID
    channel: Channel
    attempts: int
    language: str
    sealed_address: bytes


_CONFIRMED = Prepared(
    select(Address.channel)
    .where(Address.user_id == bindparam("user"), Address.confirmed_at.is_not(None))
    .order_by(Address.channel)
)


def confirmed_channels(session: Session, user_id: uuid.UUID) -> list[Channel]:
    """Where this person has said they want to be told."""
    return [row.channel for row in _CONFIRMED.all(session, user=user_id)]


def is_due(now: dt.datetime) -> ColumnElement[bool]:
    """New ones, ones to try again, and ones whose sender died.

    One that is noted in the future, by a clock that has been put right since, waits no longer.
    """
    from_the_future = and_(Pointer.state == State.PENDING, Pointer.created_at > now)
    return and_(Pointer.state.in_(UNFINISHED), or_(Pointer.due_at <= now, from_the_future))


def due(now: dt.datetime, limit: int) -> Select[uuid.UUID]:
    """Pointers to send now."""
    return select(Pointer.id).where(is_due(now)).order_by(Pointer.due_at).limit(limit)


def errand(session: Session, pointer_id: uuid.UUID) -> Errand | None:
    """What the worker needs to know; nothing when the person is not to be told any more."""
    row = session.execute(
        select(Pointer, User.language, Address.sealed)
        .join(User, User.id == Pointer.recipient_id)
        .join(
            Address,
            (Address.user_id == Pointer.recipient_id) & (Address.channel == Pointer.channel),
        )
        .where(Pointer.id == pointer_id, Address.confirmed_at.is_not(None), ~_is_disabled())
    ).one_or_none()
    if row is None:
        return None
    pointer, language, sealed = row
    return Errand(
        pointer_id=pointer.id,
        clinic_id=pointer.clinic_id,
        user_id=pointer.recipient_id,
        channel=pointer.channel,
        attempts=pointer.attempts,
        language=language,
        sealed_address=sealed,
    )


def _is_disabled() -> Exists:
    return exists().where(Disablement.user_id == User.id)
