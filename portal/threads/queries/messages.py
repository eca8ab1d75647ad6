"""The messages of a thread, by key, and whether one of them was left unopened."""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.core.keyring import Keyring
from portal.core.statements import Prepared
from portal.threads.access import OpenThread
from portal.threads.models import Message, Side
from portal.vault.keys import Place

PAGE = 20
HIGHEST = 2**31 - 1


class MessageFacts(NamedTuple):
    """A message, opened. `text` is None if it was taken back or cannot be read by this person."""

    seq: int
    author_id: uuid.UUID
    author_name: str
    side: Side
    at: dt.datetime
    text: str | None
    taken_back_at: dt.datetime | None
    epoch: int


_COLUMNS = (
    Message.seq,
    Message.author_id,
    Message.side,
    Message.epoch,
    Message.sealed,
    Message.sent_at,
    Message.taken_back_at,
    User.name_sealed,
)
_NEWEST = Prepared(
    select(*_COLUMNS)
    .join(User, User.id == Message.author_id)
    .where(Message.thread_id == bindparam("thread"), Message.seq < bindparam("before"))
    .order_by(Message.seq.desc())
    .limit(bindparam("count"))
)
_AFTER = Prepared(
    select(*_COLUMNS)
    .join(User, User.id == Message.author_id)
    .where(Message.thread_id == bindparam("thread"), Message.seq > bindparam("after"))
    .order_by(Message.seq)
    .limit(bindparam("count"))
)


def messages_before(
    session: Session,
    keyring: Keyring,
    thread: OpenThread,
    before: int | None = None,
    count: int = PAGE,
) -> list[MessageFacts]:
    """The newest messages, or the newest of those before a number; oldest of them first."""
    rows = _NEWEST.all(session, thread=thread.id, before=before or HIGHEST, count=count)
    return _open(keyring, thread, reversed(rows))


def messages_after(
    session: Session, keyring: Keyring, thread: OpenThread, after: int, count: int = PAGE
) -> list[MessageFacts]:
    """What has come since a number, oldest first."""
    rows = _AFTER.all(session, thread=thread.id, after=after, count=count)
    return _open(keyring, thread, rows)


_LEFT_OUT = Prepared(
    select(Message.seq)
    .where(
        Message.thread_id == bindparam("thread"),
        Message.seq > bindparam("after"),
        Message.seq < bindparam("before"),
        Message.side == bindparam("side"),
        Message.taken_back_at.is_(None),
    )
    .limit(1)
)


def is_unopened_before(session: Session, thread: OpenThread, seq: int) -> bool:
    """Whether the other side has written something before a number that was not opened yet."""
    opened = thread.opened_by_own_seq
    if seq <= opened + 1 or thread.last_other_seq <= opened:
        return False
    row = _LEFT_OUT.first(
        session, thread=thread.id, after=opened, before=seq, side=thread.side.other
    )
    return row is not None


def _open(
    keyring: Keyring, thread: OpenThread, rows: Iterable[tuple[Any, ...]]
) -> list[MessageFacts]:
    texts = thread.vault.numbered("messages", "text", thread.id)
    return [
        MessageFacts(
            seq,
            author_id,
            keyring.name(name, "users", "name", author_id),
            side,
            sent_at,
            None if taken_back_at else texts.open_or_none(epoch, sealed, author_id, seq),
            taken_back_at,
            epoch,
        )
        for seq, author_id, side, epoch, sealed, sent_at, taken_back_at, name in rows
    ]


def message_place(thread_id: uuid.UUID, seq: int, author_id: uuid.UUID) -> Place:
    """Bound to thread and number: moved to another or put in another order, it is damaged."""
    return Place("messages", "text", thread_id, author_id, seq)
