"""How modules go in a clinic as a whole: counted from who did what when; no answer is opened.

What is counted is clients: one who was given a diary ten times is one.

A small number tells on somebody: of three students who were given a course, everybody in a school
office knows who did not finish it. So a number below 5 is never told, nor is 0; every other one is
rounded to fives, since two exact numbers tell a small one by their difference. Of a module that
fewer than 5 people were given, nothing more is told.
"""

import datetime as dt
import uuid
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from portal.core import clock
from portal.core.keyring import Keyring
from portal.modules import published
from portal.modules.course import ANSWERABLE
from portal.modules.format.shapes import ModuleFile
from portal.modules.models import Assignment, Ending, Response, State, StateChange, StepEnding

FEWEST = 5
LOOKS_BACK = dt.timedelta(days=365)
STOPPED_AFTER = dt.timedelta(days=21)
MOST_MODULES = 100


@dataclass(frozen=True)
class StepTally:
    """How many clients came to a step, and what became of it. `last`: they stopped here."""

    reached: int = 0
    sent: int = 0
    put_off: int = 0
    last: int = 0


@dataclass
class Tally:
    """To how many clients a version of a module was given, and what became of it.

    `states`: how many came into each state, at whatever time. `never_begun`: how many stopped
    before they answered anything.
    """

    module: ModuleFile
    given: int = 0
    states: dict[State, int] = field(default_factory=dict)
    never_begun: int = 0
    steps: dict[str, StepTally] = field(default_factory=dict)

    @property
    def may_be_told(self) -> bool:
        return self.given >= FEWEST


def rounded(count: int) -> int | None:
    """To the nearest five; None for a number that nobody is told."""
    return None if count < FEWEST else (count + 2) // 5 * 5


def tallies(session: Session, keyring: Keyring, clinic_id: uuid.UUID) -> list[Tally]:
    """Of everything given in the last year, what was given most first."""
    now = clock.now()
    of_clinic = and_(Assignment.clinic_id == clinic_id, Assignment.given_at >= now - LOOKS_BACK)
    has_stopped = and_(
        Assignment.state.in_(ANSWERABLE),
        Assignment.waiting_since.is_(None),
        Assignment.last_at < now - STOPPED_AFTER,
    )
    found: dict[uuid.UUID, Tally] = {}
    for published_id, given, never in session.execute(_given(of_clinic, has_stopped)):
        found[published_id] = Tally(
            published.load(session, keyring, published_id), given, never_begun=never or 0
        )
    for published_id, state, count in session.execute(_came_into(of_clinic)):
        if published_id in found:
            found[published_id].states[state] = count
    for published_id, step_id, *counts in session.execute(_steps(of_clinic, has_stopped)):
        if published_id in found:
            found[published_id].steps[step_id] = StepTally(*counts)
    return list(found.values())


def _given(of_clinic: Any, has_stopped: Any) -> Any:
    not_begun = Assignment.state.in_((State.ASSIGNED, State.OPENED))
    given = func.count(Assignment.engagement_id.distinct())
    return (
        select(
            Assignment.published_id,
            given,
            _clients(Assignment.engagement_id, and_(has_stopped, not_begun)),
        )
        .where(of_clinic)
        .group_by(Assignment.published_id)
        .order_by(given.desc(), Assignment.published_id)
        .limit(MOST_MODULES)
    )


def _clients(whose: Any, condition: Any) -> Any:
    return func.count(case((condition, whose)).distinct())


def _came_into(of_clinic: Any) -> Any:
    return (
        select(
            Assignment.published_id,
            StateChange.state,
            func.count(Assignment.engagement_id.distinct()),
        )
        .join(StateChange, StateChange.assignment_id == Assignment.id)
        .where(of_clinic)
        .group_by(Assignment.published_id, StateChange.state)
    )


def _steps(of_clinic: Any, has_stopped: Any) -> Any:
    """Each step that somebody answered or left behind. The last one of work that has stopped is
    where they stopped."""
    stopped = case((has_stopped, 1), else_=0).label("stopped")
    whose = (
        Assignment.published_id,
        Assignment.engagement_id,
        Assignment.id.label("work"),
        stopped,
    )
    none = literal(0)
    answered = (
        select(*whose, Response.step_id, Response.saved_at.label("at"),
               none.label("sent"), none.label("put_off"))
        .join(Response, Response.assignment_id == Assignment.id)
        .where(of_clinic)
    )  # fmt: skip
    left = (
        select(*whose, StepEnding.step_id, StepEnding.at.label("at"),
               case((StepEnding.how == Ending.SENT, 1), else_=0),
               case((StepEnding.how == Ending.NOT_NOW, 1), else_=0))
        .join(StepEnding, StepEnding.assignment_id == Assignment.id)
        .where(of_clinic)
    )  # fmt: skip
    done = union_all(answered, left).subquery()
    step = (
        select(
            done.c.published_id, done.c.engagement_id, done.c.work, done.c.stopped, done.c.step_id,
            func.max(done.c.at).label("at"), func.max(done.c.sent).label("sent"),
            func.max(done.c.put_off).label("put_off"),
        )
        .group_by(
            done.c.published_id, done.c.engagement_id, done.c.work, done.c.stopped, done.c.step_id
        )
        .subquery()
    )  # fmt: skip
    latest = func.row_number().over(
        partition_by=step.c.work, order_by=(step.c.at.desc(), step.c.step_id)
    )
    one = select(step, latest.label("place")).subquery()
    client = one.c.engagement_id
    return select(
        one.c.published_id,
        one.c.step_id,
        func.count(client.distinct()),
        _clients(client, one.c.sent == 1),
        _clients(client, and_(one.c.sent == 0, one.c.put_off == 1)),
        _clients(client, and_(one.c.stopped == 1, one.c.place == 1)),
    ).group_by(one.c.published_id, one.c.step_id)
