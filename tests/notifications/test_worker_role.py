"""On PostgreSQL the worker may have a role of its own: it sends, and is refused all else."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError

from portal.core.columns import Base
from portal.core.database import Database
from portal.notifications import worker_role
from portal.notifications.models import Channel, State
from portal.notifications.outgoing import deliver
from portal.notifications.worker_role import BadRole, give_rights, readable_tables, statements
from tests.databases import pattern
from tests.notifications.desk import Desk
from tests.servers import Gateway, MailServer, PostgreSQL, new_name

ROLE = "porchlight_worker"


@pytest.fixture
def database_url(postgresql: PostgreSQL, request: pytest.FixtureRequest) -> Iterator[str]:
    """Only PostgreSQL has roles."""
    name = new_name("role")
    yield postgresql.create(name, pattern(request, "postgresql"))
    postgresql.drop(name)


@pytest.fixture
def role(database_url: str) -> Iterator[str]:
    """A role that has just been made; returns the address under which the worker connects."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(ROLE)))
    yield make_url(database_url).set(username=ROLE).render_as_string(hide_password=False)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(ROLE)))


@pytest.fixture
def worker(desk: Desk, role: str) -> Iterator[Database]:
    give_rights(desk.database, ROLE)
    database = Database(role)
    yield database
    database.dispose()


def test_the_worker_delivers_under_its_own_role(
    desk: Desk, worker: Database, mail_server: MailServer
) -> None:
    thread = desk.cast.begin_thread("ruth", "dana", text="Words that the worker must not read")
    desk.give_address("dana")
    desk.cast.send("ruth", thread, "More of them")
    for pointer in desk.pointers():
        deliver(worker, desk.config, pointer.id)
    assert desk.states() == ["sent"]
    assert len(mail_server.received) == 1


def test_every_end_that_a_telling_can_have_needs_no_other_right(
    desk: Desk, worker: Database, gateway: Gateway
) -> None:
    """Refused for good, said STOP, to be tried again, not wanted any more, put off."""
    gateway.status = 410
    ends = {"dana": 410, "mateo": 422, "luis": 503, "ruth": 202}
    for number, (name, status) in enumerate(ends.items()):
        desk.give_address(name, f"+1555010000{number}", Channel.SMS)
        desk.point(name)
        gateway.status = status
        deliver(worker, desk.config, desk.pointers()[-1].id)
    assert desk.states() == ["failed", "failed", "sending", "sent"]
    gateway.status, gateway.body = 400, b'{"code": 21610}'
    twilio = replace(desk.config, sms_url=gateway.twilio_url)
    desk.hands.move(days=1)
    desk.point("ruth")
    deliver(worker, twilio, desk.pointers()[-1].id)
    assert desk.states()[-1] == "failed"
    desk.point("helen")
    desk.give_address("helen", "+15550100009", Channel.SMS)
    desk.point("helen")
    desk.hands.move(hours=10)
    deliver(worker, desk.config, desk.pointers()[-1].id)
    assert desk.pointers()[-1].state is State.PENDING, "it is ten at night"


def test_the_worker_reads_no_table_that_it_does_not_need(desk: Desk, worker: Database) -> None:
    desk.cast.begin_thread("ruth", "dana", text="Words")
    for table in set(Base.metadata.tables) - set(worker_role.RIGHTS):
        with worker.engine.connect() as connection, pytest.raises(ProgrammingError) as refused:
            connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
        assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege), table


@pytest.mark.parametrize(
    "attempt",
    [
        "SELECT sealed FROM messages",
        "SELECT sealed FROM grants",
        "SELECT sealed FROM key_wraps",
        "SELECT name_sealed FROM users",
        "SELECT authenticator FROM users",
        "SELECT name_sealed FROM clinics",
        "UPDATE addresses SET confirmed_at = now()",
        "UPDATE addresses SET sealed = ''",
        "UPDATE pointers SET recipient_id = cause_id",
        "UPDATE pointers SET delivered_at = now()",
        "UPDATE contact_problems SET resolved_at = now()",
        "INSERT INTO pointers SELECT * FROM pointers",
        "DELETE FROM pointers",
        "DELETE FROM opt_outs",
        "DELETE FROM audit_entries",
        "UPDATE users SET language = 'es'",
        "CREATE TABLE loot (x int)",
    ],
)
def test_the_worker_is_refused(worker: Database, attempt: str) -> None:
    with worker.engine.begin() as connection, pytest.raises(ProgrammingError) as refused:
        connection.execute(text(attempt))
    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


def test_whoever_looks_sees_whether_the_role_is_kept_out(desk: Desk, worker: Database) -> None:
    assert readable_tables(worker) == []
    assert set(readable_tables(desk.database)) == set(worker_role.KEPT_OUT)


def test_rights_that_a_role_had_before_are_taken_away(desk: Desk, role: str) -> None:
    with desk.database.engine.begin() as connection:
        connection.execute(text(f"GRANT SELECT ON messages TO {ROLE}"))
    give_rights(desk.database, ROLE)
    database = Database(role)
    assert readable_tables(database) == []
    database.dispose()


def test_a_role_that_nothing_keeps_out_is_refused(desk: Desk) -> None:
    with pytest.raises(BadRole, match="superuser"):
        give_rights(desk.database, "portal")
    with pytest.raises(BadRole, match="no role"):
        give_rights(desk.database, "nobody_here")


@pytest.mark.parametrize("name", ["", "x; DROP TABLE users", 'a"b', "Ünsinn", "a b", "A"])
def test_an_odd_name_goes_into_no_statement(name: str) -> None:
    with pytest.raises(BadRole):
        statements(name)


def test_the_rights_name_only_tables_and_columns_that_there_are() -> None:
    for table, rights in worker_role.RIGHTS.items():
        columns = set(Base.metadata.tables[table].columns.keys())
        for named in rights.values():
            assert {one.strip() for one in named.split(",") if one} <= columns, table


def test_the_command_prints_what_it_would_do(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from portal.cli import cli

    monkeypatch.setattr("portal.notifications.cli.read_config", lambda: desk.config)
    sqlite = CliRunner().invoke(cli, ["worker-role", ROLE])
    assert sqlite.exit_code == 1
    assert "SQLite has no roles" in sqlite.output
    url = desk.database.engine.url.render_as_string(hide_password=False)
    postgresql = replace(desk.config, database_url=url)
    monkeypatch.setattr("portal.notifications.cli.read_config", lambda: postgresql)
    printed = CliRunner().invoke(cli, ["worker-role", ROLE])
    assert printed.exit_code == 0
    assert f"GRANT SELECT ON addresses TO {ROLE};" in printed.output
    odd = CliRunner().invoke(cli, ["worker-role", "x; DROP TABLE users"])
    assert odd.exit_code == 1
