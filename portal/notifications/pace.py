"""How fast a provider is given messages, and when it is left alone because it is not well.

One row for each channel, locked while somebody claims a message: so the pace and the pause hold for
all workers together.
"""

import datetime as dt
import random

from sqlalchemy import ColumnElement, and_, exists, select
from sqlalchemy.orm import Session

from portal.config import Config
from portal.notifications.models import Channel, Fault, Pointer, ProviderState

FAILURES_TO_PAUSE = 3
FIRST_PAUSE = dt.timedelta(seconds=15)
LONGEST_PAUSE = dt.timedelta(minutes=15)
# A provider that was left alone is given one message to see; nobody else tries meanwhile.
PROBE = dt.timedelta(seconds=60)
# Whoever would have to wait longer for a turn leaves it to those who are sending.
LONGEST_TURN = dt.timedelta(seconds=5)


def state_of(session: Session, channel: Channel) -> ProviderState:
    """The channel's row, locked until the transaction ends."""
    query = select(ProviderState).where(ProviderState.channel == channel).with_for_update()
    state = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if state is None:
        state = ProviderState(channel=channel, failures=0)
        session.add(state)
        session.flush()
    return state


def may_send(state: ProviderState, now: dt.datetime) -> bool:
    """Whether the provider may be given something now, or within a few seconds."""
    return not _is_left_alone(state, now) and _turn(state, now) - now <= LONGEST_TURN


def take_turn(state: ProviderState, config: Config, now: dt.datetime) -> dt.datetime:
    """Takes the next turn; returns when it is."""
    if state.failures >= FAILURES_TO_PAUSE:
        state.open_until = now + PROBE
    turn = _turn(state, now)
    state.next_at = turn + dt.timedelta(seconds=1 / rate(config, state.channel))
    return turn


def rate(config: Config, channel: Channel) -> int:
    """Messages a second at most."""
    return config.mail_per_second if channel is Channel.EMAIL else config.sms_per_second


def note_success(state: ProviderState, now: dt.datetime) -> None:
    state.failures, state.open_until, state.worked_at = 0, None, now


def note_fault(
    state: ProviderState, code: str, fault: Fault, now: dt.datetime, after_seconds: int = 0
) -> None:
    """Counts a fault of the provider; after some of them, or if it asks for it, it is left alone.

    What is about one address shows that the provider is well.
    """
    if not fault.is_about_the_provider:
        note_success(state, now)
        return
    state.failures += 1
    state.last_code, state.failed_at = code, now
    pause = dt.timedelta(seconds=after_seconds)
    if state.failures >= FAILURES_TO_PAUSE:
        doubled = FIRST_PAUSE * 2 ** min(state.failures - FAILURES_TO_PAUSE, 10)
        pause = max(pause, spread(min(LONGEST_PAUSE, doubled)))
    state.open_until = now + pause if pause else None


def spread(pause: dt.timedelta) -> dt.timedelta:
    """About as long, and never the same for all, so that a server can recover."""
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, keeps no secret


def is_left_alone(now: dt.datetime) -> ColumnElement[bool]:
    """For queries of pointers: that their provider is left alone just now."""
    return exists().where(
        ProviderState.channel == Pointer.channel,
        and_(ProviderState.open_until > now, ProviderState.failed_at <= now),
    )


def _is_left_alone(state: ProviderState, now: dt.datetime) -> bool:
    if state.open_until is None or state.failed_at is None:
        return False
    # A pause that a wrong clock began in the future is none.
    return state.failed_at <= now < state.open_until


def _turn(state: ProviderState, now: dt.datetime) -> dt.datetime:
    # A turn far ahead is one that a clock which ran ahead gave out.
    if state.next_at is None or state.next_at > now + dt.timedelta(minutes=1):
        return now
    return max(state.next_at, now)
