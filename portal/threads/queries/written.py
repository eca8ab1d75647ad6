"""What somebody has written and not sent: drafts, and what came when nobody was signed in."""

import datetime as dt
import json
import logging
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Integer, bindparam, literal_column, select, union_all
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core.columns import Id
from portal.core.crypto import Unreadable, label, open_with, unpad
from portal.core.statements import Prepared
from portal.safety.words import cleaned
from portal.threads.models import Draft, KeptText, Thread
from portal.threads.queries.lists import subject_of
from portal.threads.queries.sent import find_sent
from portal.vault.keys import OpenVault, Place, Sealed
from portal.vault.queries import open_for

log = logging.getLogger("portal.threads")


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
            subject_of(vault, thread) if thread else "",
            unsent(session, person, vault, place_id),
        )
        for place_id, thread in places.items()
    ]
