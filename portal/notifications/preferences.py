"""How somebody wants to be told: what they chose, or else the portal's own rule."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Select, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Session

from portal.accounts.models import Role, User
from portal.accounts.people import Person
from portal.clinics.models import Clinic
from portal.core import audit, clock
from portal.core.errors import Invalid
from portal.core.statements import Prepared
from portal.notifications.models import (
    PROOF,
    WITHOUT_DELAY,
    Address,
    Channel,
    Contact,
    JoinedCause,
    NoticePreference,
    Pointer,
    PointerHold,
    Rhythm,
    State,
)
from portal.notifications.problems import is_shut, is_stopped
from portal.notifications.schedule import (
    DAY_MINUTES,
    EVERY_DAY,
    QUIET_FROM,
    QUIET_UNTIL,
    Timetable,
    next_allowed,
)
from portal.notifications.wordings import SENDER_NAMES, WORDINGS


@dataclass(frozen=True)
class Choice:
    """What somebody chooses on the page about being told. Fields as in NoticePreference."""

    contact: Contact = Contact.POINTERS
    voicemail_ok: bool = False
    time_zone: str | None = None
    quiet_from: int = QUIET_FROM
    quiet_until: int = QUIET_UNTIL
    days: int = EVERY_DAY
    rhythm: Rhythm = Rhythm.DAILY
    wording: str = WORDINGS[0]
    sender_name: str = SENDER_NAMES[0]


class Reach(NamedTuple):
    """One confirmed way to tell somebody, and when it may be used next."""

    user_id: uuid.UUID
    channel: Channel
    role: Role
    table: Timetable
    last_sent: dt.datetime | None

    def next_allowed(self, now: dt.datetime) -> dt.datetime:
        return next_allowed(self.table, now, self.last_sent)


# One row for each confirmed address, none for somebody who is not to be told.
_REACHES = (
    select(
        Address.user_id,
        Address.channel,
        User.role,
        Clinic.time_zone.label("clinic_zone"),
        NoticePreference.contact,
        NoticePreference.time_zone,
        NoticePreference.quiet_from,
        NoticePreference.quiet_until,
        NoticePreference.days,
        NoticePreference.rhythm,
        select(func.max(Pointer.sent_at))
        .where(
            Pointer.recipient_id == Address.user_id,
            Pointer.channel == Address.channel,
            Pointer.kind != PROOF,
        )
        .scalar_subquery()
        .label("last_sent"),
    )
    .select_from(Address)
    .join(User, User.id == Address.user_id)
    .join(Clinic, Clinic.id == User.clinic_id)
    .outerjoin(NoticePreference, NoticePreference.user_id == Address.user_id)
    .outerjoin(PointerHold, PointerHold.user_id == Address.user_id)
    .where(
        Address.confirmed_at.is_not(None),
        PointerHold.user_id.is_(None),
        func.coalesce(NoticePreference.contact, Contact.POINTERS) != Contact.NONE,
    )
    # In one order everywhere, or two who tell the same people could wait for each other.
    .order_by(Address.user_id, Address.channel)
)
_OF_ONE = _REACHES.where(Address.user_id == bindparam("user"))
_REACHES_OF_ONE = Prepared(_OF_ONE.where(~is_shut()))
_ALARMS_OF_ONE = Prepared(_OF_ONE.where(~is_stopped()))


class Circle:
    """People who are told together, named by a statement with values bound by name.

    Where and when each of them may be told is found in one look-up for all.
    """

    def __init__(self, people: Select[uuid.UUID]) -> None:
        self._reaches = Prepared(_REACHES.where(Address.user_id.in_(people), ~is_shut()))

    def reaches(self, session: Session, **named: uuid.UUID) -> list[Reach]:
        return [_reach(row) for row in self._reaches.all(session, **named)]


def reaches(session: Session, user_id: uuid.UUID) -> list[Reach]:
    """Where and when somebody may be told: nothing if they are not to be told at all."""
    return [_reach(row) for row in _REACHES_OF_ONE.all(session, user=user_id)]


def alarm_reaches(session: Session, user_id: uuid.UUID) -> list[Reach]:
    """As `reaches`, and also where telling somebody failed before: an alarm is tried anyway."""
    return [_reach(row) for row in _ALARMS_OF_ONE.all(session, user=user_id)]


def _reach(row: Any) -> Reach:
    zone = zone_of(row.time_zone, row.clinic_zone)
    if row.contact is None:
        return Reach(row.user_id, row.channel, row.role, Timetable(zone), row.last_sent)
    table = Timetable(zone, row.quiet_from, row.quiet_until, row.days, row.rhythm)
    return Reach(row.user_id, row.channel, row.role, table, row.last_sent)


def zone_of(*names: str | None) -> dt.tzinfo:
    """The first of these time zones that this machine knows, or UTC."""
    for name in names:
        try:
            return ZoneInfo(name or "")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            # The last for a name that is a folder, or too long for one.
            continue
    return dt.UTC


def zone_of_person(session: Session, user_id: uuid.UUID) -> dt.tzinfo:
    """The time zone that somebody's day goes by: their own choice, or their clinic's."""
    query = (
        select(NoticePreference.time_zone, Clinic.time_zone)
        .select_from(User)
        .join(Clinic, Clinic.id == User.clinic_id)
        .outerjoin(NoticePreference, NoticePreference.user_id == User.id)
        .where(User.id == user_id)
    )
    return zone_of(*session.execute(query).one())


def choice_of(session: Session, user_id: uuid.UUID) -> Choice:
    """What somebody has chosen, or what holds for those who have not."""
    row = session.get(NoticePreference, user_id)
    if row is None:
        return Choice()
    return Choice(**{name: getattr(row, name) for name in Choice.__dataclass_fields__})


def choose(session: Session, person: Person, choice: Choice) -> None:
    """Keeps a choice. What is on its way already follows it. Raises Invalid."""
    _check(choice)
    values = {name: getattr(choice, name) for name in Choice.__dataclass_fields__}
    session.merge(
        NoticePreference(
            user_id=person.id, clinic_id=person.clinic_id, changed_at=clock.now(), **values
        )
    )
    session.flush()
    move_pending(session, person.id)
    audit.note(session, person.clinic_id, person.id, "notices:choose", person.id)


def _check(choice: Choice) -> None:
    if not 0 < choice.days <= EVERY_DAY:
        raise Invalid(days="no_day_chosen")
    if choice.time_zone is not None and zone_of(choice.time_zone) is dt.UTC:
        raise Invalid(time_zone="time_zone_unknown")
    if not all(0 <= end < DAY_MINUTES for end in (choice.quiet_from, choice.quiet_until)):
        raise Invalid(**{"from": "hours_unclear"})
    if choice.wording not in WORDINGS or choice.sender_name not in SENDER_NAMES:
        raise Invalid(wording="invalid")


def move_pending(session: Session, user_id: uuid.UUID) -> None:
    """Has what is ahead of somebody wait for the moment that is right now, or drops it."""
    now, by_channel = clock.now(), {one.channel: one for one in reaches(session, user_id)}
    ahead = session.scalars(
        select(Pointer)
        .where(
            Pointer.recipient_id == user_id,
            Pointer.state == State.PENDING,
            Pointer.kind.not_in(WITHOUT_DELAY),
        )
        .with_for_update()
    )
    for pointer in ahead:
        reach = by_channel.get(pointer.channel)
        if reach is None:
            drop(session, pointer.id)
        else:
            pointer.due_at = reach.next_allowed(now)
    session.flush()


def drop(session: Session, pointer_id: uuid.UUID) -> None:
    """Has a pointer that is ahead not go out after all."""
    session.execute(delete(JoinedCause).where(JoinedCause.pointer_id == pointer_id))
    session.execute(
        update(Pointer).where(Pointer.id == pointer_id).values(state=State.DROPPED),
        execution_options={"synchronize_session": False},
    )


def postpone(session: Session, pointer_id: uuid.UUID, now: dt.datetime) -> bool:
    """For whoever has just claimed a pointer that may be delayed: whether it must wait after all,
    for instance because the queue was away until the evening. Then it is put back, or dropped if
    another is ahead."""
    pointer = session.get_one(Pointer, pointer_id, populate_existing=True)
    mine = (one for one in reaches(session, pointer.recipient_id))
    reach = next((one for one in mine if one.channel == pointer.channel), None)
    if reach is not None and reach.next_allowed(now) <= now:
        return False
    another_id = _another_ahead(session, pointer)
    if reach is None:
        drop(session, pointer_id)
        return True
    if another_id is not None:
        give_way(session, pointer_id, to=another_id)
        return True
    # Noted anew: one that a clock which ran ahead had noted would come up again and again.
    pointer.created_at = min(pointer.created_at, now)
    pointer.state, pointer.due_at = State.PENDING, reach.next_allowed(now)
    pointer.attempts = max(0, pointer.attempts - 1)
    session.flush()
    return True


def give_way(session: Session, pointer_id: uuid.UUID, *, to: uuid.UUID) -> None:
    """Has a pointer not go out, since another one says the same. That one goes on where this one
    ends, as if it had been tried for as long."""
    pointer = session.get_one(Pointer, pointer_id, populate_existing=True)
    drop(session, pointer_id)
    if pointer.tried_at is None:
        return
    session.execute(
        update(Pointer)
        .where(
            Pointer.id == to,
            or_(Pointer.tried_at.is_(None), Pointer.tried_at > pointer.tried_at),
        )
        .values(tried_at=pointer.tried_at),
        execution_options={"synchronize_session": False},
    )


def _another_ahead(session: Session, pointer: Pointer) -> uuid.UUID | None:
    query = select(Pointer.id).where(
        Pointer.recipient_id == pointer.recipient_id,
        Pointer.channel == pointer.channel,
        Pointer.state == State.PENDING,
        Pointer.kind != PROOF,
        Pointer.id != pointer.id,
    )
    return session.scalar(query.limit(1))
