"""Giving work, answering it, sending it, and saying something to it."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.caseload.models import CareTeamMember, Engagement
from portal.caseload.queries import EngagementFacts
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.crypto import pad, seal_to
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.modules import queries
from portal.modules.access import (
    OpenWork,
    clients_work_for,
    grant_holders,
    load,
    team_work_for,
    work_for,
)
from portal.modules.course import ANSWERABLE, FOLLOWS, OVER
from portal.modules.format.shapes import ModuleFile, Question, Step
from portal.modules.format.walk import homework, still_asked
from portal.modules.models import (
    Assignment,
    Ending,
    Feedback,
    Gate,
    Homework,
    HomeworkReport,
    KeptAnswers,
    Pace,
    PublishedModule,
    Response,
    State,
    StateChange,
    StepEnding,
    StepTerms,
)
from portal.modules.shelves import read_source
from portal.notifications.opening import opened
from portal.notifications.services import point
from portal.safety.words import check_length, cleaned
from portal.vault import services as vault_services

CAUSE = "work"
MOST_KEPT = 20
LONGEST_OBSTACLE = 500
MISSES = 2
OUTCOMES = ("done", "partly", "not_yet")


class NonceRefused(Invalid):
    """The form was not given to this person for this work, or too long ago."""

    code = "form_too_old"


class WorkShut(Conflict):
    """The work is not open for this now. What was answered is kept."""

    code = "work_shut"


@dataclass(frozen=True)
class Terms:
    """How work is given: from when, how fast, and which steps are read before going on."""

    starts_at: dt.datetime
    pace: Pace
    gates: Mapping[str, Gate]


def give(
    session: Session,
    keyring: Keyring,
    person: Person,
    engagement: EngagementFacts,
    source: bytes,
    terms: Terms,
    nonce: Nonce | None,
) -> uuid.UUID:
    """Gives a client the module or worksheet in a file; once, however often it is asked.

    A version that the clinic has given before stays as it was then. Raises NonceRefused, or
    ValueError for a file that is no sound module.
    """
    if nonce is None or not nonce.was_given_to(keyring, person.id, engagement.id):
        raise NonceRefused
    session.execute(select(Engagement.id).where(Engagement.id == engagement.id).with_for_update())
    known = session.scalar(
        select(Assignment.id).where(Assignment.given_by == person.id, Assignment.nonce == nonce.id)
    )
    if known is not None:
        return known
    module, published_id = _publish(session, person, source)
    work_id, now = new_id(), clock.now()
    session.add(
        Assignment(
            id=work_id,
            clinic_id=person.clinic_id,
            engagement_id=engagement.id,
            vault_id=engagement.vault_id,
            published_id=published_id,
            given_by=person.id,
            given_at=now,
            nonce=nonce.id,
            starts_at=terms.starts_at,
            pace=terms.pace,
            state=State.ASSIGNED,
            last_at=now,
        )
    )
    session.flush()
    _note_state(session, person, work_id, State.ASSIGNED)
    for step in module.steps:
        session.add(
            StepTerms(
                assignment_id=work_id,
                step_id=step.id,
                clinic_id=person.clinic_id,
                gate=terms.gates.get(step.id, Gate.FREE),
            )
        )
    session.flush()
    _tell(session, person, engagement.client_id, work_id)
    audit.note(session, person.clinic_id, person.id, "work:give", work_id)
    return work_id


def _publish(session: Session, person: Person, source: bytes) -> tuple[ModuleFile, uuid.UUID]:
    """This version as the clinic's own; the file of the first time is kept."""
    module = read_source(source)
    kind = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(
        kind(PublishedModule)
        .values(
            id=new_id(),
            clinic_id=person.clinic_id,
            module_id=module.id,
            version=module.version,
            source=source,
            published_by=person.id,
            published_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )
    published_id = session.scalars(
        select(PublishedModule.id).where(
            PublishedModule.clinic_id == person.clinic_id,
            PublishedModule.module_id == module.id,
            PublishedModule.version == module.version,
        )
    ).one()
    return load(session, published_id), published_id


def _note_state(session: Session, person: Person, work_id: uuid.UUID, state: State) -> None:
    last = session.scalar(
        select(func.max(StateChange.seq)).where(StateChange.assignment_id == work_id)
    )
    session.add(
        StateChange(
            assignment_id=work_id,
            seq=(last or 0) + 1,
            clinic_id=person.clinic_id,
            state=state,
            by=person.id,
            at=clock.now(),
        )
    )
    session.flush()


def move(session: Session, person: Person, work: OpenWork, state: State) -> OpenWork:
    """Brings work into another state. Raises Conflict if that may not follow."""
    if state not in FOLLOWS[work.state]:
        raise Conflict(reason="work_moved_on")
    _note_state(session, person, work.id, state)
    session.execute(
        update(Assignment).where(Assignment.id == work.id).values(state=state, last_at=clock.now())
    )
    audit.note(session, person.clinic_id, person.id, f"work:{state.value}", work.id)
    return replace(work, state=state)


def mark_opened(session: Session, person: Person, work_id: uuid.UUID) -> None:
    """Remembers that the client has seen what was given, and what pointed to it."""
    opened(session, person.id, CAUSE, work_id)
    if person.is_staff:
        return
    work = clients_work_for(session, person, work_id, to_write=True)
    if work.state is State.ASSIGNED:
        move(session, person, work, State.OPENED)


@dataclass(frozen=True)
class Saved:
    """What became of a form. `missing`: required questions that were left empty; `wrong`: what
    does not fit its question, by prompt; `is_shut`: kept, but the work could not be sent."""

    work: OpenWork
    step: Step
    changed: bool = True
    ended: bool = False
    is_shut: bool = False
    wrong: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Question, ...] = ()


