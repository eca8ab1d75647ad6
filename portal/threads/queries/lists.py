"""Threads in lists: of an engagement, and of everybody whose care team somebody is on."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.models import CareTeamMember
from portal.caseload.queries import Waiting
from portal.core.errors import NotFound
from portal.threads.access import side_of, subject_place
from portal.threads.models import Side, Thread, ThreadClosure
from portal.vault.keys import OpenVault, Sealed
from portal.vault.queries import open_for

THREADS = 30


@dataclass(frozen=True)
class ThreadRow:
    """One line in a list of threads. state: "new", "received", "opened", "answered", "closed"."""

    id: uuid.UUID
    subject: str
    last_at: dt.datetime
    last_is_mine: bool
    unread: bool
    state: str


class ThreadPage(NamedTuple):
    """Some of an engagement's threads. `older` is where the page after this one begins."""

    rows: list[ThreadRow]
    older: uuid.UUID | None


def threads_of(
    session: Session,
    person: Person,
    engagement_id: uuid.UUID,
    vault_id: uuid.UUID,
    before: uuid.UUID | None = None,
) -> ThreadPage:
    """The threads of an engagement, the latest to change first; or those after one of them.

    Raises NotFound if `before` is no thread of this engagement.
    """
    vault = open_for(session, person, vault_id)
    query = (
        select(Thread, ThreadClosure.closed_at)
        .outerjoin(ThreadClosure, ThreadClosure.thread_id == Thread.id)
        .where(Thread.engagement_id == engagement_id)
        .order_by(Thread.last_at.desc(), Thread.id.desc())
        .limit(THREADS + 1)
    )
    if before is not None:
        last_at = session.scalar(
            select(Thread.last_at).where(Thread.id == before, Thread.engagement_id == engagement_id)
        )
        if last_at is None:
            raise NotFound
        later = (Thread.last_at == last_at) & (Thread.id >= before)
        query = query.where(Thread.last_at <= last_at, ~later)
    found = session.execute(query).all()
    side = side_of(person)
    rows = [_thread_row(vault, side, thread, closed) for thread, closed in found[:THREADS]]
    return ThreadPage(rows, rows[-1].id if len(found) > THREADS else None)


def _thread_row(
    vault: OpenVault, side: Side, thread: Thread, closed_at: dt.datetime | None
) -> ThreadRow:
    is_client = side is Side.CLIENT
    own = thread.last_client_seq if is_client else thread.last_team_seq
    other = thread.last_team_seq if is_client else thread.last_client_seq
    own_opened = thread.client_opened_seq if is_client else thread.team_opened_seq
    other_opened = thread.team_opened_seq if is_client else thread.client_opened_seq
    unread = other > own_opened
    return ThreadRow(
        thread.id,
        subject_of(vault, thread),
        thread.last_at,
        own == thread.last_seq,
        unread,
        "closed" if closed_at else "new" if unread else _state(own, other, other_opened),
    )


def _state(own: int, other: int, other_opened: int) -> str:
    if own == 0:
        return ""
    if other > own:
        return "answered"
    return "opened" if other_opened >= own else "received"


def subject_of(vault: OpenVault, thread: Thread) -> str:
    sealed = Sealed(thread.subject_epoch, thread.subject_sealed)
    return vault.open_or_none(sealed, subject_place(thread.id, thread.begun_by)) or ""


def waiting_items(session: Session, person: Person) -> list[Waiting]:
    """For every engagement on whose team somebody is: since when a message waits, if one does."""
    rows = session.execute(
        select(Thread.engagement_id, func.min(Thread.waiting_since), func.max(Thread.last_at))
        .join(CareTeamMember, CareTeamMember.engagement_id == Thread.engagement_id)
        .where(CareTeamMember.user_id == person.id, CareTeamMember.left_at.is_(None))
        .group_by(Thread.engagement_id)
    )
    return [Waiting(*row) for row in rows]
