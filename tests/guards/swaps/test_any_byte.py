"""One damaged byte, in whatever column."""

from typing import Any

import pytest
from sqlalchemy import Table, select, update

from portal.core.columns import Base
from portal.core.ids import short
from portal.modules import shelves
from portal.notifications.models import Channel
from portal.notifications.services import set_address
from tests.guards.filled_forms import ROLES
from tests.guards.sealed_columns import NOT_SEALED, SEALED, columns_of_bytes
from tests.guards.world import World


def test_every_column_of_bytes_is_known() -> None:
    assert columns_of_bytes() == SEALED | NOT_SEALED
    assert not SEALED & NOT_SEALED


STAFF = ("clinician", "administrator")


def pages_of(world: World) -> list[tuple[str, str]]:
    dana, threads_ = world.client_url("dana"), world.threads
    return [
        *[("client", url) for url in ("/", world.thread_url(threads_["client"]), "/account")],
        ("client", "/account/notices"),
        *[(role, f"/work/{short(world.work['dana'])}") for role in ("client", "clinician")],
        ("client", f"/work/{short(world.work['dana'])}/steps/first"),
        ("clinician", "/modules"),
        ("clinician", f"/modules/drafts/{short(world.drafts['dana'])}"),
        *[(role, f"/modules/own/{short(world.published['dana'])}") for role in STAFF],
        ("clinician", f"/work/{short(world.work['dana'])}/steps/first/sheet"),
        *[
            (role, f"/work/{short(world.work['dana'])}/paper?answers=1")
            for role in ("client", "clinician")
        ],
        *[("client", url) for url in (f"{dana}/reading", f"{dana}/threads/new")],
        *[("clinician", url) for url in ("/", dana, world.thread_url(threads_["clinician"]))],
        *[("clinician", url) for url in ("/clients/invite", f"{dana}/reading", f"{dana}/contact")],
        *[("administrator", url) for url in ("/", "/people", "/account")],
        ("nobody", "/sign-in"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("table", "column"), sorted(SEALED), ids=lambda name: name)
def test_one_damaged_byte_takes_no_page_down(world: World, table: str, column: str) -> None:
    """In every row of a column in turn, as long as it touches somebody who is looked at."""
    if table == "addresses":
        _give_an_address(world)
    for key, value in _rows(world, Base.metadata.tables[table], column):
        damaged = bytearray(value)
        damaged[len(damaged) // 2] ^= 0x80
        _write_row(world, Base.metadata.tables[table], column, key, bytes(damaged))
        world.app.extensions["clinics"].forget()
        shelves._kept.clear()
        for role, url in pages_of(world):
            answer = world.visit(role).open(url)
            assert answer.status_code < 500, (role, url)
        _write_row(world, Base.metadata.tables[table], column, key, value)


def _give_an_address(world: World) -> None:
    with world.database.writing() as session:
        set_address(
            session,
            world.config,
            clinic_id=world.clinic.id,
            user_id=world.ids["dana"],
            channel=Channel.EMAIL,
            address="dana@example.org",
        )


MOST_ROWS = 6


def _rows(world: World, table: Table, column: str) -> list[tuple[dict[str, Any], bytes]]:
    """Rows of those who are looked at come first."""
    with world.database.reading() as session:
        found = session.execute(select(table).order_by(*table.primary_key.columns)).mappings().all()
    names = [one.name for one in table.primary_key.columns]
    rows = [({name: row[name] for name in names}, row[column]) for row in found if row[column]]
    own = {world.ids[name] for name in ROLES.values()} | set(world.threads.values())
    own |= {world.work["dana"], world.drafts["dana"], world.published["dana"]}
    rows.sort(key=lambda row: not own & set(row[0].values()))
    assert rows
    return rows[:MOST_ROWS]


def _write_row(world: World, table: Table, column: str, key: dict[str, Any], value: bytes) -> None:
    with world.database.writing() as session:
        session.execute(
            update(table)
            .where(*(table.c[name] == part for name, part in key.items()))
            .values(**{column: value})
        )
