"""A clinic with something of every kind in it, put back as it was before each test."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from portal.config import Config
from portal.core import clock
from portal.core.columns import Base
from tests.conftest import make_config
from tests.guards.keyholes import Keyholes
from tests.guards.scenes import quickly

# What changes with reading: the trail, how far somebody has read, when a browser was last seen.
MARKS_OF_READING: dict[str, set[str]] = {
    "audit_entries": {"*"},
    "audit_checkpoints": {"*"},
    "read_marks": {"*"},
    "threads": {"client_opened_seq", "team_opened_seq"},
    "browser_sessions": {"seen_at"},
    "notices": {"seen_at"},
    "assignments": {"state", "last_at"},
    "assignment_states": {"*"},
}
THE_TRAIL: dict[str, set[str]] = {"audit_entries": {"*"}, "audit_checkpoints": {"*"}}


@dataclass(frozen=True)
class Snapshot:
    """Every row of every table, but for what the one who looks does not count."""

    rows: dict[str, list[tuple[Any, ...]]]

    def changed(self, later: "Snapshot") -> list[str]:
        return [table for table, rows in self.rows.items() if rows != later.rows[table]]


class World(Keyholes):
    """Every keyhole, and what lies behind all of them, on SQLite."""

    def __init__(self, config: Config, file: Path) -> None:
        super().__init__(config)
        self._before = sqlite3.connect(":memory:")
        self._looking = sqlite3.connect(file)
        self._looking.backup(self._before)

    def snapshot(self, leaving_out: dict[str, set[str]] = THE_TRAIL) -> Snapshot:
        rows = {}
        for table in Base.metadata.sorted_tables:
            out = leaving_out.get(table.name, set())
            columns = [column.name for column in table.columns if column.name not in out]
            if "*" not in out:
                names = ", ".join(f'"{name}"' for name in columns)
                # The names are the models' own.
                query = f'SELECT {names} FROM "{table.name}"'  # noqa: S608
                rows[table.name] = self._looking.execute(query).fetchall()
        return Snapshot(rows)

    def put_back(self) -> None:
        """Everything as it was when the story began."""
        self._before.backup(self._looking)
        self.app.extensions["clinics"].forget()
        for letters in (self.config.data / "postbox").glob("*"):
            letters.unlink()


@pytest.fixture(scope="module")
def a_world(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[World, Any]]:
    data = tmp_path_factory.mktemp("world") / "data"
    config = make_config(data, demo=True)
    file = data / "portal.sqlite"
    file.write_bytes(sqlite_template.read_bytes())
    with quickly() as began:
        world = World(config, file)
        yield world, began
    world.database.dispose()


@pytest.fixture
def world(a_world: tuple[World, Any]) -> World:
    """The world as it was made, at the moment when it was made."""
    made, began = a_world
    clock.set_clock(lambda: began)
    made.put_back()
    return made
