"""One portal and one browser for all tests that need them."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # what drives a browser is loaded only where one is driven
    from playwright.sync_api import Browser

    from tests.browser.running import RunningPortal
    from tests.browser.walker import Walker

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests share one process of the test run, and so one portal."""
    for item in items:
        if item.get_closest_marker("browser") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator["RunningPortal"]:
    """The whole portal on the demo's story."""
    from tests.browser.running import RunningPortal

    portal = RunningPortal(tmp_path_factory.mktemp("portal"))
    portal.start()
    yield portal
    portal.stop()


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """A Chromium that a test may drive; each visit is a context of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield browser
        browser.close()


def chromium_path() -> str:
    """The browser of this machine; portal.sh finds or installs one before the tests start."""
    import shutil

    names = (os.environ.get("PORTAL_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    assert found, "no Chromium: set PORTAL_CHROMIUM to its path"
    return found


@pytest.fixture
def visit(chromium: "Browser", portal: "RunningPortal") -> Iterator[Callable[..., "Walker"]]:
    """Somebody new at a browser of their own: visit(language=…, scripts=…, what it shows on)."""
    from tests.browser.walker import Walker

    with ExitStack() as stack:

        def begin(**options: Any) -> Walker:
            return stack.enter_context(Walker(chromium, portal, **options))

        yield begin
