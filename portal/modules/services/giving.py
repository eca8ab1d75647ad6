"""Giving work to a client, and opening the steps that a clinician decides on."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.models import Engagement
from portal.caseload.queries import EngagementFacts, engagement_of_client
from portal.config import Config
from portal.core import audit, clock
from portal.core.errors import Conflict, NotFound
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.modules import published, queries, shelf
from portal.modules.access import team_work_for
from portal.modules.course import ANSWERABLE, OVER
from portal.modules.format.shapes import ModuleFile
from portal.modules.models import (
    Assignment,
    Gate,
    Origin,
    Pace,
    State,
    StepTerms,
)
from portal.modules.own import own_module_for
from portal.modules.services.states import (
    NonceRefused,
    move,
    note_state,
    step_of,
    tell,
    tell_the_client,
)
from portal.modules.shelves import read_source

AT_ONCE = 200
# Worth doing whatever somebody has come for, in five minutes, before anybody has written to them.
FIRST = "grounding"


@dataclass(frozen=True)
class Terms:
    """How work is given: from when, how fast, and which steps are read before going on.

    `ends_at`: from then on it is over, unless it was sent before; None for never.
    `read_weekday`: the day of the week on which they read what is sent (0 is Monday), if any.
    """

    starts_at: dt.datetime
    pace: Pace
    gates: Mapping[str, Gate]
    ends_at: dt.datetime | None = None
    read_weekday: int | None = None


def give(
    session: Session,
    keyring: Keyring,
    person: Person,
    engagement: EngagementFacts | Engagement,
    what: bytes | uuid.UUID,
    terms: Terms,
    nonce: Nonce | None,
) -> uuid.UUID:
    """Gives a client a module or worksheet; once, however often it is asked.

    `what`: the file of one from the library, or the id of a version that the clinic published
    itself. A version that was given before stays as it was then. Raises NonceRefused, NotFound for
    a version that is not offered, or ValueError for a file that is no sound module.
    """
    if nonce is None or not nonce.was_given_to(keyring, person.id, engagement.id):
        raise NonceRefused
    session.execute(select(Engagement.id).where(Engagement.id == engagement.id).with_for_update())
    known = session.scalar(
        select(Assignment.id).where(Assignment.given_by == person.id, Assignment.nonce == nonce.id)
    )
    if known is not None:
        return known
    module, published_id = _pinned(session, keyring, person, what)
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
            ends_at=terms.ends_at,
            pace=terms.pace,
            read_weekday=terms.read_weekday,
            state=State.ASSIGNED,
            last_at=now,
        )
    )
    session.flush()
    note_state(session, person.clinic_id, person.id, work_id, State.ASSIGNED)
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
    if person.id != engagement.client_id:
        tell(session, person, engagement.client_id, work_id)
    audit.note(session, person.clinic_id, person.id, "work:give", work_id)
    return work_id


def begin_first(
    session: Session, keyring: Keyring, person: Person, nonce: Nonce | None
) -> tuple[uuid.UUID, str]:
    """A client begins the exercise that everybody may begin with; once. Its id, and its first step.

    Raises NotFound for everybody else, or NonceRefused.
    """
    engagement = None if person.is_staff else engagement_of_client(session, person.id)
    if engagement is None:
        raise NotFound
    step = shelf.load(FIRST).steps[0]
    begun = session.scalar(
        select(Assignment.id).where(
            Assignment.engagement_id == engagement.id, Assignment.given_by == person.id
        )
    )
    if begun is not None:
        return begun, step.id
    terms = Terms(clock.now(), Pace.FREE, {})
    source = shelf.source(FIRST)
    return give(session, keyring, person, engagement, source, terms, nonce), step.id


def _pinned(
    session: Session, keyring: Keyring, person: Person, what: bytes | uuid.UUID
) -> tuple[ModuleFile, uuid.UUID]:
    """The version that this work stays with."""
    if isinstance(what, uuid.UUID):
        one = own_module_for(session, keyring, person, what)
        if one.is_retired:
            raise NotFound
        return one.module, one.id
    published_id = published.store(
        session, keyring, person.clinic_id, Origin.LIBRARY, read_source(what), what, person.id
    )
    return published.load(session, keyring, published_id), published_id


def end_what_is_past(session: Session, _config: Config) -> int:
    """The clock's chore: work whose last day has passed, and that was not sent, is over."""
    rows = session.scalars(
        select(Assignment)
        .where(Assignment.ends_at <= clock.now(), Assignment.state.in_(ANSWERABLE))
        .order_by(Assignment.ends_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        row.state = State.EXPIRED
        note_state(session, row.clinic_id, None, row.id, State.EXPIRED)
        audit.note(session, row.clinic_id, None, "work:expired", row.id)
    session.flush()
    return len(rows)


def give_again(session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID) -> None:
    """Work whose time was over is there again, without a last day. Raises NotFound or Conflict."""
    work = team_work_for(session, keyring, person, work_id, to_write=True)
    move(session, person, work, State.ASSIGNED)
    session.execute(update(Assignment).where(Assignment.id == work.id).values(ends_at=None))
    tell_the_client(session, person, work)


def unlock(
    session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID, step_id: str
) -> None:
    """Opens a step that stays shut until a clinician has decided on it. Raises NotFound."""
    work = team_work_for(session, keyring, person, work_id, to_write=True)
    if not step_of(work, step_id).clinician_unlocks:
        raise NotFound
    terms = session.get_one(StepTerms, (work.id, step_id))
    if terms.opened_at is None:
        terms.opened_by, terms.opened_at = person.id, clock.now()
        terms.spared_by = terms.spared_at = None
        session.flush()
        tell_the_client(session, person, work)
        audit.note(session, person.clinic_id, person.id, "step:unlock", work.id, step_id)


def spare(
    session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID, step_id: str
) -> None:
    """Leaves out a step that stays shut until a clinician has decided on it: it is not for this
    client, and what comes after it goes on. Raises NotFound, or Conflict if it was opened or came
    on paper meanwhile, or the work is over."""
    work = team_work_for(session, keyring, person, work_id, to_write=True)
    if not step_of(work, step_id).clinician_unlocks:
        raise NotFound
    mark = queries.progress(session, work).marks[step_id]
    if mark.is_unlocked or mark.ending is not None or work.state in OVER:
        raise Conflict(reason="work_moved_on")
    if mark.spared_at is None:
        terms = session.get_one(StepTerms, (work.id, step_id))
        terms.spared_by, terms.spared_at = person.id, clock.now()
        session.flush()
        tell_the_client(session, person, work)
        audit.note(session, person.clinic_id, person.id, "step:spare", work.id, step_id)
