"""A new passphrase or recovery code, for somebody who is signed in or has forgotten it."""

from portal.accounts import keys, passphrases, queries, sessions
from portal.accounts.guard import Guard
from portal.accounts.models import User, WrapKind
from portal.accounts.people import Person
from portal.accounts.services.entry import (
    Choice,
    Offer,
    Visitor,
    let_in,
    new_lock,
    offer,
    owner_of,
    prove,
    refused_code,
    settle,
    unwrap,
)
from portal.accounts.services.people import tell
from portal.core import audit
from portal.core.crypto import same
from portal.core.database import Unit
from portal.core.errors import Refused, Throttled


def check_passphrase(unit: Unit, guard: Guard, person: Person, passphrase: str) -> User:
    """Asks again who it is, before something that cannot be undone. Raises Refused, Throttled."""
    user = unit.session.get_one(User, person.id)
    lookup = user.user_name_lookup or b""
    session_id = person.session_id.bytes
    try:
        guard.count_again(lookup, session_id)
    except Throttled:
        if guard.is_worth_noting(b"again", session_id):
            _note_refusal(unit, person, "passphrase:throttle")
        raise
    proof = prove(unit, guard, user, lookup, passphrase)
    if not same(proof.authenticator, user.authenticator or b""):
        _note_refusal(unit, person, "passphrase:refuse")
        raise Refused
    guard.forgive_again(lookup, session_id)
    return user


def _note_refusal(unit: Unit, person: Person, action: str) -> None:
    audit.note_refusal(unit.session, person.clinic_id, person.id, action, person.id)


def change_passphrase(
    unit: Unit, guard: Guard, person: Person, clinic_name: str, *, current: str, new: str
) -> None:
    """Wraps the key anew and ends all other sessions. Raises Refused, Invalid, Throttled, Busy."""
    user = check_passphrase(unit, guard, person, current)
    choice = Choice(queries.user_name_of(guard.keyring, user), new, "")
    owner = keys.Owner(person.id, person.clinic_id)
    lock = new_lock(unit, guard, owner, person.private_key, choice, clinic_name)
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
    return offer(user, queries.user_name_of(guard.keyring, user), is_fixed=True)


def _recovering(
    unit: Unit, guard: Guard, user_name: str, typed: str, visitor: Visitor
) -> tuple[User, bytes]:
    """Raises Refused for an unknown name, after the same work, as for a wrong code."""
    lookup = queries.user_name_lookup(guard.keyring, user_name)
    found = queries.find_for_sign_in(unit.session, lookup)
    user, code = found[0] if found else None, passphrases.normalise_code(typed)
    try:
        private_key = unwrap(unit.session, owner_of(user), code, WrapKind.RECOVERY_CODE)
    except Refused as error:
        action = "recovery_code:refuse"
        raise refused_code(unit.session, guard, visitor, action, user) from error
    if user is None:
        raise Refused
    return user, private_key


def recover(
    unit: Unit, guard: Guard, clinic_name: str, typed: str, choice: Choice, visitor: Visitor
) -> sessions.Cookie:
    """Sets a new passphrase and a new recovery code, ends every session, tells the person.

    Raises Refused, Invalid, Throttled or Busy.
    """
    user, private_key = _recovering(unit, guard, choice.user_name, typed, visitor)
    owner = keys.Owner(user.id, user.clinic_id)
    lock = new_lock(unit, guard, owner, private_key, choice, clinic_name)
    unit.write()
    code = passphrases.normalise_code(typed)
    unwrap(unit.session, owner, code, WrapKind.RECOVERY_CODE)
    user = unit.session.get_one(User, user.id, populate_existing=True)
    settle(unit.session, user, private_key, lock, choice)
    sessions.end_all(unit.session, user.id)
    tell(unit.session, user, "passphrase_recovered")
    audit.note(unit.session, user.clinic_id, user.id, "account:recover", user.id)
    return let_in(unit.session, guard, user, private_key, visitor)
