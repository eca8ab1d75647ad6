"""What the administrator's page about mail and texts counts is looked up: what waits, and what was
tried in the last days. How much was told in the years before does not matter to it."""

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import insert, text

from bench.plans import Asked, explain, recorded
from portal.core.ids import new_id
from portal.notifications.models import Channel, Fault, Pointer, State
from tests.cast import Cast
from tests.notifications.desk import Desk

pytestmark = pytest.mark.slow

TOLD = 3000


def told_for_years(desk: Desk) -> None:
    """To a few staff of two clinics, a telling every six hours on each channel; some failed."""
    people = [
        (clinic.id, desk.cast.ids[name])
        for clinic, names in (
            (desk.cast.clinic, ("ruth", "luis", "helen")),
            (desk.cast.other_clinic, ("olga", "nils")),
        )
        for name in names
    ]
    rows = [
        _telling(desk, channel, number, *people[number % len(people)])
        for channel in Channel
        for number in range(1, TOLD)
    ]
    with desk.database.writing() as session:
        session.execute(insert(Pointer), rows)
        session.execute(text("ANALYZE"))


def _telling(
    desk: Desk, channel: Channel, number: int, clinic_id: uuid.UUID, user_id: uuid.UUID
) -> dict[str, Any]:
    at, has_failed = desk.hands.now - dt.timedelta(hours=6 * number), number % 9 == 0
    return {
        "id": new_id(),
        "clinic_id": clinic_id,
        "recipient_id": user_id,
        "channel": channel,
        "kind": "waiting",
        "cause_kind": "thread",
        "cause_id": new_id(),
        "created_at": at,
        "due_at": at,
        "tried_at": at,
        "sent_at": None if has_failed else at,
        "state": State.FAILED if has_failed else State.SENT,
        "last_error_code": "smtp_550" if has_failed else None,
        "fault": Fault.REFUSED if has_failed else None,
        "attempts": 1,
    }


def asked_by_the_page(cast: Cast) -> list[Asked]:
    tom = cast.browser("tom")
    with recorded(cast.database.engine) as asked:
        assert tom.open("/delivery").status_code == 200
    return asked


def test_no_statement_about_pointers_reads_all_of_them(desk: Desk) -> None:
    told_for_years(desk)
    asked = [one for one in asked_by_the_page(desk.cast) if "FROM pointers" in one.statement]
    assert len(asked) == 6
    for one in asked:
        plan = explain(desk.database.engine, one)
        assert plan.scans == (), f"{one.statement}\n{plan.text}"


def test_of_what_was_tried_only_the_last_days_are_read(desk: Desk) -> None:
    """As the database would do it by itself, with as much as there is."""
    told_for_years(desk)
    about = [one for one in asked_by_the_page(desk.cast) if "tried_at >" in one.statement]
    assert len(about) == 4
    for one in about:
        plan = _plan(desk, one)
        assert "ix_pointers_tried" in plan
        is_sqlite = desk.database.engine.dialect.name == "sqlite"
        assert not is_sqlite or "clinic_id=? AND channel=? AND tried_at>?" in plan
        assert "Seq Scan" not in plan


def _plan(desk: Desk, one: Asked) -> str:
    word = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}
    with desk.database.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            f"{word[connection.dialect.name]} {one.statement}", one.parameters
        )
        return "\n".join(str(row[-1]) for row in rows)
