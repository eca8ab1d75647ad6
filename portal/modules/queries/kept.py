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


def kept_label(clinic_id: uuid.UUID, work_id: uuid.UUID, step_id: str, kept_id: uuid.UUID) -> bytes:
    return label(clinic_id, "kept_answers", work_id, step_id, kept_id)


@dataclass(frozen=True)
class Kept:
    """Answers that came when nobody was signed in any more; `unfit`: what does not fit."""

    id: uuid.UUID
    at: dt.datetime
    answers: dict[str, Any]
    unfit: Unfit


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
        found.append(Kept(row.id, row.kept_at, *read_answers(opened)))
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
