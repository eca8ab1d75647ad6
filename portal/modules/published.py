"""Published modules as they are stored: sealed, found by a keyed hash, and never changed."""

import hashlib
import uuid

from sqlalchemy import bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.core import clock
from portal.core.crypto import label, pad, unpad
from portal.core.ids import new_id
from portal.core.keyring import Keyring
from portal.core.statements import Prepared
from portal.modules.format.shapes import ModuleFile
from portal.modules.models import Origin, PublishedModule
from portal.modules.shelves import module_of


def lookup(keyring: Keyring, clinic_id: uuid.UUID, origin: Origin, module_id: str) -> bytes:
    """By what all versions of a module are found. A clinic's own never meets the library's."""
    return keyring.lookup("module", f"{clinic_id}:{origin.value}:{module_id}")


def digest(keyring: Keyring, source: bytes) -> bytes:
    """Two files with the same one are the same file."""
    return keyring.lookup("module_file", hashlib.sha256(source).hexdigest())


def place(clinic_id: uuid.UUID, published_id: uuid.UUID) -> bytes:
    return label("server", "published_modules", "sealed", clinic_id, published_id)


def store(
    session: Session,
    keyring: Keyring,
    clinic_id: uuid.UUID,
    origin: Origin,
    module: ModuleFile,
    source: bytes,
    by: uuid.UUID | None,
) -> uuid.UUID:
    """This version as the clinic has it; where it had it before, the file of the first time."""
    published_id, found_by = new_id(), lookup(keyring, clinic_id, origin, module.id)
    kind = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(
        kind(PublishedModule)
        .values(
            id=published_id,
            clinic_id=clinic_id,
            origin=origin,
            module_lookup=found_by,
            version=module.version,
            digest=digest(keyring, source),
            sealed=keyring.seal(pad(source), place(clinic_id, published_id)),
            published_by=by,
            published_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )
    return session.scalars(
        select(PublishedModule.id).where(
            PublishedModule.clinic_id == clinic_id,
            PublishedModule.module_lookup == found_by,
            PublishedModule.version == module.version,
        )
    ).one()


_SOURCE = Prepared(
    select(PublishedModule.clinic_id, PublishedModule.sealed).where(
        PublishedModule.id == bindparam("published")
    )
)


def source_of(session: Session, keyring: Keyring, published_id: uuid.UUID) -> bytes:
    """The file as it was published. Raises Unreadable."""
    row = _SOURCE.all(session, published=published_id)[0]
    return unpad(keyring.open(row.sealed, place(row.clinic_id, published_id)))


def load(session: Session, keyring: Keyring, published_id: uuid.UUID) -> ModuleFile:
    """A published module, read. Raises Unreadable for one that was damaged."""
    return module_of(published_id, lambda wanted: source_of(session, keyring, wanted))
