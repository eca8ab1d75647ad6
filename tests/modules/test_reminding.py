"""Reminders of work: on the client's day, at their hour, three at most; and work that ends."""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from portal.accounts.people import Person
from portal.core import clock
from portal.core.errors import Conflict, Invalid
from portal.modules.models import Gate, State, WorkReminder
from portal.modules.services import giving, reminding, states
from portal.notifications.models import Pointer
from tests.cast import Cast
from tests.modules import stories

# A Monday, nine in the morning at the clinic in Denver.
MONDAY = dt.datetime(2026, 3, 2, 16, 0, tzinfo=dt.UTC)
DENVER = ZoneInfo("America/Denver")
DAY, WEEK = dt.timedelta(days=1), dt.timedelta(weeks=1)
TUESDAY, SIX = 1, 18


class Time:
    """A clock to be put where a story needs it."""

    def __init__(self) -> None:
        self.now = MONDAY


@pytest.fixture
def time() -> Iterator[Time]:
    time = Time()
    with clock.use(lambda: time.now):
        yield time


@pytest.fixture
def dana(cast: Cast) -> Person:
    stories.reach(cast, "dana")
    return cast.person("dana")


@pytest.fixture
def work(cast: Cast, time: Time, dana: Person) -> uuid.UUID:
    """Given a week ago, and seen."""
    time.now = MONDAY - WEEK
    work = stories.give(cast)
    stories.open_work(cast, dana, work)
    time.now = MONDAY
    return work


def choose(cast: Cast, person: Person, work: uuid.UUID, weekday: int | None, hour: int) -> None:
    with cast.database.writing() as session:
        reminding.choose(session, cast.keyring, person, work, weekday, hour)


def remind(cast: Cast) -> int:
    config: Any = cast.app.extensions["portal"].config
    with cast.database.writing() as session:
        return reminding.remind(session, config)


def week_by_week(cast: Cast, time: Time, weeks: int) -> list[dt.datetime]:
    """Lets time pass hour by hour; the moments at which somebody was reminded, in Denver."""
    told = []
    for _hour in range(weeks * 7 * 24):
        time.now += dt.timedelta(hours=1)
        if remind(cast):
            told.append(time.now.astimezone(DENVER))
    return told


def test_nobody_is_reminded_who_has_not_asked_for_it(
    cast: Cast, time: Time, work: uuid.UUID
) -> None:
    assert week_by_week(cast, time, 1) == []


def test_three_reminders_on_the_day_and_at_the_hour_chosen_also_over_a_change_of_the_clocks(
    cast: Cast, time: Time, dana: Person, work: uuid.UUID
) -> None:
    choose(cast, dana, work, TUESDAY, SIX)
    told = week_by_week(cast, time, 5)
    assert [(one.isocalendar().week, one.weekday(), one.hour) for one in told] == [
        (10, TUESDAY, SIX), (11, TUESDAY, SIX), (12, TUESDAY, SIX),
    ]  # fmt: skip
    with cast.database.reading() as session:
        causes = {(row.cause_kind, row.cause_id) for row in session.scalars(select(Pointer))}
        assert causes == {("work", work)}


def test_who_does_something_is_reminded_anew_and_not_on_the_same_day(
    cast: Cast, time: Time, dana: Person, work: uuid.UUID
) -> None:
    choose(cast, dana, work, TUESDAY, SIX)
    assert len(week_by_week(cast, time, 9)) == 3, "three in a row, and then no more"
    time.now += DAY
    stories.save(cast, dana, work, "look", stories.LOOK)
    assert week_by_week(cast, time, 1) == []
    assert len(week_by_week(cast, time, 5)) == 3


def test_nobody_is_reminded_while_the_care_team_has_to_read_first(
    cast: Cast, time: Time, dana: Person, work: uuid.UUID
) -> None:
    assert stories.GATES["safe"] is Gate.HOLD
    stories.send(cast, dana, work, "look")
    stories.send(cast, dana, work, "safe")
    choose(cast, dana, work, TUESDAY, SIX)
    assert week_by_week(cast, time, 2) == []
    stories.say(cast, cast.person("ruth"), work, "safe")
    assert len(week_by_week(cast, time, 2)) == 2


def test_work_that_is_over_reminds_of_nothing(
    cast: Cast, time: Time, dana: Person, work: uuid.UUID
) -> None:
    choose(cast, dana, work, TUESDAY, SIX)
    with cast.database.writing() as session:
        states.skip(session, cast.keyring, dana, work)
    assert week_by_week(cast, time, 1) == []
    with cast.database.reading() as session:
        assert session.get(WorkReminder, work) is None


def test_a_reminder_can_be_given_up(cast: Cast, time: Time, dana: Person, work: uuid.UUID) -> None:
    choose(cast, dana, work, TUESDAY, SIX)
    choose(cast, dana, work, None, 0)
    assert week_by_week(cast, time, 1) == []


@pytest.mark.parametrize(("weekday", "hour"), [(7, SIX), (-1, SIX), (TUESDAY, 3), (TUESDAY, 24)])
def test_a_day_or_an_hour_that_is_none_is_refused(
    cast: Cast, dana: Person, work: uuid.UUID, weekday: int, hour: int
) -> None:
    with pytest.raises(Invalid):
        choose(cast, dana, work, weekday, hour)


def end_what_is_past(cast: Cast) -> int:
    config: Any = cast.app.extensions["portal"].config
    with cast.database.writing() as session:
        return giving.end_what_is_past(session, config)


def test_work_is_over_after_its_last_day_and_can_be_given_again(
    cast: Cast, time: Time, dana: Person
) -> None:
    ruth = cast.person("ruth")
    work = stories.give(cast, ends_at=MONDAY + WEEK)
    stories.save(cast, dana, work, "look", stories.LOOK)
    assert end_what_is_past(cast) == 0
    time.now += WEEK
    assert end_what_is_past(cast) == 1
    assert end_what_is_past(cast) == 0
    assert stories.look(cast, dana, work).state is State.EXPIRED
    late = stories.send(cast, dana, work, "look", stories.LOOK | {"mood": 2})
    assert late.is_shut
    assert stories.revisions(cast, dana, work, "look")[-1].answers == stories.LOOK | {"mood": 2}
    with cast.database.writing() as session:
        giving.give_again(session, cast.keyring, ruth, work)
    assert end_what_is_past(cast) == 0
    stories.send(cast, dana, work, "look")
    assert stories.history(cast, work) == [
        "assigned", "opened", "in_progress", "expired", "assigned", "opened", "in_progress",
    ]  # fmt: skip


def test_what_was_sent_does_not_end(cast: Cast, time: Time, dana: Person) -> None:
    work = stories.give(cast, gates={}, ends_at=MONDAY + WEEK)
    for step in stories.WAY:
        stories.send(cast, dana, work, step)
    time.now += WEEK
    assert end_what_is_past(cast) == 0
    assert stories.look(cast, dana, work).state is State.SUBMITTED


def test_what_was_left_out_is_over(cast: Cast, dana: Person, work: uuid.UUID) -> None:
    with cast.database.writing() as session:
        states.skip(session, cast.keyring, dana, work)
    with pytest.raises(Conflict), cast.database.writing() as session:
        states.complete(session, cast.keyring, dana, work)
    assert stories.send(cast, dana, work, "look").is_shut
