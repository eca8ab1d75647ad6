"""The one clock. Everything that asks for the time asks here, so that a test can set it."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Clock = Callable[[], dt.datetime]


def _wall_clock() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


_clock: Clock = _wall_clock


def now() -> dt.datetime:
    """The current moment, aware and in UTC."""
    return _clock()


def set_clock(clock: Clock | None) -> None:
    """Tells the time by another clock in this process, or by the wall clock again."""
    global _clock  # noqa: PLW0603 - one clock for the whole process is what this module is for
    _clock = clock or _wall_clock


@contextmanager
def use(clock: Clock) -> Iterator[None]:
    """Tells the time by another clock for as long as the block lasts."""
    before = _clock
    set_clock(clock)
    try:
        yield
    finally:
        set_clock(before)
