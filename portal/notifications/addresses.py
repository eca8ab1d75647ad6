"""One's own mail address and mobile number: used only after their owner typed back a code.

Whoever enters an address shows no more than that they know it. The code goes to it through the same
outbox as everything else, sealed to the worker; of it the web keeps a keyed hash.
"""

import datetime as dt
import secrets
import uuid
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.config import Config
from portal.core import audit, clock
from portal.core.crypto import pad, same, seal_to
from portal.core.database import changed
from portal.core.errors import Invalid, Refused
from portal.core.ids import new_id
from portal.core.jobs import wake_after_commit
from portal.core.keyring import Keyring
from portal.core.throttle import Rule, Throttle
from portal.notifications import formats, ownership, problems
from portal.notifications.models import (
    PROOF,
    Address,
    AddressProof,
    Channel,
    HoldReason,
    OptOut,
    Pointer,
    State,
)
from portal.notifications.services import DELIVER

CODE_DIGITS = 6
CODE_LASTS = dt.timedelta(minutes=30)
MOST_TRIES = 5

# Codes cost money and can pester a stranger. An address is counted whoever enters it.
CODES_FROM_ONE = Rule("codes-person", "6/hour")
CODES_TO_ONE = Rule("codes-address", "3/hour")


@dataclass(frozen=True)
class OwnAddress:
    """One channel on the page: what is used, what waits for its code, whether it said STOP."""

    channel: Channel
    hint: str | None
    waiting: str | None
    is_stopped: bool = False


def own_addresses(session: Session, keyring: Keyring, user_id: uuid.UUID) -> list[OwnAddress]:
    """Where somebody is told, and what they have yet to prove, for every channel there is."""
    used = {
        row.channel: formats.open_hint(keyring, "addresses", user_id, row.channel, row.hint)
        for row in session.scalars(
            select(Address).where(Address.user_id == user_id, Address.confirmed_at.is_not(None))
        )
    }
    waiting = {
        row.channel: formats.open_hint(keyring, "address_proofs", row.id, row.channel, row.hint)
        for row in session.scalars(
            select(AddressProof).where(
                AddressProof.user_id == user_id, AddressProof.expires_at > clock.now()
            )
        )
    }
    stopped = problems.stopped_channels(session, user_id)
    return [OwnAddress(one, used.get(one), waiting.get(one), one in stopped) for one in Channel]


def confirmed_channels(session: Session, user_id: uuid.UUID) -> list[Channel]:
    """The channels on which somebody has proved an address."""
    query = select(Address.channel).where(
        Address.user_id == user_id, Address.confirmed_at.is_not(None)
    )
    return sorted(session.scalars(query))


@dataclass(frozen=True)
class Entry:
    """An address as somebody typed it, and what they said about who else can open it."""

    channel: Channel
    typed: str
    who_else: str


def enter(
    session: Session,
    config: Config,
    keyring: Keyring,
    throttle: Throttle,
    person: Person,
    entry: Entry,
    *,
    time_zone: str,
) -> bool:
    """Sends a code to an address; what was proved before is used until the new one is.

    False if nothing is sent since somebody else could open it. Raises Throttled, and Invalid for
    what is no address or a number that said STOP.
    """
    address = formats.usable(entry.channel, entry.typed, time_zone)
    found_by = formats.lookup(keyring, entry.channel, address)
    reason = _hold_reason(session, person, entry, found_by)
    if reason is not None:
        ownership.hold(session, person.id, person.clinic_id, reason)
        ownership.forget_addresses(session, person.id, entry.channel)
        audit.note(session, person.clinic_id, person.id, "address:hold", person.id)
        return False
    throttle.spend(CODES_FROM_ONE, person.id.bytes)
    throttle.spend(CODES_TO_ONE, found_by)
    if session.get(OptOut, (found_by, entry.channel)) is not None:
        raise Invalid(address="said_stop")
    _send_code(session, config, keyring, person, entry.channel, address)
    audit.note(session, person.clinic_id, person.id, "address:enter", person.id)
    return True


def _hold_reason(
    session: Session, person: Person, entry: Entry, found_by: bytes
) -> HoldReason | None:
    if person.is_staff:
        return None
    if ownership.is_guardians(session, person.id, found_by):
        return HoldReason.GUARDIAN
    is_asked = ownership.is_asked(session, person.id, person.clinic_id)
    if is_asked and entry.who_else != ownership.ONLY_ME:
        return HoldReason.SOMEBODY_ELSE
    return None


