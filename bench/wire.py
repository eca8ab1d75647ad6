"""Bytes on the wire, as Chromium's DevTools protocol counts them.

`encodedDataLength` is what came over the network for a request: compressed body and headers, as
HPACK left them where the line is HTTP/2. Data URLs and what the cache had are not on the wire.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SETTLE_MS = 250


@dataclass(frozen=True)
class Fetched:
    """One request that reached the network."""

    url: str
    kind: str
    method: str
    status: int
    down: int
    encoding: str
    protocol: str


class Wire:
    """Everything one page fetches, from now on."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._open: dict[str, dict[str, Any]] = {}
        self._done: list[Fetched] = []
        devtools = page.context.new_cdp_session(page)
        devtools.on("Network.requestWillBeSent", self._sent)
        devtools.on("Network.responseReceived", self._received)
        devtools.on("Network.requestServedFromCache", self._cached)
        devtools.on("Network.loadingFinished", self._finished)
        devtools.on("Network.loadingFailed", self._finished)
        devtools.send("Network.enable")

    def take(self) -> list[Fetched]:
        """What was fetched since the last call, once the line is quiet."""
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(SETTLE_MS)
        if self._open:
            raise RuntimeError(f"still under way: {[one['url'] for one in self._open.values()]}")
        taken, self._done = self._done, []
        return taken

    def _sent(self, event: dict[str, Any]) -> None:
        request = event["request"]
        if request["url"].startswith("data:"):
            return
        if "redirectResponse" in event:
            self._answer(event["requestId"], event["redirectResponse"])
            self._close(event["requestId"], event["redirectResponse"]["encodedDataLength"])
        self._open[event["requestId"]] = {
            "url": request["url"],
            "method": request["method"],
            "kind": event.get("type", ""),
        }

    def _received(self, event: dict[str, Any]) -> None:
        self._answer(event["requestId"], event["response"])

    def _cached(self, event: dict[str, Any]) -> None:
        self._open.get(event["requestId"], {})["cached"] = True

    def _answer(self, request_id: str, response: dict[str, Any]) -> None:
        if request_id in self._open:
            self._open[request_id] |= {
                "status": response["status"],
                "encoding": _header(response, "content-encoding"),
                "protocol": response.get("protocol", ""),
            }
            if response.get("fromDiskCache"):
                self._open[request_id]["cached"] = True

    def _finished(self, event: dict[str, Any]) -> None:
        self._close(event["requestId"], event.get("encodedDataLength", 0))

    def _close(self, request_id: str, down: float) -> None:
        one = self._open.pop(request_id, None)
        if one is None or one.pop("cached", False):
            return
        empty: dict[str, Any] = {"status": 0, "encoding": "", "protocol": ""}
        self._done.append(Fetched(down=round(down), **(empty | one)))


@contextmanager
def chromium(pin: str = "") -> Iterator[Browser]:
    """A Chromium of its own; `pin` names the throw-away certificate it may trust."""
    flags = [*FLAGS, f"--ignore-certificate-errors-spki-list={pin}"] if pin else list(FLAGS)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def find_chromium() -> str | None:
    """The Chromium of this machine; without one, the one that playwright may have fetched."""
    named = os.environ.get("PORTAL_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


def open_wire(context: BrowserContext) -> Wire:
    """A new page of a context, counted from its first byte."""
    return Wire(context.new_page())


def total(fetched: list[Fetched]) -> int:
    """The bytes that came down."""
    return sum(one.down for one in fetched)


def _header(response: dict[str, Any], name: str) -> str:
    for key, value in response["headers"].items():
        if key.lower() == name:
            return str(value)
    return ""
