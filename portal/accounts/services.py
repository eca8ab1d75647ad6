"""What people do with accounts: come in by invitation, sign in, change and recover a passphrase.

Argon2id takes a fifth of a second and must not hold up other writers, so each of these first reads,
then hashes, and only then begins to write.
"""

import datetime as dt
import hashlib
import logging
import uuid
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from portal.accounts import keys, names, passphrases, queries, sessions
from portal.accounts.guard import Guard
from portal.accounts.models import (
    Disablement,
    Invitation,
    KnownNetwork,
    Notice,
    Role,
    User,
    WrapKind,
)
from portal.accounts.people import Person
from portal.clinics.queries import ClinicFacts
from portal.config import Config
from portal.core import audit, clock
from portal.core.crypto import Argon2Cost, PassphraseKeys, Unreadable, passphrase_keys, same
from portal.core.database import Unit, changed
from portal.core.errors import Busy, Conflict, Invalid, NotFound, Refused
from portal.core.ids import new_id
from portal.core.keyring import Keyring, name_place

log = logging.getLogger("portal.accounts")

INVITATION_LASTS = dt.timedelta(days=14)
KNOWN_NETWORK_LASTS = dt.timedelta(days=90)


@dataclass(frozen=True)
class Invited:
    """`code` is shown once, to be handed over on paper or by phone."""

    user_id: uuid.UUID
    code: str
    public_key: bytes


@dataclass(frozen=True)
class Offer:
    """What somebody with a good code is offered: write these down, then confirm."""

    user_name: str
    user_name_is_fixed: bool
    passphrase: str
    recovery_code: str


@dataclass(frozen=True)
class Visitor:
    """Who is at the door: the peer's address and a short word for the device."""

    address: str
    device: str


def invite(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    *,
    role: Role,
    name: str,
    language: str,
    by: Person | None,
    user_name: str | None = None,
) -> Invited:
    """Makes an account with a key pair, so that things can be sealed to it before its owner comes.

    Raises Invalid if the user name is taken or not allowed.
    """
    pair, user_id = keys.new_key_pair(), new_id()
    user = User(
        id=user_id,
        clinic_id=clinic.id,
        role=role,
        language=language,
        name_sealed=keyring.seal_text(name, name_place("users", "name", user_id)),
        public_key=pair.public,
        salt=b"",
        cost="",
        created_at=clock.now(),
    )
    if user_name:
        _set_user_name(session, keyring, user, user_name)
    session.add(user)
    session.flush()
    owner = keys.Owner(user_id, clinic.id)
    sealed = keys.escrow(owner, pair.private, clinic.recovery_public_key)
    keys.keep_wrap(session, owner, WrapKind.ESCROW, sealed)
    code = _hand_out_code(session, user, pair.private, by)
    return Invited(user_id, code, pair.public)


def invite_again(session: Session, clinic: ClinicFacts, user_id: uuid.UUID, by: Person) -> Invited:
    """A new code and a new key pair for somebody who never came. Their grants must be sealed anew.

    Raises Conflict if they have come: then only their recovery code or the ceremony helps.
    """
    user = session.get_one(User, user_id)
    if user.activated_at is not None or user.clinic_id != clinic.id:
        raise Conflict
    pair, owner = keys.new_key_pair(), keys.Owner(user.id, clinic.id)
    user.public_key = pair.public
    sealed = keys.escrow(owner, pair.private, clinic.recovery_public_key)
    keys.keep_wrap(session, owner, WrapKind.ESCROW, sealed)
    session.execute(delete(Invitation).where(Invitation.user_id == user.id))
    code = _hand_out_code(session, user, pair.private, by)
    return Invited(user.id, code, pair.public)


def _hand_out_code(session: Session, user: User, private_key: bytes, by: Person | None) -> str:
    printed = passphrases.new_code()
    code, now = passphrases.normalise_code(printed), clock.now()
    owner = keys.Owner(user.id, user.clinic_id)
    wrapped = keys.wrap_with_code(owner, private_key, code, WrapKind.INVITATION)
    keys.keep_wrap(session, owner, WrapKind.INVITATION, wrapped)
    session.add(
        Invitation(
            user_id=user.id,
            clinic_id=user.clinic_id,
            code_lookup=keys.code_lookup(code),
            invited_by=by.id if by else None,
            invited_at=now,
            expires_at=now + INVITATION_LASTS,
        )
    )
    session.flush()
    audit.note(session, user.clinic_id, by.id if by else None, "account:invite", user.id)
    return printed


def _set_user_name(session: Session, keyring: Keyring, user: User, user_name: str) -> None:
    if not names.is_allowed(user_name):
        raise Invalid(user_name="user_name_not_allowed")
    lookup = queries.user_name_lookup(keyring, user_name)
    if queries.is_taken(session, lookup):
        raise Invalid(user_name="user_name_taken")
    place = name_place("users", "user_name", user.id)
    user.user_name_sealed = keyring.seal_text(user_name.strip(), place)
    user.user_name_lookup = lookup