@dataclass(frozen=True)
class Form:
    """A step's form as it came back. `based_on`: the number of the answers it was made from;
    `is_draft`: it saved itself, while somebody was still writing."""

    answers: dict[str, Any]
    wrong: Mapping[str, str]
    nonce: Nonce | None
    based_on: int
    is_draft: bool = False


def step_of(work: OpenWork, step_id: str) -> Step:
    """Raises NotFound."""
    try:
        return work.module.step(step_id)
    except KeyError as error:
        raise NotFound from error


def save(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    person: Person,
    work_id: uuid.UUID,
    step_id: str,
    form: Form,
    *,
    ending: Ending | None = None,
) -> Saved:
    """Saves a step's answers, and leaves the step behind if an ending is given; once.

    What fits is always stored, also where the step cannot be sent. Raises NotFound, NonceRefused.
    """
    work = clients_work_for(session, person, work_id, to_write=True)
    step = step_of(work, step_id)
    if form.nonce is None or not form.nonce.was_given_to(keyring, person.id, work.id):
        raise NonceRefused
    ended = _ended_by(session, person, form.nonce)
    if ended is not None and _are_its_answers(session, work, ended, form):
        return Saved(work, step, changed=False, ended=True)
    nonce_id = form.nonce.id if ended is None else new_id()
    work = _ready(session, clinic, person, work)
    seq, changed = _store(session, person, work, step, form, nonce_id)
    if changed:
        work = _begin(session, person, work)
        audit.note(session, person.clinic_id, person.id, "answers:save", work.id, step_id)
    saved = Saved(work, step, changed, wrong=form.wrong)
    if ending is None:
        return saved
    return _end(session, person, saved, ending, seq, nonce_id, form.answers)


def _ended_by(session: Session, person: Person, nonce: Nonce) -> StepEnding | None:
    return session.scalar(
        select(StepEnding).where(StepEnding.by == person.id, StepEnding.nonce == nonce.id)
    )


def _are_its_answers(session: Session, work: OpenWork, ended: StepEnding, form: Form) -> bool:
    """Whether a form that was sent says the same once more; a late draft of it says nothing new."""
    if form.is_draft:
        return True
    found = {one.seq: one.answers for one in queries.revisions(session, work, ended.step_id)}
    return (found.get(ended.response_seq) or {}) == form.answers


def _ready(session: Session, clinic: ClinicFacts, person: Person, work: OpenWork) -> OpenWork:
    """Nothing more goes under a key that somebody left with."""
    if not work.is_stale:
        return work
    vault = vault_services.freshen(session, person, work.vault, clinic.recovery_public_key)
    return replace(work, vault=vault, is_stale=False)


