"""What somebody has opened needs no telling any more, nor does what was taken back."""

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
    select(Pointer.id, Pointer.state, Pointer.last_error_code)
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
        if row.state is not State.PENDING:
            session.execute(_that(row.id).values(opened_at=now))
        elif _tells_of_nothing_else(session, row.id, cause_kind, cause_id):
            drop(session, row.id)
            session.execute(_that(row.id).values(opened_at=now))
    problems.resolve(session, user_id, (problems.UNOPENED,), by=user_id)


def taken_back(session: Session, user_id: uuid.UUID, cause_kind: str, cause_id: uuid.UUID) -> None:
    """Nothing of a cause waits for somebody any more, though they have not opened it: what tells of
    nothing else does not go out, and if it has, they are not reminded of it."""
    for row in _TELLING_OF.all(session, user=user_id, kind=cause_kind, cause=cause_id):
        is_going_out = row.state is State.SENDING and row.last_error_code is None
        if is_going_out or row.state is State.FAILED:
            continue
        if _tells_of_nothing_else(session, row.id, cause_kind, cause_id):
            drop(session, row.id)


def _tells_of_nothing_else(
    session: Session, pointer_id: uuid.UUID, cause_kind: str, cause_id: uuid.UUID
) -> bool:
    """Takes this cause out; whatever else the pointer tells of takes its place."""
    session.execute(
        delete(JoinedCause).where(
            JoinedCause.pointer_id == pointer_id,
            JoinedCause.cause_kind == cause_kind,
            JoinedCause.cause_id == cause_id,
        )
    )
    pointer = session.get_one(Pointer, pointer_id, populate_existing=True)
    if (pointer.cause_kind, pointer.cause_id) != (cause_kind, cause_id):
        return False
    other = session.scalar(select(JoinedCause).where(JoinedCause.pointer_id == pointer_id).limit(1))
    if other is None:
        return True
    pointer.cause_kind, pointer.cause_id = other.cause_kind, other.cause_id
    session.delete(other)
    session.flush()
    return False


def _that(pointer_id: uuid.UUID) -> Update:
    return update(Pointer).where(Pointer.id == pointer_id)
