"""The database: one engine, one unit of work a request, one commit."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    Connection,
    CursorResult,
    Engine,
    Result,
    Select,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from portal.core import gate


class Database:
    """An engine with the settings under which nothing acknowledged is ever lost."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        self.engine = _sqlite(url) if is_sqlite(url) else _postgresql(url, pool_size)
        self.gate: gate.Gate = _gate(url)

    def unit(self) -> "Unit":
        return Unit(self)

    def begin_to_write(self, connection: Connection) -> None:
        """A transaction that begins by reading cannot wait for SQLite's lock when it turns to
        writing; one that only reads needs none: each statement sees all that is stored when it
        begins."""
        if connection.dialect.name == "sqlite":
            run_plainly(connection, "BEGIN IMMEDIATE")

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction for commands and jobs: commits at the end, rolls back on an error."""
        unit = self.unit()
        try:
            unit.write()
            yield unit.session
            unit.commit()
        finally:
            unit.close()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        unit = self.unit()
        try:
            yield unit.session
        finally:
            unit.close()

    def dispose(self) -> None:
        self.engine.dispose()


AT_THE_END = "portal_at_the_end"
AFTER_COMMIT = "portal_after_commit"
CONNECTION = "portal_connection"


def at_the_end(session: Session, work: Callable[[Session], object]) -> None:
    """Does `work` last of all in the transaction that is committed, however it began.

    For what needs the writers' turn only briefly: audit entries, marks of what was opened.
    """
    session.info.setdefault(AT_THE_END, []).append(work)


def after_commit(session: Session, work: Callable[[], object]) -> None:
    """Does `work` once everything is safely stored, and never if it is not."""
    session.info.setdefault(AFTER_COMMIT, []).append(work)


class _UnitSession(Session):
    """A session on its unit's one connection. Statements that need no session share it."""

    def __init__(self, unit: "Unit") -> None:
        super().__init__(
            expire_on_commit=False, autoflush=False, join_transaction_mode="control_fully"
        )
        self._unit = unit

    def get_bind(self, *_asked: Any, **_named: Any) -> Connection:
        return self._unit.connection()


def connection_of(session: Session) -> Connection:
    """The connection of a unit's session. The session itself takes part only if it is used: to
    begin and end its own part of a transaction costs more than a statement does."""
    connection: Connection | None = session.info.get(CONNECTION)
    if connection is None:
        connection = cast(Connection, session.get_bind())
    return connection


def wait_for_row(session: Session, locking: Select[Any], **ids: uuid.UUID) -> None:
    """Locks a row until the end of the transaction. On SQLite writers wait for each other anyway.

    A statement sees what was stored when it began: only one that begins after this wait sees what
    became of the row meanwhile.
    """
    connection = connection_of(session)
    if connection.dialect.name == "postgresql":
        connection.execute(locking, ids)


def run_plainly(
    connection: Connection, sql: str, values: Any = (), *, has_rows: bool = False
) -> Any:
    """Runs a statement through the driver alone, and gives its rows as the driver does.

    What SQLAlchemy does around a statement costs several times what the database does with it.
    Raises what SQLAlchemy would, and leaves a dead connection to it.
    """
    driver: Any = connection.connection.dbapi_connection
    try:
        cursor = driver.execute(sql, values)
        try:
            return cursor.fetchall() if has_rows else ()
        finally:
            cursor.close()
    except Exception as error:
        _raise_as_sqlalchemy(connection, driver, sql, error)
        raise


def _raise_as_sqlalchemy(connection: Connection, driver: Any, sql: str, error: Exception) -> None:
    dialect = connection.dialect
    library = dialect.loaded_dbapi
    if not isinstance(error, library.Error):
        return
    if dialect.is_disconnect(error, driver, None):
        connection.invalidate(error)
    raise DBAPIError.instance(
        sql, None, error, library.Error, hide_parameters=True, dialect=dialect
    ) from error


class Unit:
    """The work of one request. It reads until `write`; what it wrote lasts after `commit`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self.session: Session = _UnitSession(self)
        self.is_writing = False

    def connection(self) -> Connection:
        """The connection of this unit, in a transaction."""
        if self._connection is None:
            self._connection = self._database.engine.connect()
        if not self._connection.in_transaction():
            self._connection.begin()
        self.session.info[CONNECTION] = self._connection
        return self._connection

    def write(self) -> None:
        """Begin to write. Ends what was being read, so read again what the write depends on."""
        if self.is_writing:
            return
        self._end(keep=False)
        self._database.gate.acquire()
        self.is_writing = True
        self._database.begin_to_write(self.connection())

    def pause(self) -> None:
        """Holds nothing, neither a snapshot nor a connection, while something slow is done."""
        self._end(keep=True)
        self._let_go()

    def commit(self) -> None:
        """Stores everything, then does what waited for that."""
        try:
            self._do_last_things()
            self._end(keep=True)
        except BaseException:
            self.rollback()
            raise
        self._leave()
        for work in self.session.info.pop(AFTER_COMMIT, ()):
            work()

    def _do_last_things(self) -> None:
        last_things = self.session.info.pop(AT_THE_END, ())
        if last_things:
            self.write()
        for work in last_things:
            work(self.session)

    def rollback(self) -> None:
        self.session.info.clear()
        try:
            self._end(keep=False)
        finally:
            self._leave()

    def close(self) -> None:
        self.session.info.clear()
        try:
            self.session.close()
            self._let_go()
        finally:
            self._leave()

    def _end(self, *, keep: bool) -> None:
        """Ends the transaction: through the session if it takes part, which else costs nothing."""
        self.session.info.pop(CONNECTION, None)
        if self.session.in_transaction():
            self.session.commit() if keep else self.session.rollback()
        if self._connection is not None and self._connection.in_transaction():
            self._connection.commit() if keep else self._connection.rollback()

    def _let_go(self) -> None:
        self.session.info.pop(CONNECTION, None)
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _leave(self) -> None:
        if self.is_writing:
            self.is_writing = False
            self._database.gate.release()


def changed(result: Result[Any]) -> int:
    """How many rows an UPDATE or DELETE touched."""
    return int(cast(CursorResult[Any], result).rowcount)


def is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def file_of(url: str) -> Path | None:
    """The file in which an embedded database lies; None for a server's."""
    path = make_url(url).database
    return Path(path) if is_sqlite(url) and path else None


def _gate(url: str) -> gate.Gate:
    path = file_of(url)
    return gate.WriteGate(Path(f"{path}.gate")) if path else gate.OpenGate()


def _sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=16,
        connect_args={"timeout": gate.LOCK_WAIT_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        # NORMAL can lose acknowledged commits when the power fails.
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "trusted_schema=OFF",
        "cache_size=-4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _postgresql(url: str, pool_size: int) -> Engine:
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=gate.LOCK_WAIT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 5,
            "options": f"-c lock_timeout={gate.LOCK_WAIT_SECONDS}s -c synchronous_commit=on",
        },
    )
