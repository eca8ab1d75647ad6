"""What was planned, how it went, and what becomes of it when it does not happen."""

import json
import uuid
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.errors import Invalid, NotFound
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.modules import queries
from portal.modules.access import (
    OpenWork,
    clients_work_for,
    team_work_for,
)
from portal.modules.format.shapes import Step
from portal.modules.format.walk import homework
from portal.modules.models import (
    Ending,
    Homework,
    HomeworkReport,
    KeptAnswers,
    StepEnding,
)
from portal.modules.services.states import NonceRefused, count_waiting, ready, tell_the_team
from portal.notifications.preferences import zone_of_person
from portal.safety.words import check_length, cleaned

LONGEST_OBSTACLE = 500
MISSES = 2
OUTCOMES = ("done", "partly", "not_yet")
# What makes it another thing to do. How sure somebody is of it does not.
PLANNED = ("what", "when", "where")


def plan(
    session: Session, person: Person, work: OpenWork, step: Step, answers: dict[str, Any]
) -> None:
    """What was planned in a step that is sent is asked for from now on; again only if the plan has
    changed since it was sent the last time."""
    before = _sent_before(session, work, step)
    for plan, words in homework(step, answers):
        is_known = session.get(Homework, (work.id, plan.id)) is not None
        if is_known and before.get(plan.id) == _planned(words):
            continue
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


def _sent_before(session: Session, work: OpenWork, step: Step) -> dict[str, list[Any]]:
    """What was planned here when the step was sent, before it was sent now."""
    newest_first = session.scalars(
        select(StepEnding.response_seq)
        .where(
            StepEnding.assignment_id == work.id,
            StepEnding.step_id == step.id,
            StepEnding.how == Ending.SENT,
        )
        .order_by(StepEnding.seq.desc())
        .limit(2)
    ).all()
    found = queries.revisions(session, work, step.id)
    answers = queries.merged(one for one in found if one.seq in newest_first[1:])
    return {plan.id: _planned(words) for plan, words in homework(step, answers)}


def _planned(words: dict[str, Any]) -> list[Any]:
    return [words.get(part) or None for part in PLANNED]


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
    """How homework went; once, however often a form comes, unless something else stands on it. On
    the second day that it did not happen, the care team is told, and the client is not asked again.
    Raises NotFound, NonceRefused or Invalid."""
    work = clients_work_for(session, keyring, person, work_id, to_write=True)
    row = session.get(Homework, (work.id, prompt_id))
    if row is None:
        raise NotFound
    if nonce is None or not nonce.was_given_to(keyring, person.id, work.id):
        raise NonceRefused
    if outcome not in OUTCOMES:
        raise Invalid(outcome="outcome_missing")
    obstacle = cleaned(obstacle)
    check_length(obstacle, LONGEST_OBSTACLE)
    _forget_kept(session, person, work_id, prompt_id)
    nonce_id = nonce.id
    if _has_reported(session, person, nonce):
        if not _says_something_new(session, work, prompt_id, nonce, (outcome, obstacle)):
            return
        nonce_id = new_id()
    if row.closed_at is not None and not obstacle:
        return
    work = ready(session, clinic, person, work)
    _store_report(session, person, work, prompt_id, outcome, obstacle, nonce_id)
    if row.closed_at is None:
        _close(session, person, work, row, outcome)
    session.flush()
    count_waiting(session, work)
    audit.note(session, person.clinic_id, person.id, "homework:report", work.id)


def _close(session: Session, person: Person, work: OpenWork, row: Homework, outcome: str) -> None:
    """What was done is not asked for again, nor what did not happen too often."""
    now = clock.now()
    if outcome == "done":
        row.closed_at = now
    elif _misses(session, person, work, row.prompt_id) >= MISSES:
        row.closed_at = row.missed_at = now
        tell_the_team(session, person, work)


def _forget_kept(session: Session, person: Person, work_id: uuid.UUID, prompt_id: str) -> None:
    """What came too late has been said now."""
    session.execute(
        delete(KeptAnswers).where(
            KeptAnswers.author_id == person.id,
            KeptAnswers.assignment_id == work_id,
            KeptAnswers.step_id == queries.place_of_report(prompt_id),
        )
    )


def _has_reported(session: Session, person: Person, nonce: Nonce) -> bool:
    query = select(HomeworkReport.seq).where(
        HomeworkReport.by == person.id, HomeworkReport.nonce == nonce.id
    )
    return session.scalar(query) is not None


def _says_something_new(
    session: Session, work: OpenWork, prompt_id: str, nonce: Nonce, said: tuple[str, str]
) -> bool:
    """Of a form that has come before: whether something else stands on it now. What came to a plan
    that is another by now says nothing about this one."""
    since = [
        (one.outcome, one.obstacle)
        for task in _tasks(session, work, prompt_id)
        for one in task.reported_with(nonce.id)
    ]
    return bool(since) and said not in since


def _store_report(
    session: Session,
    person: Person,
    work: OpenWork,
    prompt_id: str,
    outcome: str,
    obstacle: str,
    nonce_id: uuid.UUID,
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
            nonce=nonce_id,
            at=clock.now(),
        )
    )
    session.flush()


def _misses(session: Session, person: Person, work: OpenWork, prompt_id: str) -> int:
    """On how many days of the client's it did not happen, however often they said so."""
    zone = zone_of_person(session, person.id)
    reports = [one for task in _tasks(session, work, prompt_id) for one in task.reports]
    return len({one.at.astimezone(zone).date() for one in reports if one.outcome == "not_yet"})


def _tasks(session: Session, work: OpenWork, prompt_id: str) -> list[queries.Task]:
    """The one that this prompt has planned; none if it cannot be read."""
    tasks = queries.homework_of(session, work.vault, [work.id])
    return [task for task in tasks if task.prompt_id == prompt_id]


def see_misses(session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID) -> None:
    """The care team has seen that homework did not happen. Raises NotFound."""
    work = team_work_for(session, keyring, person, work_id, to_write=True)
    session.execute(
        update(Homework).where(Homework.assignment_id == work.id).values(missed_at=None)
    )
    count_waiting(session, work)
    audit.note(session, person.clinic_id, person.id, "homework:see", work.id)
