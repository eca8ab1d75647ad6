"""Who else can open what somebody reads: asked of young clients, and of whomever the clinic asks.

When another person can, nothing is sent: a note on a shared phone tells that person that there is
something to be told. What is left is looking in, and a slip of paper.
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, insert, literal, select
from sqlalchemy.orm import Session

from portal.accounts.models import Role, User
from portal.accounts.people import Person
from portal.core import audit, clock
from portal.core.errors import Conflict, NotFound
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.notifications import formats
from portal.notifications.models import (
    Address,
    AddressProof,
    Channel,
    GuardianContact,
    HoldReason,
    OwnershipQuestion,
    OwnershipRule,
    PointerHold,
)
from portal.notifications.preferences import move_pending

ONLY_ME = "only_me"
MOST_CONTACTS = 8


@dataclass(frozen=True)
class GuardianFacts:
    """A guardian's contact as staff recognise it."""

    id: uuid.UUID
    channel: Channel
    hint: str


def is_asked(session: Session, user_id: uuid.UUID, clinic_id: uuid.UUID) -> bool:
    """Whether a client must say who else can open what they read, before a code goes out.

    Whoever has a guardian, or is sent nothing since another person could open it, is always asked.
    """
    guardian = exists().where(GuardianContact.user_id == user_id)
    held = exists().where(PointerHold.user_id == user_id)
    return bool(session.scalar(select(_question(user_id, clinic_id) | guardian | held)))


def has_question(session: Session, user_id: uuid.UUID, clinic_id: uuid.UUID) -> bool:
    """Whether a client's care team or clinic wants them to be asked."""
    return bool(session.scalar(select(_question(user_id, clinic_id))))


def _question(user_id: uuid.UUID, clinic_id: uuid.UUID) -> ColumnElement[bool]:
    asked = exists().where(OwnershipQuestion.user_id == user_id)
    return asked | _clinic_asks(clinic_id)


def _clinic_asks(clinic_id: uuid.UUID) -> ColumnElement[bool]:
    return exists().where(OwnershipRule.clinic_id == clinic_id)


def clinic_asks(session: Session, clinic_id: uuid.UUID) -> bool:
    """Whether all clients of a clinic are asked, whatever their care teams want."""
    return bool(session.scalar(select(_clinic_asks(clinic_id))))


def hold_of(session: Session, user_id: uuid.UUID) -> HoldReason | None:
    """Why nothing is sent to somebody, if so."""
    return session.scalar(select(PointerHold.reason).where(PointerHold.user_id == user_id))


def ask(session: Session, by: Person, client_id: uuid.UUID) -> None:
    """Has a client asked; until they answer, nothing is sent to the addresses they have."""
    if session.get(OwnershipQuestion, client_id) is not None:
        return
    session.add(
        OwnershipQuestion(
            user_id=client_id, clinic_id=by.clinic_id, asked_by=by.id, asked_at=clock.now()
        )
    )
    session.flush()
    if session.scalar(select(_has_address(client_id))) and hold_of(session, client_id) is None:
        hold(session, client_id, by.clinic_id, HoldReason.UNANSWERED)
    audit.note(session, by.clinic_id, by.id, "notices:ask", client_id)


def _has_address(user_id: Any) -> ColumnElement[bool]:
    """One in use, or one that only waits for its code."""
    waiting = exists().where(AddressProof.user_id == user_id)
    return exists().where(Address.user_id == user_id) | waiting


def stop_asking(session: Session, by: Person, client_id: uuid.UUID) -> None:
    """No answer is waited for any more, unless the whole clinic asks. What was found or said before
    holds."""
    session.execute(delete(OwnershipQuestion).where(OwnershipQuestion.user_id == client_id))
    if not clinic_asks(session, by.clinic_id):
        unanswered = PointerHold.reason == HoldReason.UNANSWERED
        session.execute(delete(PointerHold).where(PointerHold.user_id == client_id, unanswered))
    audit.note(session, by.clinic_id, by.id, "notices:stop_asking", client_id)


def ask_everybody(session: Session, clinic_id: uuid.UUID) -> None:
    """The clinic asks all its clients from now on."""
    session.merge(OwnershipRule(clinic_id=clinic_id, made_at=clock.now()))
    session.flush()
    told = (
        select(User.id, User.clinic_id, literal(HoldReason.UNANSWERED.value), literal(clock.now()))
        .where(
            User.clinic_id == clinic_id,
            User.role == Role.CLIENT,
            _has_address(User.id),
            ~exists().where(PointerHold.user_id == User.id),
        )
        .order_by(User.id)
    )
    columns = ["user_id", "clinic_id", "reason", "since"]
    session.execute(insert(PointerHold).from_select(columns, told))
    audit.note(session, clinic_id, None, "notices:ask_everybody", clinic_id)


