"""Browser sessions: how one is opened with a passphrase, and ended."""

import datetime as dt
import logging
import uuid
from contextlib import nullcontext

from sqlalchemy import delete
from sqlalchemy.orm import Session

from portal.accounts import keys, names, queries, sessions
from portal.accounts.guard import Guard
from portal.accounts.models import KnownNetwork, User
from portal.accounts.people import Person
from portal.accounts.services.entry import Visitor, let_in, note_refusal, owner_of, prove
from portal.config import Config
from portal.core import audit, clock
from portal.core.crypto import Argon2Cost, PassphraseKeys, Unreadable, same
from portal.core.database import Unit, changed
from portal.core.errors import Busy, NotFound, Refused, Throttled

log = logging.getLogger("portal.accounts")

KNOWN_NETWORK_LASTS = dt.timedelta(days=90)


def sign_in(
    unit: Unit, guard: Guard, user_name: str, passphrase: str, visitor: Visitor
) -> tuple[User, sessions.Cookie]:
    """Opens a browser session. An unknown name costs and answers the same as a wrong passphrase.

    So does a name that is not looked at, because too much was tried from here or at it: see
    portal/accounts/guard.py. Raises Refused, Throttled or Busy.
    """
    guard.slots.check_room()
    lookup = queries.user_name_lookup(guard.keyring, user_name)
    network = guard.network(visitor.address)
    found = queries.find_for_sign_in(unit.session, lookup)
    user, wrapped = (found[0], found[1]) if found else (None, b"")
    is_known = queries.is_known_network(unit.session, owner_of(user).user_id, network)
    is_late = _count(unit, guard, user, lookup, network)
    looked_at = user if is_known or not is_late else None
    unit.pause()
    with guard.late.take() if is_late else nullcontext():
        proof = prove(unit, guard, looked_at, lookup, passphrase)
    if looked_at is None or not same(proof.authenticator, looked_at.authenticator or b""):
        raise _refusal(unit, guard, user, (lookup, network), is_late=is_late)
    user = looked_at
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
    cookie = let_in(unit.session, guard, user, private_key, visitor)
    audit.note(unit.session, user.clinic_id, user.id, "session:begin", user.id)
    guard.forgive_sign_in(lookup, network)
    return user, cookie


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


def _count(unit: Unit, guard: Guard, user: User | None, lookup: bytes, network: bytes) -> bool:
    try:
        return guard.count_sign_in(lookup, network)
    except Throttled:
        _note_throttled(unit, guard, user, (lookup, network))
        raise


def _refusal(
    unit: Unit, guard: Guard, user: User | None, source: tuple[bytes, bytes], *, is_late: bool
) -> Refused | Throttled:
    """What to raise, noted. Among those who are late nothing tells who was looked at."""
    if is_late:
        _note_throttled(unit, guard, user, source)
        return Throttled()
    note_refusal(unit.session, user, "session:refuse")
    return Refused()


def _note_throttled(
    unit: Unit, guard: Guard, user: User | None, source: tuple[bytes, bytes]
) -> None:
    if guard.is_worth_noting(*source):
        note_refusal(unit.session, user, "session:throttle")


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


def purge_expired(session: Session, _config: Config) -> int:
    """The clock's chore: deletes sessions and network marks whose time is over."""
    now = clock.now()
    gone = sessions.purge(session)
    stale = delete(KnownNetwork).where(KnownNetwork.seen_at < now - KNOWN_NETWORK_LASTS)
    return gone + changed(session.execute(stale))
