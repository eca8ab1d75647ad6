"""Query plans: does a statement look things up, or does it read tables from end to end?

    plan = explain(engine, select(Message).where(...).limit(20))
    assert not plan.scans and not plan.offset

`recorded(engine)` collects what a piece of code really asked of the database, so that a route can
be held to its plans as it stands.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from sqlalchemy import Connection, Engine, event
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement

from portal.core import statements

AGGREGATE = re.compile(r"(?i)\b(count|max|min|sum|avg|total|group_concat|string_agg)\s*\(")
WITHOUT_INDEX = {"Seq Scan", "Parallel Seq Scan"}
BY_INDEX = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}


@dataclass(frozen=True)
class Plan:
    """How a database means to answer one statement."""

    statement: str
    scans: tuple[str, ...]
    """Tables or indexes that would be read from end to end."""
    sorts: bool
    """Whether rows are sorted after they were read, instead of coming in order."""
    offset: bool
    """Whether rows are read only to be skipped."""
    aggregate: bool
    """Whether rows are read only to be counted or compared."""
    text: str


@dataclass(frozen=True)
class Asked:
    """A statement as the driver got it, with its values."""

    statement: str
    parameters: Any


class _Explained(Executable, ClauseElement):
    """A statement with the word that asks for its plan in front."""

    inherit_cache = False

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement


@compiles(_Explained, "sqlite")
def _in_sqlite(element: _Explained, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN QUERY PLAN {compiler.process(element.statement, **options)}"


@compiles(_Explained, "postgresql")
def _in_postgresql(element: _Explained, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def explain(engine: Engine, statement: ClauseElement | Asked) -> Plan:
    """The plan for a statement, on SQLite or PostgreSQL.

    PostgreSQL is told to avoid reading tables whole, because for the few rows of a test it would
    rightly prefer that, or merge two of them: what it still scans, it has no index for. Only
    then may it look in two indexes at once, for one thing or another.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            return _sqlite_plan(connection, statement)
        for way in ("seqscan", "bitmapscan", "mergejoin", "hashjoin"):
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        plan = _postgresql_plan(connection, statement)
        if plan.scans:
            connection.exec_driver_sql("SET LOCAL enable_bitmapscan = on")
            plan = _postgresql_plan(connection, statement)
        return plan


@contextmanager
def recorded(engine: Engine) -> Iterator[list[Asked]]:
    """Collects the reads and writes that reach the database while the block runs, through
    SQLAlchemy or as prepared statements."""
    asked: list[Asked] = []
    run = statements._Ready.run

    def note(
        _connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any,
        many: bool,
    ) -> None:  # fmt: skip
        if statement.split(None, 1)[0].upper() in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}:
            # Of many rows at once the first will do: all of them are one plan.
            asked.append(Asked(statement, parameters[0] if many else parameters))

    def run_noted(
        ready: statements._Ready, connection: Connection, values: dict[str, Any]
    ) -> list[Any]:
        bound = ready._bound(values)
        asked.append(Asked(ready._sql, bound if isinstance(bound, dict) else tuple(bound)))
        return run(ready, connection, values)

    event.listen(engine, "before_cursor_execute", note)
    try:
        with mock.patch.object(statements._Ready, "run", run_noted):
            yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _sqlite_plan(connection: Connection, statement: ClauseElement | Asked) -> Plan:
    details = [str(row[-1]) for row in _rows(connection, statement, "EXPLAIN QUERY PLAN")]
    asked = _as_asked(connection, statement)
    sorts = any("USE TEMP B-TREE" in detail for detail in details)
    # Of an INSERT it shows how it would look for rows that refer to the new one already, which it
    # does only while some refer to nothing.
    is_new = asked.statement.lstrip().upper().startswith("INSERT")
    scans = [] if is_new else [_scanned(detail) for detail in details]
    found = tuple(
        scan for scan in scans if scan and not (_stops_early(asked.statement) and not sorts)
    )
    return _plan(asked, found, sorts, "\n".join(details))


def _scanned(detail: str) -> str:
    """The table that a line of SQLite's plan reads whole, if it does. What a statement makes for
    itself (`anon_1`) is none: how that comes about has lines of its own."""
    match = re.match(r"SCAN (?!CONSTANT ROW|\(|anon_\d)(\S+)", detail)
    return match[1] if match else ""


def _postgresql_plan(connection: Connection, statement: ClauseElement | Asked) -> Plan:
    tree = _rows(connection, statement, "EXPLAIN (FORMAT JSON)")[0][0][0]["Plan"]
    nodes = list(_nodes(tree, limited=False))
    sorts = any("Sort" in node["Node Type"] for node, _ in nodes)
    found = tuple(str(node.get("Relation Name")) for node, early in nodes if _whole(node, early))
    text = "\n".join(f"{node['Node Type']} {node.get('Relation Name', '')}" for node, _ in nodes)
    return _plan(_as_asked(connection, statement), found, sorts, text)


def _whole(node: dict[str, Any], limited: bool) -> bool:
    """Whether a node of PostgreSQL's plan reads all there is: it has no condition to look up by,
    and no limit above it that ends the reading after the first rows."""
    if "Filter" not in node and limited:
        return False
    if node["Node Type"] in WITHOUT_INDEX:
        return True
    return node["Node Type"] in BY_INDEX and "Index Cond" not in node


def _nodes(node: dict[str, Any], *, limited: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every node with whether a limit cuts it short; a sort or an aggregate reads to the end."""
    yield node, limited
    kind = node["Node Type"]
    early = kind == "Limit" or (limited and "Sort" not in kind and "Aggregate" not in kind)
    for child in node.get("Plans", ()):
        yield from _nodes(child, limited=early)


def _rows(connection: Connection, statement: ClauseElement | Asked, word: str) -> list[Any]:
    if isinstance(statement, Asked):
        sql = f"{word} {statement.statement}"
        return list(connection.exec_driver_sql(sql, statement.parameters))
    return list(connection.execute(_Explained(statement)))


def _as_asked(connection: Connection, statement: ClauseElement | Asked) -> Asked:
    if isinstance(statement, Asked):
        return statement
    compiled: Any = statement.compile(dialect=connection.dialect)
    values = compiled.construct_params()
    if compiled.positional:
        values = tuple(values[name] for name in compiled.positiontup)
    return Asked(str(compiled), values)


def _flat(sql: str) -> str:
    return f" {' '.join(sql.upper().split())} "


def _stops_early(sql: str) -> bool:
    """A limit with no condition: the first rows in the order of the table or of an index."""
    return " LIMIT " in _flat(sql) and " WHERE " not in _flat(sql)


def _skips(asked: Asked) -> bool:
    """Whether there is an OFFSET other than the `OFFSET 0` that SQLite always gets."""
    before, found, after = _flat(asked.statement).partition(" OFFSET ")
    if found and after.startswith("?"):
        return bool(asked.parameters[before.count("?")])
    return bool(found)


def _plan(asked: Asked, scans: tuple[str, ...], sorts: bool, text: str) -> Plan:
    aggregate = bool(AGGREGATE.search(asked.statement))
    return Plan(asked.statement, scans, sorts, _skips(asked), aggregate, text)
