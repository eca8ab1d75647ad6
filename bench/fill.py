"""Fills a portal's tables with more correspondence than anybody would write through its pages."""

import datetime as dt
import os
import random
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table

from bench.letters import LETTERS
from portal.accounts.people import Person
from portal.core.crypto import padded_length
from portal.core.database import Database
from portal.threads.access import subject_place
from portal.threads.models import Message, Thread
from portal.threads.queries import message_place
from portal.vault.keys import OpenVault, Sealed

PER_THREAD = 50
SEALED_EXTRA = 12 + 16  # a nonce before the text, a tag behind it
BEGIN = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
SPAN = dt.timedelta(days=600)
Row = dict[str, Any]


@dataclass(frozen=True)
class Correspondence:
    """Whose threads are written, and the vault in which they lie."""

    client: Person
    clinician: Person
    engagement_id: uuid.UUID
    vault: OpenVault

    def author(self, seq: int) -> Person:
        """Both sides write by turns."""
        return self.client if seq % 2 else self.clinician


def time_ordered(at: dt.datetime, number: int) -> uuid.UUID:
    """An identifier as the portal makes them (version 7), for a time of one's choice."""
    milliseconds = int(at.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | number)


def thread_row(of: Correspondence, thread_id: uuid.UUID, count: int, at: dt.datetime) -> Row:
    """A thread with so many messages, its subject sealed."""
    subject = of.vault.seal("Sleep", subject_place(thread_id, of.client.id))
    return {
        "id": thread_id,
        "clinic_id": of.client.clinic_id,
        "engagement_id": of.engagement_id,
        "vault_id": of.vault.id,
        "subject_epoch": subject.epoch,
        "subject_sealed": subject.blob,
        "begun_by": of.client.id,
        "begun_at": at,
        "last_seq": count,
        "last_at": at,
        "last_client_seq": count - 1 + count % 2,
        "last_team_seq": count - count % 2,
        "client_opened_seq": count,
        "team_opened_seq": count,
        "waiting_since": None,
    }


def readable(
    of: Correspondence, thread_id: uuid.UUID, count: int, at: dt.datetime
) -> Iterator[Row]:
    """Messages sealed as the portal seals them."""
    for seq in range(1, count + 1):
        message_id, author = time_ordered(at, seq), of.author(seq)
        text = LETTERS[seq % len(LETTERS)]
        sealed = of.vault.seal(text, message_place(thread_id, seq, author.id))
        row = _message(author, thread_id, seq, message_id, sealed=sealed)
        yield row | {"sent_at": at}


def crowd(of: Correspondence, thread_id: uuid.UUID, at: dt.datetime) -> Iterator[Row]:
    """Messages of the same size and shape that nobody will ever open."""
    longest = max(len(letter.encode()) for letter in LETTERS)
    blob = os.urandom(padded_length(4 + longest) + SEALED_EXTRA)
    sealed = Sealed(of.vault.newest, blob)
    for seq in range(1, PER_THREAD + 1):
        message_id = time_ordered(at, seq)
        row = _message(of.author(seq), thread_id, seq, message_id, sealed=sealed)
        yield row | {"sent_at": at}


def _message(
    author: Person, thread_id: uuid.UUID, seq: int, message_id: uuid.UUID, *, sealed: Sealed
) -> Row:
    return {
        "thread_id": thread_id,
        "seq": seq,
        "id": message_id,
        "clinic_id": author.clinic_id,
        "author_id": author.id,
        "side": "team" if author.is_staff else "client",
        "epoch": sealed.epoch,
        "sealed": sealed.blob,
        "nonce": uuid.UUID(int=message_id.int ^ thread_id.int & 0xFFFF_FFFF << 30),
        "taken_back_at": None,
    }


def moments(count: int) -> Iterator[dt.datetime]:
    """So many moments, evenly over the time that the correspondence took."""
    for number in range(count):
        yield BEGIN + SPAN * number / count


def spread(count: int, among: int, chance: random.Random) -> set[int]:
    """So many numbers below `among`, spread at random."""
    return set(chance.sample(range(among), count))


def load(database: Database, table: Table, rows: Iterable[Row]) -> None:
    """Writes rows past the ORM, as fast as the database takes them."""
    connection = database.engine.raw_connection()
    try:
        if database.engine.dialect.name == "sqlite":
            _into_sqlite(connection.driver_connection, table, rows)
        else:
            _into_postgresql(connection.driver_connection, table, rows)
    finally:
        connection.close()


def settle(database: Database) -> None:
    """What a database does by itself in quiet hours: counts what it has."""
    connection: Any = database.engine.raw_connection().driver_connection
    if database.engine.dialect.name == "postgresql":
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE)")
    else:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _into_sqlite(connection: Any, table: Table, rows: Iterable[Row]) -> None:
    names = [column.name for column in table.columns]
    marks = ",".join("?" * len(names))
    statement = f"INSERT INTO {table.name} ({','.join(names)}) VALUES ({marks})"  # noqa: S608
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-400000")
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(statement, (_plain(row, names) for row in rows))
    connection.execute("COMMIT")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-4000")


def _plain(row: Row, names: list[str]) -> list[Any]:
    """Values as SQLite keeps them: identifiers as bytes, moments as microseconds."""
    return [_PLAIN.get(type(value), _same)(value) for value in map(row.__getitem__, names)]


def _same(value: Any) -> Any:
    return value


_PLAIN: dict[type, Callable[[Any], Any]] = {
    uuid.UUID: lambda value: value.bytes,
    dt.datetime: lambda value: int(value.timestamp() * 1_000_000),
}


def _into_postgresql(connection: Any, table: Table, rows: Iterable[Row]) -> None:
    names = [column.name for column in table.columns]
    with connection.cursor() as cursor:
        kinds = cursor.execute(f"SELECT {','.join(names)} FROM {table.name} LIMIT 0").description  # noqa: S608
        statement = f"COPY {table.name} ({','.join(names)}) FROM STDIN (FORMAT BINARY)"
        with cursor.copy(statement) as copy:
            copy.set_types([kind.type_code for kind in kinds])
            for row in rows:
                copy.write_row([row[name] for name in names])
    connection.commit()


MESSAGES, THREADS = cast(Table, Message.__table__), cast(Table, Thread.__table__)
