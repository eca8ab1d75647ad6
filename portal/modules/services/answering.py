"""A client answers a step, and leaves it behind."""

import datetime as dt
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.modules import queries
from portal.modules.access import (
    OpenWork,
    clients_work_for,
)
from portal.modules.course import ANSWERABLE
from portal.modules.format.shapes import Question, Step
from portal.modules.format.walk import alarmed, still_asked
from portal.modules.models import (
    Assignment,
    Ending,
    Gate,
    Response,
    State,
    StepEnding,
    StepTerms,
)
from portal.modules.services.homework import plan
from portal.modules.services.states import (
    NonceRefused,
    count_waiting,
    move,
    ready,
    step_of,
    tell_the_team,
)


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
    `is_draft`: it saved itself, while somebody was still writing; `written_on`: it was typed in
    from a sheet of that day; `unfit`: what is wrong, as it was typed."""

    answers: dict[str, Any]
    wrong: Mapping[str, str]
    nonce: Nonce | None
    based_on: int
    is_draft: bool = False
    written_on: dt.date | None = None
    unfit: queries.Unfit = field(default_factory=dict)


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
    work = clients_work_for(session, keyring, person, work_id, to_write=True)
    step = step_of(work, step_id)
    if form.nonce is None or not form.nonce.was_given_to(keyring, person.id, work.id):
        raise NonceRefused
    ended = ended_by(session, person, form.nonce)
    if ended is not None and are_its_answers(session, work, ended, form):
        return Saved(work, step, changed=False, ended=True)
    nonce_id = form.nonce.id if ended is None else new_id()
    work = ready(session, clinic, person, work)
    seq, changed = store(session, person, work, step, form, nonce_id)
    if changed:
        work = begin(session, person, work)
        audit.note(session, person.clinic_id, person.id, "answers:save", work.id, step_id)
    if not form.is_draft and alarmed(step, form.answers):
        call(session, person, work, step)
    is_shut = work.state not in ANSWERABLE
    saved = Saved(work, step, changed, is_shut=is_shut, wrong=form.wrong)
    if ending is None:
        return saved
    return _end(session, person, saved, ending, seq, nonce_id, form.answers)


def call(session: Session, person: Person, work: OpenWork, step: Step) -> None:
    """Has the care team told at any hour that somebody answered a safety question so that one of
    them must look; once for what was answered, however often it is saved."""
    terms = session.get_one(StepTerms, (work.id, step.id))
    answered_at = queries.revisions(session, work, step.id)[-1].at
    if terms.last_called_at is None or terms.last_called_at < answered_at:
        terms.last_called_at = clock.now()
        terms.called_at = terms.called_at or terms.last_called_at
        session.flush()
        count_waiting(session, work)
        tell_the_team(session, person, work, urgent=True)
        audit.note(session, person.clinic_id, person.id, "step:call", work.id, step.id)


def ended_by(session: Session, person: Person, nonce: Nonce) -> StepEnding | None:
    return session.scalar(
        select(StepEnding).where(StepEnding.by == person.id, StepEnding.nonce == nonce.id)
    )


def are_its_answers(session: Session, work: OpenWork, ended: StepEnding, form: Form) -> bool:
    """Whether a form that was sent says the same once more; a late draft of it says nothing new."""
    if form.is_draft:
        return True
    found = {one.seq: one.answers for one in queries.revisions(session, work, ended.step_id)}
    return not form.unfit and (found.get(ended.response_seq) or {}) == form.answers


def store(
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
    if _says_the_same(last, form):
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
    sealed = work.vault.seal(json.dumps(queries.with_unfit(form.answers, form.unfit)), place)
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
            written_on=form.written_on,
        )
    )
    session.execute(update(Assignment).where(Assignment.id == work.id).values(last_at=clock.now()))
    return seq, True


def _says_the_same(last: queries.Answered | None, form: Form) -> bool:
    if last is None:
        return not (form.answers or form.unfit or form.written_on)
    is_same = (last.answers, last.unfit) == (form.answers, form.unfit)
    return is_same and form.written_on in (None, last.written_on)


def begin(session: Session, person: Person, work: OpenWork) -> OpenWork:
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
    missing = still_asked(step, answers)
    if ending is Ending.SENT and (saved.wrong or missing):
        return replace(saved, missing=missing)
    was_whole = before.course.is_worked_through
    return leave(
        session, person, saved, ending,
        seq=seq, nonce_id=nonce_id, answers=answers, was_whole=was_whole,
    )  # fmt: skip


def leave(
    session: Session,
    person: Person,
    saved: Saved,
    ending: Ending,
    *,
    seq: int,
    nonce_id: uuid.UUID,
    answers: dict[str, Any],
    was_whole: bool,
) -> Saved:
    """Leaves a step behind with these answers, and sends the work if all of it is sent now.

    What was sent stays sent: it cannot be put off any more. `was_whole`: it was all done before;
    then whoever goes over it again sends it themself.
    """
    step = saved.step
    if ending is Ending.NOT_NOW and _was_sent(session, saved.work, step):
        return replace(saved, ended=True)
    work = begin(session, person, saved.work)
    _note_ending(session, person, work, step, ending, seq, nonce_id)
    if ending is Ending.SENT:
        plan(session, person, work, step, answers)
    after = queries.progress(session, work)
    is_whole = all(after.marks[one.step.id].ending is Ending.SENT for one in after.course.places)
    if is_whole and not was_whole:
        work = move(session, person, work, State.SUBMITTED)
    count_waiting(session, work)
    if ending is Ending.SENT and (
        after.marks[step.id].gate is not Gate.FREE or work.state is State.SUBMITTED
    ):
        tell_the_team(session, person, work)
    audit.note(session, person.clinic_id, person.id, f"step:{ending.value}", work.id, step.id)
    return replace(saved, work=work, ended=True)


def _was_sent(session: Session, work: OpenWork, step: Step) -> bool:
    query = select(StepEnding.seq).where(
        StepEnding.assignment_id == work.id,
        StepEnding.step_id == step.id,
        StepEnding.how == Ending.SENT,
    )
    return session.scalars(query).first() is not None


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
