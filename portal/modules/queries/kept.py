"""What came when its author was not signed in any more, and waits for them."""

import datetime as dt
import logging
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core.crypto import Unreadable, label, open_with, unpad
from portal.core.statements import Prepared
from portal.modules.access import OpenWork
from portal.modules.models import KeptAnswers
from portal.modules.queries.responses import Unfit, read_answers

log = logging.getLogger("portal.modules")
# Beside the answers of a sheet of paper that are kept: no prompt has such an id.
WRITTEN_ON = "@written_on"
# In the place of a step's id, where what is kept was said about homework: no step has such an id.
_OF_HOMEWORK = "@homework:"


def kept_label(clinic_id: uuid.UUID, work_id: uuid.UUID, step_id: str, kept_id: uuid.UUID) -> bytes:
    return label(clinic_id, "kept_answers", work_id, step_id, kept_id)


@dataclass(frozen=True)
class Kept:
    """Answers that came when nobody was signed in any more; `nonce`: of the form they were in;
    `unfit`: what does not fit."""

    id: uuid.UUID
    nonce: uuid.UUID
    at: dt.datetime
    answers: dict[str, Any]
    unfit: Unfit


_KEPT = Prepared(
    select(
        KeptAnswers.id,
        KeptAnswers.nonce,
        KeptAnswers.step_id,
        KeptAnswers.sealed,
        KeptAnswers.kept_at,
    )
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
        words = _opened(person, work.id, row)
        if words is not None:
            found.append(Kept(row.id, row.nonce, row.kept_at, *read_answers(words)))
    return found


def _opened(person: Person, work_id: uuid.UUID, row: Any) -> str | None:
    place = kept_label(person.clinic_id, work_id, row.step_id, row.id)
    try:
        return unpad(open_with(person.private_key, row.sealed, place)).decode()
    except Unreadable:
        log.error("kept answers %s do not open", row.id)
        return None


def kept_beside(session: Session, person: Person, work: OpenWork) -> list[tuple[str, Kept]]:
    """What somebody of the care team typed too late, each with its step, oldest first."""
    steps = set(
        session.scalars(
            select(KeptAnswers.step_id).where(
                KeptAnswers.author_id == person.id, KeptAnswers.assignment_id == work.id
            )
        )
    )
    return [
        (step_id, one) for step_id in steps for one in kept_feedback(session, person, work, step_id)
    ]


def kept_feedback(session: Session, person: Person, work: OpenWork, step_id: str) -> list[Kept]:
    """Without the sheets of paper that were typed in too late."""
    found = kept_of(session, person, work, step_id)
    return [one for one in found if WRITTEN_ON not in one.answers]


def work_with_kept_answers(session: Session, person: Person) -> set[uuid.UUID]:
    return set(
        session.scalars(
            select(KeptAnswers.assignment_id).where(
                KeptAnswers.author_id == person.id,
                KeptAnswers.step_id.not_like(f"{_OF_HOMEWORK}%"),
            )
        )
    )


def place_of_report(prompt_id: str) -> str:
    """Where in given work it is kept how homework went."""
    return f"{_OF_HOMEWORK}{prompt_id}"


@dataclass(frozen=True)
class KeptReport:
    """What got in the way of homework, as it came when nobody was signed in any more; `nonce`: of
    the form it was in."""

    id: uuid.UUID
    nonce: uuid.UUID
    at: dt.datetime
    obstacle: str


def kept_reports(session: Session, person: Person) -> dict[tuple[uuid.UUID, str], KeptReport]:
    """By given work and prompt, the latest of each."""
    rows = session.scalars(
        select(KeptAnswers)
        .where(KeptAnswers.author_id == person.id, KeptAnswers.step_id.like(f"{_OF_HOMEWORK}%"))
        .order_by(KeptAnswers.id)
    )
    found = {}
    for row in rows:
        words = _opened(person, row.assignment_id, row)
        if words is not None:
            prompt_id = row.step_id.removeprefix(_OF_HOMEWORK)
            obstacle = str(read_answers(words)[0]["obstacle"])
            found[row.assignment_id, prompt_id] = KeptReport(
                row.id, row.nonce, row.kept_at, obstacle
            )
    return found
