"""Reading given work: lists, how far it has come, what was answered and what was said to it."""

import datetime as dt
import json
import logging
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.caseload.models import CareTeamMember
from portal.caseload.queries import Waiting
from portal.core import clock
from portal.core.crypto import Unreadable, label, open_with, unpad
from portal.core.keyring import Keyring
from portal.core.statements import Prepared
from portal.modules import course
from portal.modules.access import OpenWork
from portal.modules.format.shapes import ModuleFile
from portal.modules.models import (
    Assignment,
    Ending,
    Feedback,
    Gate,
    Homework,
    HomeworkReport,
    KeptAnswers,
    Response,
    State,
    StateChange,
    StepEnding,
    StepTerms,
    WorkReminder,
)
from portal.modules.published import load
from portal.vault.keys import OpenVault, Place, Sealed

log = logging.getLogger("portal.modules")

MOST_LISTED = 100
# Beside the answers of a sheet of paper that are kept: no prompt has such an id.
WRITTEN_ON = "@written_on"
MOST_FOUND = 5000


def answers_place(work_id: uuid.UUID, step_id: str, seq: int, author_id: uuid.UUID) -> Place:
    """Bound to the work, the step and the number: moved to another place, it is damaged."""
    return Place("responses", f"sealed:{step_id}", work_id, author_id, seq)


def feedback_place(work_id: uuid.UUID, step_id: str, seq: int, author_id: uuid.UUID) -> Place:
    return Place("feedback", f"sealed:{step_id}", work_id, author_id, seq)


def report_place(work_id: uuid.UUID, prompt_id: str, seq: int, author_id: uuid.UUID) -> Place:
    return Place("homework_reports", f"sealed:{prompt_id}", work_id, author_id, seq)


def kept_label(clinic_id: uuid.UUID, work_id: uuid.UUID, step_id: str, kept_id: uuid.UUID) -> bytes:
    return label(clinic_id, "kept_answers", work_id, step_id, kept_id)


@dataclass(frozen=True)
class Answered:
    """One form's answers to a step. `answers` is None if this person cannot read them;
    `written_on` is the day on a sheet that somebody of the care team typed in."""

    step_id: str
    seq: int
    based_on: int
    author_id: uuid.UUID
    at: dt.datetime
    answers: dict[str, Any] | None
    written_on: dt.date | None


_COLUMNS = (
    Response.step_id,
    Response.seq,
    Response.based_on,
    Response.author_id,
    Response.saved_at,
    Response.written_on,
    Response.epoch,
    Response.sealed,
)
_REVISIONS = Prepared(
    select(*_COLUMNS)
    .where(Response.assignment_id == bindparam("work"), Response.step_id == bindparam("step"))
    .order_by(Response.seq)
)
_last = Response.__table__.alias("last")
_LATEST = Prepared(
    select(*_COLUMNS).where(
        Response.assignment_id == bindparam("work"),
        Response.seq
        == select(func.max(_last.c.seq))
        .where(
            _last.c.assignment_id == Response.assignment_id,
            _last.c.step_id == Response.step_id,
        )
        .correlate(Response)
        .scalar_subquery(),
    )
)


def revisions(session: Session, work: OpenWork, step_id: str) -> list[Answered]:
    """Everything that was ever saved of a step and is not replaced, oldest first."""
    return [_answered(work, row) for row in _REVISIONS.all(session, work=work.id, step=step_id)]


def latest(session: Session, work: OpenWork) -> dict[str, Answered]:
    """What counts of each step that was answered."""
    return {row.step_id: _answered(work, row) for row in _LATEST.all(session, work=work.id)}


_ALL = Prepared(
    select(*_COLUMNS)
    .where(Response.assignment_id == bindparam("work"))
    .order_by(Response.step_id, Response.seq)
)


