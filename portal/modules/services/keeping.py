"""What came without a live session: kept, sealed, for the one whose form it was in. A client's
answers, or what a clinician typed beside them.
"""

import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.crypto import pad, seal_to
from portal.core.errors import Conflict
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.modules import queries
from portal.modules.access import (
    OpenWork,
    clients_work_for,
    grant_holders,
)
from portal.modules.models import (
    Homework,
    KeptAnswers,
)
from portal.modules.services.answering import Form, begin, store
from portal.modules.services.states import ready, step_of

MOST_KEPT = 20


def keep_for_author(
    session: Session,
    keyring: Keyring,
    work_id: uuid.UUID,
    step_id: str,
    answers: dict[str, Any],
    nonce: Nonce,
    *,
    unfit: queries.Unfit | None = None,
    on_paper: bool = False,
) -> User | None:
    """Keeps answers that came without a live session, sealed to the one whose form they were in.

    Returns that person, or None if the form was given to nobody who may answer here: the client,
    or one of the care team if they were typed in from a sheet.
    """
    for author in grant_holders(session, work_id):
        if author.role.is_staff == on_paper and nonce.was_given_to(keyring, author.id, work_id):
            # Also what the form may have sent already: nobody is here whose key could tell whether
            # this is the same, or was written on after an answer that never came.
            words = queries.with_unfit(answers, unfit or {})
            _keep(session, author, work_id, step_id, words, nonce)
            return author
    return None


def keep_feedback(
    session: Session,
    keyring: Keyring,
    work_id: uuid.UUID,
    step_id: str,
    typed: dict[str, str],
    nonce: Nonce,
) -> User | None:
    """Keeps what a clinician typed beside a step's answers, by the names of its boxes.

    Returns that person, or None if the form was given to nobody who may give feedback here.
    """
    for author in grant_holders(session, work_id):
        if author.role.is_clinical and nonce.was_given_to(keyring, author.id, work_id):
            # Also what the form may have said already, as in `keep_for_author`.
            _keep(session, author, work_id, step_id, typed, nonce)
            return author
    return None


def keep_report(
    session: Session,
    keyring: Keyring,
    work_id: uuid.UUID,
    prompt_id: str,
    obstacle: str,
    nonce: Nonce,
) -> User | None:
    """Keeps what a client typed about homework.

    Returns that person, or None if the form was given to nobody who has this homework.
    """
    if session.get(Homework, (work_id, prompt_id)) is None:
        return None
    for author in grant_holders(session, work_id):
        if not author.role.is_staff and nonce.was_given_to(keyring, author.id, work_id):
            place, words = queries.place_of_report(prompt_id), {"obstacle": obstacle}
            # Also what the form may have said already, as in `keep_for_author`.
            _keep(session, author, work_id, place, words if obstacle else {}, nonce)
            return author
    return None


def _keep(
    session: Session,
    author: User,
    work_id: uuid.UUID,
    step_id: str,
    words: dict[str, Any],
    nonce: Nonce,
) -> None:
    if not words:
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
            sealed=seal_to(author.public_key, pad(json.dumps(words).encode()), place),
            kept_at=clock.now(),
        )
    )
    session.flush()
    audit.note(session, author.clinic_id, None, "answers:keep", author.id)


def restore_kept(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    person: Person,
    work_id: uuid.UUID,
    step_id: str,
) -> None:
    """Puts kept answers into the step, over what was answered there; the latter stays on record.

    Raises NotFound.
    """
    work = clients_work_for(session, keyring, person, work_id, to_write=True)
    step = step_of(work, step_id)
    last = queries.revisions(session, work, step_id)[-1:]
    answers, unfit = queries.merged(last), dict(last[0].unfit) if last else {}
    for one in queries.kept_of(session, person, work, step_id):
        for name in (*one.answers, *one.unfit):
            answers.pop(name, None)
            unfit.pop(name, None)
        answers |= one.answers
        unfit |= one.unfit
    work = ready(session, clinic, person, work)
    known = last[0].seq if last else 0
    store(session, person, work, step, Form(answers, {}, None, known, unfit=unfit), new_id())
    discard_kept(session, person, work_id, step_id)
    begin(session, person, work)
    audit.note(session, person.clinic_id, person.id, "answers:save", work.id, step_id)


def forget_echoes(session: Session, person: Person, kept_ids: Sequence[uuid.UUID]) -> None:
    """What was kept, but had been saved."""
    session.execute(
        delete(KeptAnswers).where(KeptAnswers.author_id == person.id, KeptAnswers.id.in_(kept_ids))
    )


def discard_kept(session: Session, person: Person, work_id: uuid.UUID, step_id: str) -> None:
    session.execute(
        delete(KeptAnswers).where(
            KeptAnswers.author_id == person.id,
            KeptAnswers.assignment_id == work_id,
            KeptAnswers.step_id == step_id,
        )
    )


def forget_feedback(session: Session, person: Person, work: OpenWork, step_id: str) -> None:
    """A clinician has sent what they typed too late, or does not want it any more."""
    ids = [one.id for one in queries.kept_feedback(session, person, work, step_id)]
    if ids:
        session.execute(delete(KeptAnswers).where(KeptAnswers.id.in_(ids)))