def _store(
    session: Session,
    person: Person,
    work: OpenWork,
    step: Step,
    form: Form,
    nonce_id: uuid.UUID,
) -> tuple[int, bool]:
    """The number under which these answers stand, and whether they are new."""
    found = queries.revisions(session, work, step.id)
    last = found[-1] if found else None
    if (last.answers if last else {}) == form.answers:
        return (last.seq if last else 0), False
    own = session.scalar(
        select(Response.seq).where(Response.author_id == person.id, Response.nonce == nonce_id)
    )
    if own is not None:
        session.execute(
            delete(Response).where(Response.author_id == person.id, Response.nonce == nonce_id)
        )
    seq = own if last is not None and own == last.seq else (last.seq if last else 0) + 1
    place = queries.answers_place(work.id, step.id, seq, person.id)
    sealed = work.vault.seal(json.dumps(form.answers), place)
    session.execute(
        insert(Response).values(
            assignment_id=work.id,
            step_id=step.id,
            seq=seq,
            clinic_id=person.clinic_id,
            author_id=person.id,
            based_on=min(form.based_on, seq - 1),
            epoch=sealed.epoch,
            sealed=sealed.blob,
            nonce=nonce_id,
            saved_at=clock.now(),
        )
    )
    session.execute(update(Assignment).where(Assignment.id == work.id).values(last_at=clock.now()))
    return seq, True


def _begin(session: Session, person: Person, work: OpenWork) -> OpenWork:
    """Whoever answers has opened it, and is at work."""
    if work.state is State.ASSIGNED:
        work = move(session, person, work, State.OPENED)
    if work.state in (State.OPENED, State.REVISION_ASKED):
        work = move(session, person, work, State.IN_PROGRESS)
    return work


def _end(
    session: Session,
    person: Person,
    saved: Saved,
    ending: Ending,
    seq: int,
    nonce_id: uuid.UUID,
    answers: dict[str, Any],
) -> Saved:
    work, step = saved.work, saved.step
    before = queries.progress(session, work)
    place = before.course.of(step.id)
    if work.state not in ANSWERABLE or place is None or not place.standing.may_be_answered:
        return replace(saved, is_shut=True)
    missing = still_asked(step, answers) if ending is Ending.SENT else ()
    if saved.wrong or missing:
        return replace(saved, missing=missing)
    work = _begin(session, person, work)
    _note_ending(session, person, work, step, ending, seq, nonce_id)
    if ending is Ending.SENT:
        _plan_homework(session, person, work, step, answers)
    after = queries.progress(session, work)
    is_whole = all(after.marks[one.step.id].ending is Ending.SENT for one in after.course.places)
    if is_whole and not before.course.is_worked_through:
        work = move(session, person, work, State.SUBMITTED)
    _count_waiting(session, work)
    if ending is Ending.SENT and (
        after.marks[step.id].gate is not Gate.FREE or work.state is State.SUBMITTED
    ):
        _tell_the_team(session, person, work)
    audit.note(session, person.clinic_id, person.id, f"step:{ending.value}", work.id, step.id)
    return replace(saved, work=work, ended=True)


def _note_ending(
    session: Session,
    person: Person,
    work: OpenWork,
    step: Step,
    ending: Ending,
    seq: int,
    nonce_id: uuid.UUID,
) -> None:
    last = session.scalar(
        select(func.max(StepEnding.seq)).where(StepEnding.assignment_id == work.id)
    )
    session.add(
        StepEnding(
            assignment_id=work.id,
            seq=(last or 0) + 1,
            clinic_id=person.clinic_id,
            step_id=step.id,
            how=ending,
            response_seq=seq,
            by=person.id,
            at=clock.now(),
            nonce=nonce_id,
        )
    )
    session.flush()


def _plan_homework(
    session: Session, person: Person, work: OpenWork, step: Step, answers: dict[str, Any]
) -> None:
    """What was planned in a step that is sent is asked for from now on."""
    for plan, _words in homework(step, answers):
        session.merge(
            Homework(
                assignment_id=work.id,
                prompt_id=plan.id,
                clinic_id=person.clinic_id,
                step_id=step.id,
                planned_at=clock.now(),
                closed_at=None,
                missed_at=None,
            )
        )
    session.flush()