def offer_for_code(unit: Unit, guard: Guard, typed: str, visitor: Visitor) -> Offer:
    """What to write down before the invitation is used up. Changes nothing; may be asked again.

    Raises Refused for a code that was used, has expired or never was, and Throttled.
    """
    guard.count_code(guard.network(visitor.address))
    user = _invited(unit.session, typed)
    user_name = queries.user_name_of(guard.keyring, user)
    return _offer(user, user_name or names.suggestion(user.language), bool(user_name))


def _invited(session: Session, typed: str) -> User:
    if not passphrases.is_whole_code(typed):
        raise Refused
    code = passphrases.normalise_code(typed)
    user = queries.find_invited(session, keys.code_lookup(code))
    if user is None:
        raise Refused
    return user


def words_for(role: Role) -> int:
    """How many words a passphrase has that the portal makes."""
    return passphrases.STAFF_WORDS if role.is_staff else passphrases.CLIENT_WORDS


def _offer(user: User, user_name: str, is_fixed: bool) -> Offer:
    return Offer(
        user_name,
        is_fixed,
        passphrases.generate(words_for(user.role), user.language),
        passphrases.new_code(),
    )


@dataclass(frozen=True)
class Choice:
    """What somebody settles on: the user name, a passphrase, and the recovery code they noted."""

    user_name: str
    passphrase: str
    recovery_code: str


def redeem(
    unit: Unit, guard: Guard, clinic_name: str, typed: str, choice: Choice, visitor: Visitor
) -> sessions.Cookie:
    """Uses the invitation up: sets the passphrase and signs in. Of two at once, one wins.

    Raises Refused, Throttled, Busy, or Invalid with what is wrong with the choice.
    """
    guard.count_code(guard.network(visitor.address))
    user = _invited(unit.session, typed)
    owner = keys.Owner(user.id, user.clinic_id)
    code = passphrases.normalise_code(typed)
    private_key = _unwrap(unit.session, owner, code, WrapKind.INVITATION)
    lock = _lock(unit, guard, owner, private_key, choice, clinic_name)
    unit.write()
    user = unit.session.get_one(User, user.id, populate_existing=True)
    used = unit.session.execute(
        delete(Invitation).where(
            Invitation.user_id == user.id, Invitation.code_lookup == keys.code_lookup(code)
        )
    )
    if not changed(used):
        raise Refused
    if user.user_name_lookup is None:
        _set_user_name(unit.session, guard.keyring, user, choice.user_name)
    user.activated_at = clock.now()
    keys.drop_wrap(unit.session, owner, WrapKind.INVITATION)
    _settle(unit.session, user, private_key, lock, choice)
    audit.note(unit.session, user.clinic_id, user.id, "account:redeem", user.id)
    return _let_in(unit.session, guard, user, private_key, visitor)


def _unwrap(session: Session, owner: keys.Owner, code: str, kind: WrapKind) -> bytes:
    sealed = queries.find_wrap(session, owner.user_id, kind)
    if sealed is None:
        raise Refused
    try:
        return keys.unwrap_with_code(owner, sealed, code, kind)
    except Unreadable as error:
        raise Refused from error


