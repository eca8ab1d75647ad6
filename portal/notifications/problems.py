"""Addresses that do not work: a task for a person, and nothing sent until they are proved anew."""

import datetime as dt
import uuid
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from portal.accounts.models import Role, User
from portal.accounts.queries import is_disabled
from portal.core import clock
from portal.core.ids import new_id
from portal.core.inserts import insert_of
from portal.notifications.models import (
    PROOF,
    Address,
    Channel,
    ContactProblem,
    Fault,
    OptOut,
    Pointer,
    ProviderState,
    State,
)

DEAD, FAILING, UNOPENED = "dead", "failing", "unopened"
# While one of these is open its address is not used.
SHUTTING = (DEAD, FAILING)
FAILURES_IN_A_ROW = 3
SETTLED_SHOWN = 5


@dataclass(frozen=True)
class Problem:
    """Somebody cannot be reached on a channel. `code` picks the wording.

    `resolved_by` is nobody where it turned out by itself that the address works.
    """

    id: uuid.UUID
    user_id: uuid.UUID
    channel: Channel
    code: str
    since: dt.datetime
    resolved_at: dt.datetime | None
    resolved_by: uuid.UUID | None


def open_problems(session: Session, user_ids: list[uuid.UUID]) -> list[Problem]:
    """What a person has to see to, the oldest first."""
    rows = session.scalars(
        select(ContactProblem)
        .where(ContactProblem.user_id.in_(user_ids), ContactProblem.resolved_at.is_(None))
        .order_by(ContactProblem.since, ContactProblem.id)
    )
    return [_facts(row) for row in rows]


def settled_problems(session: Session, user_id: uuid.UUID) -> list[Problem]:
    """What has been seen to lately, the latest first."""
    rows = session.scalars(
        select(ContactProblem)
        .where(ContactProblem.user_id == user_id, ContactProblem.resolved_at.is_not(None))
        .order_by(ContactProblem.resolved_at.desc(), ContactProblem.id.desc())
        .limit(SETTLED_SHOWN)
    )
    return [_facts(row) for row in rows]


def _facts(row: ContactProblem) -> Problem:
    return Problem(**{name: getattr(row, name) for name in Problem.__dataclass_fields__})


def wording_code(problem: Problem, *, is_own: bool) -> str | None:
    """The code of the words for a problem; nothing for what its owner need not be told."""
    if problem.code in SHUTTING:
        return f"{'my' if is_own else 'their'}_{problem.channel.value}_fails"
    return None if is_own else "their_notes_unopened"


def is_shut() -> ColumnElement[bool]:
    """For queries of addresses: that this one is not used, since it does not work or its owner
    said STOP. Alarms are tried there all the same, unless `is_stopped`."""
    broken = exists().where(
        ContactProblem.user_id == Address.user_id,
        ContactProblem.channel == Address.channel,
        or_(*(ContactProblem.code == code for code in SHUTTING)),
        ContactProblem.resolved_at.is_(None),
    )
    return or_(broken, is_stopped())


def is_stopped() -> ColumnElement[bool]:
    """For queries of addresses: that its owner said STOP."""
    return exists().where(OptOut.lookup == Address.lookup, OptOut.channel == Address.channel)


def stopped_channels(session: Session, user_id: uuid.UUID) -> set[Channel]:
    """Where somebody's address is bound by a STOP."""
    return set(
        session.scalars(select(Address.channel).where(Address.user_id == user_id, is_stopped()))
    )


class Silence(NamedTuple):
    """A confirmed address of somebody at which nothing reaches them."""

    user_id: uuid.UUID
    channel: Channel
    is_stopped: bool

    @property
    def wording_code(self) -> str:
        """The code of the words for its owner."""
        is_text = self.channel is Channel.SMS
        return "my_sms_stopped" if self.is_stopped and is_text else f"my_{self.channel.value}_fails"


def _silences() -> Select[uuid.UUID, Channel, bool]:
    stopped = is_stopped().label("is_stopped")
    return (
        select(Address.user_id, Address.channel, stopped)
        .where(Address.confirmed_at.is_not(None), is_shut())
        .order_by(Address.user_id, Address.channel)
    )


def silences(session: Session, user_id: uuid.UUID) -> list[Silence]:
    """Which of somebody's own addresses do not reach them."""
    rows = session.execute(_silences().where(Address.user_id == user_id))
    return [Silence(*row) for row in rows]


def silences_of_staff(session: Session, clinic_id: uuid.UUID) -> list[Silence]:
    """Whom of a clinic's staff alarms do not reach, and where."""
    staff = (User.clinic_id == clinic_id, User.role != Role.CLIENT, ~is_disabled())
    rows = session.execute(_silences().join(User, User.id == Address.user_id).where(*staff))
    return [Silence(*row) for row in rows]


def note_failure(session: Session, pointer_id: uuid.UUID, fault: Fault) -> None:
    """Makes a task of an address that is dead, or where three in a row did not arrive."""
    pointer = session.get_one(Pointer, pointer_id, populate_existing=True)
    if pointer.kind == PROOF or _is_about_the_past(session, pointer):
        return
    if fault is Fault.OPTED_OUT:
        _stop_address(session, pointer)
    elif fault is Fault.DEAD:
        open_task(session, pointer, DEAD)
    elif _was_in_vain(session, pointer, fault):
        open_task(session, pointer, FAILING)


def open_task(session: Session, pointer: Pointer, code: str) -> None:
    """Makes a task for a person of the clinic, unless there is the same already."""
    insert = insert_of(session)
    values = {
        "id": new_id(),
        "clinic_id": pointer.clinic_id,
        "user_id": pointer.recipient_id,
        "channel": pointer.channel,
        "code": code,
        "since": clock.now(),
    }
    session.execute(insert(ContactProblem).values(values).on_conflict_do_nothing())


