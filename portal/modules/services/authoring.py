"""Writing modules in the clinic: drafts, publishing, taking files in, retiring."""

import uuid
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.accounts.models import Disablement, User
from portal.accounts.people import Person
from portal.core import audit, clock
from portal.core.crypto import pad, seal_to
from portal.core.errors import Conflict, Invalid, NotFound
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.nonces import Nonce
from portal.modules import own, published
from portal.modules.checking import Checked, check
from portal.modules.format.reader import LARGEST_FILE, read_module
from portal.modules.format.shapes import ModuleFile
from portal.modules.models import (
    KeptModuleText,
    ModuleDraft,
    ModuleRetirement,
    ModuleRevision,
    Origin,
)
from portal.modules.own import OpenDraft, draft_for, own_module_for

# Of what was saved one after the other so many are kept.
MOST_REVISIONS = 20
MOST_KEPT = 20


class FormRefused(Invalid):
    """The form was not given to this person for this draft, or too long ago."""

    code = "form_too_old"


class Unsound(Invalid):
    """The file has mistakes. `checked` lists them."""

    code = "module_unsound"

    def __init__(self, checked: Checked) -> None:
        super().__init__()
        self.checked = checked


def as_stored(text: str) -> str:
    """A text as browsers send it, with one kind of line break."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def module_in(text: str) -> ModuleFile | None:
    """The module that a draft's text makes, if it is a sound file."""
    return read_module(text.encode()).module


def begin(
    session: Session, keyring: Keyring, person: Person, text: str, nonce: Nonce | None
) -> uuid.UUID:
    """A new draft with this text in it; once, however often it is asked.

    Raises NotFound for who may not write, FormRefused, Invalid for too much.
    """
    if not person.is_clinical:
        raise NotFound
    return _begin(session, keyring, person, text, nonce)


def _begin(
    session: Session, keyring: Keyring, person: Person, text: str, nonce: Nonce | None
) -> uuid.UUID:
    if nonce is None or not nonce.was_given_to(keyring, person.id, person.clinic_id):
        raise FormRefused
    _check_size(text)
    begin_unasked(session, keyring, person.clinic_id, person.id, text, draft_id=nonce.id)
    return nonce.id


