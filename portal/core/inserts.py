"""INSERT that can say what holds when the row is there already, for each kind of database.

SQLite and PostgreSQL write ON CONFLICT alike, but SQLAlchemy has a statement of its own for each.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import ClauseElement

from portal.core.statements import Prepared

# Takes a model; the statement has `excluded` and `on_conflict_do_…`.
Insert = Callable[[Any], Any]

_INSERTS: dict[str, Insert] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_of(session: Session) -> Insert:
    """The INSERT of this session's kind of database."""
    return _INSERTS[session.get_bind().dialect.name]


def prepared(write: Callable[[Insert], ClauseElement]) -> dict[str, Prepared]:
    """One statement for each kind of database, by its dialect's name."""
    return {kind: Prepared(write(insert)) for kind, insert in _INSERTS.items()}
