"""Commands as an administrator types them, each in a process of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.config import write_keys
from portal.core.database import Database
from portal.core.schema import upgrade
from portal.core.supervisor import is_running
from tests.servers import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ANSWERS = ("--name", "Larkspur", "--time-zone", "America/Denver", "--administrator", "Tom")
INIT = ("init", "--language", "en", *ANSWERS)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with keys, and nothing else."""
    write_keys(tmp_path / "data")
    return tmp_path / "data"


def portal(data: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    usual = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    return subprocess.run(
        [sys.executable, "-m", "portal.cli", *arguments],
        env=usual | {"PYTHONPATH": str(ROOT), "PORTAL_DATA": str(data)} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def complaints(data: Path, **settings: str) -> list[str]:
    """What `portal run` says is wrong, which is all of it, before anything is started."""
    ended = portal(data, "run", **settings)
    assert ended.returncode == 1, ended.stdout
    assert ended.stderr.startswith("Error: the portal cannot start:"), ended.stderr
    assert not (data / "queue").exists()
    return [line.removeprefix("  - ") for line in ended.stderr.splitlines()[1:]]


@contextmanager
def listening() -> Iterator[int]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield int(door.getsockname()[1])


def test_what_is_wrong_with_files_and_settings_and_servers_is_one_list(data: Path) -> None:
    (data / "keys" / "worker.key").write_text("garbled\n")
    nowhere = f"postgresql://portal@127.0.0.1:{free_port()}/portal"
    said = complaints(
        data,
        PORTAL_HOST="999.1.1.1",
        PORTAL_WEB_WORKERS="0",
        PORTAL_DATABASE_URL=nowhere,
        PORTAL_WORKER_DATABASE_URL=nowhere,
    )
    for part in (
        "PORTAL_WORKER_PRIVATE_KEY must be 32 bytes",
        "PORTAL_HOST must be an address",
        "PORTAL_WEB_WORKERS must be",
        "the database cannot be reached",
        "PORTAL_WORKER_DATABASE_URL: this database cannot be reached",
    ):
        assert [line for line in said if part in line], (part, said)
    assert len(said) == 5


def test_so_are_a_port_that_is_taken_and_a_database_of_another_version(data: Path) -> None:
    with listening() as port:
        said = complaints(data, PORTAL_PORT=str(port))
    assert len(said) == 2
    assert said[0].startswith(f"PORTAL_HOST, PORTAL_PORT: 127.0.0.1 port {port}: ")
    assert "portal migrate" in said[1]


def test_an_address_of_another_machine_is_said_to_be_none_of_ours(data: Path) -> None:
    _make_tables(data)
    (said,) = complaints(data, PORTAL_HOST="192.0.2.1", PORTAL_PORT=str(free_port()))
    assert said.startswith("PORTAL_HOST, PORTAL_PORT: 192.0.2.1 port")


def test_nothing_is_tried_with_a_setting_that_is_wrong_already(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    said = complaints(
        nowhere, PORTAL_HOST="a b", PORTAL_PORT="x", PORTAL_DATABASE_URL="postgresql://h:x/p"
    )
    assert not nowhere.exists()
    assert len([line for line in said if "PORTAL_HOST" in line]) == 1
    assert len([line for line in said if "PORTAL_PORT" in line]) == 1


def test_an_address_of_the_database_that_cannot_be_read_is_one_line(data: Path) -> None:
    (said,) = complaints(
        data, PORTAL_DATABASE_URL="postgresql://h:x/p", PORTAL_PORT=str(free_port())
    )
    assert said == "the database cannot be reached."


def test_whether_a_portal_runs_here_can_be_asked_without_disturbing_it(data: Path) -> None:
    from portal.core.supervisor import _only_one

    assert not is_running(data)
    with _only_one(data):
        assert is_running(data)
        assert complaints(data, PORTAL_PORT=str(free_port()))[0].startswith("a portal already runs")
    assert not is_running(data)


def _make_tables(data: Path) -> None:
    database = Database(f"sqlite:///{data / 'portal.sqlite'}")
    upgrade(database)
    database.dispose()


def test_a_new_clinic_is_nothing_but_what_must_be_written_down(tmp_path: Path) -> None:
    made = portal(tmp_path / "data", *INIT)
    assert made.returncode == 0, made.stderr
    assert "INFO" not in made.stderr + made.stdout
    assert made.stderr == ""
    assert made.stdout.count("Share ") == 3


def test_a_second_clinic_is_only_made_for_somebody_who_means_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert portal(data, *INIT).returncode == 0
    before = (data / "portal.sqlite").read_bytes()
    again = portal(data, *INIT)
    assert again.returncode == 1
    assert "there is a clinic here already" in again.stderr
    assert "Share" not in again.stdout
    assert (data / "portal.sqlite").read_bytes() == before
    assert portal(data, *INIT, "--another").returncode == 0


@pytest.mark.parametrize(
    "command",
    [
        ("audit", "verify"),
        ("crisis-lines", "988=988"),
        ("recovery", "request", "nora", "--out", "request.json"),
    ],
)
def test_without_tables_a_command_says_what_to_do(data: Path, command: tuple[str, ...]) -> None:
    ended = portal(data, *command)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: the database is not of this version.")
    assert "SELECT" not in ended.stderr
    assert not (data / "keys" / "audit.key").exists()


def test_looking_for_a_command_loads_nothing_that_only_other_commands_need() -> None:
    """The demo's first process stays for as long as the demo, and is what its start waits for."""
    look = (
        "import sys, portal.cli as commands; assert commands.cli.get_command(None, 'demo'); "
        "sys.exit(bool({'sqlalchemy', 'flask', 'redis'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", look], cwd=ROOT, check=False).returncode == 0
