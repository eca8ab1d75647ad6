"""Server cost by direct WSGI calls: the portal against the floor, by turns in one run.

Both live in this process, and before anything is measured it is settled as the web server settles
its own before it serves: templates compiled, and what was loaded taken out of the garbage
collector's rounds. Without that, rounds through modules that only start the stage are counted as
the cost of a page; with it both sides collect what they leave behind themselves.

Other work on the machine takes the caches that the longer way needs more of, and makes the ratio
worse. So there are many short rounds, of which the median counts, and no two sides of one are far
apart.

The limits are for Brotli, which is what browsers get: all of them take it over TLS. gzip goes to a
few that talk to us without TLS, Zstandard to one that takes it and not Brotli, of which none is
known; both are measured, to show what is left when compressing costs less.
"""

import io
import secrets
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from werkzeug.test import EnvironBuilder

from bench.floor import Floor
from bench.letters import LETTERS
from bench.report import Line, Section
from bench.stage import Correspondent, Stage, hidden_fields
from portal import create_app
from portal.core.processes import settle_memory

READ_LIMIT, SEND_LIMIT = 2.0, 2.5
LIMITED = "br"
ENCODINGS = (LIMITED, "gzip", "zstd")

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Call:
    """One request as a server would hand it to the application."""

    environ: dict[str, Any]
    body: bytes = b""

    def to(self, app: Wsgi) -> tuple[str, bytes]:
        """Makes the call; the status line and the body of the answer."""
        status: list[str] = []

        def start(line: str, *_headers: object) -> None:
            status.append(line)

        answer = app({**self.environ, "wsgi.input": io.BytesIO(self.body)}, start)
        try:
            body = b"".join(answer)
        finally:
            close = getattr(answer, "close", None)
            if close is not None:
                close()
        return status[0], body


def get(path: str, base_url: str = "http://localhost/", **headers: str) -> Call:
    """A GET with these headers; underscores in their names stand for hyphens."""
    return Call(_environ(path, base_url, headers, method="GET"))


def post(
    path: str, form: dict[str, str], base_url: str = "http://localhost/", **headers: str
) -> Call:
    """A form POST with these headers; underscores in their names stand for hyphens."""
    body = urlencode(form).encode()
    return Call(_environ(path, base_url, headers, method="POST", data=body), body)


def _environ(path: str, base_url: str, headers: dict[str, str], **request: Any) -> dict[str, Any]:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    if request["method"] == "POST":
        request["content_type"] = "application/x-www-form-urlencoded"
    return EnvironBuilder(path, base_url, headers=named, **request).get_environ()


@dataclass
class Side:
    """One of the two things compared: an application and the calls to make in turn."""

    name: str
    app: Wsgi
    call: Callable[[], Call]
    seconds: list[float] = field(default_factory=list)

    def run(self, times: int) -> float:
        """CPU seconds of this process for one call, the calls having been made ready before."""
        calls = [self.call() for _ in range(times)]
        started = time.process_time()
        answers = [call.to(self.app) for call in calls]
        spent = (time.process_time() - started) / times
        bad = [status for status, _ in answers if not status.startswith("200")]
        if bad:
            raise RuntimeError(f"{self.name} answered {bad[0]}")
        self.seconds.append(spent)
        return spent


@dataclass(frozen=True)
class Ratio:
    """How many times the floor the portal costs, with both in CPU microseconds a call."""

    ratio: float
    portal: float
    floor: float


def compare(portal: Side, floor: Side, rounds: int = 41, times: int = 12) -> Ratio:
    """Runs both by turns, first one then the other leading; the median of the rounds' ratios."""
    portal.run(times)
    floor.run(times)
    ratios = [_round(portal, floor, times, swap=bool(n % 2)) for n in range(rounds)]
    return Ratio(
        statistics.median(ratios),
        1e6 * statistics.median(portal.seconds[1:]),
        1e6 * statistics.median(floor.seconds[1:]),
    )


def _round(portal: Side, floor: Side, times: int, swap: bool) -> float:
    if swap:
        below = floor.run(times)
        return portal.run(times) / below
    above = portal.run(times)
    return above / floor.run(times)


def measure(folder: Path) -> Section:
    """A thread page and a send, in each encoding that browsers take, as multiples of the floor."""
    floor = Floor(folder)
    with Stage(folder / "data") as stage:
        portal = _Calls(stage, stage.correspondent("Ada Lind"))
        settle_memory()
        lines = [line for encoding in ENCODINGS for line in portal.lines(floor, encoding)]
        how = (
            "CPU time of the process by direct WSGI calls, portal and floor by turns, "
            "median of the rounds' ratios; audit rows on the disk (WAL, synchronous=FULL)."
        )
    return Section("Server cost", how, tuple(lines))


class _Calls:
    """The portal's side: calls to make as one signed-in correspondent."""

    def __init__(self, stage: Stage, who: Correspondent) -> None:
        self.stage, self.who, self.app = stage, who, create_app(stage.config)
        self.app.load_pages()
        page = get(who.path, stage.config.base_url, **self._headers("identity")).to(self.app)[1]
        self.after = who.count
        self.token = hidden_fields(page.decode())["csrf_token"]

    def lines(self, floor: Floor, encoding: str) -> Iterator[Line]:
        """One encoding's lines: a read, a send with HTMX, a send without scripts."""
        below = {"Cookie": floor.cookie, "Accept_Encoding": encoding}
        read = Side("floor", floor.app, lambda: get(floor.path, **below))
        send = Side("floor", floor.app, lambda: post(floor.path, _floor_form(floor), **below))
        page = compare(Side("portal", self.app, lambda: self.read(encoding)), read)
        is_limited = encoding == LIMITED
        yield from _told(f"thread page, {encoding}", page, READ_LIMIT if is_limited else None)
        sent = compare(
            Side("portal", self.app, lambda: self.send(encoding, HX_Request="true")), send
        )
        yield from _told(f"send with HTMX, {encoding}", sent, SEND_LIMIT if is_limited else None)
        whole = Side(
            "floor", floor.app, lambda: post(floor.path, _floor_form(floor, whole="1"), **below)
        )
        plain = compare(Side("portal", self.app, lambda: self.send(encoding)), whole)
        limit = SEND_LIMIT if is_limited else None
        yield from _told(f"send without scripts, {encoding}", plain, limit)

    def read(self, encoding: str) -> Call:
        """The thread page, in a running visit."""
        return get(self.who.path, self.stage.config.base_url, **self._headers(encoding))

    def send(self, encoding: str, **more: str) -> Call:
        """A letter with a nonce of its own."""
        form = {
            "csrf_token": self.token,
            "nonce": self.stage.nonce(self.who),
            "after": str(self.after),
            "text": LETTERS[0],
            "action": "send",
        }
        self.after += 1
        headers = self._headers(encoding) | more
        return post(self.who.path, form, self.stage.config.base_url, **headers)

    def _headers(self, encoding: str) -> dict[str, str]:
        headers = self.stage.headers(self.who, encoding)
        return {name.replace("-", "_"): value for name, value in headers.items()}


def _floor_form(floor: Floor, **more: str) -> dict[str, str]:
    form = {"token": floor.token(), "nonce": secrets.token_urlsafe(16), "text": LETTERS[0]}
    return form | more


def _told(name: str, cost: Ratio, limit: float | None) -> Iterator[Line]:
    yield Line(f"{name}: portal", cost.portal, "µs")
    yield Line(f"{name}: floor", cost.floor, "µs")
    yield Line(f"{name}: portal / floor", cost.ratio, "×", limit)
