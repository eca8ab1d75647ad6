"""The migrations: there and back with data in the tables, and the same shape as the models."""

import datetime as dt
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, insert, inspect, select

from portal.core.audit import AuditCheckpoint
from portal.core.database import Database
from portal.core.resources import resource
from portal.core.schema import downgrade, is_current, upgrade
from portal.models import Base
from tests import servers
from tests.cast import Cast
from tests.conftest import make_config

pytestmark = pytest.mark.slow

ROW = {
    "clinic_id": uuid.UUID(int=1),
    "seq": 1,
    "head": b"1",
    "signed_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    "signature": b"1",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without a single table."""
    if request.param == "sqlite":
        database = Database(make_config(tmp_path / "empty").database_url)
        yield database
        database.dispose()
        return
    server: servers.PostgreSQL = request.getfixturevalue("postgresql")
    name = servers.new_name("empty")
    database = Database(server.create(name))
    yield database
    database.dispose()
    server.drop(name)


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def revisions() -> list[str]:
    """From the first to the newest."""
    scripts = ScriptDirectory(str(resource("migrations")))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def test_the_migrations_make_exactly_what_the_models_say(empty: Database) -> None:
    upgrade(empty)
    assert is_current(empty)
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_each_step_goes_there_and_back(empty: Database) -> None:
    for before, after in zip(["base", *revisions()], revisions(), strict=False):
        upgrade(empty, after)
        downgrade(empty, before)
        upgrade(empty, after)
    assert is_current(empty)
    downgrade(empty, "base")
    assert tables(empty.engine) == set()
    assert not is_current(empty)


def test_there_is_one_line_of_migrations_and_each_goes_back() -> None:
    scripts = ScriptDirectory(str(resource("migrations")))
    assert len(scripts.get_heads()) == 1
    assert revisions() == sorted(revisions())


def test_to_upgrade_again_changes_nothing(empty: Database) -> None:
    upgrade(empty)
    with empty.engine.begin() as connection:
        connection.execute(insert(AuditCheckpoint).values(ROW))
    upgrade(empty)
    with empty.reading() as session:
        assert session.scalar(select(func.count()).select_from(AuditCheckpoint)) == 1


def test_a_clinic_at_work_survives_the_newest_step_back_and_forth(cast: Cast) -> None:
    """With rows in every table that a correspondence fills. The first step's way back drops all,
    so of that one only this much is asked: that it works with data in the tables."""
    thread = cast.begin_thread("ruth", "dana", text="Still readable")
    cast.send("dana", thread, "An answer")
    database = cast.database
    with database.engine.begin() as connection:
        from alembic import command

        from portal.core.schema import _alembic

        command.stamp(_alembic(connection), "head")
    newest = revisions()[-1]
    before = _contents(database)
    steps = revisions()
    previous = steps[-2] if len(steps) > 1 else "base"
    downgrade(database, previous)
    upgrade(database, newest)
    assert is_current(database)
    if previous != "base":
        assert _contents(database) == before
        assert "Still readable" in cast.browser("dana").open(cast.thread_url(thread)).text
    else:
        assert all(not rows for rows in _contents(database).values())


def _contents(database: Database) -> dict[str, list[str]]:
    with database.reading() as session:
        return {
            table.name: sorted(str(tuple(row)) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }
