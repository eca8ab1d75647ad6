"""Reminding clients of work on the day and at the hour that they chose, three times at most."""

import datetime as dt
import uuid

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.config import Config
from portal.core import audit, clock
from portal.core.errors import Invalid
from portal.core.keyring import Keyring
from portal.modules.access import clients_work_for
from portal.modules.course import ANSWERABLE, OVER
from portal.modules.models import (
    Assignment,
    Ending,
    Feedback,
    Gate,
    StepEnding,
    StepTerms,
    WorkReminder,
)
from portal.modules.services.states import CAUSE
from portal.notifications.preferences import zone_of_person
from portal.notifications.services import point

MOST = 3
HOURS = range(6, 23)
# Whoever has just been at work needs no reminder of it.
FRESH = dt.timedelta(days=1)
AT_ONCE = 200


def choose(
    session: Session,
    keyring: Keyring,
    person: Person,
    work_id: uuid.UUID,
    weekday: int | None,
    hour: int,
) -> None:
    """Keeps when a client wants to be reminded of this work; None for never.

    weekday: 0 is Monday; hour: on their own clock. Raises NotFound, or Invalid.
    """
    work = clients_work_for(session, keyring, person, work_id, to_write=True)
    session.execute(delete(WorkReminder).where(WorkReminder.assignment_id == work.id))
    if weekday is not None:
        if weekday not in range(7) or hour not in HOURS:
            raise Invalid(reminder="reminder_does_not_fit")
        reminder = WorkReminder(
            assignment_id=work.id,
            clinic_id=person.clinic_id,
            user_id=person.id,
            weekday=weekday,
            hour=hour,
            in_a_row=0,
            reminded_at=None,
            next_at=None,
        )
        reminder.next_at = _next(session, reminder)
        session.add(reminder)
    session.flush()
    audit.note(session, person.clinic_id, person.id, "work:remind", work.id)


def _next(session: Session, reminder: WorkReminder) -> dt.datetime:
    """The first such hour of such a day from now on, on the client's own clock."""
    zone, now = zone_of_person(session, reminder.user_id), clock.now()
    today = now.astimezone(zone).date()
    for ahead in range(8):
        day = today + dt.timedelta(days=ahead)
        moment = dt.datetime.combine(day, dt.time(reminder.hour), zone).astimezone(dt.UTC)
        if day.weekday() == reminder.weekday and moment > now:
            return moment
    raise ValueError(reminder.weekday)


def remind(session: Session, _config: Config) -> int:
    """The clock's chore: tells those whose hour has come that something waits. How many."""
    rows = session.execute(
        select(WorkReminder, Assignment)
        .join(Assignment, Assignment.id == WorkReminder.assignment_id)
        .where(WorkReminder.next_at <= clock.now())
        .order_by(WorkReminder.next_at)
        .limit(AT_ONCE)
    ).all()
    told = sum(_remind(session, reminder, work) for reminder, work in rows)
    session.flush()
    return told


def _remind(session: Session, reminder: WorkReminder, work: Assignment) -> bool:
    if work.state in OVER:
        session.delete(reminder)
        return False
    if reminder.reminded_at is None or work.last_at > reminder.reminded_at:
        reminder.in_a_row = 0
    reminder.next_at = _next(session, reminder)
    if reminder.in_a_row >= MOST or work.state not in ANSWERABLE:
        return False
    if _is_fresh(work) or _waits_for_the_team(session, work):
        return False
    reminder.in_a_row, reminder.reminded_at = reminder.in_a_row + 1, clock.now()
    point(
        session,
        clinic_id=work.clinic_id,
        recipient_id=reminder.user_id,
        kind="waiting",
        cause_kind=CAUSE,
        cause_id=work.id,
    )
    return True


def _is_fresh(work: Assignment) -> bool:
    now = clock.now()
    return work.starts_at > now or now - work.last_at < FRESH


def _waits_for_the_team(session: Session, work: Assignment) -> bool:
    """Whether a step was sent that is to be read before the next one opens, and was not read."""
    was_read = exists().where(
        Feedback.assignment_id == StepEnding.assignment_id,
        Feedback.step_id == StepEnding.step_id,
        Feedback.response_seq >= StepEnding.response_seq,
    )
    query = (
        select(StepEnding.seq)
        .join(
            StepTerms,
            (StepTerms.assignment_id == StepEnding.assignment_id)
            & (StepTerms.step_id == StepEnding.step_id),
        )
        .where(
            StepEnding.assignment_id == work.id,
            StepEnding.how == Ending.SENT,
            StepTerms.gate == Gate.HOLD,
            ~was_read,
        )
    )
    return session.scalar(query.limit(1)) is not None
