"""A few places, shared by all processes of one machine, for work that is heavy on purpose."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from portal.core.errors import Busy

POLL_SECONDS = 0.05
KINDNESS = 10

Result = TypeVar("Result")


def _step_back() -> None:
    """Whoever reads comes first: this thread takes what time is left."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), KINDNESS)


class Slots:
    """At most `places` at work on the machine, at most `waiting` threads of this process queued.

    Whoever finds no place in time gets Busy: a flood of sign-ins must leave threads for reading.
    """

    def __init__(
        self, folder: Path, name: str, *, places: int, waiting: int, seconds: float = 15.0
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name = folder, name
        self._paths = [folder / f"{name}.{number}.slot" for number in range(places)]
        self._queue = threading.BoundedSemaphore(waiting)
        self._seconds = seconds
        self._workers = ThreadPoolExecutor(places, name, initializer=_step_back)

    def lane(self, name: str, *, waiting: int) -> "Slots":
        """A queue of its own with one place, for those who are to come one by one."""
        return Slots(
            self._folder, f"{self._name}-{name}", places=1, waiting=waiting, seconds=self._seconds
        )

    def run(self, work: Callable[[], Result]) -> Result:
        """Does `work` in a place, behind everything else that the machine does. Raises Busy."""
        with self.take():
            return self._workers.submit(work).result()

    def check_room(self) -> None:
        """Raises Busy if `take` would, before anything else is done for whoever asks."""
        with self._queued():
            return

    @contextmanager
    def take(self) -> Iterator[None]:
        """Raises Busy."""
        with self._queued(), self._place():
            yield

    @contextmanager
    def _queued(self) -> Iterator[None]:
        if not self._queue.acquire(blocking=False):
            raise Busy
        try:
            yield
        finally:
            self._queue.release()

    @contextmanager
    def _place(self) -> Iterator[None]:
        deadline = time.monotonic() + self._seconds
        while (held := self._try_all()) is None:
            if time.monotonic() > deadline:
                raise Busy
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            held.close()

    def _try_all(self) -> IO[bytes] | None:
        for path in self._paths:
            file = path.open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            else:
                return file
        return None
