"""A few places, shared by all processes of one machine, for work that is heavy on purpose."""

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from portal.core.errors import Busy

POLL_SECONDS = 0.02


class Slots:
    """At most `places` at work on the machine, at most `waiting` threads of this process queued.

    Whoever finds no place in time gets Busy: a flood of sign-ins must leave threads for reading.
    """

    def __init__(
        self, folder: Path, name: str, *, places: int, waiting: int, seconds: float = 8.0
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._paths = [folder / f"{name}.{number}.slot" for number in range(places)]
        self._queue = threading.BoundedSemaphore(waiting)
        self._seconds = seconds

    @contextmanager
    def take(self) -> Iterator[None]:
        """Raises Busy."""
        if not self._queue.acquire(blocking=False):
            raise Busy
        try:
            with self._place():
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
