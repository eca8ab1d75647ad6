"""Writing in threads: drafts, sending once, taking back, closing."""

import datetime as dt
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.caseload.models import CareTeamMember, Engagement
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.crypto import pad, seal_to
from portal.core.database import Moment, connection_of
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.core.statements import Prepared
from portal.notifications.opening import opened
from portal.notifications.preferences import Circle
from portal.notifications.services import point_each
from portal.safety.words import LONGEST, check_length, cleaned
from portal.threads import queries
from portal.threads.access import OpenThread, grant_holders, side_of, subject_place, thread_for
from portal.threads.models import (
    Draft,
    KeptText,
    Message,
    NoReplyNeeded,
    ReadMark,
    Side,
    Thread,
    ThreadClosure,
)
from portal.threads.queries import MessageFacts
from portal.vault import queries as vaults
from portal.vault import services as vault_services
from portal.vault.keys import OpenVault

LONGEST_SUBJECT = 100
MOST_KEPT_TEXTS = 20


class ThreadClosed(Conflict):
    """Nothing can be added to this thread. What was typed can begin a new one."""

    code = "thread_closed"


class NonceRefused(Invalid):
    """The form was not given to this person for this place, or too long ago."""

    code = "form_too_old"


@dataclass(frozen=True)
class Sent:
    """A message that is stored: the same for the first post and for each repeat of it."""

    thread_id: uuid.UUID
    seq: int


@dataclass(frozen=True)
class Answered(Sent):
    """What was sent, with the thread as it stands after it.

    message: what has just been stored, as it would be read; None if it had been sent before.
    """

    thread: OpenThread
    message: MessageFacts | None


def check_text(text: str) -> None:
    """Raises Invalid if there is nothing to send, or too much. Nothing typed is discarded."""
    if not text:
        raise Invalid(text="text_empty")
    check_length(text)


def send(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    person: Person,
    thread_id: uuid.UUID,
    text: str,
    nonce: Nonce,
) -> Answered:
    """Sends once, however often it is asked with the same nonce.

    Raises NotFound, ThreadClosed, NonceRefused, or Invalid for empty or over-long text, and for
    other words in a form that was sent before: they are neither lost nor sent unasked.
    """
    thread = thread_for(session, person, thread_id, to_write=True)
    if not nonce.was_given_to(keyring, person.id, thread_id):
        raise NonceRefused
    text = cleaned(text)
    if thread.closed_at is not None or not 0 < len(text) <= LONGEST:
        return _sent_before(session, keyring, person, thread, text, nonce)
    vault = _fresh(session, clinic, person, thread.vault, is_stale=thread.is_stale)
    sent = _store(session, person, vault, thread.id, thread.last_seq + 1, text, nonce)
    if sent is None:
        return _sent_before(session, keyring, person, thread, text, nonce)
    _count(session, thread.id, thread.side, sent.seq)
    _forget_draft(session, person, thread.id)
    _tell_the_others(session, person, thread.engagement_id, thread.id)
    audit.note(session, person.clinic_id, person.id, "message:send", thread.id, str(sent.seq))
    after = thread._replace(vault=vault, last_seq=sent.seq, last_own_seq=sent.seq, no_reply_by=None)
    return Answered(thread_id, sent.seq, after, sent)


def _sent_before(
    session: Session,
    keyring: Keyring,
    person: Person,
    thread: OpenThread,
    text: str,
    nonce: Nonce,
) -> Answered:
    """What a form has sent already, for one that can send nothing more; or why it cannot."""
    known = find_sent(session, person.id, nonce)
    if known is not None and _are_its_words(session, keyring, thread, known, text):
        return Answered(thread.id, known.seq, thread, None)
    if thread.closed_at is not None:
        raise ThreadClosed
    if known is None:
        check_text(text)
    raise Invalid(text="sent_before")


def _fresh(
    session: Session, clinic: ClinicFacts, person: Person, vault: OpenVault, *, is_stale: bool
) -> OpenVault:
    if not is_stale:
        return vault
    return vault_services.freshen(session, person, vault, clinic.recovery_public_key)


_SENT = Prepared(
    select(Message.thread_id, Message.seq).where(
        Message.author_id == bindparam("author"), Message.nonce == bindparam("nonce")
    )
)


