"""Pages are held to their query plans: what they ask of the database is looked up, none of it is
read from end to end or skipped, and no messages are counted, compared or sorted.

    crowd(cast)
    seen = looked_up(cast, visits(cast))

where each visit is what somebody did, and what was asked for it (see `recorded` in bench/plans.py).
"""

import re
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Boolean, Column, Enum, Integer, LargeBinary, insert, text

from bench.plans import Asked, Plan, explain
from portal.core import clock
from portal.core.database import Base, Id, Moment
from portal.core.ids import new_id
from tests.cast import Cast

Visit = tuple[str, list[Asked]]

OTHERS = 1000
# Of these there is a row for each channel, and no more.
SMALL = {"provider_states"}
# Of clinics there are a few, of which a page knows the one that it asks for.
FEW = {"clinics"}
MESSAGES = re.compile(r"\b(FROM|JOIN|UPDATE) messages\b")


def crowd(cast: Cast) -> None:
    """Fills every table: with a handful of rows PostgreSQL would rightly rather read any index
    from its end. SQLite does not ask how many there are."""
    if cast.database.engine.dialect.name == "sqlite":
        return
    with cast.database.writing() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in Base.metadata.sorted_tables:
            if table.name in SMALL:
                continue
            rows = [
                {column.name: _value(column, number) for column in table.columns}
                for number in range(OTHERS)
            ]
            session.execute(insert(table), rows)
        session.execute(text("ANALYZE"))


def _value(column: Column[Any], number: int) -> object:
    """Something of the column's type, which no other row has."""
    kind = column.type
    if column.nullable:
        return None
    if isinstance(kind, Enum):
        return kind.enums[0]
    values: list[tuple[type, object]] = [
        (Id, new_id()),
        (Moment, clock.now()),
        (LargeBinary, number.to_bytes(8)),
        (Integer, number + 1000),
        (Boolean, False),
    ]
    return next((value for its_kind, value in values if isinstance(kind, its_kind)), "x")


def looked_up(
    cast: Cast, visits: Iterable[Visit], *, parts: Collection[str] = frozenset()
) -> set[str]:
    """The statements of these visits, each of which is held to its plan.

    `parts` names what a statement makes for itself and may read whole ("anon_1"), because it is
    short.
    """
    seen: set[str] = set()
    for visit, asked in visits:
        for one in asked:
            if one.statement in seen:
                continue
            seen.add(one.statement)
            plan = explain(cast.database.engine, one)
            wrong = _faults(plan, FEW.union(parts))
            assert wrong == [], f"{visit}: {one.statement}\n{plan.text}"
    return seen


def _faults(plan: Plan, short: set[str]) -> list[str]:
    wrong = [f"reads all {table}" for table in plan.scans if table not in short]
    if plan.offset:
        wrong.append("skips rows")
    if MESSAGES.search(plan.statement):
        wrong += ["counts messages"] * plan.aggregate + ["sorts messages"] * plan.sorts
    return wrong