def _send_code(
    session: Session,
    config: Config,
    keyring: Keyring,
    person: Person,
    channel: Channel,
    address: str,
) -> None:
    code, proof_id, now = (
        f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}",
        new_id(),
        clock.now(),
    )
    clinic_id, key = person.clinic_id, config.worker_public_key
    address_place = formats.address_place(clinic_id, person.id, channel)
    code_place = formats.code_place(clinic_id, person.id, channel)
    hint = formats.hint(channel, address)
    session.merge(
        AddressProof(
            user_id=person.id,
            channel=channel,
            id=proof_id,
            clinic_id=clinic_id,
            sealed=seal_to(key, pad(address.encode()), address_place),
            lookup=formats.lookup(keyring, channel, address),
            hint=formats.seal_hint(keyring, "address_proofs", proof_id, channel, hint),
            code_sealed=seal_to(key, pad(code.encode()), code_place),
            code_hash=_hash(keyring, proof_id, code),
            sent_at=now,
            expires_at=now + CODE_LASTS,
            tries=0,
        )
    )
    pointer = Pointer(
        id=new_id(),
        clinic_id=clinic_id,
        recipient_id=person.id,
        channel=channel,
        kind=PROOF,
        cause_kind="address",
        cause_id=proof_id,
        created_at=now,
        due_at=now,
        state=State.PENDING,
        attempts=0,
    )
    session.add(pointer)
    session.flush()
    wake_after_commit(session, DELIVER, pointer.id)


def _hash(keyring: Keyring, proof_id: uuid.UUID, code: str) -> bytes:
    """Keyed, since a million codes are soon tried; bound to the one proof that it is for."""
    return keyring.lookup("address_code", f"{proof_id}:{code}")


def confirm(
    session: Session, keyring: Keyring, person: Person, channel: Channel, typed: str
) -> bool:
    """Takes an address into use if this is its code.

    False if it has turned out meanwhile to be a guardian's. Raises Refused for a code that is
    wrong, too old, or was tried too often.
    """
    proof = session.get(AddressProof, (person.id, channel), with_for_update=True)
    if proof is None or proof.expires_at <= clock.now() or proof.tries >= MOST_TRIES:
        raise Refused
    proof.tries += 1
    session.flush()
    code = "".join(letter for letter in typed if letter.isdecimal() and letter.isascii())
    if not same(_hash(keyring, proof.id, code), proof.code_hash):
        raise Refused
    if not person.is_staff and ownership.is_guardians(session, person.id, proof.lookup):
        ownership.hold(session, person.id, person.clinic_id, HoldReason.GUARDIAN)
        ownership.forget_addresses(session, person.id, channel)
        return False
    _proved(session, keyring, person, proof)
    return True


def _proved(session: Session, keyring: Keyring, person: Person, proof: AddressProof) -> None:
    hint = formats.open_hint(keyring, "address_proofs", proof.id, proof.channel, proof.hint)
    session.merge(
        Address(
            user_id=person.id,
            channel=proof.channel,
            clinic_id=person.clinic_id,
            sealed=proof.sealed,
            lookup=proof.lookup,
            hint=formats.seal_hint(keyring, "addresses", person.id, proof.channel, hint),
            confirmed_at=clock.now(),
        )
    )
    session.delete(proof)
    session.flush()
    problems.resolve(session, person.id, problems.SHUTTING, channel=proof.channel, by=person.id)
    for reason in (HoldReason.SOMEBODY_ELSE, HoldReason.GUARDIAN):
        ownership.lift(session, person.id, only=reason)
    # A question that is still open is about the addresses they had before: if there is none but
    # this one, of which they have said who can open it, nothing is left to ask.
    if confirmed_channels(session, person.id) == [proof.channel]:
        ownership.lift(session, person.id, HoldReason.UNANSWERED, until=proof.sent_at)
    audit.note(session, person.clinic_id, person.id, "address:confirm", person.id)


def remove(session: Session, person: Person, channel: Channel) -> None:
    """Forgets an address; what was on its way to it does not go out."""
    ownership.forget_addresses(session, person.id, channel)
    audit.note(session, person.clinic_id, person.id, "address:remove", person.id)


def forget_expired(session: Session, _config: Config) -> int:
    """The clock's chore: an address that was never proved is not kept."""
    old = delete(AddressProof).where(AddressProof.expires_at <= clock.now())
    return changed(session.execute(old))
