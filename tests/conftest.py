"""What every test can ask for: settings, real servers, and a database of its own."""

import functools
import os
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest

from portal.config import Config, queue_socket
from portal.core import clock
from portal.core.crypto import KeyPair
from portal.core.database import Database
from portal.core.schema import upgrade
from tests import servers

pytest_plugins = ["tests.cast", "tests.browser.fixtures"]

IN_CI = os.environ.get("CI") == "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """In CI a test that is left out counts as one that fails."""
    return _never_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """The same for a whole file."""
    return _never_skipped((yield))


def _never_skipped(report: Any) -> Any:
    if IN_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not accept: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _wall_clock_afterwards() -> Iterator[None]:
    yield
    clock.set_clock(None)


@pytest.fixture(scope="session", autouse=True)
def _static_files_are_squeezed_once() -> Iterator[None]:
    """Brotli at its best takes longer than most tests, and every application asks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brotli, "compress", functools.cache(brotli.compress))
        yield


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The settings of an installation that has just been made."""
    return make_config(tmp_path / "data")


def make_config(data: Path, **changes: Any) -> Config:
    """Settings for a data folder of a test; `changes` are fields of Config."""
    data.mkdir(parents=True, exist_ok=True)
    pair = KeyPair.new()
    settings: dict[str, Any] = {
        "data": data,
        "database_url": f"sqlite:///{data / 'portal.sqlite'}",
        "queue_url": f"unix://{queue_socket(data)}",
        "embedded_queue": True,
        "base_url": "http://127.0.0.1:8000",
        "server_keys": (("k1", b"\1" * 32),),
        "worker_public_key": pair.public,
        "worker_private_key": pair.private,
        "mail_per_second": 1000,
        "sms_per_second": 1000,
    }
    return Config(**(settings | changes))


@pytest.fixture
def queue_server(config: Config) -> Iterator[servers.QueueServer]:
    """A running queue server, which a test may kill and start again."""
    server = servers.QueueServer(config)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def mail_server() -> Iterator[servers.MailServer]:
    with servers.mail_server() as server:
        yield server


@pytest.fixture
def gateway() -> Iterator[servers.Gateway]:
    with servers.gateway() as desk:
        yield desk


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
    """The address of an empty database of this test's own: every such test runs on both kinds."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        (config.data / "portal.sqlite").write_bytes(template.read_bytes())
        yield config.database_url
        return
    server: servers.PostgreSQL = request.getfixturevalue("postgresql")
    name = servers.new_name("test")
    yield server.create(name, request.getfixturevalue("postgresql_template"))
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: begun last, one of them would keep all processes but one idle."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)
