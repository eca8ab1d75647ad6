"""One reminder for what a client has not opened; after three in a row the portal stops, and a
person of the clinic sees to it."""

import datetime as dt

from sqlalchemy import ColumnElement, Exists, Select, and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from portal.accounts.models import Disablement, Role, User
from portal.config import Config
from portal.core import clock
from portal.notifications import problems
from portal.notifications.models import (
    PROOF,
    Address,
    Contact,
    ContactProblem,
    NoticePreference,
    Pointer,
    PointerHold,
    State,
)
from portal.notifications.preferences import reaches
from portal.notifications.services import Telling, add

# Long enough for a weekend without a phone, short enough that a week's task is not missed.
PAUSE = dt.timedelta(days=3)
# What nobody has looked at for so long has been seen to, or never will be.
FORGOTTEN = dt.timedelta(days=60)
MOST_REMINDERS = 3
AT_ONCE = 200

_Later = aliased(Pointer)


def remind(session: Session, _config: Config) -> int:
    """The clock's chore: reminds of what was not opened, or tells the clinic. How many of both."""
    waiting = session.scalars(_unanswered(clock.now())).all()
    for pointer in waiting:
        if pointer.reminder or reminders_in_a_row(session, pointer) >= MOST_REMINDERS:
            problems.open_task(session, pointer, problems.UNOPENED)
        else:
            tell_again(session, pointer, reminder=reminders_in_a_row(session, pointer) + 1)
    session.flush()
    return len(waiting)


def _unanswered(now: dt.datetime) -> Select[Pointer]:
    """What clients were told last, on each channel, and have not opened since."""
    return (
        select(Pointer)
        .join(User, User.id == Pointer.recipient_id)
        .where(
            Pointer.opened_at.is_(None),
            Pointer.sent_at.between(now - FORGOTTEN, now - PAUSE),
            Pointer.state.not_in((State.FAILED, State.DROPPED)),
            Pointer.kind != PROOF,
            User.role == Role.CLIENT,
            ~exists().where(Disablement.user_id == Pointer.recipient_id),
            _may_be_told(),
            ~_was_told_later(),
            ~_clinic_knows(),
        )
        .order_by(Pointer.sent_at)
        .limit(AT_ONCE)
    )


def _may_be_told() -> ColumnElement[bool]:
    return and_(
        exists().where(
            Address.user_id == Pointer.recipient_id,
            Address.channel == Pointer.channel,
            Address.confirmed_at.is_not(None),
        ),
        ~exists().where(PointerHold.user_id == Pointer.recipient_id),
        ~exists().where(
            NoticePreference.user_id == Pointer.recipient_id,
            NoticePreference.contact == Contact.NONE,
        ),
    )


def _was_told_later() -> Exists:
    """Or is about to be."""
    return exists().where(
        _Later.recipient_id == Pointer.recipient_id,
        _Later.channel == Pointer.channel,
        _Later.created_at > Pointer.created_at,
        _Later.kind != PROOF,
        _Later.state != State.DROPPED,
    )


def _clinic_knows() -> Exists:
    """Also when somebody there has dealt with it: the same silence is no new task."""
    return exists().where(
        ContactProblem.user_id == Pointer.recipient_id,
        ContactProblem.channel == Pointer.channel,
        ContactProblem.code == problems.UNOPENED,
        ContactProblem.since > Pointer.sent_at,
    )


def reminders_in_a_row(session: Session, pointer: Pointer) -> int:
    """How many reminders somebody had on this channel since they last opened anything, or since a
    person of the clinic last saw to it that they did not."""
    own = and_(Pointer.recipient_id == pointer.recipient_id, Pointer.channel == pointer.channel)
    query = select(func.count()).where(own, Pointer.reminder > 0, Pointer.sent_at.is_not(None))
    for begun_anew in (
        session.scalar(select(func.max(Pointer.opened_at)).where(own)),
        session.scalar(
            select(func.max(ContactProblem.resolved_at)).where(
                ContactProblem.user_id == pointer.recipient_id,
                ContactProblem.channel == pointer.channel,
                ContactProblem.code == problems.UNOPENED,
            )
        ),
    ):
        if begun_anew is not None:
            query = query.where(Pointer.sent_at > begun_anew)
    return session.scalar(query) or 0


def tell_again(session: Session, pointer: Pointer, *, reminder: int = 0) -> None:
    """Has somebody told of the same when they may be, if they still can be reached in that way.

    In the same words as ever: that it is a reminder would say that something came before.
    """
    for reach in reaches(session, pointer.recipient_id):
        if reach.channel == pointer.channel:
            add(
                session,
                Telling(
                    pointer.clinic_id,
                    pointer.recipient_id,
                    pointer.channel,
                    pointer.cause_kind,
                    pointer.cause_id,
                ),
                kind=pointer.kind,
                due_at=reach.next_allowed(clock.now()),
                reminder=reminder,
            )
