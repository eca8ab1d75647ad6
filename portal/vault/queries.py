"""Who holds what."""

import uuid

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, bindparam, exists, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.core.errors import NotFound
from portal.vault.keys import Holder, OpenVault, Sealed, open_vault
from portal.vault.models import Grant, Vault


def is_held(vault_id: SQLColumnExpression[uuid.UUID]) -> ColumnElement[bool]:
    """The rule of every look-up of a record: its vault is held by `person`, a parameter of it."""
    return and_(
        Grant.vault_id == vault_id,
        Grant.holder_id == bindparam("person"),
        Grant.ended_at.is_(None),
    )


def users_who_hold(session: Session, vaults: Select[uuid.UUID]) -> list[User]:
    """Everybody who holds one of these vaults now."""
    holders = select(Grant.holder_id).where(Grant.vault_id.in_(vaults), Grant.ended_at.is_(None))
    return list(session.scalars(select(User).where(User.id.in_(holders))))


def roster_of(session: Session, vault_id: uuid.UUID, epoch: int) -> list[Holder]:
    """Everybody to whom an epoch was ever sealed: what the roster's MAC vouches for."""
    return _holders(session, Grant.vault_id == vault_id, Grant.epoch == epoch)


def holders_of(session: Session, vault_id: uuid.UUID, epoch: int) -> list[Holder]:
    """Who holds an epoch's key now."""
    return _holders(
        session, Grant.vault_id == vault_id, Grant.epoch == epoch, Grant.ended_at.is_(None)
    )


def _holders(session: Session, *conditions: ColumnElement[bool]) -> list[Holder]:
    rows = session.execute(
        select(User.id, User.public_key)
        .join(Grant, Grant.holder_id == User.id)
        .where(*conditions)
        .order_by(User.id)
    )
    return [Holder(user_id, public_key) for user_id, public_key in rows]


def grants_of(session: Session, person_id: uuid.UUID, vault_id: uuid.UUID) -> list[Sealed]:
    rows = session.execute(
        select(Grant.epoch, Grant.sealed).where(
            Grant.holder_id == person_id, Grant.vault_id == vault_id, Grant.ended_at.is_(None)
        )
    )
    return [Sealed(epoch, blob) for epoch, blob in rows]


def open_for(session: Session, person: Person, vault_id: uuid.UUID) -> OpenVault:
    """The vault, opened. Raises NotFound if the person does not hold it."""
    vault = session.get(Vault, vault_id)
    grants = grants_of(session, person.id, vault_id)
    if vault is None or not grants:
        raise NotFound
    return open_vault(person, vault.id, vault.epoch, grants)


def present_holders(session: Session, vault_id: uuid.UUID) -> set[uuid.UUID]:
    """Who holds anything of a vault now."""
    return set(
        session.scalars(
            select(Grant.holder_id).where(Grant.vault_id == vault_id, Grant.ended_at.is_(None))
        )
    )


def epochs_sealed_to(session: Session, vault_id: uuid.UUID, holder_id: uuid.UUID) -> set[int]:
    """The epochs whose rosters name somebody, whether they hold them still or not."""
    return set(
        session.scalars(
            select(Grant.epoch).where(Grant.holder_id == holder_id, Grant.vault_id == vault_id)
        )
    )


def was_ever_a_holder(session: Session, user_id: uuid.UUID) -> bool:
    """Whether some roster names somebody, and vouches for their present public key."""
    return bool(session.scalar(select(exists().where(Grant.holder_id == user_id))))


def holders_of_each(session: Session, vault_id: uuid.UUID, epochs: set[int]) -> set[uuid.UUID]:
    """Who holds every one of these epochs now."""
    held: dict[uuid.UUID, set[int]] = {}
    for holder_id, epoch in session.execute(
        select(Grant.holder_id, Grant.epoch).where(
            Grant.vault_id == vault_id, Grant.ended_at.is_(None)
        )
    ):
        held.setdefault(holder_id, set()).add(epoch)
    return {holder_id for holder_id, theirs in held.items() if epochs <= theirs}
