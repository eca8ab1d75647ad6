"""A clinician says something to a step: beside its answers, and to the whole."""

import datetime as dt
import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.errors import Conflict, Invalid
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.modules import queries
from portal.modules.access import (
    OpenWork,
    team_work_for,
)
from portal.modules.format.shapes import Step
from portal.modules.goals import goals_beside, is_goal
from portal.modules.models import (
    Ending,
    Feedback,
    State,
)
from portal.modules.remarks import Words
from portal.modules.services.keeping import forget_feedback
from portal.modules.services.states import (
    NonceRefused,
    count_waiting,
    move,
    note_seen,
    ready,
    step_of,
    tell_the_client,
)
from portal.safety.words import check_length


@dataclass(frozen=True)
class Shown:
    """What of a step a page showed on which somebody wrote: the number of its answers, and when
    the last of them called for somebody that nobody had come for."""

    response_seq: int | None
    called_at: dt.datetime | None


def give_feedback(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    person: Person,
    work_id: uuid.UUID,
    step_id: str,
    words: Words,
    *,
    shown: Shown,
    nonce: Nonce | None,
    ask_again: bool = False,
) -> None:
    """Says something to a step that was sent, and to what its author was shown of it; once,
    however often it is asked. Of a form that comes again it says what is new in it.

    `ask_again` gives work that was sent as a whole back to be gone over once more; else it is
    answered once something was said to every step that was sent. Raises NotFound, NonceRefused,
    Invalid for nothing or too much, or Conflict if the client has answered or called since, or
    cannot be asked again now.
    """
    work = team_work_for(session, keyring, person, work_id, to_write=True)
    step = step_of(work, step_id)
    if nonce is None or not nonce.was_given_to(keyring, person.id, work.id):
        raise NonceRefused
    found, nonce_id = queries.progress(session, work), nonce.id
    if _has_said(session, person, nonce):
        words = words.beyond(_said_with(session, keyring, person, work, nonce))
        if words.is_empty:
            return
        nonce_id, ask_again = new_id(), ask_again and work.state is State.SUBMITTED
    _check_what_was_shown(found, step, shown)
    _check_the_link(found, words)
    if ask_again and work.state is not State.SUBMITTED:
        raise Conflict(reason="cannot_ask_again")
    if words.is_empty and not ask_again:
        raise Invalid(text="text_empty")
    for text in (*words.beside.values(), words.noticed, words.task):
        check_length(text)
    work = ready(session, clinic, person, work)
    said = _as_kept(
        words,
        quoted=queries.sent(session, work, found).get(words.link),
        goal=_goal(session, keyring, work, words.link),
    )
    _store_feedback(
        session, person, work, step, said, nonce_id, found.endings[step.id].response_seq
    )
    note_seen(session, work.id, step.id)
    if ask_again:
        work = move(session, person, work, State.REVISION_ASKED)
    elif work.state is State.SUBMITTED and found.is_read(but=step.id):
        work = move(session, person, work, State.FEEDBACK_GIVEN)
    forget_feedback(session, person, work, step.id)
    count_waiting(session, work)
    tell_the_client(session, person, work)
    audit.note(session, person.clinic_id, person.id, "feedback:give", work.id, step.id)


def _check_what_was_shown(found: queries.Progress, step: Step, shown: Shown) -> None:
    """What is said to answers that nobody has seen would count as having read them."""
    ended, mark = found.endings.get(step.id), found.marks[step.id]
    if ended is None or ended.how is not Ending.SENT:
        raise Conflict(reason="work_moved_on")
    if ended.response_seq != shown.response_seq:
        raise Conflict(reason="answered_again")
    if mark.call not in (None, shown.called_at):
        raise Conflict(reason="called_again")


def _check_the_link(found: queries.Progress, words: Words) -> None:
    """What is quoted is what somebody chose."""
    seqs = {
        question.id: ended.response_seq
        for step in found.module.steps
        if (ended := found.endings.get(step.id))
        for question in step.questions
    }
    if words.link_seq not in (None, seqs.get(words.link)):
        raise Conflict(reason="answered_again")


def finish(
    session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID, *, seen: int | None
) -> None:
    """All of it is read, and nothing more is to be said to work that was sent as a whole.

    `seen`: the number under which it stood there as sent. Raises NotFound, or Conflict if it was
    sent again since, or nothing was said to it yet.
    """
    work = team_work_for(session, keyring, person, work_id, to_write=True)
    number = queries.number_to_finish(session, work, queries.progress(session, work))
    if number is None or number != seen:
        raise Conflict(reason="work_moved_on")
    work = move(session, person, work, State.FEEDBACK_GIVEN)
    count_waiting(session, work)
    tell_the_client(session, person, work)


def _has_said(session: Session, person: Person, nonce: Nonce) -> bool:
    query = select(Feedback.seq).where(Feedback.author_id == person.id, Feedback.nonce == nonce.id)
    return session.scalar(query) is not None


def _said_with(
    session: Session, keyring: Keyring, person: Person, work: OpenWork, nonce: Nonce
) -> list[queries.Said]:
    return queries.said_with(queries.feedback_on(session, keyring, work), person.id, nonce.id)


def _goal(session: Session, keyring: Keyring, work: OpenWork, link: str) -> str:
    """The words of a goal that is pointed to; empty for anything else."""
    if not is_goal(link):
        return ""
    found = goals_beside(session, keyring, work)
    return next((goal.text for goal in found if goal.link == link), "")


def _as_kept(words: Words, *, quoted: Any, goal: str) -> dict[str, Any]:
    """Beside what it points to stands what that was, since it may change."""
    return {
        "beside": {name: text for name, text in words.beside.items() if text},
        "noticed": words.noticed,
        "link": words.link,
        "quoted": quoted,
        "goal": goal,
        "task": words.task,
    }


def _store_feedback(
    session: Session,
    person: Person,
    work: OpenWork,
    step: Step,
    said: dict[str, Any],
    nonce_id: uuid.UUID,
    response_seq: int,
) -> None:
    last = session.scalar(select(func.max(Feedback.seq)).where(Feedback.assignment_id == work.id))
    seq = (last or 0) + 1
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
            nonce=nonce_id,
            given_at=clock.now(),
        )
    )
    session.flush()