def _count_waiting(session: Session, work: OpenWork) -> None:
    """Since when the oldest thing waits that the care team has not answered."""
    waits = []
    if work.state not in OVER:
        waits.append(queries.progress(session, work).waiting_since)
    if work.state is State.SUBMITTED:
        waits.append(queries.states_of(session, work.id)[-1].at)
    waits.append(
        session.scalar(
            select(func.min(Homework.missed_at)).where(Homework.assignment_id == work.id)
        )
    )
    since = min((one for one in waits if one is not None), default=None)
    session.execute(update(Assignment).where(Assignment.id == work.id).values(waiting_since=since))


def _tell_the_team(session: Session, person: Person, work: OpenWork) -> None:
    team = session.scalars(
        select(CareTeamMember.user_id)
        .where(CareTeamMember.engagement_id == work.engagement_id, CareTeamMember.left_at.is_(None))
        # In one order everywhere, or two at once could wait for each other's pointers.
        .order_by(CareTeamMember.user_id)
    )
    for recipient_id in team.all():
        _tell(session, person, recipient_id, work.id)


def _tell_the_client(session: Session, person: Person, work: OpenWork) -> None:
    client_id = session.scalars(
        select(Engagement.client_id).where(Engagement.id == work.engagement_id)
    ).one()
    _tell(session, person, client_id, work.id)


def _tell(session: Session, person: Person, recipient_id: uuid.UUID, work_id: uuid.UUID) -> None:
    point(
        session,
        clinic_id=person.clinic_id,
        recipient_id=recipient_id,
        kind="waiting",
        cause_kind=CAUSE,
        cause_id=work_id,
    )


def submit(session: Session, person: Person, work_id: uuid.UUID) -> None:
    """The client sends the work as it is, also with steps that were put off.

    Raises NotFound, or Conflict if nothing was sent yet or it is not theirs to send now.
    """
    work = clients_work_for(session, person, work_id, to_write=True)
    if not queries.progress(session, work).has_sent:
        raise Conflict(reason="work_moved_on")
    work = move(session, person, work, State.SUBMITTED)
    _count_waiting(session, work)
    _tell_the_team(session, person, work)


@dataclass(frozen=True)
class Words:
    """Feedback as it was typed: beside answers by prompt, something noticed, one next task."""

    beside: Mapping[str, str]
    noticed: str = ""
    link: str = ""
    task: str = ""

    @property
    def is_empty(self) -> bool:
        return not (any(self.beside.values()) or self.noticed or self.task)


def give_feedback(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    person: Person,
    work_id: uuid.UUID,
    step_id: str,
    words: Words,
    *,
    nonce: Nonce | None,
    ask_again: bool = False,
) -> None:
    """Says something to a step that was sent; once, however often it is asked.

    `ask_again` gives work that was sent as a whole back to be gone over once more. Raises
    NotFound, NonceRefused, Invalid for nothing or too much, or Conflict.
    """
    work = team_work_for(session, person, work_id, to_write=True)
    step = step_of(work, step_id)
    if nonce is None or not nonce.was_given_to(keyring, person.id, work.id):
        raise NonceRefused
    ended = queries.progress(session, work).endings.get(step.id)
    if _has_said(session, person, nonce):
        return
    if ended is None or ended.how is not Ending.SENT:
        raise Conflict(reason="work_moved_on")
    if words.is_empty and not ask_again:
        raise Invalid(text="text_empty")
    for text in (*words.beside.values(), words.noticed, words.task):
        check_length(text)
    work = _ready(session, clinic, person, work)
    _store_feedback(session, person, work, step, words, nonce, ended.response_seq)
    if work.state is State.SUBMITTED:
        wanted = State.REVISION_ASKED if ask_again else State.FEEDBACK_GIVEN
        work = move(session, person, work, wanted)
    _count_waiting(session, work)
    _tell_the_client(session, person, work)
    audit.note(session, person.clinic_id, person.id, "feedback:give", work.id, step.id)


def _has_said(session: Session, person: Person, nonce: Nonce) -> bool:
    query = select(Feedback.seq).where(Feedback.author_id == person.id, Feedback.nonce == nonce.id)
    return session.scalar(query) is not None


