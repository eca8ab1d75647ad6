"""What is due, and what one telling needs."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Exists, Select, and_, case, exists, or_, select, text
from sqlalchemy.orm import Session

from portal.accounts.models import Disablement, Role, User
from portal.core import clock
from portal.notifications.models import (
    PROOF,
    URGENT,
    Address,
    AddressProof,
    Channel,
    NoticePreference,
    OptOut,
    Pointer,
    State,
)
from portal.notifications.pace import is_left_alone
from portal.notifications.problems import is_shut, is_stopped

# As the index says it, word for word: bound values would match no partial index.
UNFINISHED = text("pointers.state IN ('pending', 'sending')")


@dataclass(frozen=True)
class Errand:
    """A pointer that is being sent, and to whom."""

    pointer_id: uuid.UUID
    clinic_id: uuid.UUID
    user_id: uuid.UUID
    channel: Channel
    attempts: int
    kind: str
    language: str
    wording: str | None
    sender_name: str | None
    sealed_address: bytes
    sealed_code: bytes | None


def is_due(now: dt.datetime) -> ColumnElement[bool]:
    """New ones, ones to try again, and ones whose sender died.

    One that is noted in the future, by a clock that has been put right since, waits no longer.
    """
    from_the_future = and_(Pointer.state == State.PENDING, Pointer.created_at > now)
    return and_(UNFINISHED, or_(Pointer.due_at <= now, from_the_future))


def due(now: dt.datetime, channel: Channel, limit: int) -> Select[uuid.UUID]:
    """Pointers to send now on a channel, unless its provider is left alone just now."""
    query = select(Pointer.id).where(Pointer.channel == channel, is_due(now), ~is_left_alone(now))
    return query.order_by(Pointer.due_at).limit(limit)


def errand(session: Session, pointer_id: uuid.UUID) -> Errand | None:
    """What the worker needs to know; nothing when the person is not to be told any more."""
    row = session.execute(_ERRAND.where(Pointer.id == pointer_id)).one_or_none()
    if row is None:
        return None
    pointer, proof = row.Pointer, row.AddressProof if row.Pointer.kind == PROOF else None
    if proof is not None and proof.expires_at <= clock.now():
        return None
    return Errand(
        pointer_id=pointer.id,
        clinic_id=pointer.clinic_id,
        user_id=pointer.recipient_id,
        channel=pointer.channel,
        attempts=pointer.attempts,
        kind=pointer.kind,
        language=row.language,
        wording=row.wording,
        sender_name=row.sender_name,
        sealed_address=proof.sealed if proof else row.sealed,
        sealed_code=proof.code_sealed if proof else None,
    )


def _is_disabled() -> Exists:
    # Column by column, since the worker's role may see no others.
    return select(Disablement.user_id).where(Disablement.user_id == User.id).exists()


def _is_own(place: type[Address] | type[AddressProof]) -> ColumnElement[bool]:
    return and_(place.user_id == Pointer.recipient_id, place.channel == Pointer.channel)


def _has_said_stop() -> Exists:
    """Of a number that is yet to be proved."""
    same = and_(OptOut.lookup == AddressProof.lookup, OptOut.channel == AddressProof.channel)
    return select(OptOut.lookup).where(same).exists()


# A code goes to the address that it is to prove; everything else to one that has been proved.
_ERRAND = (
    select(
        Pointer,
        AddressProof,
        User.language,
        Address.sealed,
        NoticePreference.wording,
        NoticePreference.sender_name,
    )
    .join(User, User.id == Pointer.recipient_id)
    .outerjoin(NoticePreference, NoticePreference.user_id == Pointer.recipient_id)
    .outerjoin(Address, and_(_is_own(Address), Address.confirmed_at.is_not(None)))
    .outerjoin(AddressProof, _is_own(AddressProof))
    .where(
        case(
            (Pointer.kind == PROOF, and_(AddressProof.id == Pointer.cause_id, ~_has_said_stop())),
            else_=and_(
                Address.sealed.is_not(None),
                Pointer.opened_at.is_(None),
                case((Pointer.kind == URGENT, ~is_stopped()), else_=~is_shut()),
            ),
        ),
        ~_is_disabled(),
    )
)


def staff_without_address(session: Session, clinic_id: uuid.UUID) -> list[uuid.UUID]:
    """Who of a clinic's care teams have come and are told nothing, alarms included: they have
    proved no address. An administrator misses nothing, since nothing is sent to one."""
    query = select(User.id).where(
        User.clinic_id == clinic_id,
        User.role.in_([role for role in Role if role.is_clinical]),
        User.activated_at.is_not(None),
        ~_is_disabled(),
        ~_has_address(User.id),
    )
    return list(session.scalars(query.order_by(User.id)))


def has_address(session: Session, user_id: uuid.UUID) -> bool:
    """Whether somebody has proved any address."""
    return bool(session.scalar(select(_has_address(user_id))))


def _has_address(user_id: Any) -> Exists:
    return exists().where(Address.user_id == user_id, Address.confirmed_at.is_not(None))


def told_lately(session: Session, user_id: uuid.UUID, count: int = 10) -> list[Pointer]:
    """What somebody was last told, or is to be told; the latest first."""
    query = select(Pointer).where(Pointer.recipient_id == user_id, Pointer.kind != PROOF)
    return list(
        session.scalars(query.order_by(Pointer.created_at.desc(), Pointer.id.desc()).limit(count))
    )
