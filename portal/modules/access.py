"""Fetching given work and allowing it in one look-up: who holds a grant may see it, nobody else."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.clinics.models import Clinic
from portal.core.database import wait_for_row
from portal.core.errors import NotFound
from portal.core.keyring import Keyring
from portal.core.statements import Prepared
from portal.modules.format.shapes import ModuleFile
from portal.modules.models import Assignment, Pace, State
from portal.modules.published import load
from portal.vault.keys import OpenVault, Sealed, open_vault
from portal.vault.models import Grant, Vault
from portal.vault.queries import is_held, users_who_hold


@dataclass(frozen=True, slots=True)
class OpenWork:
    """Given work that this person may see, with its vault opened."""

    id: uuid.UUID
    clinic_id: uuid.UUID
    engagement_id: uuid.UUID
    vault: OpenVault
    is_stale: bool
    module: ModuleFile
    given_by: uuid.UUID
    given_at: dt.datetime
    starts_at: dt.datetime
    ends_at: dt.datetime | None
    pace: Pace
    read_weekday: int | None
    time_zone: str
    state: State
    waiting_since: dt.datetime | None
    last_at: dt.datetime


_FIND = Prepared(
    select(
        Assignment.id,
        Assignment.clinic_id,
        Assignment.engagement_id,
        Assignment.vault_id,
        Assignment.published_id,
        Assignment.given_by,
        Assignment.given_at,
        Assignment.starts_at,
        Assignment.ends_at,
        Assignment.pace,
        Assignment.read_weekday,
        Clinic.time_zone,
        Assignment.state,
        Assignment.waiting_since,
        Assignment.last_at,
        Vault.epoch.label("newest"),
        Vault.stale_since,
        Grant.epoch,
        Grant.sealed,
    )
    .join(Vault, Vault.id == Assignment.vault_id)
    .join(Clinic, Clinic.id == Assignment.clinic_id)
    .join(Grant, is_held(Assignment.vault_id))
    .where(Assignment.id == bindparam("work"), Assignment.clinic_id == bindparam("clinic"))
)
_LOCK = select(Assignment.id).where(Assignment.id == bindparam("work")).with_for_update()


def work_for(
    session: Session,
    keyring: Keyring,
    person: Person,
    work_id: uuid.UUID,
    *,
    to_write: bool = False,
) -> OpenWork:
    """The work, opened. Raises NotFound if it is not there or not theirs: the two are the same.

    `to_write` locks its row until the end of the transaction.
    """
    if to_write:
        wait_for_row(session, _LOCK, work=work_id)
    rows = _FIND.all(session, person=person.id, work=work_id, clinic=person.clinic_id)
    if not rows:
        raise NotFound
    row = rows[0]
    grants = [Sealed(one.epoch, one.sealed) for one in rows]
    return OpenWork(
        row.id,
        row.clinic_id,
        row.engagement_id,
        open_vault(person, row.vault_id, row.newest, grants),
        row.stale_since is not None,
        load(session, keyring, row.published_id),
        row.given_by,
        row.given_at,
        row.starts_at,
        row.ends_at,
        row.pace,
        row.read_weekday,
        row.time_zone,
        row.state,
        row.waiting_since,
        row.last_at,
    )


def team_work_for(
    session: Session,
    keyring: Keyring,
    person: Person,
    work_id: uuid.UUID,
    *,
    to_write: bool = False,
) -> OpenWork:
    """For the care team only. Raises NotFound."""
    if not person.is_clinical:
        raise NotFound
    return work_for(session, keyring, person, work_id, to_write=to_write)


def clients_work_for(
    session: Session,
    keyring: Keyring,
    person: Person,
    work_id: uuid.UUID,
    *,
    to_write: bool = False,
) -> OpenWork:
    """For the client whose work it is. Raises NotFound."""
    if person.is_staff:
        raise NotFound
    return work_for(session, keyring, person, work_id, to_write=to_write)


def grant_holders(session: Session, work_id: uuid.UUID) -> list[User]:
    """Who may see given work: for a nonce that must be matched while nobody is signed in."""
    return users_who_hold(session, select(Assignment.vault_id).where(Assignment.id == work_id))


def load_of(session: Session, keyring: Keyring, work_id: uuid.UUID) -> ModuleFile | None:
    """The module of given work, whoever asks: it is what its author wrote, and nobody's answers."""
    published_id = session.scalar(select(Assignment.published_id).where(Assignment.id == work_id))
    return load(session, keyring, published_id) if published_id else None
