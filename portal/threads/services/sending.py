"""Sending once, and beginning a thread."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.models import CareTeamMember, Engagement
from portal.clinics.queries import ClinicFacts
from portal.core import audit, clock
from portal.core.columns import Moment
from portal.core.database import connection_of
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.core.statements import Prepared
from portal.notifications.preferences import Circle
from portal.notifications.services import point_each
from portal.safety.words import LONGEST, check_length, cleaned
from portal.threads import queries
from portal.threads.access import OpenThread, side_of, subject_place, thread_for
from portal.threads.models import (
    Message,
    Side,
    Thread,
)
from portal.threads.queries import MessageFacts, Sent
from portal.threads.services.unsent import discard_draft
from portal.vault import queries as vaults
from portal.vault import services as vault_services
from portal.vault.keys import OpenVault

LONGEST_SUBJECT = 100


class ThreadClosed(Conflict):
    """Nothing can be added to this thread. What was typed can begin a new one."""

    code = "thread_closed"


class NonceRefused(Invalid):
    """The form was not given to this person for this place, or too long ago."""

    code = "form_too_old"


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
        return _sent_before(session, person, thread, text, nonce)
    vault = ready_vault(session, clinic, person, thread)
    sent = _store(session, person, vault, thread.id, thread.last_seq + 1, text, nonce)
    if sent is None:
        return _sent_before(session, person, thread, text, nonce)
    _count(session, thread.id, thread.side, sent.seq)
    discard_draft(session, person, thread.id)
    _tell_the_others(session, person, thread.engagement_id, thread.id)
    audit.note(session, person.clinic_id, person.id, "message:send", thread.id, str(sent.seq))
    after = thread._replace(vault=vault, last_seq=sent.seq, last_own_seq=sent.seq, no_reply_by=None)
    return Answered(thread_id, sent.seq, after, sent)


def _sent_before(
    session: Session, person: Person, thread: OpenThread, text: str, nonce: Nonce
) -> Answered:
    """What a form has sent already, for one that says it once more; or why it cannot be sent."""
    known = queries.find_sent(session, person.id, nonce.id)
    if known is not None and text in ("", known.words(thread.vault)):
        return Answered(thread.id, known.seq, thread, None)
    if thread.closed_at is not None:
        raise ThreadClosed
    if known is None:
        check_text(text)
    raise Invalid(text="sent_before")


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
    text, subject = cleaned(text), " ".join(cleaned(subject).split())
    known = queries.find_sent(session, person.id, nonce.id)
    if known is not None:
        thread = thread_for(session, person, known.thread_id)
        if text in ("", known.words(thread.vault)):
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
    discard_draft(session, person, engagement_id)
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


def ready_vault(
    session: Session, clinic: ClinicFacts, person: Person, thread: OpenThread
) -> OpenVault:
    """The thread's vault for sealing: nothing more goes under a key that somebody left with."""
    if not thread.is_stale:
        return thread.vault
    return vault_services.freshen(session, person, thread.vault, clinic.recovery_public_key)
