"""Pages are held to their query plans: what they ask of the database is looked up, none of it is
read from end to end or skipped, and no messages are counted, compared or sorted.

    crowd(cast)
    seen = looked_up(cast, visits(cast))

where each visit is what somebody did, and what was asked for it (see `recorded` in bench/plans.py).
"""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Enum,
    Integer,
    LargeBinary,
    String,
    func,
    insert,
    literal,
    select,
    text,
)

from bench.plans import Asked, Plan, explain
from portal.core.columns import Base, Id, Moment
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
    numbers = func.generate_series(1, OTHERS).table_valued("number").render_derived()
    with cast.database.writing() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in Base.metadata.sorted_tables:
            if table.name in SMALL:
                continue
            columns = [column for column in table.columns if not column.nullable]
            rows = select(*(_value(column, numbers.c.number) for column in columns))
            session.execute(insert(table).from_select(columns, rows.select_from(numbers)))
        session.execute(text("ANALYZE"))


def _value(column: Column[Any], number: ColumnElement[int]) -> ColumnElement[Any]:
    """Something of the column's type, which no other row has where that matters."""
    kind = column.type
    if isinstance(kind, Enum):
        return literal(kind.enums[0], String)
    values: list[tuple[type, ColumnElement[Any]]] = [
        (Id, func.gen_random_uuid()),
        (Moment, func.now()),
        (LargeBinary, func.int8send(number)),
        (Integer, number + 1000),
        (Boolean, literal(False)),
    ]
    others = literal("x")
    return next((value for its_kind, value in values if isinstance(kind, its_kind)), others)


def looked_up(cast: Cast, visits: Iterable[Visit]) -> set[str]:
    """The statements of these visits, each of which is held to its plan."""
    seen: set[str] = set()
    for visit, asked in visits:
        for one in asked:
            if one.statement not in seen:
                seen.add(one.statement)
                plan = explain(cast.database.engine, one)
                wrong = _faults(plan)
                assert wrong == [], f"{visit}: {one.statement}\n{plan.text}"
    return seen


def _faults(plan: Plan) -> list[str]:
    wrong = [f"reads all {table}" for table in plan.scans if table not in FEW]
    if plan.offset:
        wrong.append("skips rows")
    if MESSAGES.search(plan.statement):
        wrong += ["counts messages"] * plan.aggregate + ["sorts messages"] * plan.sorts
    return wrong
