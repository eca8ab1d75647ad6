"""The audit trail: who did what to which record, when. No content, ever.

Each clinic has a hash chain. A chain alone does not show that its end was cut off or that it was
written anew, so the clock signs checkpoints (size and head) with Ed25519 and keeps them outside the
database too; `portal audit verify` holds the chain against all of them.
"""

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import BigInteger, Row, Select, bindparam, func, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from portal.config import Config
from portal.core import clock
from portal.core.columns import Base
from portal.core.crypto import label
from portal.core.database import at_the_end, connection_of
from portal.core.statements import Prepared

NOWHERE = uuid.UUID(int=0)
NOTED = "portal_noted"
TO_WRITE = "portal_audit_to_write"
GENESIS = hashlib.sha256(b"cp/v1/audit").digest()


class AuditEntry(Base):
    __tablename__ = "audit_entries"
    # The row lies in its key's own tree: an entry writes one page instead of two.
    __table_args__ = ({"sqlite_with_rowid": False},)

    clinic_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[dt.datetime]
    actor_id: Mapped[uuid.UUID | None]
    action: Mapped[str]
    object_id: Mapped[uuid.UUID | None]
    detail: Mapped[str]
    digest: Mapped[bytes]


class AuditCheckpoint(Base):
    __tablename__ = "audit_checkpoints"

    clinic_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    head: Mapped[bytes]
    signed_at: Mapped[dt.datetime]
    signature: Mapped[bytes]


@dataclass(frozen=True)
class Event:
    """One thing that happened. `action` is a tag such as "thread:open"; `detail` a short code.

    `at` is only given for what is written down later than it happened. `is_refusal` is no part of
    the entry: it says that the entry outlives what else its transaction was to do.
    """

    clinic_id: uuid.UUID | None
    actor_id: uuid.UUID | None
    action: str
    object_id: uuid.UUID | None = None
    detail: str = ""
    at: dt.datetime | None = None
    is_refusal: bool = False


def note(
    session: Session,
    clinic_id: uuid.UUID | None,
    actor_id: uuid.UUID | None,
    action: str,
    object_id: uuid.UUID | None = None,
    detail: str = "",
) -> None:
    """Has an entry written at the end of this transaction."""
    _note(session, Event(clinic_id, actor_id, action, object_id, detail))


def note_refusal(
    session: Session,
    clinic_id: uuid.UUID | None,
    actor_id: uuid.UUID | None,
    action: str,
    object_id: uuid.UUID | None = None,
    detail: str = "",
) -> None:
    """As `note`, for somebody who was turned away: it is written even if all else is taken back."""
    _note(session, Event(clinic_id, actor_id, action, object_id, detail, is_refusal=True))


def keep_refusals(session: Session, take_back: Callable[[], None]) -> bool:
    """Takes a transaction back, all but who was turned away in it; whether there was anybody."""
    refusals = [event for event in session.info.get(NOTED, ()) if event.is_refusal]
    take_back()
    for event in refusals:
        _note(session, event)
    return bool(refusals)


def _note(session: Session, event: Event) -> None:
    session.info.setdefault(NOTED, []).append(event)
    if TO_WRITE not in session.info:
        session.info[TO_WRITE] = []
        at_the_end(session, _write)
    session.info[TO_WRITE].append(event)


def _write(session: Session) -> None:
    append_all(session, session.info.pop(TO_WRITE))


def take_noted(session: Session) -> list[Event]:
    """What this transaction is to write into the trail, for the case that it cannot."""
    noted: list[Event] = session.info.pop(NOTED, [])
    return noted


_HEAD = Prepared(
    select(AuditEntry.seq, AuditEntry.digest)
    .where(AuditEntry.clinic_id == bindparam("clinic"))
    .order_by(AuditEntry.seq.desc())
    .limit(1)
)
_LOCK = text("SELECT pg_advisory_xact_lock(:chain)")
_INSERT = Prepared(insert(AuditEntry))


def append(session: Session, event: Event) -> None:
    """Adds one entry to its clinic's chain. Needs a writing transaction, which orders the chain."""
    append_all(session, [event])


def append_all(session: Session, events: Iterable[Event]) -> None:
    """Adds entries, each to its clinic's chain, of which the end is looked up once."""
    heads: dict[uuid.UUID, tuple[int, bytes]] = {}
    for event in events:
        clinic = event.clinic_id or NOWHERE
        seq, previous = heads[clinic] if clinic in heads else _find_head(session, clinic)
        heads[clinic] = seq + 1, _insert(session, event, clinic, seq + 1, previous)


def _find_head(session: Session, clinic: uuid.UUID) -> tuple[int, bytes]:
    """The number and digest of a chain's last entry, to which nobody else adds meanwhile."""
    connection = connection_of(session)
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK, {"chain": clinic.int & 0x7FFF_FFFF_FFFF_FFFF})
    head = _HEAD.first(session, clinic=clinic)
    return (head.seq, head.digest) if head else (0, GENESIS)


def _insert(session: Session, event: Event, clinic: uuid.UUID, seq: int, previous: bytes) -> bytes:
    at = event.at or clock.now()
    digest = _digest(previous, clinic, seq, at, event)
    _INSERT.run(
        session,
        clinic_id=clinic,
        seq=seq,
        at=at,
        actor_id=event.actor_id,
        action=event.action,
        object_id=event.object_id,
        detail=event.detail,
        digest=digest,
    )
    return digest


