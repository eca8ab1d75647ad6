"""Fetching a thread and allowing it in one look-up: who holds a grant may read, nobody else."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.core.database import wait_for_row
from portal.core.errors import NotFound
from portal.core.statements import Prepared
from portal.threads.models import NoReplyNeeded, Side, Thread, ThreadClosure
from portal.vault.keys import OpenVault, Place, Sealed, open_vault
from portal.vault.models import Grant, Vault
from portal.vault.queries import is_held, users_who_hold


class OpenThread(NamedTuple):
    """A thread that this person may read, with its vault opened."""

    id: uuid.UUID
    clinic_id: uuid.UUID
    engagement_id: uuid.UUID
    vault: OpenVault
    is_stale: bool
    side: Side
    subject: str
    last_seq: int
    last_own_seq: int
    last_other_seq: int
    opened_by_other_seq: int
    opened_by_own_seq: int
    closed_at: dt.datetime | None
    closed_by: uuid.UUID | None
    no_reply_by: uuid.UUID | None
    no_reply_at: dt.datetime | None


_FIND = Prepared(
    select(
        Thread.id,
        Thread.clinic_id,
        Thread.engagement_id,
        Thread.vault_id,
        Thread.subject_epoch,
        Thread.subject_sealed,
        Thread.begun_by,
        Thread.last_seq,
        Thread.last_client_seq,
        Thread.last_team_seq,
        Thread.client_opened_seq,
        Thread.team_opened_seq,
        Vault.epoch.label("newest"),
        Vault.stale_since,
        ThreadClosure.closed_at,
        ThreadClosure.closed_by,
        NoReplyNeeded.said_by,
        NoReplyNeeded.said_at,
        Grant.epoch,
        Grant.sealed,
    )
    .join(Vault, Vault.id == Thread.vault_id)
    .join(Grant, is_held(Thread.vault_id))
    .outerjoin(ThreadClosure, ThreadClosure.thread_id == Thread.id)
    .outerjoin(
        NoReplyNeeded,
        (NoReplyNeeded.thread_id == Thread.id) & (NoReplyNeeded.seq == Thread.last_seq),
    )
    .where(Thread.id == bindparam("thread"), Thread.clinic_id == bindparam("clinic"))
)
_LOCK = select(Thread.id).where(Thread.id == bindparam("thread")).with_for_update()


def side_of(person: Person) -> Side:
    return Side.TEAM if person.is_staff else Side.CLIENT


def subject_place(thread_id: uuid.UUID, author_id: uuid.UUID) -> Place:
    return Place("threads", "subject", thread_id, author_id)


def thread_for(
    session: Session, person: Person, thread_id: uuid.UUID, *, to_write: bool = False
) -> OpenThread:
    """The thread, opened. Raises NotFound if it is not there or not theirs: the two are the same.

    `to_write` locks its row until the end of the transaction.
    """
    if to_write:
        wait_for_row(session, _LOCK, thread=thread_id)
    rows = _FIND.all(session, person=person.id, thread=thread_id, clinic=person.clinic_id)
    if not rows:
        raise NotFound
    row = rows[0]
    vault = open_vault(person, row.vault_id, row.newest, [Sealed(r.epoch, r.sealed) for r in rows])
    side = side_of(person)
    own, other = (
        (row.last_client_seq, row.last_team_seq)
        if side is Side.CLIENT
        else (row.last_team_seq, row.last_client_seq)
    )
    opened_own, opened_other = (
        (row.client_opened_seq, row.team_opened_seq)
        if side is Side.CLIENT
        else (row.team_opened_seq, row.client_opened_seq)
    )
    return OpenThread(
        id=row.id,
        clinic_id=row.clinic_id,
        engagement_id=row.engagement_id,
        vault=vault,
        is_stale=row.stale_since is not None,
        side=side,
        subject=_subject(vault, row.subject_epoch, row.subject_sealed, row.id, row.begun_by),
        last_seq=row.last_seq,
        last_own_seq=own,
        last_other_seq=other,
        opened_by_other_seq=opened_other,
        opened_by_own_seq=opened_own,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        no_reply_by=row.said_by,
        no_reply_at=row.said_at,
    )


def _subject(
    vault: OpenVault, epoch: int, sealed: bytes, thread_id: uuid.UUID, begun_by: uuid.UUID
) -> str:
    return vault.open_or_none(Sealed(epoch, sealed), subject_place(thread_id, begun_by)) or ""


@dataclass(frozen=True, slots=True)
class Glance:
    """The least that tells whether anything is new."""

    last_seq: int
    side: Side


_GLANCE = Prepared(
    select(Thread.last_seq)
    .join(Grant, is_held(Thread.vault_id))
    .where(Thread.id == bindparam("thread"), Thread.clinic_id == bindparam("clinic"))
    .limit(1)
)


def glance_at(session: Session, person: Person, thread_id: uuid.UUID) -> Glance:
    """Opens nothing and costs almost nothing. Raises NotFound."""
    row = _GLANCE.first(session, person=person.id, thread=thread_id, clinic=person.clinic_id)
    if row is None:
        raise NotFound
    return Glance(row.last_seq, side_of(person))


def grant_holders(session: Session, place_id: uuid.UUID) -> list[User]:
    """Who may write in a thread: for a nonce that must be matched while nobody is signed in."""
    return users_who_hold(session, select(Thread.vault_id).where(Thread.id == place_id))
