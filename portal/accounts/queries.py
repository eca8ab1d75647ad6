"""Finding people."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Row, exists, select
from sqlalchemy.orm import Session

from portal.accounts.models import (
    Disablement,
    Invitation,
    KeyWrap,
    KnownNetwork,
    Notice,
    Role,
    User,
    WrapKind,
)
from portal.accounts.names import normalised
from portal.core import clock
from portal.core.keyring import Keyring


def user_name_lookup(keyring: Keyring, user_name: str) -> bytes:
    return keyring.lookup("user_name", normalised(user_name))


def find_for_sign_in(session: Session, lookup: bytes) -> Row[User, bytes] | None:
    """A user who may sign in, with their passphrase wrap."""
    return session.execute(
        select(User, KeyWrap.sealed)
        .join(KeyWrap, (KeyWrap.user_id == User.id) & (KeyWrap.kind == WrapKind.PASSPHRASE))
        .where(User.user_name_lookup == lookup, ~is_disabled())
    ).first()


def is_disabled() -> ColumnElement[bool]:
    """A condition on User."""
    return exists().where(Disablement.user_id == User.id)


def find_wrap(session: Session, user_id: uuid.UUID, kind: WrapKind) -> bytes | None:
    return session.scalar(
        select(KeyWrap.sealed).where(KeyWrap.user_id == user_id, KeyWrap.kind == kind)
    )


def find_invited(session: Session, lookup: bytes) -> User | None:
    """Whom a code invites; None if it was used, has expired or never was."""
    return session.scalar(
        select(User)
        .join(Invitation, Invitation.user_id == User.id)
        .where(
            Invitation.code_lookup == lookup,
            Invitation.expires_at > clock.now(),
            ~is_disabled(),
        )
    )


def is_known_network(session: Session, user_id: uuid.UUID, network: bytes) -> bool:
    return session.get(KnownNetwork, (user_id, network)) is not None


def is_taken(session: Session, lookup: bytes) -> bool:
    return bool(session.scalar(select(exists().where(User.user_name_lookup == lookup))))


@dataclass(frozen=True)
class PersonFacts:
    """One line of the administrator's people page. state: "invited", "active" or "disabled"."""

    id: uuid.UUID
    name: str
    user_name: str
    role: Role
    language: str
    state: str
    since: dt.datetime
    public_key: bytes


def name_of(keyring: Keyring, user: User) -> str:
    return keyring.name(user.name_sealed, "users", "name", user.id)


def names_of(
    session: Session, keyring: Keyring, user_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """The names of these people, by id."""
    users = session.scalars(select(User).where(User.id.in_(user_ids)))
    return {user.id: name_of(keyring, user) for user in users}


def language_of(session: Session, user_id: uuid.UUID) -> str:
    """The language that somebody reads."""
    return session.get_one(User, user_id).language


def user_name_of(keyring: Keyring, user: User) -> str:
    if user.user_name_sealed is None:
        return ""
    return keyring.name(user.user_name_sealed, "users", "user_name", user.id)


def _facts(keyring: Keyring, user: User, disabled_at: dt.datetime | None) -> PersonFacts:
    if disabled_at:
        state, since = "disabled", disabled_at
    elif user.activated_at:
        state, since = "active", user.activated_at
    else:
        state, since = "invited", user.created_at
    return PersonFacts(
        user.id,
        name_of(keyring, user),
        user_name_of(keyring, user),
        user.role,
        user.language,
        state,
        since,
        user.public_key,
    )


def people_of(session: Session, keyring: Keyring, clinic_id: uuid.UUID) -> list[PersonFacts]:
    """Everybody of a clinic, in the order in which they came."""
    rows = session.execute(
        select(User, Disablement.disabled_at)
        .outerjoin(Disablement, Disablement.user_id == User.id)
        .where(User.clinic_id == clinic_id)
        .order_by(User.id)
    )
    return [_facts(keyring, user, disabled_at) for user, disabled_at in rows]


def find_person(
    session: Session, keyring: Keyring, clinic_id: uuid.UUID, user_id: uuid.UUID
) -> PersonFacts | None:
    row = session.execute(
        select(User, Disablement.disabled_at)
        .outerjoin(Disablement, Disablement.user_id == User.id)
        .where(User.clinic_id == clinic_id, User.id == user_id)
    ).first()
    return _facts(keyring, row[0], row[1]) if row else None


def clinicians_of(session: Session, keyring: Keyring, clinic_id: uuid.UUID) -> list[PersonFacts]:
    """Who may be on a care team: clinicians and supervisors who have not been disabled."""
    rows = session.scalars(
        select(User)
        .where(
            User.clinic_id == clinic_id,
            User.role.in_((Role.CLINICIAN, Role.SUPERVISOR)),
            ~is_disabled(),
        )
        .order_by(User.id)
    )
    return [_facts(keyring, user, None) for user in rows]


def unseen_notices(session: Session, user_id: uuid.UUID) -> list[Notice]:
    return list(
        session.scalars(
            select(Notice)
            .where(Notice.user_id == user_id, Notice.seen_at.is_(None))
            .order_by(Notice.id)
        )
    )
