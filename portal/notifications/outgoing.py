"""Sending what is due.

A job names one pointer; its run takes that one, and then others that are due on the same channel,
over one line: each claimed in a transaction of its own, at the provider's pace.

A worker that dies leaves its claim to run out; then the same pointer goes out under the same key.
"""

import datetime as dt
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from portal.config import Config
from portal.core import clock
from portal.core.crypto import Unreadable, open_with, unpad
from portal.core.database import Database, changed
from portal.notifications import formats, outcome, pace
from portal.notifications.channels import provider_of
from portal.notifications.channels.base import Line, Message, NotSent
from portal.notifications.models import PROOF, URGENT, WITHOUT_DELAY, Channel, Fault, Pointer, State
from portal.notifications.preferences import drop, give_way, postpone
from portal.notifications.queries import Errand, errand, is_due
from portal.notifications.wordings import words_for

# Longer than a job may take, so that nobody else sends what is still being sent.
CLAIM = dt.timedelta(seconds=90)
# A run begins nothing new after this; what it has begun ends well within the time of a job.
RUN_SECONDS = 25.0
RUN_COUNT = 500


@dataclass(frozen=True)
class Claim:
    """A pointer that is ours to send, and when its turn is."""

    errand: Errand
    turn: dt.datetime


def deliver(database: Database, config: Config, pointer_id: uuid.UUID) -> None:
    """Sends one pointer if it is due and nobody else is sending it, and then others."""
    claim = _claim(database, config, select(Pointer.id).where(Pointer.id == pointer_id))
    if claim is not None:
        with ExitStack() as kept:
            _Run(database, config, claim.errand.channel, kept).go_on_from(claim)


class _Run:
    """What one job sends over one line."""

    def __init__(
        self, database: Database, config: Config, channel: Channel, kept: ExitStack
    ) -> None:
        self._database, self._config, self._channel = database, config, channel
        self._kept = kept
        self._line: Line | None = None
        self._end = time.monotonic() + RUN_SECONDS

    def go_on_from(self, first: Claim) -> None:
        claim: Claim | None = first
        count = 0
        while claim is not None and self._send(claim):
            count += 1
            # Before the next is claimed: what is claimed and not sent would wait for 90 seconds.
            if count >= RUN_COUNT or time.monotonic() > self._end:
                return
            claim = _claim(self._database, self._config, self._of_the_same_channel())

    def _of_the_same_channel(self) -> Select[uuid.UUID]:
        same = select(Pointer.id).where(Pointer.channel == self._channel)
        return same.order_by(Pointer.due_at)

    def _send(self, claim: Claim) -> bool:
        """Whether the line can be used for more."""
        _wait_for(claim.turn)
        pointer_id = claim.errand.pointer_id
        try:
            message = _message(self._config, claim.errand)
            ref = self._open_line().send(message)
        except NotSent as failure:
            _note_failure(self._database, self._channel, pointer_id, failure)
            return not failure.fault.is_about_the_provider
        _note_success(self._database, self._channel, pointer_id, ref)
        return True

    def _open_line(self) -> Line:
        if self._line is None:
            provider = provider_of(self._config, self._channel)
            self._line = self._kept.enter_context(provider.open())
        return self._line


def _wait_for(turn: dt.datetime) -> None:
    seconds = (turn - clock.now()).total_seconds()
    time.sleep(min(max(seconds, 0.0), pace.LONGEST_TURN.total_seconds()))


def _claim(database: Database, config: Config, which: Select[uuid.UUID]) -> Claim | None:
    """Claims the first of these that is due and still wanted, if its provider may be asked."""
    while True:
        with database.writing() as session:
            now = clock.now()
            # Whoever writes to somebody holds their pointer for a moment: the others go first.
            due = which.where(is_due(now)).limit(1)
            channel = session.scalar(due.with_only_columns(Pointer.channel))
            if channel is None:
                return None
            state = pace.state_of(session, channel)
            if not pace.may_send(state, now):
                return None
            pointer_id = session.scalar(due.with_for_update(skip_locked=True))
            if pointer_id is None:
                return None
            found = _take(session, pointer_id, now)
            if found is not None:
                return Claim(found, pace.take_turn(state, config, now))


