"""Reading threads: a page of messages by key, lists without counting, drafts and kept texts."""

import datetime as dt
import json
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Integer, bindparam, func, literal_column, select, union_all
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.caseload.models import CareTeamMember, Engagement
from portal.caseload.queries import Waiting
from portal.core.crypto import Unreadable, label, open_with, unpad
from portal.core.database import Id
from portal.core.errors import NotFound
from portal.core.keyring import Keyring
from portal.core.statements import Prepared
from portal.safety.words import cleaned
from portal.threads.access import OpenThread, side_of, subject_place
from portal.threads.models import (
    Draft,
    KeptText,
    Message,
    Side,
    Thread,
    ThreadClosure,
)
from portal.vault.keys import OpenVault, Place, Sealed
from portal.vault.queries import open_for

log = logging.getLogger("portal.threads")

PAGE = 20
THREADS = 30


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
HIGHEST = 2**31 - 1


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


@dataclass(frozen=True)
class ThreadRow:
    """One line in a list of threads. state: "new", "received", "opened", "answered", "closed"."""

    id: uuid.UUID
    subject: str
    last_at: dt.datetime
    last_is_mine: bool
    unread: bool
    state: str


class ThreadPage(NamedTuple):
    """Some of an engagement's threads. `older` is where the page after this one begins."""

    rows: list[ThreadRow]
    older: uuid.UUID | None


def threads_of(
    session: Session,
    person: Person,
    engagement_id: uuid.UUID,
    vault_id: uuid.UUID,
    before: uuid.UUID | None = None,
) -> ThreadPage:
    """The threads of an engagement, the latest to change first; or those after one of them.

    Raises NotFound if `before` is no thread of this engagement.
    """
    vault = open_for(session, person, vault_id)
    query = (
        select(Thread, ThreadClosure.closed_at)
        .outerjoin(ThreadClosure, ThreadClosure.thread_id == Thread.id)
        .where(Thread.engagement_id == engagement_id)
        .order_by(Thread.last_at.desc(), Thread.id.desc())
        .limit(THREADS + 1)
    )
    if before is not None:
        last_at = session.scalar(
            select(Thread.last_at).where(Thread.id == before, Thread.engagement_id == engagement_id)
        )
        if last_at is None:
            raise NotFound
        later = (Thread.last_at == last_at) & (Thread.id >= before)
        query = query.where(Thread.last_at <= last_at, ~later)
    found = session.execute(query).all()
    side = side_of(person)
    rows = [_thread_row(vault, side, thread, closed) for thread, closed in found[:THREADS]]
    return ThreadPage(rows, rows[-1].id if len(found) > THREADS else None)


def _thread_row(
    vault: OpenVault, side: Side, thread: Thread, closed_at: dt.datetime | None
) -> ThreadRow:
    is_client = side is Side.CLIENT
    own = thread.last_client_seq if is_client else thread.last_team_seq
    other = thread.last_team_seq if is_client else thread.last_client_seq
    own_opened = thread.client_opened_seq if is_client else thread.team_opened_seq
    other_opened = thread.team_opened_seq if is_client else thread.client_opened_seq
    unread = other > own_opened
    return ThreadRow(
        thread.id,
        _subject(vault, thread),
        thread.last_at,
        own == thread.last_seq,
        unread,
        "closed" if closed_at else "new" if unread else _state(own, other, other_opened),
    )


def _state(own: int, other: int, other_opened: int) -> str:
    if own == 0:
        return ""
    if other > own:
        return "answered"
    return "opened" if other_opened >= own else "received"


def _subject(vault: OpenVault, thread: Thread) -> str:
    sealed = Sealed(thread.subject_epoch, thread.subject_sealed)
    return vault.open_or_none(sealed, subject_place(thread.id, thread.begun_by)) or ""


@dataclass(frozen=True)
class Sent:
    """A message that is stored: the same for the first post and for each repeat of it."""

    thread_id: uuid.UUID
    seq: int