def _store_feedback(
    session: Session,
    person: Person,
    work: OpenWork,
    step: Step,
    words: Words,
    nonce: Nonce,
    response_seq: int,
) -> None:
    last = session.scalar(select(func.max(Feedback.seq)).where(Feedback.assignment_id == work.id))
    seq = (last or 0) + 1
    said = {
        "beside": {name: text for name, text in words.beside.items() if text},
        "noticed": words.noticed,
        "link": words.link,
        "task": words.task,
    }
    place = queries.feedback_place(work.id, step.id, seq, person.id)
    sealed = work.vault.seal(json.dumps(said), place)
    session.add(
        Feedback(
            assignment_id=work.id,
            seq=seq,
            clinic_id=person.clinic_id,
            step_id=step.id,
            response_seq=response_seq,
            author_id=person.id,
            epoch=sealed.epoch,
            sealed=sealed.blob,
            nonce=nonce.id,
            given_at=clock.now(),
        )
    )
    session.flush()


def unlock(session: Session, person: Person, work_id: uuid.UUID, step_id: str) -> None:
    """Opens a step that stays shut until a clinician has decided on it. Raises NotFound."""
    work = team_work_for(session, person, work_id, to_write=True)
    if not step_of(work, step_id).clinician_unlocks:
        raise NotFound
    terms = session.get_one(StepTerms, (work.id, step_id))
    if terms.opened_at is None:
        terms.opened_by, terms.opened_at = person.id, clock.now()
        session.flush()
        _tell_the_client(session, person, work)
        audit.note(session, person.clinic_id, person.id, "step:unlock", work.id, step_id)


def complete(session: Session, person: Person, work_id: uuid.UUID) -> None:
    """Either side says that the work is done with. Raises NotFound or Conflict."""
    work = work_for(session, person, work_id, to_write=True)
    work = move(session, person, work, State.COMPLETED)
    _count_waiting(session, work)


def withdraw(session: Session, person: Person, work_id: uuid.UUID) -> None:
    """The care team takes work back. What was answered stays. Raises NotFound or Conflict."""
    work = team_work_for(session, person, work_id, to_write=True)
    work = move(session, person, work, State.WITHDRAWN)
    _count_waiting(session, work)


def report(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    person: Person,
    work_id: uuid.UUID,
    prompt_id: str,
    *,
    outcome: str,
    obstacle: str,
    nonce: Nonce | None,
) -> None:
    """How homework went; once. The second time that it did not happen, the care team is told, and
    the client is not asked again. Raises NotFound, NonceRefused or Invalid."""
    work = clients_work_for(session, person, work_id, to_write=True)
    row = session.get(Homework, (work.id, prompt_id))
    if row is None:
        raise NotFound
    if nonce is None or not nonce.was_given_to(keyring, person.id, work.id):
        raise NonceRefused
    if outcome not in OUTCOMES:
        raise Invalid(outcome="outcome_missing")
    obstacle = cleaned(obstacle)
    check_length(obstacle, LONGEST_OBSTACLE)
    if _has_reported(session, person, nonce) or row.closed_at is not None:
        return
    work = _ready(session, clinic, person, work)
    _store_report(session, person, work, prompt_id, outcome, obstacle, nonce)
    now = clock.now()
    if outcome == "done":
        row.closed_at = now
    elif _misses(session, work, prompt_id) >= MISSES:
        row.closed_at = row.missed_at = now
        _tell_the_team(session, person, work)
    session.flush()
    _count_waiting(session, work)
    audit.note(session, person.clinic_id, person.id, "homework:report", work.id)


def _has_reported(session: Session, person: Person, nonce: Nonce) -> bool:
    query = select(HomeworkReport.seq).where(
        HomeworkReport.by == person.id, HomeworkReport.nonce == nonce.id
    )
    return session.scalar(query) is not None