def revisions_of(
    session: Session, work: OpenWork, step_ids: Collection[str]
) -> dict[str, list[Answered]]:
    """As `revisions`, of several steps in one look-up. Nothing else is opened."""
    found: dict[str, list[Answered]] = {step_id: [] for step_id in step_ids}
    if found:
        for row in _ALL.all(session, work=work.id):
            if row.step_id in found:
                found[row.step_id].append(_answered(work, row))
    return found


def _answered(work: OpenWork, row: Any) -> Answered:
    place = answers_place(work.id, row.step_id, row.seq, row.author_id)
    opened = work.vault.open_or_none(Sealed(row.epoch, row.sealed), place)
    answers = None if opened is None else json.loads(opened)
    return Answered(
        row.step_id, row.seq, row.based_on, row.author_id, row.saved_at, answers, row.written_on
    )


def from_paper(found: list[Answered]) -> Answered | None:
    """What was typed in from a sheet the last time."""
    return next((one for one in reversed(found) if one.written_on is not None), None)


def rivals(found: list[Answered]) -> list[Answered]:
    """What was saved from other forms while the last one was being filled in, as on another
    device or on paper: it was not known to whoever filled in the last, and it differs."""
    if not found:
        return []
    last = found[-1]
    return [
        one
        for one in found[:-1]
        if one.seq > last.based_on and one.answers is not None and one.answers != last.answers
    ]


def name_of(session: Session, keyring: Keyring, person_id: uuid.UUID) -> str:
    """Of one of the care team, who typed in what came on paper."""
    sealed = session.scalar(select(User.name_sealed).where(User.id == person_id))
    return keyring.name(sealed or b"", "users", "name", person_id)


class Said(NamedTuple):
    """What a clinician said to a step. `beside`: words by prompt; `link`: an earlier prompt;
    `goal`: one of the client's goals, in the words it had then."""

    step_id: str
    seq: int
    response_seq: int
    author_name: str
    at: dt.datetime
    beside: Mapping[str, str]
    noticed: str
    link: str
    goal: str
    task: str


_FEEDBACK = Prepared(
    select(
        Feedback.step_id,
        Feedback.seq,
        Feedback.response_seq,
        Feedback.author_id,
        Feedback.given_at,
        Feedback.epoch,
        Feedback.sealed,
        User.name_sealed,
    )
    .join(User, User.id == Feedback.author_id)
    .where(Feedback.assignment_id == bindparam("work"))
    .order_by(Feedback.seq)
)


def feedback_on(session: Session, keyring: Keyring, work: OpenWork) -> list[Said]:
    """All feedback on given work, oldest first; what cannot be read is left out."""
    found = []
    for row in _FEEDBACK.all(session, work=work.id):
        place = feedback_place(work.id, row.step_id, row.seq, row.author_id)
        opened = work.vault.open_or_none(Sealed(row.epoch, row.sealed), place)
        if opened is None:
            continue
        said = json.loads(opened)
        name = keyring.name(row.name_sealed, "users", "name", row.author_id)
        found.append(
            Said(
                row.step_id, row.seq, row.response_seq, name, row.given_at,
                said["beside"], said["noticed"], said["link"], said.get("goal", ""), said["task"],
            )
        )  # fmt: skip
    return found


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


def merged(found: Iterable[Answered]) -> dict[str, Any]:
    return {name: value for one in found for name, value in (one.answers or {}).items()}


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


@dataclass(frozen=True)
class Kept:
    """Answers that came when nobody was signed in any more."""

    id: uuid.UUID
    at: dt.datetime
    answers: dict[str, Any]


_KEPT = Prepared(
    select(KeptAnswers.id, KeptAnswers.sealed, KeptAnswers.kept_at)
    .where(
        KeptAnswers.author_id == bindparam("person"),
        KeptAnswers.assignment_id == bindparam("work"),
        KeptAnswers.step_id == bindparam("step"),
    )
    .order_by(KeptAnswers.id)
)


