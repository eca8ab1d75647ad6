"""A clinician says something to a step: beside its answers, and to the whole."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.errors import Conflict, Invalid
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
class Words:
    """Feedback as it was typed: beside answers by prompt, something noticed, one next task.

    `link`: the earlier prompt or the goal that it points to.
    """

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
    work = team_work_for(session, keyring, person, work_id, to_write=True)
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
    work = ready(session, clinic, person, work)
    said = _as_kept(words, _goal(session, keyring, work, words.link))
    _store_feedback(session, person, work, step, said, nonce, ended.response_seq)
    note_seen(session, work.id, step.id)
    if work.state is State.SUBMITTED:
        wanted = State.REVISION_ASKED if ask_again else State.FEEDBACK_GIVEN
        work = move(session, person, work, wanted)
    forget_feedback(session, person, work, step.id)
    count_waiting(session, work)
    tell_the_client(session, person, work)
    audit.note(session, person.clinic_id, person.id, "feedback:give", work.id, step.id)


def _has_said(session: Session, person: Person, nonce: Nonce) -> bool:
    query = select(Feedback.seq).where(Feedback.author_id == person.id, Feedback.nonce == nonce.id)
    return session.scalar(query) is not None


def _goal(session: Session, keyring: Keyring, work: OpenWork, link: str) -> str:
    """The words of a goal that is pointed to; empty for anything else."""
    if not is_goal(link):
        return ""
    found = goals_beside(session, keyring, work)
    return next((goal.text for goal in found if goal.link == link), "")


def _as_kept(words: Words, goal: str) -> dict[str, Any]:
    return {
        "beside": {name: text for name, text in words.beside.items() if text},
        "noticed": words.noticed,
        "link": words.link,
        "goal": goal,
        "task": words.task,
    }


def _store_feedback(
    session: Session,
    person: Person,
    work: OpenWork,
    step: Step,
    said: dict[str, Any],
    nonce: Nonce,
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
            nonce=nonce.id,
            given_at=clock.now(),
        )
    )
    session.flush()
