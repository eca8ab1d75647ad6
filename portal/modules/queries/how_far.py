"""How far given work has come, and what was agreed about it."""

import datetime as dt
import uuid
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal.core import clock
from portal.core.statements import Prepared
from portal.modules import course
from portal.modules.access import OpenWork
from portal.modules.format.shapes import ModuleFile
from portal.modules.models import (
    Ending,
    Feedback,
    State,
    StateChange,
    StepEnding,
    StepTerms,
    WorkReminder,
)
from portal.modules.queries.responses import Answered, latest, merged, revisions_of

_TERMS = Prepared(
    select(
        StepTerms.step_id,
        StepTerms.gate,
        StepTerms.opened_at,
        StepTerms.called_at,
        StepTerms.last_called_at,
        StepTerms.spared_at,
    ).where(StepTerms.assignment_id == bindparam("work"))
)
_ENDINGS = Prepared(
    select(StepEnding.step_id, StepEnding.how, StepEnding.response_seq, StepEnding.at)
    .where(StepEnding.assignment_id == bindparam("work"))
    .order_by(StepEnding.seq)
)
_READ = Prepared(
    select(
        Feedback.step_id,
        func.max(Feedback.response_seq).label("seq"),
        func.max(Feedback.given_at).label("at"),
    )
    .where(Feedback.assignment_id == bindparam("work"))
    .group_by(Feedback.step_id)
)


@dataclass(frozen=True)
class Progress:
    """How far given work has come. `said_at`: when something was last said to it."""

    module: ModuleFile
    latest: dict[str, Answered]
    marks: dict[str, course.StepMark]
    endings: dict[str, Any]
    sent_seqs: frozenset[tuple[str, int]]
    course: course.Course
    said_at: dt.datetime | None

    @cached_property
    def answers(self) -> dict[str, Any]:
        """Everything that counts, by prompt."""
        return merged(self.latest.values())

    @property
    def waiting_since(self) -> dt.datetime | None:
        """When the oldest step was sent that somebody said they would read, and has not."""
        sent = (self.endings[name].at for name, mark in self.marks.items() if mark.is_waiting)
        return min(sent, default=None)

    @property
    def called_since(self) -> dt.datetime | None:
        """When the oldest answer came that calls for somebody, and nobody has come yet."""
        return min((m.called_at for m in self.marks.values() if m.called_at), default=None)

    def is_read(self, but: str = "") -> bool:
        """Something was said to every step that was sent; `but`: to this one just now."""
        return all(
            mark.is_read or name == but
            for name, mark in self.marks.items()
            if mark.ending is Ending.SENT
        )

    @property
    def has_sent(self) -> bool:
        return any(mark.ending is Ending.SENT for mark in self.marks.values())


def progress(session: Session, work: OpenWork) -> Progress:
    found = latest(session, work)
    left = _ENDINGS.all(session, work=work.id)
    endings = {row.step_id: row for row in left}
    said = {row.step_id: row for row in _READ.all(session, work=work.id)}
    terms = {row.step_id: row for row in _TERMS.all(session, work=work.id)}
    marks = {
        step.id: _mark(endings.get(step.id), terms.get(step.id), said.get(step.id))
        for step in work.module.steps
    }
    way = course.course(
        work.module,
        merged(found.values()),
        marks,
        pace=work.pace,
        starts_at=work.starts_at,
        zone=ZoneInfo(work.time_zone),
        now=clock.now(),
    )
    sent_seqs = frozenset((row.step_id, row.response_seq) for row in left if row.how is Ending.SENT)
    said_at = max((row.at for row in said.values()), default=None)
    return Progress(work.module, found, marks, endings, sent_seqs, way, said_at)


def _mark(ended: Any, terms: Any, said: Any) -> course.StepMark:
    """What is known of a step, of the last rows about it; None for those that there are not."""
    mark = course.StepMark(
        ending=ended.how if ended else None,
        is_read=bool(ended and said and said.seq >= ended.response_seq),
    )
    if terms is None:
        return mark
    return replace(
        mark,
        is_unlocked=terms.opened_at is not None,
        gate=terms.gate,
        called_at=terms.called_at,
        last_called_at=terms.last_called_at,
        # What came on paper all the same is there.
        spared_at=None if ended else terms.spared_at,
    )


def sent(session: Session, work: OpenWork, found: Progress) -> dict[str, Any]:
    """What counts of what was sent: all that the care team sees. What is still being written, and
    what was changed since and not sent, is its author's alone."""
    seqs = {name: row.response_seq for name, row in found.endings.items() if row.how is Ending.SENT}
    revisions = revisions_of(session, work, seqs)
    return merged(one for name, seq in seqs.items() for one in revisions[name] if one.seq == seq)


def states_of(session: Session, work_id: uuid.UUID) -> list[StateChange]:
    """The states that given work came through, the first first."""
    return list(
        session.scalars(
            select(StateChange)
            .where(StateChange.assignment_id == work_id)
            .order_by(StateChange.seq)
        )
    )


def number_to_finish(session: Session, work: OpenWork, found: Progress) -> int | None:
    """The number of the change by which the client sent the whole, if something was said to it
    since: then somebody may say that this is all. Else None."""
    if work.state is not State.SUBMITTED or found.said_at is None:
        return None
    sent = states_of(session, work.id)[-1]
    return sent.seq if found.said_at >= sent.at else None


def reminder_of(session: Session, work_id: uuid.UUID) -> WorkReminder | None:
    """When the client wants to be reminded of this work."""
    return session.get(WorkReminder, work_id)