@dataclass(frozen=True)
class SentBefore(Sent):
    """What a nonce has sent already. `sealed` is None if it was taken back."""

    author_id: uuid.UUID
    at: dt.datetime
    sealed: Sealed | None

    def words(self, vault: OpenVault) -> str | None:
        """None if it was taken back, or if this vault does not open it."""
        if self.sealed is None:
            return None
        return vault.open_or_none(
            self.sealed, message_place(self.thread_id, self.seq, self.author_id)
        )


_SENT = Prepared(
    select(
        Message.thread_id,
        Message.seq,
        Message.sent_at,
        Message.taken_back_at,
        Message.epoch,
        Message.sealed,
    ).where(Message.author_id == bindparam("author"), Message.nonce == bindparam("nonce"))
)


def find_sent(session: Session, author_id: uuid.UUID, nonce_id: uuid.UUID) -> SentBefore | None:
    """What a nonce has sent already, if anything."""
    row = _SENT.first(session, author=author_id, nonce=nonce_id)
    if row is None:
        return None
    sealed = None if row.taken_back_at else Sealed(row.epoch, row.sealed)
    return SentBefore(row.thread_id, row.seq, author_id, row.sent_at, sealed)


@dataclass(frozen=True)
class Written:
    """What somebody has written and not sent."""

    text: str
    subject: str
    at: dt.datetime


def draft_place(place_id: uuid.UUID, author_id: uuid.UUID) -> Place:
    return Place("drafts", "text", place_id, author_id)


class Unsent(NamedTuple):
    """What somebody has written for one place and not sent.

    draft: what they are writing; kept: what came when nobody was signed in, oldest first;
    echoes: what came so too but had been sent, which could not be known before.
    """

    draft: Written | None
    kept: list[Written]
    echoes: list[uuid.UUID]


# One look-up for both: every thread page asks, and mostly there is neither.
_UNSENT = Prepared(
    union_all(
        select(
            literal_column("0", Integer).label("is_kept"),
            Draft.place_id.label("id"),
            Draft.epoch,
            Draft.sealed,
            Draft.saved_at.label("at"),
            literal_column("NULL", Id).label("nonce"),
        ).where(Draft.author_id == bindparam("person"), Draft.place_id == bindparam("place")),
        select(
            literal_column("1", Integer),
            KeptText.id,
            literal_column("0", Integer),
            KeptText.sealed,
            KeptText.kept_at,
            KeptText.nonce,
        ).where(KeptText.author_id == bindparam("person"), KeptText.place_id == bindparam("place")),
    ).order_by("is_kept", "id")
)


def unsent(session: Session, person: Person, vault: OpenVault, place_id: uuid.UUID) -> Unsent:
    """What this person has not sent in a thread (or, by engagement, of a new one)."""
    found = Unsent(None, [], [])
    for row in _UNSENT.all(session, person=person.id, place=place_id):
        if row.is_kept:
            written = _open_kept(person, place_id, row)
        else:
            sealed = Sealed(row.epoch, row.sealed)
            opened = vault.open_or_none(sealed, draft_place(place_id, person.id))
            written = _written(opened, row.at) if opened is not None else None
            found = found._replace(draft=written)
        if row.is_kept and _is_echo(session, person, vault, row.nonce, written):
            found.echoes.append(row.id)
        elif row.is_kept and written is not None:
            found.kept.append(written)
    return found


def _is_echo(
    session: Session,
    person: Person,
    vault: OpenVault,
    nonce_id: uuid.UUID,
    written: Written | None,
) -> bool:
    """Whether a kept text says what its form has sent, and nothing that was written on it since."""
    if written is None:
        return False
    sent = find_sent(session, person.id, nonce_id)
    return sent is not None and sent.words(vault) == cleaned(written.text)


def written_fields(text: str, subject: str) -> str:
    """What is sealed of something that was written and not sent."""
    return json.dumps({"text": text, "subject": subject})