def _store_report(
    session: Session,
    person: Person,
    work: OpenWork,
    prompt_id: str,
    outcome: str,
    obstacle: str,
    nonce: Nonce,
) -> None:
    last = session.scalar(
        select(func.max(HomeworkReport.seq)).where(HomeworkReport.assignment_id == work.id)
    )
    seq = (last or 0) + 1
    place = queries.report_place(work.id, prompt_id, seq, person.id)
    sealed = work.vault.seal(json.dumps({"outcome": outcome, "obstacle": obstacle}), place)
    session.add(
        HomeworkReport(
            assignment_id=work.id,
            seq=seq,
            clinic_id=person.clinic_id,
            prompt_id=prompt_id,
            by=person.id,
            epoch=sealed.epoch,
            sealed=sealed.blob,
            nonce=nonce.id,
            at=clock.now(),
        )
    )
    session.flush()


def _misses(session: Session, work: OpenWork, prompt_id: str) -> int:
    tasks = queries.homework_of(session, work.vault, [work.id])
    reports = [one for task in tasks if task.prompt_id == prompt_id for one in task.reports]
    return sum(one.outcome == "not_yet" for one in reports)


def see_misses(session: Session, person: Person, work_id: uuid.UUID) -> None:
    """The care team has seen that homework did not happen. Raises NotFound."""
    work = team_work_for(session, person, work_id, to_write=True)
    session.execute(
        update(Homework).where(Homework.assignment_id == work.id).values(missed_at=None)
    )
    _count_waiting(session, work)
    audit.note(session, person.clinic_id, person.id, "homework:see", work.id)


def keep_for_author(
    session: Session,
    keyring: Keyring,
    work_id: uuid.UUID,
    step_id: str,
    answers: dict[str, Any],
    nonce: Nonce,
) -> User | None:
    """Keeps answers that came without a live session, sealed to the one whose form they were in.

    Returns that person, or None if the form was given to nobody who may answer here.
    """
    for author in grant_holders(session, work_id):
        if not author.role.is_staff and nonce.was_given_to(keyring, author.id, work_id):
            _keep(session, author, work_id, step_id, answers, nonce)
            return author
    return None


def _keep(
    session: Session,
    author: User,
    work_id: uuid.UUID,
    step_id: str,
    answers: dict[str, Any],
    nonce: Nonce,
) -> None:
    has_ended = session.scalar(
        select(StepEnding.seq).where(StepEnding.by == author.id, StepEnding.nonce == nonce.id)
    )
    if has_ended is not None or not answers:
        return
    session.execute(
        delete(KeptAnswers).where(KeptAnswers.author_id == author.id, KeptAnswers.nonce == nonce.id)
    )
    count = session.scalar(select(func.count()).where(KeptAnswers.author_id == author.id)) or 0
    if count >= MOST_KEPT:
        raise Conflict(reason="too_many_kept")
    kept_id = new_id()
    place = queries.kept_label(author.clinic_id, work_id, step_id, kept_id)
    session.add(
        KeptAnswers(
            id=kept_id,
            clinic_id=author.clinic_id,
            author_id=author.id,
            assignment_id=work_id,
            step_id=step_id,
            nonce=nonce.id,
            sealed=seal_to(author.public_key, pad(json.dumps(answers).encode()), place),
            kept_at=clock.now(),
        )
    )
    session.flush()
    audit.note(session, author.clinic_id, None, "answers:keep", author.id)


def restore_kept(
    session: Session, clinic: ClinicFacts, person: Person, work_id: uuid.UUID, step_id: str
) -> None:
    """Puts kept answers into the step, over what was answered there; the latter stays on record.

    Raises NotFound.
    """
    work = clients_work_for(session, person, work_id, to_write=True)
    step = step_of(work, step_id)
    last = queries.revisions(session, work, step_id)[-1:]
    answers = queries.merged(last)
    for one in queries.kept_of(session, person, work, step_id):
        answers |= one.answers
    work = _ready(session, clinic, person, work)
    known = last[0].seq if last else 0
    _store(session, person, work, step, Form(answers, {}, None, known), new_id())
    discard_kept(session, person, work_id, step_id)
    _begin(session, person, work)
    audit.note(session, person.clinic_id, person.id, "answers:save", work.id, step_id)


def discard_kept(session: Session, person: Person, work_id: uuid.UUID, step_id: str) -> None:
    session.execute(
        delete(KeptAnswers).where(
            KeptAnswers.author_id == person.id,
            KeptAnswers.assignment_id == work_id,
            KeptAnswers.step_id == step_id,
        )
    )
