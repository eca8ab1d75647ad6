"""Server cost by direct WSGI calls: the portal against the floor, by turns in one run."""

import io
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from werkzeug.test import EnvironBuilder

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


def compare(portal: Side, floor: Side, rounds: int = 25, times: int = 20) -> Ratio:
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
