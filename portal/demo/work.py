"""The work that the demo's clients were given: what they answered, and what was said to it."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.access import engagement_for_team
from portal.clinics.queries import ClinicFacts
from portal.core import clock
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.demo.content import Past, WorkContent, WorkDeed
from portal.modules import queries, shelf
from portal.modules.access import team_work_for
from portal.modules.format.answers import fits
from portal.modules.models import Ending, Gate, Pace
from portal.modules.remarks import Words
from portal.modules.services import answering, feedback, giving, states

DAY = "day:"


def give(
    session: Session,
    keyring: Keyring,
    work: WorkContent,
    person: Person,
    engagement_id: uuid.UUID,
) -> uuid.UUID:
    """A clinician gives it; the id of what was given."""
    engagement = engagement_for_team(session, keyring, person, engagement_id)
    gates = {step: Gate(gate) for step, gate in work.gates.items()}
    terms = giving.Terms(clock.now(), Pace(work.pace), gates, read_weekday=work.read_weekday)
    nonce = new_nonce(keyring, person.id, engagement_id)
    return giving.give(
        session, keyring, person, engagement, shelf.source(work.module), terms, nonce
    )


def act(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    deed: WorkDeed,
    person: Person,
    work_id: uuid.UUID,
    time_zone: str,
) -> None:
    """Somebody opens the work, and sends a step as a client or says something to it as a clinician.

    Raises ValueError for an answer that does not fit its question.
    """
    nonce = new_nonce(keyring, person.id, work_id)
    states.mark_opened(session, keyring, person, work_id)
    if person.is_staff:
        words = Words(deed.beside, deed.noticed, deed.link, deed.task)
        found = queries.progress(session, team_work_for(session, keyring, person, work_id))
        shown = feedback.Shown(
            found.endings[deed.step].response_seq, found.marks[deed.step].last_called_at
        )
        feedback.give_feedback(
            session, keyring, clinic, person, work_id, deed.step, words, shown=shown, nonce=nonce
        )
        return
    answers = _dated(deed.answers, time_zone)
    form = answering.Form(answers, {}, nonce, 0)
    saved = answering.save(
        session, keyring, clinic, person, work_id, deed.step, form, ending=Ending.SENT
    )
    questions = {question.id: question for question in saved.step.questions}
    if not saved.ended or not all(fits(questions[name], one) for name, one in answers.items()):
        raise ValueError(f"the demo's answers to {deed.step} do not fit")


def _dated(answers: Any, time_zone: str) -> Any:
    """With the days that are told in working days ago."""
    if isinstance(answers, dict):
        return {name: _dated(one, time_zone) for name, one in answers.items()}
    if isinstance(answers, list):
        return [_dated(one, time_zone) for one in answers]
    if isinstance(answers, str) and answers.startswith(DAY):
        noon = Past(int(answers.removeprefix(DAY)), dt.time(12)).before(clock.now(), time_zone)
        return noon.date().isoformat()
    return answers
