"""How the demo's people are told that something waits, and what came of it before today."""

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core import clock
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.demo.content import NoticesContent
from portal.notifications import ownership, pace, problems
from portal.notifications.models import (
    Channel,
    Contact,
    ContactProblem,
    Fault,
    Pointer,
    Rhythm,
    State,
)
from portal.notifications.preferences import Choice, choose
from portal.notifications.settling import settle

OPENED_AFTER = dt.timedelta(hours=3)


def choose_notices(
    session: Session,
    keyring: Keyring,
    content: NoticesContent,
    person: Person,
    counsellor: Person | None,
    time_zone: str,
) -> None:
    """Somebody says how they want to be told; their counsellor notes their guardians."""
    if content.choice is not None:
        fields = dict(content.choice)
        fields["rhythm"] = Rhythm(fields.get("rhythm", Rhythm.DAILY))
        fields["contact"] = Contact(fields.get("contact", Contact.POINTERS))
        choose(session, person, Choice(**fields))
    for number in content.guardians:
        if counsellor is not None:
            ownership.add_guardian(session, keyring, counsellor, person.id, number, time_zone)


def send_what_is_due(session: Session, until: dt.datetime) -> None:
    """In the story, too, somebody is told after something happened, and not before they may be."""
    due = select(Pointer).where(Pointer.state == State.PENDING, Pointer.due_at <= until)
    for pointer in session.scalars(due).all():
        at, is_text = pointer.due_at, pointer.channel is Channel.SMS
        pointer.state = State.DELIVERED if is_text else State.SENT
        pointer.tried_at, pointer.sent_at, pointer.attempts = at, at, 1
        pointer.delivered_at = at if is_text else None
        pace.note_success(pace.state_of(session, pointer.channel), at)
    session.flush()


def note_failure(session: Session, person: Person, channel: Channel) -> None:
    """Somebody could not be told something now. They came by themselves, later on."""
    now = clock.now()
    pointer = Pointer(
        id=new_id(),
        clinic_id=person.clinic_id,
        recipient_id=person.id,
        channel=channel,
        kind="waiting",
        cause_kind="thread",
        cause_id=new_id(),
        created_at=now,
        due_at=now,
        state=State.FAILED,
        attempts=1,
        tried_at=now,
        last_error_code="sms_422",
        fault=Fault.REFUSED,
        opened_at=now + OPENED_AFTER,
    )
    session.add(pointer)
    session.flush()
    problems.note_failure(session, pointer.id, Fault.REFUSED)


def settle_problems(session: Session, by: Person, client: Person) -> None:
    """Somebody of the care team has heard that it works again."""
    waiting = select(ContactProblem.id).where(ContactProblem.user_id == client.id)
    for problem_id in session.scalars(waiting).all():
        settle(session, by, client.id, problem_id)
