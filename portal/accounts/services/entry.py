"""What everybody goes through who comes in: a proof, a new lock, a browser session.

Argon2id takes a fifth of a second and must not hold up other writers, so who comes in first reads,
then hashes, and only then begins to write.
"""

import hashlib
from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.accounts import keys, names, passphrases, queries, sessions
from portal.accounts.guard import Guard
from portal.accounts.models import KnownNetwork, Role, User, WrapKind
from portal.core import audit, clock
from portal.core.audit import NOWHERE
from portal.core.crypto import (
    KEY_BYTES,
    NONCE_BYTES,
    Argon2Cost,
    PassphraseKeys,
    Unreadable,
    passphrase_keys,
)
from portal.core.database import Unit
from portal.core.errors import Invalid, Refused

NO_WRAP = bytes(NONCE_BYTES + KEY_BYTES + 16)


@dataclass(frozen=True)
class Visitor:
    """Who is at the door: the peer's address and a short word for the device."""

    address: str
    device: str


@dataclass(frozen=True)
class Offer:
    """What somebody with a good code is offered: write these down, then confirm."""

    user_name: str
    user_name_is_fixed: bool
    passphrase: str
    recovery_code: str


@dataclass(frozen=True)
class Choice:
    """What somebody settles on: the user name, a passphrase, and the recovery code they noted."""

    user_name: str
    passphrase: str
    recovery_code: str


def words_for(role: Role) -> int:
    """How many words a passphrase has that the portal makes."""
    return passphrases.STAFF_WORDS if role.is_staff else passphrases.CLIENT_WORDS


def offer(user: User, user_name: str, is_fixed: bool) -> Offer:
    return Offer(
        user_name,
        is_fixed,
        passphrases.generate(words_for(user.role), user.language),
        passphrases.new_code(),
    )


def refused_code(
    session: Session, guard: Guard, visitor: Visitor, action: str, user: User | None = None
) -> Refused:
    """What to raise for a code that opens nothing, which is counted, and noted as far as the trail
    takes it. Raises Throttled after too many of them."""
    network = guard.network(visitor.address)
    if guard.is_worth_noting(action.encode(), network):
        note_refusal(session, user, action)
    guard.count_wrong_code(network)
    return Refused()


def note_refusal(session: Session, user: User | None, action: str) -> None:
    """An entry for somebody at the door. `user` is whose name was typed, if it is somebody's."""
    clinic_id, user_id = (user.clinic_id, user.id) if user else (None, None)
    audit.note_refusal(session, clinic_id, None, action, user_id)


def owner_of(user: User | None) -> keys.Owner:
    """For an unknown name one who owns nothing, so that all else is done just the same."""
    return keys.Owner(user.id, user.clinic_id) if user else keys.Owner(NOWHERE, NOWHERE)


def unwrap(session: Session, owner: keys.Owner, code: str, kind: WrapKind) -> bytes:
    """Raises Refused, after the same work whether or not there is something to open."""
    sealed = queries.find_wrap(session, owner.user_id, kind) or NO_WRAP
    try:
        return keys.unwrap_with_code(owner, sealed, code, kind)
    except Unreadable as error:
        raise Refused from error


def prove(
    unit: Unit, guard: Guard, user: User | None, lookup: bytes, passphrase: str
) -> PassphraseKeys:
    """What the passphrase gives, which for an unknown name (`user` is None) is nothing of use."""
    salt = user.salt if user else hashlib.sha256(lookup).digest()[: keys.SALT_BYTES]
    cost = Argon2Cost.parse(user.cost) if user else Argon2Cost()
    unit.pause()
    cleaned = names.cleaned_passphrase(passphrase)
    return guard.slots.run(lambda: passphrase_keys(cleaned, salt, cost))


def new_lock(
    unit: Unit,
    guard: Guard,
    owner: keys.Owner,
    private_key: bytes,
    choice: Choice,
    clinic_name: str,
) -> keys.Lock:
    passphrase = names.cleaned_passphrase(choice.passphrase)
    problems = passphrases.problems(passphrase, choice.user_name, clinic_name)
    if problems:
        raise Invalid(passphrase=f"passphrase_{problems[0]}")
    unit.pause()
    return guard.slots.run(lambda: keys.lock_with_passphrase(owner, private_key, passphrase))


def settle(
    session: Session, user: User, private_key: bytes, lock: keys.Lock, choice: Choice
) -> None:
    if not passphrases.is_whole_code(choice.recovery_code):
        raise Refused
    keys.set_lock(user, session, lock)
    owner = keys.Owner(user.id, user.clinic_id)
    code = passphrases.normalise_code(choice.recovery_code)
    wrapped = keys.wrap_with_code(owner, private_key, code, WrapKind.RECOVERY_CODE)
    keys.keep_wrap(session, owner, WrapKind.RECOVERY_CODE, wrapped)


def let_in(
    session: Session, guard: Guard, user: User, private_key: bytes, visitor: Visitor
) -> sessions.Cookie:
    network = guard.network(visitor.address)
    session.merge(KnownNetwork(user_id=user.id, network=network, seen_at=clock.now()))
    session.flush()
    return sessions.begin(session, user, private_key, visitor.device)
