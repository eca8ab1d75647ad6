"""The whole demo: the memory it takes at rest, and how soon it serves its first page."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.memory import family, name_of, private_kilobytes
from bench.report import Line, Section
from bench.stage import free_port, settings_around

MEMORY_MB, START_SECONDS = 200.0, 2.0
FIRST_START_SECONDS = 120
REST_SECONDS = 8
STARTS = 3


def measure(folder: Path) -> Section:
    """Started once to set itself up, then several times more as it would be on any other day."""
    with running(folder) as (process, _):
        time.sleep(REST_SECONDS)
        parts = [(name_of(pid), private_kilobytes(pid) / 1024) for pid in family(process.pid)]
    starts = []
    for _ in range(STARTS):
        with running(folder) as (_, seconds):
            starts.append(seconds)
    lines = [Line(f"private memory: {name}", megabytes, "MB") for name, megabytes in parts]
    whole = sum(megabytes for _, megabytes in parts)
    return Section(
        "The whole demo",
        "Private_Clean + Private_Dirty of every process, some seconds after the first page.",
        (
            *lines,
            Line("private memory, all together", whole, "MB", MEMORY_MB),
            Line("warm start to first page", sorted(starts)[len(starts) // 2], "s", START_SECONDS),
        ),
    )


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The demo with its state in `folder`, and the seconds until it served a page."""
    folder.mkdir(parents=True, exist_ok=True)
    port, began = free_port(), time.perf_counter()
    command = [sys.executable, "-m", "portal.cli", "demo", "--port", str(port)]
    command += ["--data", str(folder / "data"), "--accounts", str(folder / "accounts.json")]
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, env=settings_around(), stdout=log, stderr=log)
        try:
            yield process, _first_page(port, process) - began
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def accounts(folder: Path) -> list[dict[str, str]]:
    """Who can sign in to a demo that was started in `folder`."""
    found: list[dict[str, str]] = json.loads((folder / "accounts.json").read_text())
    return found


def _first_page(port: int, process: subprocess.Popen[bytes]) -> float:
    deadline = time.monotonic() + FIRST_START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
                answer.read()
                return time.perf_counter()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.01)
    raise RuntimeError("the demo did not start")