def ask_only_some(session: Session, clinic_id: uuid.UUID) -> None:
    """The clinic asks only those whom their counsellor has asked."""
    session.execute(delete(OwnershipRule).where(OwnershipRule.clinic_id == clinic_id))
    session.execute(
        delete(PointerHold).where(
            PointerHold.clinic_id == clinic_id,
            PointerHold.reason == HoldReason.UNANSWERED,
            PointerHold.user_id.not_in(select(OwnershipQuestion.user_id)),
        )
    )
    audit.note(session, clinic_id, None, "notices:ask_some", clinic_id)


def answer(session: Session, person: Person, said: str) -> None:
    """Who else can open the addresses that somebody has already."""
    if said == ONLY_ME:
        lift(session, person.id, only=HoldReason.UNANSWERED)
    else:
        hold(session, person.id, person.clinic_id, HoldReason.SOMEBODY_ELSE)
        forget_addresses(session, person.id)
    audit.note(session, person.clinic_id, person.id, "notices:answer", person.id)


def hold(session: Session, user_id: uuid.UUID, clinic_id: uuid.UUID, reason: HoldReason) -> None:
    """Turns pointers off, also those that are on their way."""
    session.merge(
        PointerHold(user_id=user_id, clinic_id=clinic_id, reason=reason, since=clock.now())
    )
    session.flush()
    move_pending(session, user_id)


def lift(
    session: Session, user_id: uuid.UUID, only: HoldReason, until: dt.datetime | None = None
) -> None:
    """Turns pointers on again if they were off for this reason, and that not after `until`."""
    off = delete(PointerHold).where(PointerHold.user_id == user_id, PointerHold.reason == only)
    session.execute(off if until is None else off.where(PointerHold.since <= until))


def forget_addresses(session: Session, user_id: uuid.UUID, channel: Channel | None = None) -> None:
    """Deletes where somebody could be told, on one channel or all."""
    for place in (Address, AddressProof):
        query = delete(place).where(place.user_id == user_id)
        session.execute(query if channel is None else query.where(place.channel == channel))
    move_pending(session, user_id)


def is_guardians(session: Session, user_id: uuid.UUID, found_by: bytes) -> bool:
    """Whether an address is one of a guardian of this client."""
    query = exists().where(GuardianContact.user_id == user_id, GuardianContact.lookup == found_by)
    return bool(session.scalar(select(query)))


def guardians_of(session: Session, keyring: Keyring, client_id: uuid.UUID) -> list[GuardianFacts]:
    """A client's guardians' contacts, the first to be entered first."""
    rows = session.scalars(
        select(GuardianContact)
        .where(GuardianContact.user_id == client_id)
        .order_by(GuardianContact.id)
    )
    return [
        GuardianFacts(
            row.id,
            row.channel,
            formats.open_hint(keyring, "guardian_contacts", row.id, row.channel, row.hint),
        )
        for row in rows
    ]


def add_guardian(
    session: Session,
    keyring: Keyring,
    by: Person,
    client_id: uuid.UUID,
    typed: str,
    time_zone: str,
) -> None:
    """Notes a guardian's mail address or number, and turns pointers off if the client has the same.

    Raises Invalid, and Conflict when there are too many.
    """
    channel = Channel.EMAIL if "@" in typed else Channel.SMS
    address = formats.usable(channel, typed, time_zone)
    found_by = formats.lookup(keyring, channel, address)
    if is_guardians(session, client_id, found_by):
        return
    if len(guardians_of(session, keyring, client_id)) >= MOST_CONTACTS:
        raise Conflict(reason="too_many_guardians")
    row, hint = new_id(), formats.hint(channel, address)
    session.add(
        GuardianContact(
            id=row,
            clinic_id=by.clinic_id,
            user_id=client_id,
            channel=channel,
            lookup=found_by,
            hint=formats.seal_hint(keyring, "guardian_contacts", row, channel, hint),
            added_by=by.id,
            added_at=clock.now(),
        )
    )
    session.flush()
    _compare(session, by, client_id, channel, found_by)
    audit.note(session, by.clinic_id, by.id, "guardian:add", client_id)


def _compare(
    session: Session, by: Person, client_id: uuid.UUID, channel: Channel, found_by: bytes
) -> None:
    same = exists().where(Address.user_id == client_id, Address.lookup == found_by)
    if session.scalar(select(same)):
        hold(session, client_id, by.clinic_id, HoldReason.GUARDIAN)
        forget_addresses(session, client_id, channel)


def remove_guardian(
    session: Session, by: Person, client_id: uuid.UUID, contact_id: uuid.UUID
) -> None:
    """Forgets a guardian's contact. Raises NotFound if it is not this client's."""
    contact = session.get(GuardianContact, contact_id)
    if contact is None or contact.user_id != client_id:
        raise NotFound
    session.delete(contact)
    session.flush()
    audit.note(session, by.clinic_id, by.id, "guardian:remove", client_id)