def _digest(previous: bytes, clinic: uuid.UUID, seq: int, at: dt.datetime, event: Event) -> bytes:
    return hashlib.sha256(
        label(
            previous,
            clinic,
            seq,
            at.isoformat(),
            event.actor_id or b"",
            event.action,
            event.object_id or b"",
            event.detail,
        )
    ).digest()


def key_file(config: Config) -> Path:
    """The signing key; only the clock and the administrator's commands read it."""
    return config.data / "keys" / "audit.key"


def ledger_file(config: Config) -> Path:
    """The checkpoints outside the database. Copy it off the machine from time to time."""
    return config.data / "audit" / "checkpoints.jsonl"


def read_key(config: Config) -> Ed25519PrivateKey:
    """The signing key, made at the first use."""
    path = key_file(config)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())


def sign_checkpoint(session: Session, config: Config) -> int:
    """The clock's chore: signs what has grown since the last time."""
    return sign_checkpoints(session, read_key(config), ledger_file(config))


def sign_checkpoints(session: Session, key: Ed25519PrivateKey, ledger: Path) -> int:
    """Signs the head of each chain that has grown; writes the signature here and to the ledger."""
    signed = 0
    for clinic, seq in session.execute(_grown_chains()).all():
        head = session.get_one(AuditEntry, (clinic, seq)).digest
        at = clock.now()
        signature = key.sign(_checkpoint(clinic, seq, head))
        session.add(
            AuditCheckpoint(clinic_id=clinic, seq=seq, head=head, signed_at=at, signature=signature)
        )
        _write_to_ledger(ledger, clinic, seq, head, at, signature)
        signed += 1
    session.flush()
    return signed


def _grown_chains() -> Select[uuid.UUID, int]:
    last = func.max(AuditEntry.seq)
    signed = (
        select(func.max(AuditCheckpoint.seq))
        .where(AuditCheckpoint.clinic_id == AuditEntry.clinic_id)
        .correlate(AuditEntry)
        .scalar_subquery()
    )
    return (
        select(AuditEntry.clinic_id, last)
        .group_by(AuditEntry.clinic_id)
        .having(last > func.coalesce(signed, 0))
    )


def _checkpoint(clinic: uuid.UUID, seq: int, head: bytes) -> bytes:
    return label("audit", "checkpoint", clinic, seq, head)


def _write_to_ledger(
    ledger: Path, clinic: uuid.UUID, seq: int, head: bytes, at: dt.datetime, signature: bytes
) -> None:
    line = {
        "clinic": clinic.hex,
        "seq": seq,
        "head": head.hex(),
        "at": at.isoformat(),
        "signature": signature.hex(),
    }
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with ledger.open("a") as file:
        file.write(json.dumps(line) + "\n")


def verify(session: Session, key: Ed25519PublicKey, ledger: Path) -> list[str]:
    """Every contradiction between the chains, their checkpoints and the ledger, in words."""
    problems: list[str] = []
    heads: dict[tuple[uuid.UUID, int], bytes] = {}
    for clinic in session.scalars(select(AuditEntry.clinic_id).distinct()):
        problems += _verify_chain(session, clinic, heads)
    for clinic, seq, head, signature in _checkpoints(session, ledger):
        if not _is_signed(key, _checkpoint(clinic, seq, head), signature):
            problems.append(f"checkpoint {clinic} {seq}: the signature is wrong")
        elif (clinic, seq) not in heads:
            problems.append(f"checkpoint {clinic} {seq}: entries are missing from the end")
        elif heads[(clinic, seq)] != head:
            problems.append(f"checkpoint {clinic} {seq}: the chain was written anew")
    return problems


def _verify_chain(
    session: Session, clinic: uuid.UUID, heads: dict[tuple[uuid.UUID, int], bytes]
) -> Iterator[str]:
    previous, expected = GENESIS, 1
    rows = session.execute(
        select(AuditEntry.__table__)
        .where(AuditEntry.clinic_id == clinic)
        .order_by(AuditEntry.seq)
        .execution_options(yield_per=1000)
    )
    for row in rows:
        if row.seq != expected:
            yield f"clinic {clinic}: entries {expected} to {row.seq - 1} are missing"
        elif row.digest != _digest(previous, clinic, row.seq, row.at, _event(row)):
            yield f"clinic {clinic}: entry {row.seq} was changed"
        previous, expected = row.digest, row.seq + 1
        heads[(clinic, row.seq)] = row.digest


def _event(row: Row[Any]) -> Event:
    return Event(row.clinic_id, row.actor_id, row.action, row.object_id, row.detail)


def _checkpoints(session: Session, ledger: Path) -> Iterator[tuple[uuid.UUID, int, bytes, bytes]]:
    for row in session.scalars(select(AuditCheckpoint)):
        yield row.clinic_id, row.seq, row.head, row.signature
    if ledger.exists():
        for line in ledger.read_text().splitlines():
            entry = json.loads(line)
            yield (
                uuid.UUID(entry["clinic"]),
                entry["seq"],
                bytes.fromhex(entry["head"]),
                bytes.fromhex(entry["signature"]),
            )


def _is_signed(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