def find_sent(session: Session, author_id: uuid.UUID, nonce: Nonce) -> Sent | None:
    """What a nonce has sent already, if anything."""
    row = _SENT.first(session, author=author_id, nonce=nonce.id)
    return Sent(*row) if row else None


def _are_its_words(
    session: Session, keyring: Keyring, thread: OpenThread, sent: Sent, text: str
) -> bool:
    """Whether a form says once more what it has sent, and not what was written on it since."""
    before = queries.messages_after(session, keyring, thread, sent.seq - 1, 1)
    return not text or before[0].text == text


def _once(insert: Callable[..., Any]) -> Prepared:
    """Stores a message, and gives its number back, unless its nonce has stored one before."""
    by_nonce = [Message.author_id, Message.nonce]
    statement = insert(Message).on_conflict_do_nothing(index_elements=by_nonce)
    return Prepared(statement.returning(Message.seq))


_STORE_ONCE = {"sqlite": _once(sqlite.insert), "postgresql": _once(postgresql.insert)}


def _store(
    session: Session,
    person: Person,
    vault: OpenVault,
    thread_id: uuid.UUID,
    seq: int,
    text: str,
    nonce: Nonce,
) -> MessageFacts | None:
    """What is stored now; None if this nonce has stored something before."""
    message_id, now = new_id(), clock.now()
    sealed = vault.seal(text, queries.message_place(thread_id, seq, person.id))
    stored = _STORE_ONCE[connection_of(session).dialect.name].first(
        session,
        thread_id=thread_id,
        seq=seq,
        id=message_id,
        clinic_id=person.clinic_id,
        author_id=person.id,
        side=side_of(person),
        epoch=sealed.epoch,
        sealed=sealed.blob,
        nonce=nonce.id,
        sent_at=now,
        taken_back_at=None,
    )
    if stored is None:
        return None
    return MessageFacts(seq, person.id, person.name, side_of(person), now, text, None, sealed.epoch)


_NOW = bindparam("now", type_=Moment())
_COUNT_CLIENT = Prepared(
    update(Thread)
    .where(Thread.id == bindparam("thread"))
    .values(
        last_seq=bindparam("seq"),
        last_client_seq=bindparam("seq"),
        last_at=_NOW,
        waiting_since=func.coalesce(Thread.waiting_since, _NOW),
    )
)
_COUNT_TEAM = Prepared(
    update(Thread)
    .where(Thread.id == bindparam("thread"))
    .values(
        last_seq=bindparam("seq"),
        last_team_seq=bindparam("seq"),
        last_at=_NOW,
        waiting_since=None,
    )
)


def _count(session: Session, thread_id: uuid.UUID, side: Side, seq: int) -> None:
    query = _COUNT_CLIENT if side is Side.CLIENT else _COUNT_TEAM
    query.run(session, thread=thread_id, seq=seq, now=clock.now())


_FORGET = Prepared(
    delete(Draft).where(
        Draft.author_id == bindparam("person"), Draft.place_id == bindparam("place")
    )
)


def _forget_draft(session: Session, person: Person, place_id: uuid.UUID) -> None:
    _FORGET.run(session, person=person.id, place=place_id)


_CLIENT = Circle(select(Engagement.client_id).where(Engagement.id == bindparam("engagement")))
_CARE_TEAM = Circle(
    select(CareTeamMember.user_id).where(
        CareTeamMember.engagement_id == bindparam("engagement"), CareTeamMember.left_at.is_(None)
    )
)


def _tell_the_others(
    session: Session, person: Person, engagement_id: uuid.UUID, thread_id: uuid.UUID
) -> None:
    others = _CLIENT if person.is_staff else _CARE_TEAM
    point_each(
        session,
        others.reaches(session, engagement=engagement_id),
        clinic_id=person.clinic_id,
        kind="waiting",
        cause_kind="thread",
        cause_id=thread_id,
    )


