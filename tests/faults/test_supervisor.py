"""The portal under one parent: what ends is started again, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from portal.config import Config, write_keys
from portal.notifications.worker_role import statements
from tests.servers import PostgreSQL, free_port, new_name, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60  # on a machine that is busy with other tests
KERNEL_KEEPS = 8  # letters of a name, after "portal-"
NAMES = ("queue", "web", "backstage", "worker", "clock")


@dataclass
class Portal:
    """`portal run` on a data folder of its own."""

    environ: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def config(self) -> Config:
        return Config.from_env(self.environ)

    def get(self) -> int:
        connection = HTTPConnection("127.0.0.1", self.config.port, timeout=20)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status
        finally:
            connection.close()

    def has_started(self) -> bool:
        said = self.log.read_bytes()
        assert self.process.poll() is None, said.decode()
        return b"Open http" in said

    def child(self, name: str) -> int | None:
        """The process that does a job, or none."""
        for pid in family(self.process.pid)[1:]:
            if name_of(pid) == name[:KERNEL_KEEPS]:
                return pid
        return None

    def is_whole(self) -> bool:
        return all(self.child(name) for name in NAMES) and self.get() < 500

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


def children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def family(pid: int) -> list[int]:
    return [pid] + [member for child in children(pid) for member in family(child)]


def name_of(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
    return "queue" if name.startswith("valkey") else name.removeprefix("portal-")


def is_gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def start(environ: dict[str, str], log: Path) -> Portal:
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "portal.cli", "run"],
            env=os.environ | environ | {"PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=file,
        )
    return Portal(environ, process, log)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    data = tmp_path / "data"
    write_keys(data)
    return {
        "PORTAL_DATA": str(data),
        "PORTAL_PORT": str(free_port()),
        "PORTAL_WEB_WORKERS": "1",
        "PORTAL_DATABASE_URL": f"sqlite:///{data}/portal.sqlite",
    }


@pytest.fixture
def portal(environ: dict[str, str], sqlite_template: Path, tmp_path: Path) -> Iterator[Portal]:
    """A portal that serves pages."""
    (tmp_path / "data" / "portal.sqlite").write_bytes(sqlite_template.read_bytes())
    running = start(environ, tmp_path / "log")
    wait_until(running.has_started, "the portal starts", PATIENCE_SECONDS)
    wait_until(running.is_whole, "all of it runs", PATIENCE_SECONDS)
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_killed_is_started_again(portal: Portal, name: str) -> None:
    before = portal.child(name)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: portal.child(name) not in (None, before), f"{name} comes back", PATIENCE_SECONDS
    )
    wait_until(portal.is_whole, "all of it runs", PATIENCE_SECONDS)


def test_a_worker_with_a_role_of_its_own_holds_no_other_way_into_the_database(
    postgresql: PostgreSQL, postgresql_template: str, environ: dict[str, str], tmp_path: Path
) -> None:
    name = new_name("apart")
    full = postgresql.create(name, postgresql_template)
    with psycopg.connect(full, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        for order in statements(name):
            connection.execute(order.encode())
    role = full.replace("portal@", f"{name}@")
    environ |= {"PORTAL_DATABASE_URL": full, "PORTAL_WORKER_DATABASE_URL": role}
    running = start(environ, tmp_path / "log")
    try:
        wait_until(running.is_whole, "all of it runs", PATIENCE_SECONDS)
        # It begins anew under the same number; meanwhile its name and surroundings come and go.
        names = (running.child("worker") for _ in range(10_000))
        before = next(pid for pid in names if pid is not None)
        wait_until(lambda: holds_only(before, role, not_this=full), "it begins anew")
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: running.child("worker") not in (None, before), "it comes back", 60)
        assert running.stop() == 0
    finally:
        if running.process.poll() is None:
            running.stop()
        with psycopg.connect(full, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
        postgresql.drop(name)


def holds_only(pid: int, this: str, *, not_this: str) -> bool:
    words = around(pid)
    return this.encode() in words and not_this.encode() not in words


def around(pid: int) -> bytes:
    """The environment that a process was born with, which its user can read."""
    return Path(f"/proc/{pid}/environ").read_bytes()


def test_nobody_is_refused_while_the_web_process_is_away(portal: Portal) -> None:
    web = portal.child("web")
    assert web is not None
    members = family(web)
    os.kill(web, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, members)), "the old ones are gone")
    assert portal.get() < 500


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_asked(portal: Portal, number: int) -> None:
    members = family(portal.process.pid)
    assert portal.stop(number) == 0
    assert [member for member in members if not is_gone(member)] == []
    assert b"Traceback" not in portal.log.read_bytes()


def test_nothing_stays_behind_when_the_parent_is_killed(portal: Portal) -> None:
    members = family(portal.process.pid)
    assert len(members) >= 6
    portal.stop(signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, members)), "the kernel ends the others")


def test_it_starts_again_where_it_was(portal: Portal) -> None:
    members = family(portal.process.pid)
    portal.stop(signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, members)), "the kernel ends the others")
    again = start(portal.environ, portal.log)
    try:
        wait_until(again.is_whole, "all of it runs", PATIENCE_SECONDS)
    finally:
        assert again.stop() == 0


def test_a_second_one_on_the_same_data_is_refused(portal: Portal, tmp_path: Path) -> None:
    other = start(portal.environ | {"PORTAL_PORT": str(free_port())}, tmp_path / "other")
    assert other.process.wait(PATIENCE_SECONDS) == 1
    assert "already runs" in other.log.read_text()
    assert portal.is_whole()


def test_a_port_that_is_taken_is_said_plainly(
    portal: Portal, environ: dict[str, str], sqlite_template: Path, tmp_path: Path
) -> None:
    data = tmp_path / "elsewhere"
    write_keys(data)
    (data / "portal.sqlite").write_bytes(sqlite_template.read_bytes())
    changed = {
        "PORTAL_DATA": str(data),
        "PORTAL_DATABASE_URL": f"sqlite:///{data}/portal.sqlite",
    }
    other = start(environ | changed, tmp_path / "other")
    assert other.process.wait(PATIENCE_SECONDS) == 1
    assert "Traceback" not in other.log.read_text()
    assert "in use" in other.log.read_text()


def test_wrong_settings_are_all_said_and_nothing_starts(tmp_path: Path) -> None:
    wrong = {"PORTAL_DATA": str(tmp_path), "PORTAL_PORT": "x", "PORTAL_SMTP_URL": "x"}
    other = start(wrong, tmp_path / "other")
    assert other.process.wait(PATIENCE_SECONDS) == 1
    said = other.log.read_text()
    for name in ("PORTAL_PORT", "PORTAL_SMTP_URL", "PORTAL_SERVER_KEYS"):
        assert name in said
    assert "Traceback" not in said


def test_no_log_line_shows_an_address_that_was_asked_for(portal: Portal) -> None:
    connection = HTTPConnection("127.0.0.1", portal.config.port, timeout=20)
    connection.request("GET", "/secret-path?question=canary")
    connection.getresponse().read()
    connection.close()
    time.sleep(0.2)
    log = portal.log.read_text()
    assert "GET" in log
    assert "secret-path" not in log
    assert "canary" not in log