def _lock(
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


def _settle(
    session: Session, user: User, private_key: bytes, lock: keys.Lock, choice: Choice
) -> None:
    if not passphrases.is_whole_code(choice.recovery_code):
        raise Refused
    keys.set_lock(user, session, lock)
    owner = keys.Owner(user.id, user.clinic_id)
    code = passphrases.normalise_code(choice.recovery_code)
    wrapped = keys.wrap_with_code(owner, private_key, code, WrapKind.RECOVERY_CODE)
    keys.keep_wrap(session, owner, WrapKind.RECOVERY_CODE, wrapped)


def _let_in(
    session: Session, guard: Guard, user: User, private_key: bytes, visitor: Visitor
) -> sessions.Cookie:
    network = guard.network(visitor.address)
    session.merge(KnownNetwork(user_id=user.id, network=network, seen_at=clock.now()))
    session.flush()
    return sessions.begin(session, user, private_key, visitor.device)


def sign_in(
    unit: Unit, guard: Guard, user_name: str, passphrase: str, visitor: Visitor
) -> tuple[User, sessions.Cookie]:
    """Opens a browser session. An unknown name costs and answers the same as a wrong passphrase.

    Raises Refused, Throttled or Busy.
    """
    guard.slots.check_room()
    lookup = queries.user_name_lookup(guard.keyring, user_name)
    network = guard.network(visitor.address)
    found = queries.find_for_sign_in(unit.session, lookup)
    user, wrapped = (found[0], found[1]) if found else (None, b"")
    is_known = user is not None and queries.is_known_network(unit.session, user.id, network)
    guard.count_sign_in(lookup, network, is_known=is_known)
    proof = _prove(unit, guard, user, lookup, passphrase)
    if user is None or not same(proof.authenticator, user.authenticator or b""):
        _note_refusal(unit, user)
        raise Refused
    owner = keys.Owner(user.id, user.clinic_id)
    try:
        private_key = keys.unlock_with_passphrase_key(owner, proof.wrapping, wrapped)
    except Unreadable as error:
        log.error("the lock of %s is damaged: only the recovery code opens", user.id)
        raise Refused from error
    stronger = _stronger_lock(guard, user, private_key, passphrase)
    unit.write()
    if stronger is not None:
        _change_lock(unit.session, user.id, proof, stronger)
    cookie = _let_in(unit.session, guard, user, private_key, visitor)
    audit.note(unit.session, user.clinic_id, user.id, "session:begin", user.id)
    guard.forgive_sign_in(lookup, network)
    return user, cookie


def _prove(
    unit: Unit, guard: Guard, user: User | None, lookup: bytes, passphrase: str
) -> PassphraseKeys:
    salt = user.salt if user else hashlib.sha256(lookup).digest()[: keys.SALT_BYTES]
    cost = Argon2Cost.parse(user.cost) if user else Argon2Cost()
    unit.pause()
    cleaned = names.cleaned_passphrase(passphrase)
    return guard.slots.run(lambda: passphrase_keys(cleaned, salt, cost))


def _stronger_lock(
    guard: Guard, user: User, private_key: bytes, passphrase: str
) -> keys.Lock | None:
    """The same passphrase at today's price, if its lock was made when guesses were cheaper."""
    if not Argon2Cost.parse(user.cost).is_below(Argon2Cost()):
        return None
    owner, cleaned = keys.Owner(user.id, user.clinic_id), names.cleaned_passphrase(passphrase)
    try:
        return guard.slots.run(lambda: keys.lock_with_passphrase(owner, private_key, cleaned))
    except Busy:
        return None  # the next sign-in will do


def _change_lock(
    session: Session, user_id: uuid.UUID, proof: PassphraseKeys, lock: keys.Lock
) -> None:
    """Unless the passphrase was changed meanwhile: a lock of the old one is worth nothing."""
    user = session.get_one(User, user_id, populate_existing=True, with_for_update=True)
    if same(proof.authenticator, user.authenticator or b""):
        keys.set_lock(user, session, lock)


def _note_refusal(unit: Unit, user: User | None) -> None:
    clinic_id, user_id = (user.clinic_id, user.id) if user else (None, None)
    audit.note(unit.session, clinic_id, None, "session:refuse", user_id)


def sign_out(session: Session, person: Person) -> None:
    sessions.end(session, person.id, person.session_id)
    audit.note(session, person.clinic_id, person.id, "session:end", person.id)


def end_session(session: Session, person: Person, session_id: uuid.UUID) -> None:
    """Ends one of the person's sessions on another device; raises NotFound if it is not theirs."""
    if not sessions.end(session, person.id, session_id):
        raise NotFound
    audit.note(session, person.clinic_id, person.id, "session:end", person.id, "elsewhere")


def end_other_sessions(session: Session, person: Person) -> None:
    sessions.end_all(session, person.id, but=person.session_id)
    audit.note(session, person.clinic_id, person.id, "session:end", person.id, "others")


def check_passphrase(unit: Unit, guard: Guard, person: Person, passphrase: str) -> User:
    """Asks again who it is, before something that cannot be undone. Raises Refused, Throttled."""
    user = unit.session.get_one(User, person.id)
    lookup = user.user_name_lookup or b""
    guard.count_sign_in(lookup, person.session_id.bytes, is_known=True)
    proof = _prove(unit, guard, user, lookup, passphrase)
    if not same(proof.authenticator, user.authenticator or b""):
        raise Refused
    guard.forgive_sign_in(lookup, person.session_id.bytes)
    return user


def change_passphrase(
    unit: Unit, guard: Guard, person: Person, clinic_name: str, *, current: str, new: str
) -> None:
    """Wraps the key anew and ends all other sessions. Raises Refused, Invalid, Throttled, Busy."""
    user = check_passphrase(unit, guard, person, current)
    choice = Choice(queries.user_name_of(guard.keyring, user), new, "")
    owner = keys.Owner(person.id, person.clinic_id)
    lock = _lock(unit, guard, owner, person.private_key, choice, clinic_name)
    unit.write()
    user = unit.session.get_one(User, person.id, populate_existing=True)
    keys.set_lock(user, unit.session, lock)
    sessions.end_all(unit.session, person.id, but=person.session_id)
    audit.note(unit.session, person.clinic_id, person.id, "passphrase:change", person.id)


def new_recovery_code(unit: Unit, guard: Guard, person: Person, *, current: str) -> str:
    """Replaces the recovery code; the old one stops working. Raises Refused, Throttled, Busy."""
    check_passphrase(unit, guard, person, current)
    unit.write()
    printed = passphrases.new_code()
    owner, code = keys.Owner(person.id, person.clinic_id), passphrases.normalise_code(printed)
    wrapped = keys.wrap_with_code(owner, person.private_key, code, WrapKind.RECOVERY_CODE)
    keys.keep_wrap(unit.session, owner, WrapKind.RECOVERY_CODE, wrapped)
    audit.note(unit.session, person.clinic_id, person.id, "recovery_code:change", person.id)
    return printed


def offer_for_recovery(
    unit: Unit, guard: Guard, user_name: str, typed: str, visitor: Visitor
) -> Offer:
    """What to write down before a recovery code is used up. Changes nothing.

    Raises Refused and Throttled.
    """
    user, _ = _recovering(unit, guard, user_name, typed, visitor)
    return _offer(user, queries.user_name_of(guard.keyring, user), is_fixed=True)


def _recovering(
    unit: Unit, guard: Guard, user_name: str, typed: str, visitor: Visitor
) -> tuple[User, bytes]:
    guard.count_code(guard.network(visitor.address))
    lookup = queries.user_name_lookup(guard.keyring, user_name)
    found = queries.find_for_sign_in(unit.session, lookup)
    if found is None:
        audit.note(unit.session, None, None, "recovery_code:refuse")
        raise Refused
    user, code = found[0], passphrases.normalise_code(typed)
    owner = keys.Owner(user.id, user.clinic_id)
    try:
        return user, _unwrap(unit.session, owner, code, WrapKind.RECOVERY_CODE)
    except Refused:
        audit.note(unit.session, user.clinic_id, None, "recovery_code:refuse", user.id)
        raise


def recover(
    unit: Unit, guard: Guard, clinic_name: str, typed: str, choice: Choice, visitor: Visitor
) -> sessions.Cookie:
    """Sets a new passphrase and a new recovery code, ends every session, tells the person.

    Raises Refused, Invalid, Throttled or Busy.
    """
    user, private_key = _recovering(unit, guard, choice.user_name, typed, visitor)
    owner = keys.Owner(user.id, user.clinic_id)
    lock = _lock(unit, guard, owner, private_key, choice, clinic_name)
    unit.write()
    code = passphrases.normalise_code(typed)
    _unwrap(unit.session, owner, code, WrapKind.RECOVERY_CODE)
    user = unit.session.get_one(User, user.id, populate_existing=True)
    _settle(unit.session, user, private_key, lock, choice)
    sessions.end_all(unit.session, user.id)
    tell(unit.session, user, "passphrase_recovered")
    audit.note(unit.session, user.clinic_id, user.id, "account:recover", user.id)
    return _let_in(unit.session, guard, user, private_key, visitor)


def tell(session: Session, user: User, code: str) -> None:
    """Has the person told at the next sign-in; `code` picks the wording."""
    session.add(
        Notice(
            id=new_id(),
            clinic_id=user.clinic_id,
            user_id=user.id,
            code=code,
            raised_at=clock.now(),
        )
    )
    session.flush()


def mark_notices_seen(session: Session, notices: list[Notice]) -> None:
    for notice in notices:
        session.merge(notice).seen_at = clock.now()
    session.flush()


def choose_language(session: Session, person: Person, language: str) -> None:
    session.get_one(User, person.id).language = language
    session.flush()
    audit.note(session, person.clinic_id, person.id, "language:choose", person.id)


def disable(session: Session, user_id: uuid.UUID, by: Person) -> None:
    """Ends every session and keeps the person out. Grants are the vault's to take away."""
    session.merge(
        Disablement(
            user_id=user_id, clinic_id=by.clinic_id, disabled_by=by.id, disabled_at=clock.now()
        )
    )
    sessions.end_all(session, user_id)
    session.execute(delete(Invitation).where(Invitation.user_id == user_id))
    session.flush()
    audit.note(session, by.clinic_id, by.id, "account:disable", user_id)


def enable(session: Session, user_id: uuid.UUID, by: Person) -> None:
    """Lets the person sign in again; what they could read must be granted again."""
    session.execute(delete(Disablement).where(Disablement.user_id == user_id))
    audit.note(session, by.clinic_id, by.id, "account:enable", user_id)


def purge_expired(session: Session, _config: Config) -> int:
    """The clock's chore: deletes sessions and network marks whose time is over."""
    now = clock.now()
    gone = sessions.purge(session)
    stale = delete(KnownNetwork).where(KnownNetwork.seen_at < now - KNOWN_NETWORK_LASTS)
    return gone + changed(session.execute(stale))