def begin_thread(
    session: Session,
    keyring: Keyring,
    clinic: ClinicFacts,
    person: Person,
    engagement_id: uuid.UUID,
    *,
    subject: str,
    text: str,
    nonce: Nonce,
) -> Sent:
    """A new thread with its first message; once, however often it is asked.

    Raises NotFound, NonceRefused or Invalid.
    """
    engagement = engagement_to_write(session, engagement_id)
    if not nonce.was_given_to(keyring, person.id, engagement_id):
        raise NonceRefused
    text, subject = cleaned(text), " ".join(subject.split())
    known = find_sent(session, person.id, nonce)
    if known is not None:
        thread = thread_for(session, person, known.thread_id)
        if _are_its_words(session, keyring, thread, known, text):
            return known
        raise Invalid(text="sent_before")
    check_text(text)
    if not 0 < len(subject) <= LONGEST_SUBJECT:
        raise Invalid(subject="subject_empty" if not subject else "subject_too_long")
    vault = vaults.open_for(session, person, engagement.vault_id)
    vault = vault_services.freshen(session, person, vault, clinic.recovery_public_key)
    thread_id = _open_thread(session, person, engagement, vault, subject)
    if _store(session, person, vault, thread_id, 1, text, nonce) is None:
        raise Conflict  # the lock lets nobody see less than what the nonce has sent
    _count(session, thread_id, side_of(person), 1)
    _forget_draft(session, person, engagement_id)
    _tell_the_others(session, person, engagement_id, thread_id)
    audit.note(session, person.clinic_id, person.id, "thread:begin", thread_id)
    return Sent(thread_id, 1)


def engagement_to_write(session: Session, engagement_id: uuid.UUID) -> Engagement:
    """Whoever else would begin a thread here, or save the draft of one, waits. Raises NotFound."""
    engagement = session.scalar(
        select(Engagement).where(Engagement.id == engagement_id).with_for_update()
    )
    if engagement is None:
        raise NotFound
    return engagement


def _open_thread(
    session: Session, person: Person, engagement: Engagement, vault: OpenVault, subject: str
) -> uuid.UUID:
    thread_id, now = new_id(), clock.now()
    sealed = vault.seal(subject, subject_place(thread_id, person.id))
    session.add(
        Thread(
            id=thread_id,
            clinic_id=person.clinic_id,
            engagement_id=engagement.id,
            vault_id=engagement.vault_id,
            subject_epoch=sealed.epoch,
            subject_sealed=sealed.blob,
            begun_by=person.id,
            begun_at=now,
            last_seq=0,
            last_at=now,
            last_client_seq=0,
            last_team_seq=0,
            client_opened_seq=0,
            team_opened_seq=0,
        )
    )
    session.flush()
    return thread_id


def save_draft(
    session: Session,
    person: Person,
    vault: OpenVault,
    place_id: uuid.UUID,
    *,
    text: str,
    subject: str = "",
    nonce: Nonce | None,
) -> bool:
    """Keeps what is being written. False if the form it comes from has been sent meanwhile.

    Lock the place first (the thread, or the engagement): two saves at once must take turns, and a
    save must not slip in behind the send that ends it.
    """
    if nonce is not None and find_sent(session, person.id, nonce) is not None:
        return False
    fields = queries.written_fields(text.replace("\r\n", "\n"), subject)
    sealed = vault.seal(fields, queries.draft_place(place_id, person.id))
    _forget_draft(session, person, place_id)
    session.execute(
        insert(Draft).values(
            author_id=person.id,
            place_id=place_id,
            clinic_id=person.clinic_id,
            epoch=sealed.epoch,
            sealed=sealed.blob,
            saved_at=clock.now(),
        )
    )
    return True


def ready_vault(
    session: Session, clinic: ClinicFacts, person: Person, thread: OpenThread
) -> OpenVault:
    """The thread's vault for sealing: nothing more goes under a key that somebody left with."""
    return _fresh(session, clinic, person, thread.vault, is_stale=thread.is_stale)


def move_unsent(session: Session, person: Person, thread: OpenThread) -> None:
    """Takes what was written for a thread that has closed along into the draft of a new one."""
    unsent = queries.unsent_texts(session, person, thread)
    if unsent:
        carry_along(session, person, thread, "\n\n".join(written.text for written in unsent))
    _forget_draft(session, person, thread.id)
    discard_kept(session, person, thread.id)


