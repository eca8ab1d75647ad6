"""What came on paper is typed in by the care team."""

import datetime as dt
import uuid

from sqlalchemy import delete
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.clinics.queries import ClinicFacts
from portal.core import audit
from portal.core.errors import Invalid
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.modules import queries
from portal.modules.access import OpenWork, team_work_for
from portal.modules.course import ANSWERABLE
from portal.modules.format.shapes import Step
from portal.modules.format.walk import alarmed
from portal.modules.models import Ending, KeptAnswers
from portal.modules.services.answering import (
    Form,
    Saved,
    are_its_answers,
    begin,
    call,
    ended_by,
    leave,
    store,
)
from portal.modules.services.states import NonceRefused, ready, step_of


def enter(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    person: Person,
    work_id: uuid.UUID,
    step_id: str,
    form: Form,
    *,
    today: dt.date,
) -> Saved:
    """Types in a sheet: its answers stand as the client's, with who typed them; the step is sent.

    A sheet cannot be asked again, so what must be answered may be missing. Danger on it brings the
    others of the care team, as it does on the page. What the client has
    answered on the page stays, and both are shown. Raises NotFound, NonceRefused, or Invalid for an
    empty sheet or a day that is still to come.
    """
    work = team_work_for(session, keyring, person, work_id, to_write=True)
    step = step_of(work, step_id)
    if form.nonce is None or not form.nonce.was_given_to(keyring, person.id, work.id):
        raise NonceRefused
    ended = ended_by(session, person, form.nonce)
    if ended is not None and are_its_answers(session, work, ended, form):
        return Saved(work, step, changed=False, ended=True)
    if form.written_on is None or form.written_on > today:
        raise Invalid(written="written_missing")
    if form.wrong:
        return Saved(work, step, changed=False, wrong=form.wrong)
    if not form.answers:
        raise Invalid(written="sheet_empty")
    if work.state not in ANSWERABLE:
        return Saved(work, step, changed=False, is_shut=True)
    work = ready(session, clinic, person, work)
    nonce_id = form.nonce.id if ended is None else new_id()
    return _send(session, person, work, step, form, nonce_id)


def _send(
    session: Session,
    person: Person,
    work: OpenWork,
    step: Step,
    form: Form,
    nonce_id: uuid.UUID,
) -> Saved:
    seq, changed = store(session, person, work, step, form, nonce_id)
    audit.note(session, person.clinic_id, person.id, "answers:paper", work.id, step.id)
    work = begin(session, person, work)
    before = queries.progress(session, work)
    ways = (before.marks[place.step.id].ending for place in before.course.places)
    saved = leave(
        session, person, Saved(work, step, changed), Ending.SENT,
        seq=seq, nonce_id=nonce_id, answers=form.answers,
        was_whole=all(how is Ending.SENT for how in ways),
    )  # fmt: skip
    if alarmed(step, form.answers):
        call(session, person, work, step)
    discard_kept(session, person, work, step.id)
    return saved


def kept(session: Session, person: Person, work: OpenWork, step_id: str) -> queries.Kept | None:
    """The sheet that was typed in last when nobody was signed in any more."""
    found = queries.kept_of(session, person, work, step_id)
    return next((one for one in reversed(found) if queries.WRITTEN_ON in one.answers), None)


def discard_kept(session: Session, person: Person, work: OpenWork, step_id: str) -> None:
    found = queries.kept_of(session, person, work, step_id)
    ids = [one.id for one in found if queries.WRITTEN_ON in one.answers]
    if ids:
        session.execute(delete(KeptAnswers).where(KeptAnswers.id.in_(ids)))
