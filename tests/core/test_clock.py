"""The clock can be set, and tells UTC."""

import datetime as dt

from portal.core import clock

NOON = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)


def test_the_clock_tells_utc() -> None:
    assert clock.now().tzinfo is dt.UTC
    assert abs(clock.now() - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)


def test_a_block_can_have_its_own_time() -> None:
    with clock.use(lambda: NOON):
        assert clock.now() == NOON
        with clock.use(lambda: NOON + dt.timedelta(days=1)):
            assert clock.now().day == 5
        assert clock.now() == NOON
    assert clock.now() != NOON
