"""Statements that every page runs: written with SQLAlchemy, compiled once, run without ceremony.

Compiling, caching and wrapping a statement anew for each execution costs several times what the
database does with it, and a page runs a dozen. Everything else goes through the session as usual.
"""

from collections import namedtuple
from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Connection, Dialect, Enum, LargeBinary
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from portal.core.database import connection_of, run_plainly

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
        self._defaults = dict(compiled.params)
        binders = {name: _binder(bind.type, dialect) for bind, name in compiled.bind_names.items()}
        self._is_positional = compiled.positiontup is not None
        self._values = [(name, binders[name]) for name in compiled.positiontup or binders]
        columns = compiled._result_columns
        names = [str(column.keyname) for column in columns]
        self._has_rows = bool(columns)
        self._make = partial(tuple.__new__, namedtuple("Row", names, rename=True))
        converts = [_result_converter(column.type, dialect) for column in columns]
        self._converts = [(n, convert) for n, convert in enumerate(converts) if convert is not None]

    def run(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        rows = run_plainly(connection, self._sql, self._bound(values), has_rows=self._has_rows)
        return self._named(rows) if rows else []

    def _bound(self, values: dict[str, Any]) -> Any:
        given = self._defaults | values
        bound = [given[name] if bind is None else bind(given[name]) for name, bind in self._values]
        if self._is_positional:
            return bound
        return dict(zip([name for name, _ in self._values], bound, strict=True))

    def _named(self, rows: list[Any]) -> list[Any]:
        """By columns, of which only some need converting: a page has many rows."""
        columns: list[Any] = list(zip(*rows, strict=True))
        for place, convert in self._converts:
            columns[place] = map(convert, columns[place])
        return list(map(self._make, zip(*columns, strict=True)))


def _binder(kind: Any, dialect: Dialect) -> Convert | None:
    """None for what the driver takes as it is, as both do with bytes."""
    if isinstance(kind, LargeBinary):
        return None
    binder: Convert | None = kind._cached_bind_processor(dialect)
    return binder


def _result_converter(kind: Any, dialect: Dialect) -> Convert | None:
    """None for what the driver gives as it should be, as both do with bytes."""
    if isinstance(kind, LargeBinary):
        return None
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return {None: None, **{member.value: member for member in kind.enum_class}}.__getitem__
    converter: Convert | None = kind._cached_result_processor(dialect, None)
    return converter
