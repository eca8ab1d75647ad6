"""Statements that every page runs: written with SQLAlchemy, compiled once, run without ceremony.

Compiling, caching and wrapping a statement anew for each execution costs several times what the
database does with it, and a page runs a dozen. Everything else goes through the session as usual.
"""

from collections import namedtuple
from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from portal.core.database import connection_of

Convert = Callable[[Any], Any]


class Prepared:
    """A statement whose values are all bound by name; lists of values are not for it."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._ready: dict[str, _Ready] = {}

    def all(self, session: Session, **values: Any) -> list[Any]:
        """The rows as named tuples; none for a statement that returns no rows."""
        connection = connection_of(session)
        ready = self._ready.get(connection.dialect.name) or self._prepare(connection.dialect)
        return ready.run(connection, values)

    def first(self, session: Session, **values: Any) -> Any:
        """The first row as a named tuple, or None."""
        rows = self.all(session, **values)
        return rows[0] if rows else None

    def run(self, session: Session, **values: Any) -> None:
        """For a statement that returns no rows."""
        self.all(session, **values)

    def _prepare(self, dialect: Dialect) -> "_Ready":
        ready = self._ready[dialect.name] = _Ready(self._statement, dialect)
        return ready


class _Ready:
    """A statement in the words of one kind of database."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - tells the type checker
        self._sql = str(compiled)
        self._dialect = dialect
        self._defaults = dict(compiled.params)
        self._binders = cast(dict[str, Convert], compiled._bind_processors)
        self._order = compiled.positiontup
        columns = compiled._result_columns
        names = [str(column.keyname) for column in columns]
        row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
        self._make: Callable[[list[Any]], Any] = row._make
        self._converts = [_result_converter(column.type, dialect) for column in columns]

    def run(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._sql, self._bound(values))
            return self._rows(list(cursor.fetchall())) if self._converts else []
        except Exception as error:
            self._raise(connection, cursor, error)
            raise
        finally:
            cursor.close()

    def _bound(self, values: dict[str, Any]) -> Any:
        bound = {**self._defaults, **values}
        for name, convert in self._binders.items():
            bound[name] = convert(bound[name])
        return bound if self._order is None else [bound[name] for name in self._order]

    def _rows(self, rows: list[Any]) -> list[Any]:
        make, converts = self._make, self._converts
        return [
            make([v if c is None else c(v) for c, v in zip(converts, row, strict=True)])
            for row in rows
        ]

    def _raise(self, connection: Connection, cursor: Any, error: Exception) -> None:
        """As SQLAlchemy does: its own kind of error, and no second use of a dead connection."""
        library = self._dialect.loaded_dbapi
        if not isinstance(error, library.Error):
            return
        if self._dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor):
            connection.invalidate(error)
        raise DBAPIError.instance(
            self._sql, None, error, library.Error, hide_parameters=True, dialect=self._dialect
        ) from error


def _result_converter(kind: Any, dialect: Dialect) -> Convert | None:
    converter: Convert | None = kind._cached_result_processor(dialect, None)
    return converter