def begin_unasked(
    session: Session,
    keyring: Keyring,
    clinic_id: uuid.UUID,
    by: uuid.UUID | None,
    text: str,
    *,
    draft_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """A new draft that no form asked for, or the one that is there under this id.

    `by` is None at the server's command line.
    """
    draft_id = draft_id or new_id()
    kind = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    begun = session.scalar(
        kind(ModuleDraft)
        .values(id=draft_id, clinic_id=clinic_id, begun_by=by, begun_at=clock.now())
        .on_conflict_do_nothing()
        .returning(ModuleDraft.id)
    )
    if begun is not None:
        _add_revision(session, keyring, clinic_id, draft_id, by, text)
        audit.note(session, clinic_id, by, "module:begin", draft_id)
    return draft_id


def _check_size(text: str) -> None:
    if len(text.encode()) > LARGEST_FILE:
        raise Invalid(text="file_too_large")


def _add_revision(
    session: Session,
    keyring: Keyring,
    clinic_id: uuid.UUID,
    draft_id: uuid.UUID,
    by: uuid.UUID | None,
    text: str,
    *,
    seq: int = 1,
    based_on: int = 0,
    nonce: Nonce | None = None,
) -> None:
    place = own.revision_place(clinic_id, draft_id, seq, by)
    session.execute(
        insert(ModuleRevision).values(
            draft_id=draft_id,
            seq=seq,
            clinic_id=clinic_id,
            author_id=by,
            based_on=based_on,
            sealed=keyring.seal(pad(text.encode()), place),
            nonce=nonce.id if nonce else None,
            saved_at=clock.now(),
        )
    )


def save(
    session: Session,
    keyring: Keyring,
    person: Person,
    draft_id: uuid.UUID,
    text: str,
    *,
    nonce: Nonce | None,
    based_on: int,
) -> bool:
    """Saves a draft's text, sound or not. Whether it was anything new.

    What was saved from another page meanwhile stays beside it, until what stands is saved by
    somebody whose page told of it. Raises NotFound, FormRefused, or Invalid for too much.
    """
    draft = draft_for(session, keyring, person, draft_id, to_write=True)
    if nonce is None or not nonce.was_given_to(keyring, person.id, draft.id):
        raise FormRefused
    text = as_stored(text)
    _check_size(text)
    if draft.last.text == text:
        if draft.rivals and based_on == draft.last.seq:
            _settle(session, draft)
        return False
    _replace_or_add(session, keyring, person, draft, text, nonce, based_on)
    audit.note(session, person.clinic_id, person.id, "module:save", draft.id)
    return True


def _settle(session: Session, draft: OpenDraft) -> None:
    """Somebody has seen that there are two texts, and keeps the one that stands."""
    seq = draft.last.seq
    session.execute(
        update(ModuleRevision)
        .where(ModuleRevision.draft_id == draft.id, ModuleRevision.seq == seq)
        .values(based_on=seq)
    )


def _replace_or_add(
    session: Session,
    keyring: Keyring,
    person: Person,
    draft: OpenDraft,
    text: str,
    nonce: Nonce,
    based_on: int,
) -> None:
    """A form's own row is written anew only while it is the last and not what was published."""
    last, mine = draft.last, _own_seq(session, person, nonce)
    if mine is not None and mine == last.seq != draft.published_seq:
        based_on, seq = last.based_on, last.seq
        _remove(session, draft.id, last.seq)
    else:
        seq = last.seq + 1
        based_on = min(based_on, last.seq) if mine is None else mine
        session.execute(
            update(ModuleRevision)
            .where(ModuleRevision.author_id == person.id, ModuleRevision.nonce == nonce.id)
            .values(nonce=None)
        )
    _add_revision(
        session, keyring, person.clinic_id, draft.id, person.id, text,
        seq=seq, based_on=based_on, nonce=nonce,
    )  # fmt: skip
    session.execute(
        delete(ModuleRevision).where(
            ModuleRevision.draft_id == draft.id, ModuleRevision.seq <= seq - MOST_REVISIONS
        )
    )


def _own_seq(session: Session, person: Person, nonce: Nonce) -> int | None:
    """Under which number this form was saved before."""
    return session.scalar(
        select(ModuleRevision.seq).where(
            ModuleRevision.author_id == person.id, ModuleRevision.nonce == nonce.id
        )
    )


def _remove(session: Session, draft_id: uuid.UUID, seq: int) -> None:
    session.execute(
        delete(ModuleRevision).where(ModuleRevision.draft_id == draft_id, ModuleRevision.seq == seq)
    )


def checked(session: Session, keyring: Keyring, clinic_id: uuid.UUID, source: bytes) -> Checked:
    """Everything that keeps this file from being published here."""
    return check(source, published.digest(keyring, source), own.before(session, keyring, clinic_id))


def publish(session: Session, keyring: Keyring, person: Person, draft_id: uuid.UUID) -> uuid.UUID:
    """Makes what stands in a draft a version that never changes; its id.

    Asked again for the same text it is the same version. Raises NotFound, Unsound, or Conflict if
    somebody else's words stand beside it that nobody has looked at.
    """
    draft = draft_for(session, keyring, person, draft_id, to_write=True)
    if draft.rivals or draft.last.text is None:
        raise Conflict(reason="module_two_texts")
    source = draft.last.text.encode()
    published_id = publish_source(session, keyring, person.clinic_id, person.id, source)
    session.execute(
        update(ModuleDraft)
        .where(ModuleDraft.id == draft.id)
        .values(published_id=published_id, published_seq=draft.last.seq)
    )
    return published_id


def publish_source(
    session: Session, keyring: Keyring, clinic_id: uuid.UUID, by: uuid.UUID | None, source: bytes
) -> uuid.UUID:
    """Publishes a file; `by` is None at the server's command line. Raises Unsound."""
    found = checked(session, keyring, clinic_id, source)
    if found.module is None or found.problems:
        raise Unsound(found)
    published_id = published.store(
        session, keyring, clinic_id, Origin.OWN, found.module, source, by
    )
    if published.source_of(session, keyring, published_id) != source:
        # Somebody else was a moment earlier with other words: now the check will tell.
        raise Unsound(checked(session, keyring, clinic_id, source))
    hashed = published.digest(keyring, source).hex()[:32]
    audit.note(session, clinic_id, by, "module:publish", published_id, hashed)
    return published_id


def take_in(
    session: Session, keyring: Keyring, person: Person, source: bytes, nonce: Nonce | None
) -> uuid.UUID:
    """A draft of a file from elsewhere: a sound one, or none at all.

    Raises NotFound for who is not staff, FormRefused, Unsound.
    """
    if not person.is_staff:
        raise NotFound
    found = checked(session, keyring, person.clinic_id, source)
    if not found.is_sound:
        raise Unsound(found)
    text = as_stored(source.decode("utf-8-sig"))
    return _begin(session, keyring, person, text, nonce)


def put_away(
    session: Session, keyring: Keyring, person: Person, draft_id: uuid.UUID, *, is_away: bool
) -> None:
    """Takes a draft out of the list, or back into it. Nothing is deleted. Raises NotFound."""
    draft = draft_for(session, keyring, person, draft_id, to_write=True)
    now = clock.now() if is_away else None
    session.execute(
        update(ModuleDraft)
        .where(ModuleDraft.id == draft.id)
        .values(put_away_by=person.id if is_away else None, put_away_at=now)
    )
    action = "module:put-away" if is_away else "module:take-back"
    audit.note(session, person.clinic_id, person.id, action, draft.id)


def retire(
    session: Session, keyring: Keyring, person: Person, published_id: uuid.UUID, *, is_over: bool
) -> None:
    """A version is not offered any more, or again. Work given with it goes on. Raises NotFound."""
    own_module_for(session, keyring, person, published_id)
    session.execute(delete(ModuleRetirement).where(ModuleRetirement.published_id == published_id))
    if is_over:
        session.add(
            ModuleRetirement(
                published_id=published_id,
                clinic_id=person.clinic_id,
                retired_by=person.id,
                retired_at=clock.now(),
            )
        )
        session.flush()
    action = "module:retire" if is_over else "module:offer"
    audit.note(session, person.clinic_id, person.id, action, published_id)


@dataclass(frozen=True)
class Late:
    """A text that came without a live session, with the number of the form that it was in."""

    text: str
    nonce: Nonce


def keep_for_author(
    session: Session, keyring: Keyring, draft_id: uuid.UUID, late: Late
) -> User | None:
    """Keeps what came without a live session, sealed to the one whose form it was in.

    Returns that person, or None if the form was given to nobody who may write here.
    """
    writers = session.scalars(
        select(User)
        .join(ModuleDraft, ModuleDraft.clinic_id == User.clinic_id)
        .where(ModuleDraft.id == draft_id, ~User.id.in_(select(Disablement.user_id)))
    )
    for author in writers:
        if author.role.is_clinical and late.nonce.was_given_to(keyring, author.id, draft_id):
            _keep(session, author, draft_id, late)
            return author
    return None


def _keep(session: Session, author: User, draft_id: uuid.UUID, late: Late) -> None:
    _check_size(late.text)
    mine = (KeptModuleText.author_id == author.id, KeptModuleText.nonce == late.nonce.id)
    session.execute(delete(KeptModuleText).where(*mine))
    query = select(func.count()).where(KeptModuleText.author_id == author.id)
    if (session.scalar(query) or 0) >= MOST_KEPT:
        raise Conflict(reason="too_many_kept")
    kept_id = new_id()
    place = own.kept_place(author.clinic_id, draft_id, kept_id)
    session.add(
        KeptModuleText(
            id=kept_id,
            clinic_id=author.clinic_id,
            author_id=author.id,
            draft_id=draft_id,
            nonce=late.nonce.id,
            sealed=seal_to(author.public_key, pad(as_stored(late.text).encode()), place),
            kept_at=clock.now(),
        )
    )
    session.flush()
    audit.note(session, author.clinic_id, None, "module:keep", author.id)


def restore_kept(session: Session, keyring: Keyring, person: Person, draft_id: uuid.UUID) -> None:
    """Makes the text that came late last what stands; what stood before stays beside it.

    Raises NotFound.
    """
    draft = draft_for(session, keyring, person, draft_id, to_write=True)
    last = draft.last
    for seq, kept in enumerate(own.kept_of(session, person, draft_id), start=last.seq + 1):
        _add_revision(
            session, keyring, person.clinic_id, draft.id, person.id, kept.text,
            seq=seq, based_on=seq - 1,
        )  # fmt: skip
    discard_kept(session, person, draft_id)
    audit.note(session, person.clinic_id, person.id, "module:save", draft.id)


def discard_kept(session: Session, person: Person, draft_id: uuid.UUID) -> None:
    session.execute(
        delete(KeptModuleText).where(
            KeptModuleText.author_id == person.id, KeptModuleText.draft_id == draft_id
        )
    )
