"""What is written and not sent: drafts, and what came when nobody was signed in."""

import uuid
from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.caseload.models import Engagement
from portal.core import audit, clock
from portal.core.crypto import pad, seal_to
from portal.core.errors import Conflict
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.core.statements import Prepared
from portal.safety.words import cleaned
from portal.threads import queries
from portal.threads.access import OpenThread, grant_holders
from portal.threads.models import (
    Draft,
    KeptText,
)
from portal.vault import queries as vaults
from portal.vault.keys import OpenVault

MOST_KEPT_TEXTS = 20

_FORGET = Prepared(
    delete(Draft).where(
        Draft.author_id == bindparam("person"), Draft.place_id == bindparam("place")
    )
)


def save_draft(
    session: Session,
    person: Person,
    vault: OpenVault,
    place_id: uuid.UUID,
    *,
    text: str,
    subject: str = "",
    nonce: Nonce | None,
    by_itself: bool = False,
) -> queries.SentBefore | None:
    """Keeps what is being written. What was sent, if the form has sent these words meanwhile.

    What was written on such a form since is in no message: that is kept. A save that came about
    `by_itself` may be older than the send, and has then only the beginning of its words.

    Lock the place first (the thread, or the engagement): two saves at once must take turns, and a
    save must not slip in behind the send that ends it.
    """
    sent = queries.find_sent(session, person.id, nonce.id) if nonce is not None else None
    if sent is not None and _says_no_more(cleaned(text), sent.words(vault) or "", by_itself):
        return sent
    fields = queries.written_fields(text.replace("\r\n", "\n"), subject)
    sealed = vault.seal(fields, queries.draft_place(place_id, person.id))
    discard_draft(session, person, place_id)
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
    return None


def _says_no_more(text: str, sent: str, by_itself: bool) -> bool:
    return sent.startswith(text) if by_itself else text in ("", sent)


def move_unsent(session: Session, person: Person, thread: OpenThread) -> None:
    """Takes what was written for a thread that has closed along into the draft of a new one."""
    texts = queries.all_texts(queries.unsent(session, person, thread.vault, thread.id))
    if texts:
        carry_along(session, person, thread, "\n\n".join(written.text for written in texts))
    discard_draft(session, person, thread.id)
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
    _FORGET.run(session, person=person.id, place=place_id)


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
    # Also what the form may have sent already: nobody is here whose key could tell whether these
    # are its words, or what was written on after an answer that never came.
    if not text.strip():
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
    draft, kept, _ = queries.unsent(session, person, vault, place_id)
    texts = [draft.text] if draft and draft.text else []
    texts += [written.text for written in kept if written.text not in texts]
    subjects = [written.subject for written in [draft, *kept] if written and written.subject]
    subject = subjects[0] if subjects else ""
    save_draft(
        session, person, vault, place_id, text="\n\n".join(texts), subject=subject, nonce=None
    )
    discard_kept(session, person, place_id)


def forget_echoes(session: Session, person: Person, kept_ids: Sequence[uuid.UUID]) -> None:
    """What was kept, but had been sent."""
    session.execute(
        delete(KeptText).where(KeptText.author_id == person.id, KeptText.id.in_(kept_ids))
    )


def discard_kept(session: Session, person: Person, place_id: uuid.UUID) -> None:
    session.execute(
        delete(KeptText).where(KeptText.author_id == person.id, KeptText.place_id == place_id)
    )
