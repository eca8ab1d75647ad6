"""How telling people is going: what waits, for how long, what failed and why."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from portal.core import clock
from portal.notifications.models import Channel, Pointer, ProviderState, State
from portal.notifications.queries import UNFINISHED, is_due

LOOKS_BACK = dt.timedelta(days=7)


@dataclass(frozen=True)
class ChannelHealth:
    """One channel. Counts of the last seven days are by the time of the last try.

    `oldest_due_at` is what has waited longest though its time has come; `reasons` says how often
    something failed, by code, the most frequent first.
    """

    channel: Channel
    waiting: int
    due: int
    oldest_due_at: dt.datetime | None
    sent: int
    delivered: int
    failed: int
    reasons: tuple[tuple[str, int], ...]
    left_alone_until: dt.datetime | None
    last_code: str | None
    failed_at: dt.datetime | None
    worked_at: dt.datetime | None


def channels(session: Session, clinic_id: uuid.UUID | None = None) -> list[ChannelHealth]:
    """How each channel is doing, for one clinic or for the whole installation."""
    return [_health(session, channel, clinic_id) for channel in Channel]


def _health(session: Session, channel: Channel, clinic_id: uuid.UUID | None) -> ChannelHealth:
    now = clock.now()
    its = [Pointer.channel == channel]
    if clinic_id is not None:
        its.append(Pointer.clinic_id == clinic_id)
    waiting, due, oldest = session.execute(
        select(
            func.count(),
            _count(is_due(now)),
            func.min(case((is_due(now), Pointer.due_at))),
        ).where(UNFINISHED, *its)
    ).one()
    recent = [*its, Pointer.tried_at > now - LOOKS_BACK]
    sent, delivered, failed = session.execute(
        select(
            _count(Pointer.state.in_((State.SENT, State.DELIVERED))),
            _count(Pointer.state == State.DELIVERED),
            _count(Pointer.state == State.FAILED),
        ).where(*recent)
    ).one()
    provider = session.get(ProviderState, channel) or ProviderState(channel=channel)
    is_alone = provider.open_until is not None and provider.open_until > now
    return ChannelHealth(
        channel=channel,
        waiting=waiting,
        due=due,
        oldest_due_at=oldest,
        sent=sent,
        delivered=delivered,
        failed=failed,
        reasons=_reasons(session, recent),
        left_alone_until=provider.open_until if is_alone and provider.failures else None,
        last_code=provider.last_code,
        failed_at=provider.failed_at,
        worked_at=provider.worked_at,
    )


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
