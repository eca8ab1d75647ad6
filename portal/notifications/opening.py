"""What somebody has opened needs no telling any more."""

import datetime as dt
import uuid

from sqlalchemy import Update, and_, bindparam, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from portal.core import clock
from portal.core.statements import Prepared
from portal.notifications import problems
from portal.notifications.models import JoinedCause, Pointer, State
from portal.notifications.preferences import drop

_JOINED = exists().where(
    JoinedCause.pointer_id == Pointer.id,
    JoinedCause.cause_kind == bindparam("kind"),
    JoinedCause.cause_id == bindparam("cause"),
)
# Locked, so that whoever joins one just now has either joined it before or makes one of their own.
_TELLING_OF = Prepared(
    select(Pointer.id, Pointer.state)
    .where(
        Pointer.recipient_id == bindparam("user"),
        Pointer.opened_at.is_(None),
        Pointer.state != State.DROPPED,
        or_(
            and_(Pointer.cause_kind == bindparam("kind"), Pointer.cause_id == bindparam("cause")),
            _JOINED,
        ),
    )
    .with_for_update()
)


def opened(session: Session, user_id: uuid.UUID, cause_kind: str, cause_id: uuid.UUID) -> None:
    """Somebody has opened what pointers tell of: those on their way are dropped, unless they tell
    of something else too; those that went out are known to have worked."""
    rows = _TELLING_OF.all(session, user=user_id, kind=cause_kind, cause=cause_id)
    if not rows:
        return
    now = clock.now()
    for row in rows:
        if row.state is State.PENDING:
            _take_out(session, row.id, cause_kind, cause_id, now)
        else:
            session.execute(_that(row.id).values(opened_at=now))
    problems.resolve(session, user_id, (problems.UNOPENED,), by=user_id)


def _take_out(
    session: Session,
    pointer_id: uuid.UUID,
    cause_kind: str,
    cause_id: uuid.UUID,
    now: dt.datetime,
) -> None:
    session.execute(
        delete(JoinedCause).where(
            JoinedCause.pointer_id == pointer_id,
            JoinedCause.cause_kind == cause_kind,
            JoinedCause.cause_id == cause_id,
        )
    )
    pointer = session.get_one(Pointer, pointer_id, populate_existing=True)
    if (pointer.cause_kind, pointer.cause_id) != (cause_kind, cause_id):
        return
    other = session.scalar(select(JoinedCause).where(JoinedCause.pointer_id == pointer_id).limit(1))
    if other is None:
        drop(session, pointer_id)
        session.execute(_that(pointer_id).values(opened_at=now))
        return
    pointer.cause_kind, pointer.cause_id = other.cause_kind, other.cause_id
    session.delete(other)
    session.flush()


def _that(pointer_id: uuid.UUID) -> Update:
    return update(Pointer).where(Pointer.id == pointer_id)
