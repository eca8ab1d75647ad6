"""Who may write next.

SQLite is written by one transaction at a time. Left to itself it makes waiting writers poll, and
the unlucky ones wait for a long time; here they queue (a lock among the threads, then a file lock
among the processes) and each is let through in turn.
"""

import fcntl
import os
import threading
from pathlib import Path
from typing import Protocol

LOCK_WAIT_SECONDS = 10


class Gate(Protocol):
    """Lets writers through in turn."""

    def acquire(self) -> None: ...

    def release(self) -> None: ...


class OpenGate:
    """For a database that has row locks of its own."""

    def acquire(self) -> None:
        return

    def release(self) -> None:
        return


class WriteGate:
    """One writer at a time, in the order in which they came, over threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._file: int | None = None

    def acquire(self) -> None:
        if not self._threads.acquire(timeout=LOCK_WAIT_SECONDS):
            raise TimeoutError("waited too long for the turn to write")
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._close()
            raise

    def release(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._threads.release()
