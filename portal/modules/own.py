"""A clinic's own modules: fetching and allowing in one look-up, and lists of them.

A module holds nothing of any client. Clinicians and supervisors write and publish, since what is
published is what clients are told. Administrators look after what the clinic has: they may look,
take files in and out, and retire a version; they write nothing in it. For clients none of this is
there.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from portal.accounts.models import User
from portal.accounts.people import Person
from portal.core.crypto import Unreadable, label, open_with, unpad
from portal.core.errors import NotFound
from portal.core.ids import parse
from portal.core.keyring import Keyring
from portal.modules import published
from portal.modules.checking import Before, number_of, title_in
from portal.modules.format.shapes import ModuleFile, Text
from portal.modules.models import (
    KeptModuleText,
    ModuleDraft,
    ModuleRetirement,
    ModuleRevision,
    Origin,
    PublishedModule,
)

log = logging.getLogger("portal.modules")


def revision_place(
    clinic_id: uuid.UUID, draft_id: uuid.UUID, seq: int, author_id: uuid.UUID | None
) -> bytes:
    """Bound to the draft, the number and the author: moved to another place, it is damaged."""
    return label("server", "module_revisions", "sealed", clinic_id, draft_id, seq, author_id or b"")


def kept_place(clinic_id: uuid.UUID, draft_id: uuid.UUID, kept_id: uuid.UUID) -> bytes:
    return label(clinic_id, "kept_module_texts", draft_id, kept_id)


@dataclass(frozen=True)
class Revision:
    """A draft's text as it was saved. `text` is None if it is damaged; `author_name` empty for
    what came from the server's command line."""

    seq: int
    based_on: int
    author_id: uuid.UUID | None
    author_name: str
    at: dt.datetime
    text: str | None


@dataclass(frozen=True)
class OpenDraft:
    """A draft that this person may write in. The last of its revisions is what stands."""

    id: uuid.UUID
    clinic_id: uuid.UUID
    published_id: uuid.UUID | None
    published_seq: int | None
    is_put_away: bool
    revisions: tuple[Revision, ...]

    @property
    def last(self) -> Revision:
        return self.revisions[-1]

    @property
    def rivals(self) -> tuple[Revision, ...]:
        """What others saved while the last was being written: it was not known to its writer."""
        last = self.last
        return tuple(
            one for one in self.revisions[:-1] if one.seq > last.based_on and one.text != last.text
        )


def draft_for(
    session: Session,
    keyring: Keyring,
    person: Person,
    draft_id: uuid.UUID,
    *,
    to_write: bool = False,
) -> OpenDraft:
    """For whoever writes in this clinic. Raises NotFound.

    `to_write` locks its row until the end of the transaction.
    """
    query = select(ModuleDraft).where(
        ModuleDraft.id == draft_id, ModuleDraft.clinic_id == person.clinic_id
    )
    draft = session.scalar(query.with_for_update() if to_write else query)
    if draft is None or not person.is_clinical:
        raise NotFound
    rows = session.execute(
        _revisions().where(ModuleRevision.draft_id == draft_id).order_by(ModuleRevision.seq)
    )
    return OpenDraft(
        draft.id,
        draft.clinic_id,
        draft.published_id,
        draft.published_seq,
        draft.put_away_at is not None,
        tuple(_revision(keyring, *row) for row in rows),
    )


def _revisions() -> Select[ModuleRevision, bytes]:
    return select(ModuleRevision, User.name_sealed).outerjoin(
        User, User.id == ModuleRevision.author_id
    )


def _revision(keyring: Keyring, row: ModuleRevision, name_sealed: bytes | None) -> Revision:
    name = ""
    if row.author_id and name_sealed:
        name = keyring.name(name_sealed, "users", "name", row.author_id)
    place = revision_place(row.clinic_id, row.draft_id, row.seq, row.author_id)
    try:
        text = unpad(keyring.open(row.sealed, place)).decode()
    except Unreadable:
        log.error("revision %s of draft %s does not open", row.seq, row.draft_id)
        text = None
    return Revision(row.seq, row.based_on, row.author_id, name, row.saved_at, text)


@dataclass(frozen=True)
class DraftRow:
    """One line in the list of drafts."""

    id: uuid.UUID
    title: Text
    last: Revision
    is_published: bool
    is_put_away: bool


def drafts_of(session: Session, keyring: Keyring, person: Person) -> list[DraftRow]:
    """The clinic's drafts, the one begun last first; none for whoever may not write."""
    if not person.is_clinical:
        return []
    one = aliased(ModuleRevision)
    newest = select(func.max(one.seq)).where(one.draft_id == ModuleDraft.id).scalar_subquery()
    rows = session.execute(
        _revisions()
        .add_columns(ModuleDraft.published_seq, ModuleDraft.put_away_at)
        .join(ModuleDraft, ModuleDraft.id == ModuleRevision.draft_id)
        .where(ModuleDraft.clinic_id == person.clinic_id, ModuleRevision.seq == newest)
        .order_by(ModuleDraft.id.desc())
    )
    found = []
    for row, name_sealed, published_seq, put_away_at in rows:
        last = _revision(keyring, row, name_sealed)
        title = title_in(last.text) if last.text else {}
        is_published, is_put_away = published_seq == last.seq, put_away_at is not None
        found.append(DraftRow(row.draft_id, title, last, is_published, is_put_away))
    return found


