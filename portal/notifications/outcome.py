"""What becomes of a pointer that was handed over, at once or by what the provider reports later.

Reports come late, repeatedly, in any order, and about messages that nobody remembers: all of that
is harmless. What arrived has arrived; what failed is only believed of the try that it is about.
"""

import datetime as dt
import uuid

from sqlalchemy import Update, or_, select, update
from sqlalchemy.orm import Session

from portal.core import clock
from portal.core.database import changed
from portal.notifications import pace, problems
from portal.notifications.channels.base import NotSent, Outcome, Report
from portal.notifications.models import Fault, Pointer, State

# First pause and longest pause by kind of fault.
_SECOND, _MINUTE, _HOUR = (dt.timedelta(seconds=n) for n in (1, 60, 3600))
PAUSES = {
    Fault.AWAY: (15 * _SECOND, 15 * _MINUTE),
    Fault.SILENT: (30 * _SECOND, 15 * _MINUTE),
    Fault.BROKEN: (30 * _SECOND, 15 * _MINUTE),
    Fault.BUSY: (30 * _SECOND, 15 * _MINUTE),
    Fault.GARBLED: (_MINUTE, _HOUR),
    Fault.SETTINGS: (5 * _MINUTE, _HOUR),
    # Greylisting wants five minutes, a full mailbox hours.
    Fault.LATER: (5 * _MINUTE, 6 * _HOUR),
}
# How long it is tried: an outage of a whole holiday week delays and does not lose.
LASTS = dt.timedelta(days=10)
LASTS_FOR_ONE_ADDRESS = dt.timedelta(days=3)
# How often at most a provider's "failed after all" leads to another try.
MOST_TRIES_AFTER_REPORTS = 5


def note_sent(session: Session, pointer_id: uuid.UUID, ref: str | None) -> None:
    """The provider took it. A report that was quicker has said more already."""
    now = clock.now()
    sent = _that(pointer_id).where(Pointer.state == State.SENDING)
    took = sent.values(
        state=State.SENT, sent_at=now, provider_ref=ref, last_error_code=None, fault=None
    )
    if not changed(session.execute(took)):
        session.execute(
            _that(pointer_id).where(Pointer.provider_ref.is_(None)).values(provider_ref=ref)
        )


def note_not_sent(session: Session, pointer_id: uuid.UUID, failure: NotSent) -> None:
    """It did not go out: it is tried again later, or has failed."""
    pointer = session.get_one(Pointer, pointer_id, populate_existing=True)
    if pointer.state is not State.SENDING:
        return
    if failure.fault.is_for_good or _is_too_old(session, pointer, failure.fault):
        _fail(session, pointer, failure.code, failure.fault)
    else:
        pause = _pause(failure.fault, pointer.attempts, failure.after_seconds)
        _try_again(session, pointer, failure.code, failure.fault, pause)


def _is_too_old(session: Session, pointer: Pointer, fault: Fault) -> bool:
    lasts = LASTS if fault.is_about_the_provider else LASTS_FOR_ONE_ADDRESS
    return clock.now() - problems.tried_since(session, pointer) > lasts


def _pause(fault: Fault, attempts: int, asked_seconds: int) -> dt.timedelta:
    """Twice as long each time."""
    first, longest = PAUSES[fault]
    doubled: dt.timedelta = min(longest, first * 2 ** min(max(attempts - 1, 0), 20))
    return max(pace.spread(doubled), dt.timedelta(seconds=asked_seconds))


def _fail(session: Session, pointer: Pointer, code: str, fault: Fault) -> None:
    session.execute(_that(pointer.id).values(state=State.FAILED, last_error_code=code, fault=fault))
    problems.note_failure(session, pointer.id, fault)


def _try_again(
    session: Session, pointer: Pointer, code: str, fault: Fault, pause: dt.timedelta
) -> None:
    session.execute(
        _that(pointer.id).values(
            state=State.SENDING,
            due_at=clock.now() + pause,
            last_error_code=code,
            fault=fault,
            sent_at=None,
        )
    )


def note_report(session: Session, report: Report) -> bool:
    """Takes in what a provider says about a message; returns whether that changed anything."""
    pointer = _reported(session, report)
    if pointer is None or pointer.state is State.DELIVERED:
        return False
    if report.outcome is Outcome.DELIVERED:
        return _note_delivered(session, pointer, report)
    if report.outcome is Outcome.FAILED:
        return _note_failed_later(session, pointer, report)
    return False


def _reported(session: Session, report: Report) -> Pointer | None:
    """The pointer, locked. By its id, or by the name that the provider gave it."""
    ways = []
    if report.pointer_id is not None:
        ways.append(Pointer.id == report.pointer_id)
    if report.ref is not None:
        ways.append(Pointer.provider_ref == report.ref)
    if not ways:
        return None
    query = select(Pointer).where(or_(*ways)).limit(1).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def _note_delivered(session: Session, pointer: Pointer, report: Report) -> bool:
    now = clock.now()
    arrived = (
        _that(pointer.id)
        .where(
            or_(
                Pointer.state.in_((State.SENDING, State.SENT)),
                # It was given up, and came all the same.
                (Pointer.state == State.FAILED) & Pointer.tried_at.is_not(None),
            )
        )
        .values(
            state=State.DELIVERED,
            delivered_at=now,
            sent_at=pointer.sent_at or now,
            provider_ref=pointer.provider_ref or report.ref,
            last_error_code=None,
            fault=None,
        )
    )
    if not changed(session.execute(arrived)):
        return False
    problems.resolve(
        session, pointer.recipient_id, problems.SHUTTING, channel=pointer.channel, by=None
    )
    return True


def _note_failed_later(session: Session, pointer: Pointer, report: Report) -> bool:
    known = pointer.provider_ref
    is_another_try = None not in (report.ref, known) and report.ref != known
    if pointer.state is not State.SENT or is_another_try:
        return False
    code, fault = report.code or "failed_later", report.fault or Fault.BROKEN
    may_try = pointer.attempts < MOST_TRIES_AFTER_REPORTS
    if fault.is_about_the_provider and may_try and not _is_too_old(session, pointer, fault):
        _try_again(session, pointer, code, fault, _pause(fault, pointer.attempts, 0))
    else:
        _fail(session, pointer, code, fault)
    return True


def _that(pointer_id: uuid.UUID) -> Update:
    return (
        update(Pointer).where(Pointer.id == pointer_id).execution_options(synchronize_session=False)
    )
