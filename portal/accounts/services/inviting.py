"""An account is made for somebody, who comes in with a code on paper."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from portal.accounts import keys, names, passphrases, queries, sessions
from portal.accounts.guard import Guard
from portal.accounts.models import Invitation, Role, User, WrapKind
from portal.accounts.people import Person
from portal.accounts.services.entry import (
    Choice,
    Offer,
    Visitor,
    let_in,
    new_lock,
    offer,
    refused_code,
    settle,
    unwrap,
)
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.database import Unit, changed
from portal.core.errors import Conflict, Invalid
from portal.core.ids import new_id
from portal.core.keyring import Keyring, name_place

REFUSED = "invitation:refuse"
INVITATION_LASTS = dt.timedelta(days=14)


@dataclass(frozen=True)
class Invited:
    """`code` is shown once, to be handed over on paper or by phone."""

    user_id: uuid.UUID
    code: str
    public_key: bytes


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
    user = _invited(unit.session, guard, typed, visitor)
    user_name = queries.user_name_of(guard.keyring, user)
    return offer(user, user_name or names.suggestion(user.language), bool(user_name))


def _invited(session: Session, guard: Guard, typed: str, visitor: Visitor) -> User:
    if passphrases.is_whole_code(typed):
        code = passphrases.normalise_code(typed)
        user = queries.find_invited(session, keys.code_lookup(code))
        if user is not None:
            return user
    raise refused_code(session, guard, visitor, REFUSED)


def redeem(
    unit: Unit, guard: Guard, clinic_name: str, typed: str, choice: Choice, visitor: Visitor
) -> sessions.Cookie:
    """Uses the invitation up: sets the passphrase and signs in. Of two at once, one wins.

    Raises Refused, Throttled, Busy, or Invalid with what is wrong with the choice.
    """
    user = _invited(unit.session, guard, typed, visitor)
    owner = keys.Owner(user.id, user.clinic_id)
    code = passphrases.normalise_code(typed)
    private_key = unwrap(unit.session, owner, code, WrapKind.INVITATION)
    lock = new_lock(unit, guard, owner, private_key, choice, clinic_name)
    unit.write()
    user = unit.session.get_one(User, user.id, populate_existing=True)
    used = unit.session.execute(
        delete(Invitation).where(
            Invitation.user_id == user.id, Invitation.code_lookup == keys.code_lookup(code)
        )
    )
    if not changed(used):
        raise refused_code(unit.session, guard, visitor, REFUSED)
    if user.user_name_lookup is None:
        _set_user_name(unit.session, guard.keyring, user, choice.user_name)
    user.activated_at = clock.now()
    keys.drop_wrap(unit.session, owner, WrapKind.INVITATION)
    settle(unit.session, user, private_key, lock, choice)
    audit.note(unit.session, user.clinic_id, user.id, "account:redeem", user.id)
    return let_in(unit.session, guard, user, private_key, visitor)