def kept_of(session: Session, person: Person, work: OpenWork, step_id: str) -> list[Kept]:
    """What came too late for this step, oldest first."""
    found = []
    for row in _KEPT.all(session, person=person.id, work=work.id, step=step_id):
        place = kept_label(person.clinic_id, work.id, step_id, row.id)
        try:
            opened = unpad(open_with(person.private_key, row.sealed, place)).decode()
        except Unreadable:
            log.error("kept answers %s do not open", row.id)
            continue
        found.append(Kept(row.id, row.kept_at, json.loads(opened)))
    return found


def kept_beside(session: Session, person: Person, work: OpenWork) -> dict[str, Kept]:
    """What somebody of the care team typed too late, by step: the latest of each."""
    steps = set(
        session.scalars(
            select(KeptAnswers.step_id).where(
                KeptAnswers.author_id == person.id, KeptAnswers.assignment_id == work.id
            )
        )
    )
    found = {step_id: kept_feedback(session, person, work, step_id) for step_id in steps}
    return {step_id: kept[-1] for step_id, kept in found.items() if kept}


def kept_feedback(session: Session, person: Person, work: OpenWork, step_id: str) -> list[Kept]:
    """Without the sheets of paper that were typed in too late."""
    found = kept_of(session, person, work, step_id)
    return [one for one in found if WRITTEN_ON not in one.answers]


def work_with_kept_answers(session: Session, person: Person) -> set[uuid.UUID]:
    return set(
        session.scalars(select(KeptAnswers.assignment_id).where(KeptAnswers.author_id == person.id))
    )


@dataclass(frozen=True)
class WorkRow:
    """One line in a list of given work."""

    id: uuid.UUID
    module: ModuleFile
    state: State
    given_at: dt.datetime
    starts_at: dt.datetime
    last_at: dt.datetime
    waiting_since: dt.datetime | None


def work_of(session: Session, keyring: Keyring, engagement_id: uuid.UUID) -> list[WorkRow]:
    """Everything given in an engagement, the latest first; without what is damaged."""
    rows = session.execute(
        select(
            Assignment.id, Assignment.published_id, Assignment.state, Assignment.given_at,
            Assignment.starts_at, Assignment.last_at, Assignment.waiting_since,
        )
        .where(Assignment.engagement_id == engagement_id)
        .order_by(Assignment.id.desc())
        .limit(MOST_LISTED)
    )  # fmt: skip
    return [row for found in rows.all() if (row := _work_row(session, keyring, found))]


def _work_row(session: Session, keyring: Keyring, found: Any) -> WorkRow | None:
    try:
        return WorkRow(found[0], load(session, keyring, found[1]), *found[2:])
    except Unreadable:
        log.error("published module %s does not open", found[1])
        return None


