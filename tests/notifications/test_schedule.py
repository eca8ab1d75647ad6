"""When somebody may be told, on whatever clock and calendar they live by."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.notifications.models import Rhythm
from portal.notifications.schedule import EVERY_DAY, Timetable, next_allowed

DENVER = ZoneInfo("America/Denver")
# Half an hour of summer time, a midnight that never comes, a day that was left out, no change.
ZONES = [
    "America/Denver", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia", "Asia/Kathmandu",
    "Europe/London", "UTC",
]  # fmt: skip

minutes = st.integers(0, 23).map(lambda hour: hour * 60)
FROM_2011_TO_2031 = (1293840000, 1924992000)
moments = st.integers(*FROM_2011_TO_2031).map(
    lambda second: dt.datetime.fromtimestamp(second, dt.UTC)
)
tables = st.builds(
    Timetable,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    quiet_from=minutes,
    quiet_until=minutes,
    days=st.integers(1, EVERY_DAY),
    rhythm=st.sampled_from(Rhythm),
)
gaps = st.timedeltas(dt.timedelta(0), dt.timedelta(days=20))


def is_quiet(table: Timetable, moment: dt.datetime) -> bool:
    """By the clock on the wall and the calendar beside it."""
    local = moment.astimezone(table.zone)
    minute = local.hour * 60 + local.minute
    if not table.days >> local.weekday() & 1:
        return True
    if table.quiet_from <= table.quiet_until:
        return table.quiet_from <= minute < table.quiet_until
    return minute >= table.quiet_from or minute < table.quiet_until


@given(tables, moments)
def test_nobody_is_told_in_quiet_hours_or_before_now(table: Timetable, now: dt.datetime) -> None:
    allowed = next_allowed(table, now)
    assert allowed >= now
    assert allowed.tzinfo is dt.UTC
    assert not is_quiet(table, allowed)


@given(tables, moments, gaps)
def test_nobody_is_told_more_often_than_they_chose(
    table: Timetable, last: dt.datetime, gap: dt.timedelta
) -> None:
    allowed = next_allowed(table, last + gap, last)
    days = (allowed.astimezone(table.zone).date() - last.astimezone(table.zone).date()).days
    least = {Rhythm.EACH: 0, Rhythm.DAILY: 1, Rhythm.WEEKLY: 7}[table.rhythm]
    assert days >= least or least == 0


@given(tables, moments)
def test_what_is_allowed_stays_allowed_when_it_is_asked_again(
    table: Timetable, now: dt.datetime
) -> None:
    allowed = next_allowed(table, now)
    assert next_allowed(table, allowed) == allowed


@given(tables, moments, st.timedeltas(dt.timedelta(0), dt.timedelta(days=9)))
def test_a_later_question_never_has_an_earlier_answer(
    table: Timetable, now: dt.datetime, later: dt.timedelta
) -> None:
    assert next_allowed(table, now) <= next_allowed(table, now + later)


@given(tables, moments)
def test_the_wait_is_never_longer_than_the_week_asks_for(
    table: Timetable, now: dt.datetime
) -> None:
    assert next_allowed(table, now) - now < dt.timedelta(days=15)


@given(tables, moments, st.timedeltas(dt.timedelta(minutes=1), dt.timedelta(days=900)))
def test_a_telling_that_was_noted_in_the_future_counts_for_nothing(
    table: Timetable, now: dt.datetime, ahead: dt.timedelta
) -> None:
    assert next_allowed(table, now, now + ahead) == next_allowed(table, now)


def denver(*moment: int, fold: int = 0) -> dt.datetime:
    return dt.datetime(*moment, tzinfo=DENVER, fold=fold).astimezone(dt.UTC)  # type: ignore[arg-type,misc]


def test_what_happens_at_ten_in_the_evening_is_told_at_nine_in_the_morning() -> None:
    table = Timetable(DENVER)
    assert next_allowed(table, denver(2026, 3, 3, 22)) == denver(2026, 3, 4, 9)
    assert next_allowed(table, denver(2026, 3, 4, 8, 59)) == denver(2026, 3, 4, 9)
    assert next_allowed(table, denver(2026, 3, 4, 20, 59)) == denver(2026, 3, 4, 20, 59)
    assert next_allowed(table, denver(2026, 3, 4, 21)) == denver(2026, 3, 5, 9)


def test_whoever_was_told_today_is_told_again_tomorrow_morning() -> None:
    table = Timetable(DENVER)
    told = denver(2026, 3, 4, 9)
    assert next_allowed(table, denver(2026, 3, 4, 12), told) == denver(2026, 3, 5, 9)
    assert next_allowed(table, denver(2026, 3, 5, 12), told) == denver(2026, 3, 5, 12)


def test_a_week_that_has_only_mondays_waits_for_the_next_one() -> None:
    table = Timetable(DENVER, days=1)
    assert next_allowed(table, denver(2026, 3, 2, 21)) == denver(2026, 3, 9, 9)


def test_the_hour_that_never_comes_ends_the_quiet_after_it() -> None:
    """On 8 March 2026 the clocks of Denver go from two to three."""
    table = Timetable(DENVER, quiet_from=22 * 60, quiet_until=2 * 60)
    assert next_allowed(table, denver(2026, 3, 8, 1, 30)) == denver(2026, 3, 8, 3)


def test_the_hour_that_comes_twice_is_quiet_twice() -> None:
    """On 1 November 2026 they go from two back to one."""
    table = Timetable(DENVER, quiet_from=0, quiet_until=60)
    first, second = denver(2026, 11, 1, 1), denver(2026, 11, 1, 1, fold=1)
    assert second - first == dt.timedelta(hours=1)
    assert next_allowed(table, denver(2026, 11, 1, 0, 30)) == second


def test_a_week_without_a_day_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="no day"):
        next_allowed(Timetable(DENVER, days=0), denver(2026, 3, 3, 12))
