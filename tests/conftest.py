"""What every test can ask for: settings, real servers, and a clock that is put right again."""

import functools
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from jinja2 import Environment
from werkzeug.routing import Rule

from portal.config import Config, queue_socket
from portal.core import clock
from portal.core.crypto import KeyPair
from tests import servers

pytest_plugins = ["tests.databases", "tests.cast", "tests.browser.fixtures"]

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
def _what_every_application_makes_alike_is_made_once() -> Iterator[None]:
    """Static files at Brotli's best, the code of templates and of addresses: each takes longer
    than most tests, and every application asks for all of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brotli, "compress", functools.cache(brotli.compress))
        patch.setattr(Environment, "compile", once(Environment.compile, _template))
        patch.setattr(Rule, "_compile_builder", once(Rule._compile_builder, _address))
        yield


def once(make: Callable[..., Any], key: Callable[..., Any]) -> Callable[..., Any]:
    """A method that makes the same for any object of which `key` says the same."""
    made: dict[Any, Any] = {}

    @functools.wraps(make)
    def remembered(self: Any, *arguments: Any, **named: Any) -> Any:
        which = (key(self), arguments, tuple(sorted(named.items())))
        if which not in made:
            made[which] = make(self, *arguments, **named)
        return made[which]

    return remembered


def _template(environment: Environment) -> Any:
    return type(environment), *sorted(environment.extensions), *sorted(environment.filters)


def _address(rule: Rule) -> Any:
    return rule.rule, *rule._trace, *sorted((rule.defaults or {}).items())


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: begun last, one of them would keep all processes but one idle."""
    items.sort(key=lambda item: item.get_closest_marker("longest") is None)
