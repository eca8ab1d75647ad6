"""Eight people send at once, on SQLite, through the portal's own web processes."""

from pathlib import Path
from urllib.parse import urlencode

from bench.letters import LETTERS
from bench.load import Requests, Visitor, drive, request
from bench.report import Line, Section, quantile
from bench.stage import Correspondent, Stage, hidden_fields

WRITERS = 8
SENDS = 150
WARM_UP = 20
TAIL_RATIO = 3.0


def measure(folder: Path) -> Section:
    """Latency of a send, from its first byte out to its last byte in."""
    with Stage(folder) as stage:
        writers = [stage.correspondent(f"Writer {number}", 4) for number in range(WRITERS)]
        with stage.serving():
            visitors = [Visitor(_letters_of(stage, writer)) for writer in writers]
            drive(visitors, "127.0.0.1", stage.port)
    sends = [answer for visitor in visitors for answer in visitor.answers[1 + WARM_UP :]]
    failed = sum(answer.status != 200 for answer in sends)
    times = [1000 * answer.seconds for answer in sends]
    middle, tail = quantile(times, 0.5), quantile(times, 0.99)
    return Section(
        f"{WRITERS} writers on SQLite",
        f"{len(sends)} sends, {WRITERS} kept connections, {stage.config.web_workers} processes.",
        (
            Line("send, median", middle, "ms"),
            Line("send, 99th percentile", tail, "ms"),
            Line("99th percentile / median", tail / middle, "×", TAIL_RATIO),
            Line("sends that failed", failed, limit=0),
        ),
    )


def _letters_of(stage: Stage, writer: Correspondent) -> Requests:
    """Opens the thread for its form token, then sends one letter after another."""
    host, headers = f"127.0.0.1:{stage.port}", stage.headers(writer)
    page = yield request("GET", writer.path, host, headers)
    token = hidden_fields(page.text)["csrf_token"]
    for number in range(WARM_UP + SENDS):
        form = {
            "csrf_token": token,
            "nonce": stage.nonce(writer),
            "after": str(writer.count + number),
            "text": LETTERS[number % len(LETTERS)],
            "action": "send",
        }
        yield request("POST", writer.path, host, headers, urlencode(form).encode())
