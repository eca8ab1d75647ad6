"""When somebody may be told: reckoning with their own clock and calendar, and nothing else."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from portal.notifications.models import Rhythm

DAY_MINUTES = 24 * 60
EVERY_DAY = 0b1111111
# Between these two nobody is told who has not chosen otherwise (product owner's rule; the hours in
# which texts may be sent in the United States, 8 am to 9 pm, are wider).
QUIET_FROM, QUIET_UNTIL = 21 * 60, 9 * 60

GAP_DAYS = {Rhythm.EACH: 0, Rhythm.DAILY: 1, Rhythm.WEEKLY: 7}
# Longer than a week of which only today is allowed, and a change of the clock that swallows it.
HORIZON_DAYS = 16


@dataclass(frozen=True)
class Timetable:
    """When somebody wants to be told. Minutes of the day, bit 0 of `days` is Monday.

    Equal ends mean that it is never quiet. At least one day must be set.
    """

    zone: dt.tzinfo
    quiet_from: int = QUIET_FROM
    quiet_until: int = QUIET_UNTIL
    days: int = EVERY_DAY
    rhythm: Rhythm = Rhythm.DAILY


def next_allowed(
    table: Timetable, now: dt.datetime, last_sent: dt.datetime | None = None
) -> dt.datetime:
    """The first moment from now on (aware, UTC) at which the person may be told again.

    A `last_sent` that lies ahead was noted by a wrong clock and counts for nothing.
    """
    first_day = now.astimezone(table.zone).date()
    if last_sent is not None and last_sent <= now:
        last_day = last_sent.astimezone(table.zone).date()
        first_day = max(first_day, last_day + dt.timedelta(days=GAP_DAYS[table.rhythm]))
    for begin, end in _openings(table, first_day):
        moment = max(begin, now)
        if moment < end:
            return moment
    raise ValueError("no day of the week is allowed")


def _openings(table: Timetable, first_day: dt.date) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """The times in which the person may be told, as moments in UTC, the earliest first."""
    for offset in range(HORIZON_DAYS):
        day = first_day + dt.timedelta(days=offset)
        if table.days >> day.weekday() & 1:
            for begin, end in _open_minutes(table):
                yield _latest(table.zone, day, begin), _earliest(table.zone, day, end)


def _open_minutes(table: Timetable) -> list[tuple[int, int]]:
    if table.quiet_from == table.quiet_until:
        return [(0, DAY_MINUTES)]
    if table.quiet_from > table.quiet_until:
        return [(table.quiet_until, table.quiet_from)]
    return [(0, table.quiet_from), (table.quiet_until, DAY_MINUTES)]


# When clocks go back an hour comes twice, when they go forward one never comes. What is allowed
# begins after both readings of its first minute and ends before both of its last.
def _latest(zone: dt.tzinfo, day: dt.date, minute: int) -> dt.datetime:
    return max(_readings(zone, day, minute))


def _earliest(zone: dt.tzinfo, day: dt.date, minute: int) -> dt.datetime:
    return min(_readings(zone, day, minute))


def _readings(zone: dt.tzinfo, day: dt.date, minute: int) -> list[dt.datetime]:
    wall = dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minute)
    return [wall.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)]