def carry_along(session: Session, person: Person, thread: OpenThread, text: str) -> queries.Written:
    """Puts what was typed for a closed thread into the draft of a new one, after what is in it."""
    draft = queries.unsent(session, person, thread.vault, thread.engagement_id).draft
    before, subject = (draft.text, draft.subject) if draft else ("", "")
    text = text.replace("\r\n", "\n")
    if before and before not in text:
        text = before if text in before else f"{before}\n\n{text}"
    subject = subject or thread.subject
    save_draft(
        session, person, thread.vault, thread.engagement_id, text=text, subject=subject, nonce=None
    )
    return queries.Written(text, subject, clock.now())


def discard_draft(session: Session, person: Person, place_id: uuid.UUID) -> None:
    _forget_draft(session, person, place_id)


def keep_for_author(
    session: Session,
    keyring: Keyring,
    place_id: uuid.UUID,
    text: str,
    nonce: Nonce,
    subject: str = "",
) -> User | None:
    """Keeps text that came without a live session, sealed to the one whose form it was in.

    Returns that person, or None if the form was given to nobody who may write in this place.
    """
    for author in [*grant_holders(session, place_id), *_engagement_holders(session, place_id)]:
        if nonce.was_given_to(keyring, author.id, place_id):
            _keep(session, author, place_id, text, subject, nonce)
            return author
    return None


def _engagement_holders(session: Session, engagement_id: uuid.UUID) -> list[User]:
    engagement = session.get(Engagement, engagement_id)
    if engagement is None:
        return []
    holders = vaults.present_holders(session, engagement.vault_id)
    return list(session.scalars(select(User).where(User.id.in_(holders))))


def _keep(
    session: Session, author: User, place_id: uuid.UUID, text: str, subject: str, nonce: Nonce
) -> None:
    if find_sent(session, author.id, nonce) is not None or not text.strip():
        return
    session.execute(
        delete(KeptText).where(KeptText.author_id == author.id, KeptText.nonce == nonce.id)
    )
    count = session.scalar(select(func.count()).where(KeptText.author_id == author.id)) or 0
    if count >= MOST_KEPT_TEXTS:
        raise Conflict(reason="too_many_kept")
    kept_id = new_id()
    place = queries.kept_label(author.clinic_id, place_id, kept_id)
    fields = queries.written_fields(text.replace("\r\n", "\n"), subject)
    session.add(
        KeptText(
            id=kept_id,
            clinic_id=author.clinic_id,
            author_id=author.id,
            place_id=place_id,
            nonce=nonce.id,
            sealed=seal_to(author.public_key, pad(fields.encode()), place),
            kept_at=clock.now(),
        )
    )
    session.flush()
    audit.note(session, author.clinic_id, None, "text:keep", author.id)


def restore_kept(session: Session, person: Person, vault: OpenVault, place_id: uuid.UUID) -> None:
    """Puts kept texts into the draft, after whatever is in it."""
    draft, kept = queries.unsent(session, person, vault, place_id)
    texts = [draft.text] if draft and draft.text else []
    texts += [written.text for written in kept if written.text not in texts]
    subjects = [written.subject for written in [draft, *kept] if written and written.subject]
    subject = subjects[0] if subjects else ""
    save_draft(
        session, person, vault, place_id, text="\n\n".join(texts), subject=subject, nonce=None
    )
    discard_kept(session, person, place_id)


def discard_kept(session: Session, person: Person, place_id: uuid.UUID) -> None:
    session.execute(
        delete(KeptText).where(KeptText.author_id == person.id, KeptText.place_id == place_id)
    )


def mark_opened(session: Session, person: Person, thread: OpenThread) -> None:
    """Remembers that this person's side has opened everything there is."""
    now, is_client = clock.now(), thread.side is Side.CLIENT
    column = Thread.client_opened_seq if is_client else Thread.team_opened_seq
    # The row is written even if nothing changes in it: then two who open it at once take turns.
    seq = case((column < thread.last_seq, thread.last_seq), else_=column)
    session.execute(update(Thread).where(Thread.id == thread.id).values({column: seq}))
    session.execute(
        delete(ReadMark).where(ReadMark.thread_id == thread.id, ReadMark.reader_id == person.id)
    )
    session.execute(
        insert(ReadMark).values(
            thread_id=thread.id,
            reader_id=person.id,
            clinic_id=person.clinic_id,
            seq=thread.last_seq,
            at=now,
        )
    )
    for reader_id in _readers(session, person, thread):
        opened(session, reader_id, "thread", thread.id)