def steps_sent(session: Session, work_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many steps of each were sent: to be told in a list without opening anything."""
    if not work_ids:
        return {}
    rows = session.execute(
        select(StepEnding.assignment_id, func.count(StepEnding.step_id.distinct()))
        .where(StepEnding.assignment_id.in_(work_ids), StepEnding.how == Ending.SENT)
        .group_by(StepEnding.assignment_id)
    )
    return {row[0]: row[1] for row in rows}


def waiting_items(session: Session, person: Person) -> list[Waiting]:
    """For every engagement on whose team somebody is: since when work waits, if any does."""
    rows = session.execute(
        select(
            Assignment.engagement_id,
            func.min(Assignment.waiting_since),
            func.max(Assignment.last_at),
        )
        .join(CareTeamMember, CareTeamMember.engagement_id == Assignment.engagement_id)
        .where(CareTeamMember.user_id == person.id, CareTeamMember.left_at.is_(None))
        .group_by(Assignment.engagement_id)
    )
    return [Waiting(*row) for row in rows]


def ids_of_team_member(session: Session, person: Person) -> list[uuid.UUID]:
    """All work on whose care team somebody is, the latest first."""
    return list(
        session.scalars(
            select(Assignment.id)
            .join(CareTeamMember, CareTeamMember.engagement_id == Assignment.engagement_id)
            .where(CareTeamMember.user_id == person.id, CareTeamMember.left_at.is_(None))
            .order_by(Assignment.id.desc())
            .limit(MOST_FOUND)
        )
    )


@dataclass(frozen=True)
class Report:
    """How homework went: outcome is "done", "partly" or "not_yet"."""

    prompt_id: str
    outcome: str
    obstacle: str
    at: dt.datetime


@dataclass(frozen=True)
class Task:
    """Homework, with what it is and how it went so far, oldest report first."""

    work_id: uuid.UUID
    prompt_id: str
    step_id: str
    planned_at: dt.datetime
    closed_at: dt.datetime | None
    missed_at: dt.datetime | None
    plan: dict[str, Any]
    reports: list[Report] = field(default_factory=list)


def homework_of(session: Session, vault: OpenVault, work_ids: Iterable[uuid.UUID]) -> list[Task]:
    """The homework of given work, the first planned first; without what cannot be read."""
    wanted = list(work_ids)
    if not wanted:
        return []
    rows = session.scalars(
        select(Homework)
        .where(Homework.assignment_id.in_(wanted))
        .order_by(Homework.planned_at, Homework.assignment_id, Homework.prompt_id)
    ).all()
    plans = _plans(session, vault, {row.assignment_id for row in rows})
    reports = _reports(session, vault, {row.assignment_id for row in rows})
    return [
        Task(
            row.assignment_id, row.prompt_id, row.step_id, row.planned_at, row.closed_at,
            row.missed_at, plan,
            [one for one in reports.get((row.assignment_id, row.prompt_id), [])
             if one.at >= row.planned_at],
        )
        for row in rows
        if (plan := plans.get((row.assignment_id, row.step_id), {}).get(row.prompt_id))
    ]  # fmt: skip


Plans = dict[tuple[uuid.UUID, str], dict[str, Any]]


def _plans(session: Session, vault: OpenVault, work_ids: set[uuid.UUID]) -> Plans:
    """What was answered to each step when it was last sent."""
    sent = (
        select(
            StepEnding.assignment_id,
            StepEnding.step_id,
            func.max(StepEnding.response_seq).label("seq"),
        )
        .where(StepEnding.assignment_id.in_(work_ids), StepEnding.how == Ending.SENT)
        .group_by(StepEnding.assignment_id, StepEnding.step_id)
        .subquery()
    )
    query = select(Response).join(
        sent,
        (Response.assignment_id == sent.c.assignment_id)
        & (Response.step_id == sent.c.step_id)
        & (Response.seq == sent.c.seq),
    )
    rows = session.scalars(query)
    found: Plans = {}
    for row in rows:
        place = answers_place(row.assignment_id, row.step_id, row.seq, row.author_id)
        opened = vault.open_or_none(Sealed(row.epoch, row.sealed), place)
        found[row.assignment_id, row.step_id] = {} if opened is None else json.loads(opened)
    return found


def _reports(
    session: Session, vault: OpenVault, work_ids: set[uuid.UUID]
) -> dict[tuple[uuid.UUID, str], list[Report]]:
    rows = session.scalars(
        select(HomeworkReport)
        .where(HomeworkReport.assignment_id.in_(work_ids))
        .order_by(HomeworkReport.assignment_id, HomeworkReport.seq)
    )
    found: dict[tuple[uuid.UUID, str], list[Report]] = {}
    for row in rows:
        place = report_place(row.assignment_id, row.prompt_id, row.seq, row.by)
        opened = vault.open_or_none(Sealed(row.epoch, row.sealed), place)
        if opened is not None:
            said = json.loads(opened)
            report = Report(row.prompt_id, said["outcome"], said["obstacle"], row.at)
            found.setdefault((row.assignment_id, row.prompt_id), []).append(report)
    return found


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
