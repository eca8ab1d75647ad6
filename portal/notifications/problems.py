"""Addresses that do not work: a task for a person, and nothing sent until they are proved anew."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

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
    """For queries of addresses: that this one must not be used, since it does not work or its
    owner said STOP."""
    broken = exists().where(
        ContactProblem.user_id == Address.user_id,
        ContactProblem.channel == Address.channel,
        or_(*(ContactProblem.code == code for code in SHUTTING)),
        ContactProblem.resolved_at.is_(None),
    )
    return or_(broken, _is_stopped())


def _is_stopped() -> ColumnElement[bool]:
    return exists().where(OptOut.lookup == Address.lookup, OptOut.channel == Address.channel)


def stopped_channels(session: Session, user_id: uuid.UUID) -> set[Channel]:
    """Where somebody's address is bound by a STOP."""
    return set(
        session.scalars(select(Address.channel).where(Address.user_id == user_id, _is_stopped()))
    )


def note_failure(session: Session, pointer_id: uuid.UUID, fault: Fault) -> None:
    """Makes a task of an address that is dead or has failed three times in a row."""
    pointer = session.get_one(Pointer, pointer_id, populate_existing=True)
    if pointer.kind == PROOF or _is_about_the_past(session, pointer):
        return
    if fault is Fault.OPTED_OUT:
        _stop_address(session, pointer)
    elif fault is Fault.DEAD:
        open_task(session, pointer, DEAD)
    elif fault.is_about_the_address and _has_failed_in_a_row(session, pointer):
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


def _has_failed_in_a_row(session: Session, pointer: Pointer) -> bool:
    """Whether the last three that reached an end all failed because of the address."""
    since = _trusted_since(session, pointer)
    query = select(Pointer.state, Pointer.fault).where(
        Pointer.recipient_id == pointer.recipient_id,
        Pointer.channel == pointer.channel,
        Pointer.kind != PROOF,
        Pointer.state.in_((State.SENT, State.DELIVERED, State.FAILED)),
    )
    if since is not None:
        query = query.where(Pointer.tried_at >= since)
    rows = session.execute(query.order_by(Pointer.id.desc()).limit(FAILURES_IN_A_ROW)).all()
    return len(rows) == FAILURES_IN_A_ROW and all(
        row.state is State.FAILED and row.fault is not None and row.fault.is_about_the_address
        for row in rows
    )


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
