"""What is said of a thread and of its messages: opened, taken back, done with, closed."""

import datetime as dt
import uuid

from sqlalchemy import bindparam, case, delete, func, insert, select, update
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.models import CareTeamMember, Engagement
from portal.core import audit, clock
from portal.core.errors import Conflict, NotFound
from portal.core.statements import Prepared
from portal.notifications.opening import opened, taken_back
from portal.threads import queries
from portal.threads.access import OpenThread, thread_for
from portal.threads.models import (
    Message,
    NoReplyNeeded,
    ReadMark,
    Side,
    Thread,
    ThreadClosure,
)
from portal.threads.services.sending import ThreadClosed


def mark_opened(session: Session, person: Person, thread: OpenThread, up_to: int) -> None:
    """Remembers that this person's side has opened everything up to the message of this number.

    Pointers are done with only if that is all there is by now: of the rest people are still told.
    """
    is_client = thread.side is Side.CLIENT
    column = Thread.client_opened_seq if is_client else Thread.team_opened_seq
    newest = Thread.last_team_seq if is_client else Thread.last_client_seq
    # The row is written even if nothing changes in it: then two who open it at once take turns.
    seq = case((column < up_to, up_to), else_=column)
    marking = update(Thread).where(Thread.id == thread.id).values({column: seq})
    newest_now = session.execute(marking.returning(newest)).scalar_one()
    session.execute(
        delete(ReadMark).where(ReadMark.thread_id == thread.id, ReadMark.reader_id == person.id)
    )
    session.execute(
        insert(ReadMark).values(
            thread_id=thread.id,
            reader_id=person.id,
            clinic_id=person.clinic_id,
            seq=up_to,
            at=clock.now(),
        )
    )
    if newest_now > up_to:
        return
    for reader_id in _readers(session, person, thread):
        opened(session, reader_id, "thread", thread.id)


_TEAM = Prepared(
    select(CareTeamMember.user_id.label("id"))
    .where(
        CareTeamMember.engagement_id == bindparam("engagement"), CareTeamMember.left_at.is_(None)
    )
    .order_by(CareTeamMember.user_id)
)


def _readers(session: Session, person: Person, thread: OpenThread) -> list[uuid.UUID]:
    """Whom an opening spares a telling: what one of the team has opened, the team has."""
    if thread.side is Side.CLIENT:
        return [person.id]
    rows = _TEAM.all(session, engagement=thread.engagement_id)
    return [row.id for row in rows]


def take_back(session: Session, person: Person, thread_id: uuid.UUID, seq: int) -> None:
    """Takes one's own message out of the thread while nobody on the other side has opened it.

    The record keeps it. Raises NotFound, ThreadClosed, or Conflict if it has been opened.
    """
    thread = thread_for(session, person, thread_id, to_write=True)
    message = session.get(Message, (thread_id, seq)) if seq <= queries.HIGHEST else None
    if message is None or message.author_id != person.id or message.taken_back_at is not None:
        raise NotFound
    if thread.closed_at is not None:
        raise ThreadClosed
    if thread.opened_by_other_seq >= seq or thread.last_other_seq > seq:
        raise Conflict(reason="already_opened")
    message.taken_back_at = clock.now()
    session.flush()
    if _count_anew(session, thread) <= thread.opened_by_other_seq:
        for user_id in _other_side(session, thread):
            taken_back(session, user_id, "thread", thread_id)
    audit.note(session, person.clinic_id, person.id, "message:take_back", thread_id, str(seq))


def _other_side(session: Session, thread: OpenThread) -> list[uuid.UUID]:
    """Who may have been told of a message, or is about to be."""
    if thread.side is Side.CLIENT:
        return [row.id for row in _TEAM.all(session, engagement=thread.engagement_id)]
    return [session.get_one(Engagement, thread.engagement_id).client_id]


def _count_anew(session: Session, thread: OpenThread) -> int:
    """An answer that was taken back is none: whoever waited for it waits again. The number of the
    last message of this side that stands."""
    row = session.get_one(Thread, thread.id, populate_existing=True)
    last = _last_standing(session, thread.id, thread.side)
    if thread.side is Side.CLIENT:
        row.last_client_seq = last
    else:
        row.last_team_seq = last
    row.waiting_since = _waiting_since(session, row)
    session.flush()
    return last


def _last_standing(session: Session, thread_id: uuid.UUID, side: Side) -> int:
    query = (
        select(Message.seq)
        .where(Message.thread_id == thread_id, Message.side == side)
        .where(Message.taken_back_at.is_(None))
        .order_by(Message.seq.desc())
        .limit(1)
    )
    return session.scalar(query) or 0


def _waiting_since(session: Session, thread: Thread) -> dt.datetime | None:
    said = select(func.max(NoReplyNeeded.seq)).where(NoReplyNeeded.thread_id == thread.id)
    return session.scalar(
        select(Message.sent_at)
        .where(
            Message.thread_id == thread.id,
            Message.seq > max(thread.last_team_seq, session.scalar(said) or 0),
            Message.side == Side.CLIENT,
            Message.taken_back_at.is_(None),
        )
        .order_by(Message.seq)
        .limit(1)
    )


def say_no_reply_needed(session: Session, person: Person, thread_id: uuid.UUID) -> None:
    """The newest message needs no reply, says either side. Raises NotFound or ThreadClosed."""
    thread = thread_for(session, person, thread_id, to_write=True)
    if thread.closed_at is not None:
        raise ThreadClosed
    if thread.no_reply_at is not None:
        return
    session.add(
        NoReplyNeeded(
            thread_id=thread_id,
            seq=thread.last_seq,
            clinic_id=person.clinic_id,
            said_by=person.id,
            said_at=clock.now(),
        )
    )
    session.execute(update(Thread).where(Thread.id == thread_id).values(waiting_since=None))
    session.flush()
    audit.note(session, person.clinic_id, person.id, "thread:no_reply_needed", thread_id)


def close(session: Session, person: Person, thread_id: uuid.UUID) -> None:
    """Closes a thread for writing; for the care team. Raises NotFound."""
    thread = thread_for(session, person, thread_id, to_write=True)
    if thread.side is not Side.TEAM:
        raise NotFound
    if thread.closed_at is not None:
        return
    session.add(
        ThreadClosure(
            thread_id=thread_id,
            clinic_id=person.clinic_id,
            closed_by=person.id,
            closed_at=clock.now(),
        )
    )
    session.execute(update(Thread).where(Thread.id == thread_id).values(waiting_since=None))
    session.flush()
    audit.note(session, person.clinic_id, person.id, "thread:close", thread_id)