def _written(opened: str, at: dt.datetime) -> Written:
    fields = json.loads(opened)
    return Written(fields["text"], fields["subject"], at)


def kept_label(clinic_id: uuid.UUID, place_id: uuid.UUID, kept_id: uuid.UUID) -> bytes:
    return label(clinic_id, "kept_texts", place_id, kept_id)


def _open_kept(person: Person, place_id: uuid.UUID, row: Any) -> Written | None:
    place = kept_label(person.clinic_id, place_id, row.id)
    try:
        opened = unpad(open_with(person.private_key, row.sealed, place)).decode()
        return _written(opened, row.at)
    except Unreadable:
        log.error("kept text %s does not open", row.id)
        return None


def all_texts(found: Unsent) -> list[Written]:
    """Draft and kept texts, in that order: all that a closed thread leaves unsent."""
    draft, kept, _ = found
    return [draft, *kept] if draft is not None and draft.text.strip() else kept


@dataclass(frozen=True)
class KeptIn:
    """A place where words wait that came when nobody was signed in. `thread_id` is None for those
    of a new thread. They may have been sent: that is known once they are opened."""

    thread_id: uuid.UUID | None
    subject: str
    found: Unsent


def kept_in_engagement(
    session: Session, person: Person, engagement_id: uuid.UUID, vault_id: uuid.UUID
) -> list[KeptIn]:
    """Where in an engagement words of this person wait; mostly nowhere, and that costs little."""
    rows = session.execute(
        select(KeptText.place_id, Thread)
        .outerjoin(Thread, Thread.id == KeptText.place_id)
        .where(KeptText.author_id == person.id)
        .where((Thread.engagement_id == engagement_id) | (KeptText.place_id == engagement_id))
        .order_by(KeptText.id)
    )
    places: dict[uuid.UUID, Thread | None] = {row[0]: row[1] for row in rows}
    if not places:
        return []
    vault = open_for(session, person, vault_id)
    return [
        KeptIn(
            thread.id if thread else None,
            _subject(vault, thread) if thread else "",
            unsent(session, person, vault, place_id),
        )
        for place_id, thread in places.items()
    ]


def waiting_items(session: Session, person: Person) -> list[Waiting]:
    """For every engagement on whose team somebody is: since when a message waits, if one does."""
    rows = session.execute(
        select(Thread.engagement_id, func.min(Thread.waiting_since), func.max(Thread.last_at))
        .join(CareTeamMember, CareTeamMember.engagement_id == Thread.engagement_id)
        .where(CareTeamMember.user_id == person.id, CareTeamMember.left_at.is_(None))
        .group_by(Thread.engagement_id)
    )
    return [Waiting(*row) for row in rows]


_CLIENT = Prepared(
    select(User.id, User.name_sealed)
    .join(Engagement, Engagement.client_id == User.id)
    .where(Engagement.id == bindparam("engagement"))
)
_TEAM = Prepared(
    select(User.id, User.name_sealed)
    .join(CareTeamMember, CareTeamMember.user_id == User.id)
    .where(CareTeamMember.engagement_id == bindparam("engagement"))
    .where(CareTeamMember.left_at.is_(None))
    .order_by(CareTeamMember.id)
)


def client_name(session: Session, keyring: Keyring, engagement_id: uuid.UUID) -> str:
    row = _CLIENT.first(session, engagement=engagement_id)
    return keyring.name(row.name_sealed, "users", "name", row.id)


def team_names(session: Session, keyring: Keyring, engagement_id: uuid.UUID) -> list[str]:
    rows = _TEAM.all(session, engagement=engagement_id)
    return [keyring.name(row.name_sealed, "users", "name", row.id) for row in rows]


def name_of_user(session: Session, keyring: Keyring, user_id: uuid.UUID) -> str:
    sealed = session.scalar(select(User.name_sealed).where(User.id == user_id))
    return keyring.name(sealed or b"", "users", "name", user_id)