def _is_about_the_past(session: Session, pointer: Pointer) -> bool:
    """What comes back late may be about an address that has been mended or replaced since."""
    since = _trusted_since(session, pointer)
    return since is not None and pointer.sent_at is not None and pointer.sent_at < since


def tried_since(session: Session, pointer: Pointer) -> dt.datetime:
    """When the first try began to reach somebody at the address that they have now."""
    begun, mended = pointer.tried_at or clock.now(), _trusted_since(session, pointer)
    return begun if mended is None else max(begun, mended)


def _trusted_since(session: Session, pointer: Pointer) -> dt.datetime | None:
    """When this address was proved, or somebody said that it works after all."""
    address = session.get(Address, (pointer.recipient_id, pointer.channel))
    settled = session.scalar(
        select(func.max(ContactProblem.resolved_at)).where(
            ContactProblem.user_id == pointer.recipient_id,
            ContactProblem.channel == pointer.channel,
            ContactProblem.code.in_(SHUTTING),
        )
    )
    proved = address.confirmed_at if address is not None else None
    return max((one for one in (proved, settled) if one is not None), default=None)


class _Ended(NamedTuple):
    id: uuid.UUID
    fault: Fault | None
    state: State
    tried_at: dt.datetime
    sent_at: dt.datetime | None

    @property
    def is_about_the_address(self) -> bool:
        return self.fault is not None and self.fault.is_about_the_address


def _was_in_vain(session: Session, pointer: Pointer, fault: Fault) -> bool:
    """Whether a person has to look: three in a row did not arrive, or one that was tried for as
    long as anything is. What need not be about the address counts if others were reached."""
    row = _last_in_vain(session, pointer)
    was_tried_throughout = not fault.is_for_good and pointer.sent_at is None
    if not row or not (was_tried_throughout or len(row) == FAILURES_IN_A_ROW):
        return False
    about_the_address = all(one.is_about_the_address for one in row)
    return about_the_address or _were_others_reached(session, pointer, row)


def _last_in_vain(session: Session, pointer: Pointer) -> list[_Ended]:
    """The last tellings that ended, as far back as none of them arrived, the latest first. What
    gave way to a newer one has not ended: that one goes on for it."""
    columns = (Pointer.id, Pointer.fault, Pointer.state, Pointer.tried_at, Pointer.sent_at)
    query = select(*columns).where(
        Pointer.recipient_id == pointer.recipient_id,
        Pointer.channel == pointer.channel,
        Pointer.kind != PROOF,
        Pointer.tried_at.is_not(None),
        or_(
            Pointer.state.in_((State.SENT, State.DELIVERED, State.FAILED)),
            and_(Pointer.state == State.DROPPED, Pointer.sent_at.is_not(None)),
        ),
    )
    since = _trusted_since(session, pointer)
    if since is not None:
        # Their last try, which began a minute and a half earlier, is what counts.
        query = query.where(Pointer.due_at >= since)
    rows = session.execute(query.order_by(Pointer.id.desc()).limit(FAILURES_IN_A_ROW))
    ended = (_Ended(one.id, one.fault, one.state, one.tried_at, one.sent_at) for one in rows)
    return list(takewhile(lambda one: one.state is State.FAILED, ended))


def _were_others_reached(session: Session, pointer: Pointer, row: list[_Ended]) -> bool:
    """Since the first of these was tried. What was taken and lost later shows only where something
    is known to have arrived."""
    first = row[-1]
    if all(one.sent_at is None for one in row):
        provider = session.get(ProviderState, pointer.channel)
        worked_at = provider.worked_at if provider else None
        return worked_at is not None and worked_at > first.tried_at
    arrived = select(Pointer.id).where(
        Pointer.id > first.id,
        Pointer.channel == pointer.channel,
        Pointer.recipient_id != pointer.recipient_id,
        Pointer.state == State.DELIVERED,
    )
    return session.scalar(arrived.limit(1)) is not None


def _stop_address(session: Session, pointer: Pointer) -> None:
    address = session.get(Address, (pointer.recipient_id, pointer.channel))
    if address is not None and address.lookup is not None:
        stop(session, address.lookup, pointer.channel)


def resolve(
    session: Session,
    user_id: uuid.UUID,
    codes: tuple[str, ...],
    *,
    by: uuid.UUID | None,
    channel: Channel | None = None,
) -> None:
    """Tasks of these kinds are done, on one channel or on all; `by` nobody if it came of itself."""
    these = [
        ContactProblem.user_id == user_id,
        ContactProblem.code.in_(codes),
        ContactProblem.resolved_at.is_(None),
    ]
    if channel is not None:
        these.append(ContactProblem.channel == channel)
    session.execute(
        update(ContactProblem).where(*these).values(resolved_at=clock.now(), resolved_by=by),
        execution_options={"synchronize_session": False},
    )


def stop(session: Session, lookup: bytes, channel: Channel) -> bool:
    """Binds a number or address; returns whether it was free before."""
    insert = insert_of(session)
    values = {"lookup": lookup, "channel": channel, "since": clock.now()}
    added = insert(OptOut).values(values).on_conflict_do_nothing().returning(OptOut.since)
    return session.scalar(added) is not None


def start(session: Session, lookup: bytes, channel: Channel) -> bool:
    """Frees a number or address; returns whether it was bound."""
    freed = delete(OptOut).where(OptOut.lookup == lookup, OptOut.channel == channel)
    return session.scalar(freed.returning(OptOut.since)) is not None