_TEAM = Prepared(
    select(CareTeamMember.user_id.label("id"))
    .where(
        CareTeamMember.engagement_id == bindparam("engagement"), CareTeamMember.left_at.is_(None)
    )
    .order_by(CareTeamMember.user_id)
)


def _readers(session: Session, person: Person, thread: OpenThread) -> list[uuid.UUID]:
    """Whom an opening spares a telling: what one of the team has opened, the team has."""
    if thread.side is Side.CLIENT:
        return [person.id]
    rows = _TEAM.all(session, engagement=thread.engagement_id)
    return [row.id for row in rows]


def take_back(session: Session, person: Person, thread_id: uuid.UUID, seq: int) -> None:
    """Takes one's own message out of the thread while nobody on the other side has opened it.

    The record keeps it. Raises NotFound, ThreadClosed, or Conflict if it has been opened.
    """
    thread = thread_for(session, person, thread_id, to_write=True)
    message = session.get(Message, (thread_id, seq)) if seq <= queries.HIGHEST else None
    if message is None or message.author_id != person.id or message.taken_back_at is not None:
        raise NotFound
    if thread.closed_at is not None:
        raise ThreadClosed
    if thread.opened_by_other_seq >= seq or thread.last_other_seq > seq:
        raise Conflict(reason="already_opened")
    message.taken_back_at = clock.now()
    session.flush()
    _count_anew(session, thread)
    audit.note(session, person.clinic_id, person.id, "message:take_back", thread_id, str(seq))


def _count_anew(session: Session, thread: OpenThread) -> None:
    """An answer that was taken back is none: whoever waited for it waits again."""
    row = session.get_one(Thread, thread.id, populate_existing=True)
    last = _last_standing(session, thread.id, thread.side)
    if thread.side is Side.CLIENT:
        row.last_client_seq = last
    else:
        row.last_team_seq = last
    row.waiting_since = _waiting_since(session, row)
    session.flush()


def _last_standing(session: Session, thread_id: uuid.UUID, side: Side) -> int:
    query = (
        select(Message.seq)
        .where(Message.thread_id == thread_id, Message.side == side)
        .where(Message.taken_back_at.is_(None))
        .order_by(Message.seq.desc())
        .limit(1)
    )
    return session.scalar(query) or 0


def _waiting_since(session: Session, thread: Thread) -> dt.datetime | None:
    said = select(func.max(NoReplyNeeded.seq)).where(NoReplyNeeded.thread_id == thread.id)
    return session.scalar(
        select(Message.sent_at)
        .where(
            Message.thread_id == thread.id,
            Message.seq > max(thread.last_team_seq, session.scalar(said) or 0),
            Message.side == Side.CLIENT,
            Message.taken_back_at.is_(None),
        )
        .order_by(Message.seq)
        .limit(1)
    )


def say_no_reply_needed(session: Session, person: Person, thread_id: uuid.UUID) -> None:
    """The newest message needs no reply, says either side. Raises NotFound or ThreadClosed."""
    thread = thread_for(session, person, thread_id, to_write=True)
    if thread.closed_at is not None:
        raise ThreadClosed
    if thread.no_reply_at is not None:
        return
    session.add(
        NoReplyNeeded(
            thread_id=thread_id,
            seq=thread.last_seq,
            clinic_id=person.clinic_id,
            said_by=person.id,
            said_at=clock.now(),
        )
    )
    session.execute(update(Thread).where(Thread.id == thread_id).values(waiting_since=None))
    session.flush()
    audit.note(session, person.clinic_id, person.id, "thread:no_reply_needed", thread_id)


def close(session: Session, person: Person, thread_id: uuid.UUID) -> None:
    """Closes a thread for writing; for the care team. Raises NotFound."""
    thread = thread_for(session, person, thread_id, to_write=True)
    if thread.side is not Side.TEAM:
        raise NotFound
    if thread.closed_at is not None:
        return
    session.add(
        ThreadClosure(
            thread_id=thread_id,
            clinic_id=person.clinic_id,
            closed_by=person.id,
            closed_at=clock.now(),
        )
    )
    session.execute(update(Thread).where(Thread.id == thread_id).values(waiting_since=None))
    session.flush()
    audit.note(session, person.clinic_id, person.id, "thread:close", thread_id)
