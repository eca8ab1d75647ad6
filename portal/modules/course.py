"""How given work goes its way: what state may follow which, and which step is open now.

Pure reckoning: nothing here reads or writes anything.
"""

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portal.modules.format.shapes import ModuleFile, Step
from portal.modules.format.walk import way
from portal.modules.models import Ending, Gate, Pace, State

WEEK = dt.timedelta(days=7)

_PUT_AWAY = {State.SKIPPED, State.WITHDRAWN, State.EXPIRED}
FOLLOWS: Mapping[State, frozenset[State]] = {
    State.ASSIGNED: frozenset({State.OPENED} | _PUT_AWAY),
    State.OPENED: frozenset({State.IN_PROGRESS} | _PUT_AWAY),
    State.IN_PROGRESS: frozenset({State.SUBMITTED} | _PUT_AWAY),
    State.SUBMITTED: frozenset({State.FEEDBACK_GIVEN, State.REVISION_ASKED} | _PUT_AWAY),
    State.FEEDBACK_GIVEN: frozenset({State.COMPLETED} | _PUT_AWAY),
    State.REVISION_ASKED: frozenset({State.IN_PROGRESS} | _PUT_AWAY),
    State.COMPLETED: frozenset(),
    State.SKIPPED: frozenset(),
    State.WITHDRAWN: frozenset(),
    State.EXPIRED: frozenset({State.ASSIGNED}),
}
OVER = frozenset({State.COMPLETED, *_PUT_AWAY})
# Somebody has read all of it, or nobody is asked to any more.
READ_OR_OVER = OVER | {State.FEEDBACK_GIVEN}
# The client can answer: nothing is in the clinician's hands as a whole, and nothing is over.
ANSWERABLE = frozenset({State.ASSIGNED, State.OPENED, State.IN_PROGRESS, State.REVISION_ASKED})


class Standing(enum.StrEnum):
    """Where one step stands for the client, as far as the page must tell."""

    DONE = "done"
    PUT_OFF = "put_off"
    OPEN = "open"
    LATER = "later"
    WAITS_FOR_DAY = "waits_for_day"
    WAITS_FOR_READING = "waits_for_reading"
    LOCKED = "locked"

    @property
    def may_be_answered(self) -> bool:
        return self in (Standing.DONE, Standing.PUT_OFF, Standing.OPEN)


@dataclass(frozen=True)
class StepMark:
    """What is known of one step: how it was last left, and whether that was read since.

    `called_at`: an answer called for somebody then, and nobody has said yet that they came;
    `last_called_at`: when one did so last. `spared_at`: since when the step is not for this client.
    """

    ending: Ending | None = None
    is_read: bool = False
    is_unlocked: bool = False
    gate: Gate = Gate.FREE
    called_at: dt.datetime | None = None
    last_called_at: dt.datetime | None = None
    spared_at: dt.datetime | None = None

    @property
    def call(self) -> dt.datetime | None:
        """The last answer that called for somebody, if nobody has said that they came."""
        return self.last_called_at if self.called_at else None

    @property
    def is_held(self) -> bool:
        return self.ending is Ending.SENT and self.gate is Gate.HOLD and not self.is_read

    @property
    def is_waiting(self) -> bool:
        """Something was sent here that the client was told somebody reads."""
        return self.ending is Ending.SENT and self.gate is not Gate.FREE and not self.is_read


NO_MARK = StepMark()


@dataclass(frozen=True)
class Place:
    """A step on the client's way. `opens_at` is only known for one that waits for its day."""

    step: Step
    standing: Standing
    opens_at: dt.datetime | None = None


@dataclass(frozen=True)
class Course:
    """The client's way through a module, from its first step to its last."""

    places: tuple[Place, ...]
    _by_step: dict[str, Place] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        self._by_step.update({place.step.id: place for place in self.places})

    def of(self, step_id: str) -> Place | None:
        """None for a step that is not on this client's way."""
        return self._by_step.get(step_id)

    def next_open(self) -> Place | None:
        """Where to go on: the first step that is neither sent nor shut."""
        return next((p for p in self.places if p.standing is Standing.OPEN), None)

    @property
    def is_worked_through(self) -> bool:
        """Every step was left behind, one way or the other, or comes after one that was put off."""
        left = (Standing.DONE, Standing.PUT_OFF, Standing.LATER)
        return all(place.standing in left for place in self.places)


def course(
    module: ModuleFile,
    answers: Mapping[str, Any],
    marks: Mapping[str, StepMark],
    *,
    pace: Pace,
    starts_at: dt.datetime,
    zone: dt.tzinfo,
    now: dt.datetime,
) -> Course:
    """Which steps there are for somebody who answered so, and which of them are open now.

    `zone`: on whose calendar a week is seven days, also when the clocks are changed.
    """
    places: list[Place] = []
    barrier: Standing | None = None
    for step in way(module, answers):
        mark = marks.get(step.id, NO_MARK)
        if mark.spared_at is not None:
            continue
        weeks = len(places) if pace is Pace.WEEKLY else 0
        opens_at = (starts_at.astimezone(zone) + WEEK * weeks).astimezone(dt.UTC)
        standing = barrier or _standing(step, mark, is_early=now < opens_at)
        if mark.ending is not None:
            standing = Standing.DONE if mark.ending is Ending.SENT else Standing.PUT_OFF
        waits = standing is Standing.WAITS_FOR_DAY
        places.append(Place(step, standing, opens_at if waits else None))
        barrier = barrier or _barrier(mark, standing, pace)
    return Course(tuple(places))


def _standing(step: Step, mark: StepMark, *, is_early: bool) -> Standing:
    if step.clinician_unlocks and not mark.is_unlocked:
        return Standing.LOCKED
    return Standing.WAITS_FOR_DAY if is_early else Standing.OPEN


def _barrier(mark: StepMark, standing: Standing, pace: Pace) -> Standing | None:
    """What keeps the steps after this one shut."""
    if mark.is_held:
        return Standing.WAITS_FOR_READING
    is_read_first = mark.gate is Gate.HOLD and mark.ending is Ending.NOT_NOW
    if pace is not Pace.FREE and (mark.ending is None or is_read_first):
        return Standing.LATER
    if standing is Standing.WAITS_FOR_DAY:
        return Standing.LATER
    return None
