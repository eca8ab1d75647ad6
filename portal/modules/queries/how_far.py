"""How far given work has come, and what was agreed about it."""

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any

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
    Gate,
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
    ).where(StepTerms.assignment_id == bindparam("work"))
)
_ENDINGS = Prepared(
    select(StepEnding.step_id, StepEnding.how, StepEnding.response_seq, StepEnding.at)
    .where(StepEnding.assignment_id == bindparam("work"))
    .order_by(StepEnding.seq)
)
_READ = Prepared(
    select(Feedback.step_id, func.max(Feedback.response_seq).label("seq"))
    .where(Feedback.assignment_id == bindparam("work"))
    .group_by(Feedback.step_id)
)


@dataclass(frozen=True)
class Progress:
    """How far given work has come."""

    module: ModuleFile
    latest: dict[str, Answered]
    marks: dict[str, course.StepMark]
    endings: dict[str, Any]
    sent_seqs: frozenset[tuple[str, int]]
    course: course.Course

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

    @property
    def has_sent(self) -> bool:
        return any(mark.ending is Ending.SENT for mark in self.marks.values())


def progress(session: Session, work: OpenWork) -> Progress:
    found = latest(session, work)
    left = _ENDINGS.all(session, work=work.id)
    endings = {row.step_id: row for row in left}
    read = {row.step_id: row.seq for row in _READ.all(session, work=work.id)}
    terms = {row.step_id: row for row in _TERMS.all(session, work=work.id)}
    marks = {
        step.id: course.StepMark(
            ending=endings[step.id].how if step.id in endings else None,
            is_read=step.id in endings and read.get(step.id, -1) >= endings[step.id].response_seq,
            is_unlocked=step.id in terms and terms[step.id].opened_at is not None,
            gate=terms[step.id].gate if step.id in terms else Gate.FREE,
            called_at=terms[step.id].called_at if step.id in terms else None,
        )
        for step in work.module.steps
    }
    way = course.course(
        work.module,
        merged(found.values()),
        marks,
        pace=work.pace,
        starts_at=work.starts_at,
        now=clock.now(),
    )
    sent_seqs = frozenset((row.step_id, row.response_seq) for row in left if row.how is Ending.SENT)
    return Progress(work.module, found, marks, endings, sent_seqs, way)


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


def reminder_of(session: Session, work_id: uuid.UUID) -> WorkReminder | None:
    """When the client wants to be reminded of this work."""
    return session.get(WorkReminder, work_id)
