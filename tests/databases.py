"""The databases of the tests: each has its own, copied from one that was made once."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portal.config import Config
from portal.core.database import Database
from portal.core.schema import upgrade
from tests import servers


def pattern(request: pytest.FixtureRequest, kind: str) -> Any:
    """What a test's database is copied from: a file of SQLite, or a name in PostgreSQL."""
    if {"cast", "sqlite_cast"}.isdisjoint(request.fixturenames):
        return request.getfixturevalue(f"{kind}_template")
    return request.getfixturevalue(f"{kind}_with_cast").database


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.PostgreSQL]:
    """One PostgreSQL server for each process of the test run."""
    # Not in pytest's own folder, which no other user may enter; in memory, where copying a
    # database takes a tenth of the time.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(
        prefix="portal-pg-", dir=memory, ignore_cleanup_errors=True
    ) as folder:
        Path(folder).chmod(0o755)
        server = servers.PostgreSQL(Path(folder), servers.find_postgresql(Path(folder)))
        server.start()
        yield server
        server.kill()


@pytest.fixture(scope="session")
def postgresql_template(postgresql: servers.PostgreSQL) -> str:
    """A database with empty tables, from which each test's own is copied."""
    name = servers.new_name("template")
    database = Database(postgresql.create(name))
    upgrade(database)
    database.dispose()
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "portal.sqlite"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.dispose()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, config: Config) -> Iterator[str]:
    """The address of a database of this test's own: every such test runs on both kinds.

    Nobody is in it, unless the test asks for the cast.
    """
    if request.param == "sqlite":
        (config.data / "portal.sqlite").write_bytes(pattern(request, "sqlite").read_bytes())
        yield config.database_url
        return
    server: servers.PostgreSQL = request.getfixturevalue("postgresql")
    name = servers.new_name("test")
    yield server.create(name, pattern(request, "postgresql"))
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()
