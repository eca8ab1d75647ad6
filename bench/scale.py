"""Does a page cost more when there is more? From ten thousand messages to ten million.

The cost of a page is taken apart: what the database needs to look up the same rows by their keys,
asked alone and through the bare driver, and everything else, which must not grow.
"""

import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cost import Call, get
from bench.fill import (
    MESSAGES,
    PER_THREAD,
    THREADS,
    Correspondence,
    Row,
    crowd,
    load,
    moments,
    readable,
    settle,
    spread,
    thread_row,
    time_ordered,
)
from bench.plans import Asked, recorded
from bench.report import Line, Section
from bench.stage import Correspondent, Stage
from portal import create_app
from portal.caseload.models import Engagement
from portal.core.ids import short
from portal.vault.queries import open_for
from tests.servers import PostgreSQL, find_postgresql, new_name

SIZES = (10_000, 100_000, 1_000_000)
FULL_SIZES = (*SIZES, 10_000_000)
READ = 40
GIANT = 20_000
ROUNDS = 15
GROWTH = 1.2


@dataclass(frozen=True)
class Plot:
    """Where the readable threads lie among the others."""

    threads: int
    readable: frozenset[int]
    giant: int

    @classmethod
    def of(cls, size: int) -> "Plot":
        """A fifth of the messages, and at most twenty thousand, are in one giant thread."""
        giant = min(GIANT, size // 5)
        threads = (size - giant) // PER_THREAD
        chance = random.Random(size)  # noqa: S311 - any spread will do
        return cls(threads, frozenset(spread(READ, threads, chance)), giant)

    def ids(self) -> Iterator[tuple[uuid.UUID, Any, int, bool]]:
        """Every thread: its identifier, its time, its length, and whether it can be read."""
        for number, at in enumerate(moments(self.threads)):
            yield time_ordered(at, number), at, PER_THREAD, number in self.readable
            if number == self.threads // 2:
                yield time_ordered(at, 2**40), at, self.giant, True


class Grown:
    """One size of one database, and the calls that read its pages."""

    def __init__(self, stage: Stage, size: int) -> None:
        self.size, self.stage = size, stage
        who = stage.correspondent("Ada Lind", 4)
        of, plot = _correspondence(stage, who), Plot.of(size)
        load(stage.database, THREADS, _threads(of, plot))
        load(stage.database, MESSAGES, _messages(of, plot))
        settle(stage.database)
        self.app = create_app(stage.config)
        self.engine = self.app.extensions["portal"].database.engine
        paths = [
            f"/threads/{short(one)}"
            for one, _, count, read in plot.ids()
            if read and count == PER_THREAD
        ]
        giant = next(short(one) for one, _, count, _ in plot.ids() if count == plot.giant)
        deep = [plot.giant // 10 + 7 * number for number in range(READ)]
        self.kinds = {
            "newest page of any thread": [self._call(who, path) for path in paths],
            "deep in a giant thread": [
                self._call(who, f"/threads/{giant}/earlier?before={seq}") for seq in deep
            ],
        }
        self.lookups = {name: self._lookups(calls) for name, calls in self.kinds.items()}

    def page_seconds(self, kind: str) -> float:
        """CPU time of this process for a page."""
        return self._timed(
            lambda: [call.to(self.app) for call in self.kinds[kind]], time.process_time
        )

    def lookup_seconds(self, kind: str, clock: Callable[[], float] = time.process_time) -> float:
        """Time for the look-ups of a page, without the page."""
        connection = self.engine.raw_connection()
        cursor = connection.driver_connection.cursor()
        try:
            return self._timed(lambda: _ask(cursor, self.lookups[kind]), clock)
        finally:
            connection.close()

    def _timed(self, work: Callable[[], object], clock: Callable[[], float]) -> float:
        started = clock()
        work()
        return (clock() - started) / READ

    def _call(self, who: Correspondent, path: str) -> Call:
        headers = self.stage.headers(who, "br").items()
        named = {name.replace("-", "_"): value for name, value in headers}
        return get(path, self.stage.config.base_url, **named)

    def _lookups(self, calls: list[Call]) -> list[Asked]:
        with recorded(self.engine) as asked:
            for call in calls:
                status, _ = call.to(self.app)
                if not status.startswith("200"):
                    raise RuntimeError(f"a page answered {status}")
        return [one for one in asked if one.statement.lstrip().upper().startswith("SELECT")]


def measure(folder: Path, sizes: tuple[int, ...] = SIZES) -> Section:
    """Both databases, each with every size side by side, read by turns."""
    lines = [*_sqlite(folder, sizes), *_postgresql(sizes)]
    how = "CPU µs of the web process for a page; look-up: the page's own SELECTs, asked alone."
    return Section("Scale", how, tuple(lines))


def measure_full(folder: Path) -> Section:
    """The same up to ten million messages."""
    return measure(folder, FULL_SIZES)


def _sqlite(folder: Path, sizes: tuple[int, ...]) -> Iterator[Line]:
    with ExitStack() as stack:
        stages = [stack.enter_context(Stage(folder / str(size))) for size in sizes]
        yield from _compare("SQLite", [*map(Grown, stages, sizes)])


def _postgresql(sizes: tuple[int, ...]) -> Iterator[Line]:
    with ExitStack() as stack:
        server = stack.enter_context(postgresql())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stages = [
            stack.enter_context(
                Stage(folder / str(size), database_url=server.create(new_name("scale")))
            )
            for size in sizes
        ]
        yield from _compare("PostgreSQL", [*map(Grown, stages, sizes)])


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server for as long as it is needed."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server's own user must get in
        server = PostgreSQL(folder, find_postgresql(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _compare(engine: str, grown: list[Grown]) -> Iterator[Line]:
    for kind in grown[0].kinds:
        pages: dict[int, list[float]] = {one.size: [] for one in grown}
        lookups: dict[int, list[float]] = {one.size: [] for one in grown}
        for _ in range(ROUNDS):
            for one in grown:
                pages[one.size].append(1e6 * one.page_seconds(kind))
                lookups[one.size].append(1e6 * one.lookup_seconds(kind))
        rest = {size: _difference(pages[size], lookups[size]) for size in pages}
        for one in grown:
            name = f"{engine}, {kind}, {one.size:,}"
            waited = 1e6 * one.lookup_seconds(kind, time.perf_counter)
            yield Line(f"{name}: look-up, waited for", waited, "µs")
            yield Line(f"{name}: the rest", statistics.median(rest[one.size]), "µs")
            if one is not grown[0]:
                growth = [b / a for a, b in zip(rest[grown[0].size], rest[one.size], strict=True)]
                yield Line(
                    f"{name}: the rest / at {grown[0].size:,}",
                    statistics.median(growth),
                    "×",
                    GROWTH,
                )


def _difference(pages: list[float], lookups: list[float]) -> list[float]:
    return [page - lookup for page, lookup in zip(pages, lookups, strict=True)]


def _correspondence(stage: Stage, who: Correspondent) -> Correspondence:
    with stage.database.reading() as session:
        vault_id = session.get_one(Engagement, who.engagement_id).vault_id
        vault = open_for(session, who.person, vault_id)
    return Correspondence(who.person, stage.clinician.person, who.engagement_id, vault)


def _threads(of: Correspondence, plot: Plot) -> Iterator[Row]:
    for thread_id, at, count, _ in plot.ids():
        yield thread_row(of, thread_id, count, at)


def _messages(of: Correspondence, plot: Plot) -> Iterator[Row]:
    for thread_id, at, count, is_read in plot.ids():
        if is_read:
            yield from readable(of, thread_id, count, at)
        else:
            yield from crowd(of, thread_id, at)


def _ask(cursor: Any, lookups: list[Asked]) -> None:
    for asked in lookups:
        cursor.execute(asked.statement, asked.parameters)
        cursor.fetchall()
