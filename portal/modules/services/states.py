"""Where given work stands: what it comes to, what waits in it, and who is told."""

import datetime as dt
import uuid
from dataclasses import replace

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.models import CareTeamMember, Engagement
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.keyring import Keyring
from portal.modules import queries
from portal.modules.access import (
    OpenWork,
    clients_work_for,
    team_work_for,
    work_for,
)
from portal.modules.course import FOLLOWS, READ_OR_OVER
from portal.modules.format.shapes import Step
from portal.modules.models import (
    Assignment,
    Homework,
    State,
    StateChange,
    StepTerms,
)
from portal.notifications.opening import opened
from portal.notifications.services import point
from portal.vault import services as vault_services

CAUSE = "work"


class NonceRefused(Invalid):
    """The form was not given to this person for this work, or too long ago."""

    code = "form_too_old"


def step_of(work: OpenWork, step_id: str) -> Step:
    """Raises NotFound."""
    try:
        return work.module.step(step_id)
    except KeyError as error:
        raise NotFound from error


def ready(session: Session, clinic: ClinicFacts, person: Person, work: OpenWork) -> OpenWork:
    """Nothing more goes under a key that somebody left with."""
    if not work.is_stale:
        return work
    vault = vault_services.freshen(session, person, work.vault, clinic.recovery_public_key)
    return replace(work, vault=vault, is_stale=False)


def note_state(
    session: Session, clinic_id: uuid.UUID, by: uuid.UUID | None, work_id: uuid.UUID, state: State
) -> None:
    last = session.scalar(
        select(func.max(StateChange.seq)).where(StateChange.assignment_id == work_id)
    )
    session.add(
        StateChange(
            assignment_id=work_id,
            seq=(last or 0) + 1,
            clinic_id=clinic_id,
            state=state,
            by=by,
            at=clock.now(),
        )
    )
    session.flush()


def move(session: Session, person: Person, work: OpenWork, state: State) -> OpenWork:
    """Brings work into another state. Raises Conflict if that may not follow."""
    if state not in FOLLOWS[work.state]:
        raise Conflict(reason="work_moved_on")
    note_state(session, person.clinic_id, person.id, work.id, state)
    session.execute(
        update(Assignment).where(Assignment.id == work.id).values(state=state, last_at=clock.now())
    )
    audit.note(session, person.clinic_id, person.id, f"work:{state.value}", work.id)
    return replace(work, state=state)


def mark_opened(session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID) -> None:
    """Remembers that the client has seen what was given, and what pointed to it."""
    opened(session, person.id, CAUSE, work_id)
    if person.is_staff:
        return
    work = clients_work_for(session, keyring, person, work_id, to_write=True)
    if work.state is State.ASSIGNED:
        move(session, person, work, State.OPENED)


def _bring(session: Session, person: Person, work: OpenWork, state: State) -> bool:
    """Brings work into a state, once, however often it is asked. Whether it was not in it yet."""
    if work.state is state:
        return False
    work = move(session, person, work, state)
    count_waiting(session, work)
    return True


def submit(session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID) -> None:
    """The client sends the work as it is, also with steps that were put off; once.

    Raises NotFound, or Conflict if nothing was sent yet or it is not theirs to send now.
    """
    work = clients_work_for(session, keyring, person, work_id, to_write=True)
    if not queries.progress(session, work).has_sent:
        raise Conflict(reason="work_moved_on")
    if _bring(session, person, work, State.SUBMITTED):
        tell_the_team(session, person, work)


def complete(session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID) -> None:
    """Either side says that the work is done with. Raises NotFound or Conflict."""
    work = work_for(session, keyring, person, work_id, to_write=True)
    _bring(session, person, work, State.COMPLETED)


def skip(session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID) -> None:
    """The client leaves work out. What was answered stays. Raises NotFound or Conflict."""
    work = clients_work_for(session, keyring, person, work_id, to_write=True)
    _bring(session, person, work, State.SKIPPED)


def withdraw(session: Session, keyring: Keyring, person: Person, work_id: uuid.UUID) -> None:
    """The care team takes work back. What was answered stays. Raises NotFound or Conflict."""
    work = team_work_for(session, keyring, person, work_id, to_write=True)
    _bring(session, person, work, State.WITHDRAWN)


def see(
    session: Session,
    keyring: Keyring,
    person: Person,
    work_id: uuid.UUID,
    step_id: str,
    shown: dt.datetime | None,
) -> None:
    """Somebody of the care team has seen the answer that called for them.

    `shown`: when the last one called that their page showed. Raises NotFound, or Conflict if
    another one has called since.
    """
    work = team_work_for(session, keyring, person, work_id, to_write=True)
    mark = queries.progress(session, work).marks[step_of(work, step_id).id]
    if mark.call not in (None, shown):
        raise Conflict(reason="called_again")
    note_seen(session, work.id, step_id)
    count_waiting(session, work)
    audit.note(session, person.clinic_id, person.id, "step:see", work.id, step_id)


def note_seen(session: Session, work_id: uuid.UUID, step_id: str) -> None:
    """No answer of this step calls for anybody any more, until another one does."""
    session.execute(
        update(StepTerms)
        .where(StepTerms.assignment_id == work_id, StepTerms.step_id == step_id)
        .values(called_at=None)
    )


def count_waiting(session: Session, work: OpenWork) -> None:
    """Since when the oldest thing waits that the care team has not answered."""
    found = queries.progress(session, work)
    waits = [found.called_since]
    # What was sent while there was time is read, also when the time is over.
    if work.state not in READ_OR_OVER or work.state is State.EXPIRED:
        waits.append(found.waiting_since)
    if work.state is State.SUBMITTED:
        waits.append(queries.states_of(session, work.id)[-1].at)
    waits.append(
        session.scalar(
            select(func.min(Homework.missed_at)).where(Homework.assignment_id == work.id)
        )
    )
    since = min((one for one in waits if one is not None), default=None)
    session.execute(update(Assignment).where(Assignment.id == work.id).values(waiting_since=since))


def tell_the_team(
    session: Session, person: Person, work: OpenWork, *, urgent: bool = False
) -> None:
    """All but whoever has done it."""
    team = session.scalars(
        select(CareTeamMember.user_id)
        .where(
            CareTeamMember.engagement_id == work.engagement_id,
            CareTeamMember.left_at.is_(None),
            CareTeamMember.user_id != person.id,
        )
        # In one order everywhere, or two at once could wait for each other's pointers.
        .order_by(CareTeamMember.user_id)
    )
    for recipient_id in team.all():
        tell(session, person, recipient_id, work.id, urgent=urgent)


def tell_the_client(session: Session, person: Person, work: OpenWork) -> None:
    client_id = session.scalars(
        select(Engagement.client_id).where(Engagement.id == work.engagement_id)
    ).one()
    tell(session, person, client_id, work.id)


def tell(
    session: Session,
    person: Person,
    recipient_id: uuid.UUID,
    work_id: uuid.UUID,
    *,
    urgent: bool = False,
) -> None:
    point(
        session,
        clinic_id=person.clinic_id,
        recipient_id=recipient_id,
        kind="waiting",
        cause_kind=CAUSE,
        cause_id=work_id,
        urgent=urgent,
    )