@dataclass(frozen=True)
class OwnModule:
    """A version that the clinic published itself. `is_newest`: no higher one is offered."""

    id: uuid.UUID
    module: ModuleFile
    digest: bytes
    by_name: str
    at: dt.datetime
    is_retired: bool
    is_newest: bool = True


def _own(clinic_id: uuid.UUID) -> Select[*tuple[Any, ...]]:
    return (
        select(
            PublishedModule.id,
            PublishedModule.digest,
            PublishedModule.published_by,
            PublishedModule.published_at,
            ModuleRetirement.retired_at,
            User.name_sealed,
        )
        .outerjoin(ModuleRetirement, ModuleRetirement.published_id == PublishedModule.id)
        .outerjoin(User, User.id == PublishedModule.published_by)
        .where(PublishedModule.clinic_id == clinic_id, PublishedModule.origin == Origin.OWN)
    )


def _own_module(session: Session, keyring: Keyring, row: Any) -> OwnModule:
    """Raises Unreadable."""
    by, name_sealed = row.published_by, row.name_sealed
    name = keyring.name(name_sealed, "users", "name", by) if by and name_sealed else ""
    module = published.load(session, keyring, row.id)
    return OwnModule(row.id, module, row.digest, name, row.published_at, row.retired_at is not None)


def own_modules(session: Session, keyring: Keyring, clinic_id: uuid.UUID) -> list[OwnModule]:
    """Everything the clinic has published itself, the latest first; without what is damaged."""
    rows = session.execute(_own(clinic_id).order_by(PublishedModule.id.desc()))
    found = list(_readable(session, keyring, rows))
    newest: dict[str, OwnModule] = {}
    for one in found:
        best = newest.get(one.module.id)
        if not one.is_retired and (best is None or _number(one) > _number(best)):
            newest[one.module.id] = one
    return [
        OwnModule(
            one.id, one.module, one.digest, one.by_name, one.at, one.is_retired,
            newest.get(one.module.id) is one,
        )
        for one in found
    ]  # fmt: skip


def _number(one: OwnModule) -> tuple[int, int, int]:
    return number_of(one.module.version)


def _readable(session: Session, keyring: Keyring, rows: Any) -> Iterator[OwnModule]:
    for row in rows.all():
        try:
            yield _own_module(session, keyring, row)
        except Unreadable:
            log.error("published module %s does not open", row.id)


def offered(session: Session, keyring: Keyring, person: Person) -> list[OwnModule]:
    """What can be given of the clinic's own: of each module the highest version."""
    return [one for one in own_modules(session, keyring, person.clinic_id) if one.is_newest]


def before(session: Session, keyring: Keyring, clinic_id: uuid.UUID) -> list[Before]:
    """What a file to be published is held against."""
    return [
        Before(one.id, one.module, one.digest) for one in own_modules(session, keyring, clinic_id)
    ]


def id_in(text: str) -> uuid.UUID:
    """The identifier in an address or a field. Raises NotFound for anything else."""
    try:
        return parse(text)
    except ValueError as error:
        raise NotFound from error


def draft_of(session: Session, person: Person, published_id: uuid.UUID) -> uuid.UUID | None:
    """The draft out of which a version was published, for whoever may write in it."""
    if not person.is_clinical:
        return None
    return session.scalar(
        select(ModuleDraft.id).where(
            ModuleDraft.published_id == published_id, ModuleDraft.clinic_id == person.clinic_id
        )
    )


def own_module_for(
    session: Session, keyring: Keyring, person: Person, published_id: uuid.UUID
) -> OwnModule:
    """For everybody who works in this clinic. Raises NotFound, or Unreadable for a damaged one."""
    row = session.execute(
        _own(person.clinic_id).where(PublishedModule.id == published_id)
    ).one_or_none()
    if row is None or not person.is_staff:
        raise NotFound
    return _own_module(session, keyring, row)


@dataclass(frozen=True)
class KeptModule:
    """A draft's text that came when nobody was signed in any more."""

    id: uuid.UUID
    at: dt.datetime
    text: str


def kept_of(session: Session, person: Person, draft_id: uuid.UUID) -> list[KeptModule]:
    """What this person wrote too late, oldest first."""
    rows = session.scalars(
        select(KeptModuleText)
        .where(KeptModuleText.author_id == person.id, KeptModuleText.draft_id == draft_id)
        .order_by(KeptModuleText.id)
    )
    found = []
    for row in rows:
        place = kept_place(row.clinic_id, draft_id, row.id)
        try:
            text = unpad(open_with(person.private_key, row.sealed, place)).decode()
        except Unreadable:
            log.error("kept text %s does not open", row.id)
            continue
        found.append(KeptModule(row.id, row.kept_at, text))
    return found


def drafts_with_kept_text(session: Session, person: Person) -> set[uuid.UUID]:
    return set(
        session.scalars(
            select(KeptModuleText.draft_id).where(KeptModuleText.author_id == person.id)
        )
    )
