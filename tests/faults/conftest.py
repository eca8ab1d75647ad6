"""Stages for fault tests."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.faults.stage import Stage, set_stage

SetStage = Callable[..., Any]


@pytest.fixture
def on_sqlite(tmp_path: Path, sqlite_template: Path) -> Iterator[Stage]:
    """A stage on SQLite, with nothing started yet."""

    def prepare(data: Path) -> None:
        shutil.copyfile(sqlite_template, data / "portal.sqlite")

    with set_stage(tmp_path, prepare=prepare) as stage:
        yield stage


@pytest.fixture
def on_postgresql(
    tmp_path: Path, postgresql: servers.PostgreSQL, postgresql_template: str
) -> Iterator[Stage]:
    """A stage on a PostgreSQL database of its own."""
    name = servers.new_name("stage")
    url = postgresql.create(name, postgresql_template)
    with set_stage(tmp_path, prepare=lambda _data: None, database_url=url) as stage:
        yield stage
    postgresql.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """A stage on each kind of database."""
    stage: Stage = request.getfixturevalue(f"on_{request.param}")
    return stage
