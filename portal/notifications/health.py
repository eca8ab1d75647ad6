"""How telling people is going: what waits, for how long, what failed and why."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from portal.core import clock
from portal.notifications.models import Channel, Pointer, ProviderState, State
from portal.notifications.queries import UNFINISHED, is_due

LOOKS_BACK = dt.timedelta(days=7)
# What is due goes out within a minute or two if somebody works.
LATE = dt.timedelta(minutes=10)


@dataclass(frozen=True)
class ChannelHealth:
    """One channel. Counts of the last seven days are by the time of the last try.

    Of the `waiting`, `due` could go out now; `tried` did not go out and are tried again later.
    `oldest_due_at` is what has waited longest though its time has come, `oldest_unsent_at` counts
    from the first try on. `reasons` says how often something failed, by code, the most frequent
    first.
    """

    channel: Channel
    waiting: int
    due: int
    tried: int
    oldest_due_at: dt.datetime | None
    oldest_unsent_at: dt.datetime | None
    sent: int
    delivered: int
    failed: int
    reasons: tuple[tuple[str, int], ...]
    left_alone_until: dt.datetime | None
    last_code: str | None
    failed_at: dt.datetime | None
    worked_at: dt.datetime | None

    @property
    def is_overdue(self) -> bool:
        """Nobody sends what is due."""
        return _is_late(self.oldest_due_at)

    @property
    def is_partly_unsent(self) -> bool:
        """Something was tried and has not gone out since."""
        return _is_late(self.oldest_unsent_at)


def _is_late(since: dt.datetime | None) -> bool:
    return since is not None and clock.now() - since > LATE


def channels(session: Session, clinic_id: uuid.UUID | None = None) -> list[ChannelHealth]:
    """How each channel is doing, for one clinic or for the whole installation."""
    return [_health(session, channel, clinic_id) for channel in Channel]


def _health(session: Session, channel: Channel, clinic_id: uuid.UUID | None) -> ChannelHealth:
    now = clock.now()
    its = [Pointer.channel == channel]
    if clinic_id is not None:
        its.append(Pointer.clinic_id == clinic_id)
    waiting = session.execute(
        select(
            func.count().label("all"),
            _count(is_due(now)).label("due"),
            _count(and_(_was_tried(), ~is_due(now))).label("tried"),
            func.min(case((is_due(now), Pointer.due_at))).label("oldest_due_at"),
            func.min(case((_was_tried(), Pointer.tried_at), (is_due(now), Pointer.due_at))).label(
                "oldest_unsent_at"
            ),
        ).where(UNFINISHED, *its)
    ).one()
    recent = [*its, Pointer.tried_at > now - LOOKS_BACK]
    sent, delivered, failed = session.execute(
        select(
            # What was taken back after it had been sent is dropped, and was sent.
            _count(and_(Pointer.state != State.FAILED, Pointer.sent_at.is_not(None))),
            _count(Pointer.delivered_at.is_not(None)),
            _count(Pointer.state == State.FAILED),
        ).where(*recent)
    ).one()
    provider = session.get(ProviderState, channel) or ProviderState(channel=channel)
    is_alone = provider.open_until is not None and provider.open_until > now
    return ChannelHealth(
        channel=channel,
        waiting=waiting.all,
        due=waiting.due,
        tried=waiting.tried,
        oldest_due_at=waiting.oldest_due_at,
        oldest_unsent_at=waiting.oldest_unsent_at,
        sent=sent,
        delivered=delivered,
        failed=failed,
        reasons=_reasons(session, recent),
        left_alone_until=provider.open_until if is_alone and provider.failures else None,
        last_code=provider.last_code,
        failed_at=provider.failed_at,
        worked_at=provider.worked_at,
    )


def _was_tried() -> ColumnElement[bool]:
    """In vain: not one whose first try is just being made."""
    is_going_out = and_(Pointer.state == State.SENDING, Pointer.fault.is_(None))
    return and_(Pointer.tried_at.is_not(None), ~is_going_out)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _reasons(session: Session, which: list[ColumnElement[bool]]) -> tuple[tuple[str, int], ...]:
    number = func.count().label("number")
    rows = session.execute(
        select(Pointer.last_error_code, number)
        .where(Pointer.last_error_code.is_not(None), *which)
        .group_by(Pointer.last_error_code)
        .order_by(number.desc(), Pointer.last_error_code)
        .limit(5)
    )
    return tuple((str(row[0]), int(row[1])) for row in rows)