def _take(session: Session, pointer_id: uuid.UUID, now: dt.datetime) -> Errand | None:
    """Marks a pointer as being sent; drops it when the person is not to be told any more."""
    that = update(Pointer).where(Pointer.id == pointer_id, is_due(now))
    claim = that.values(
        state=State.SENDING,
        attempts=Pointer.attempts + 1,
        due_at=now + CLAIM,
        last_error_code=None,
    )
    if not changed(session.execute(claim, execution_options={"synchronize_session": False})):
        return None
    found = errand(session, pointer_id)
    if found is None:
        drop(session, pointer_id)
        return None
    if found.kind not in WITHOUT_DELAY and postpone(session, pointer_id, now):
        return None
    _first_try(session, pointer_id, now)
    if found.kind != PROOF:
        _drop_older(session, found)
    return found


def _first_try(session: Session, pointer_id: uuid.UUID, now: dt.datetime) -> None:
    first = update(Pointer).where(Pointer.id == pointer_id, Pointer.tried_at.is_(None))
    session.execute(first.values(tried_at=now), execution_options={"synchronize_session": False})


def _drop_older(session: Session, claimed: Errand) -> None:
    """An older one that is waiting to be tried again would say nothing that this one does not;
    but an alarm, which waits for no morning, is not dropped for what does."""
    older = select(Pointer.id).where(
        Pointer.recipient_id == claimed.user_id,
        Pointer.channel == claimed.channel,
        Pointer.state == State.SENDING,
        Pointer.kind != PROOF,
        Pointer.last_error_code.is_not(None),
        Pointer.id != claimed.pointer_id,
    )
    if claimed.kind != URGENT:
        older = older.where(Pointer.kind != URGENT)
    for pointer_id in session.scalars(older).all():
        give_way(session, pointer_id, to=claimed.pointer_id)


def _note_success(
    database: Database, channel: Channel, pointer_id: uuid.UUID, ref: str | None
) -> None:
    with database.writing() as session:
        pace.note_success(pace.state_of(session, channel), clock.now())
        outcome.note_sent(session, pointer_id, ref)


def _note_failure(
    database: Database, channel: Channel, pointer_id: uuid.UUID, failure: NotSent
) -> None:
    with database.writing() as session:
        state, now = pace.state_of(session, channel), clock.now()
        # What is our own fault says nothing about the provider, who was not even asked.
        if failure.fault is not Fault.OURS:
            pace.note_fault(state, failure.code, failure.fault, now, failure.after_seconds)
        outcome.note_not_sent(session, pointer_id, failure)


def _message(config: Config, claimed: Errand) -> Message:
    to, code = _open_address(config, claimed), _open_code(config, claimed)
    said = words_for(claimed, code=code, url=config.neutral_url)
    return Message(
        key=str(claimed.pointer_id),
        to=to,
        subject=said.subject,
        body=said.body,
        sender_name=said.sender_name,
    )


def _open_address(config: Config, claimed: Errand) -> str:
    place = formats.address_place(claimed.clinic_id, claimed.user_id, claimed.channel)
    return _open(config, claimed.sealed_address, place)


def _open_code(config: Config, claimed: Errand) -> str:
    """The code that proves an address; none in any other pointer."""
    if claimed.sealed_code is None:
        return ""
    place = formats.code_place(claimed.clinic_id, claimed.user_id, claimed.channel)
    return _open(config, claimed.sealed_code, place)


def _open(config: Config, sealed: bytes, place: bytes) -> str:
    try:
        opened = open_with(config.worker_private_key or b"", sealed, place)
    except (Unreadable, ValueError):
        raise NotSent("address_unreadable", Fault.OURS) from None
    return unpad(opened).decode()
