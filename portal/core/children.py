"""Processes that should always be there: started, watched, started again, stopped in order."""

import logging
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from portal.core.processes import die_with_parent, name_process

log = logging.getLogger("portal.children")

STEADY_SECONDS = 10
LONGEST_BACK_OFF_SECONDS = 30
STOP_SECONDS = 20


class Running(Protocol):
    """What a process is asked: the words of subprocess.Popen."""

    def poll(self) -> int | None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


@dataclass
class Child:
    """One process and its history."""

    name: str
    launch: Callable[[], Running]
    process: Running | None = None
    _starts_at: float = field(default=0.0)
    _started_at: float = field(default=0.0)
    _failures: int = field(default=0)

    def tend(self) -> None:
        """Starts it if it does not run and its time has come."""
        status = self.process.poll() if self.process else None
        if status is not None:
            self._plan_restart(status)
        if self.process is None and self._starts_at <= time.monotonic():
            self._started_at = time.monotonic()
            self.process = self.launch()

    def _plan_restart(self, status: int) -> None:
        """Soon after the first end, later and later when it keeps ending."""
        now = time.monotonic()
        steady = now - self._started_at > STEADY_SECONDS
        self._failures = 0 if steady else self._failures + 1
        delay = min(LONGEST_BACK_OFF_SECONDS, 0.1 * 2**self._failures)
        log.warning("%s ended (%s); starting it again in %.1f s", self.name, status, delay)
        self.process = None
        self._starts_at = now + delay

    def stop(self) -> None:
        """Asks it to end, and waits; a process that does not listen is ended."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop in time", self.name)
            self.process.kill()
            self.process.wait()


class Bell:
    """Rings for every signal and every child that ends, so that waiting ends at once."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._reading, self._writing = socket.socketpair()
        for end in (self._reading, self._writing):
            end.setblocking(False)
        signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: stop())
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def wait(self, seconds: float, other: socket.socket | None = None) -> bool:
        """Waits for the bell, or for something to read on another socket (then true)."""
        sockets = [self._reading] if other is None else [self._reading, other]
        ready, _, _ = select.select(sockets, [], [], seconds)
        if self._reading in ready:
            self._reading.recv(4096)
        return other in ready


def tend(children: Iterable[Child]) -> None:
    """Starts what should run and does not."""
    for child in children:
        child.tend()


class Fork:
    """A function running in a copy of this process, which shares the memory of what is loaded."""

    def __init__(self, name: str, function: Callable[[], None]) -> None:
        self._status: int | None = None
        self._pid = os.fork()
        if self._pid == 0:
            _become(name, function)

    def poll(self) -> int | None:
        return self._status if self._status is not None else self._ask(os.WNOHANG)

    def _ask(self, flags: int) -> int | None:
        pid, status = os.waitpid(self._pid, flags)
        if pid:
            self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self._pid, number)

    def wait(self, timeout: float | None = None) -> int:
        end = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self._pid), timeout or 0)
            time.sleep(0.02)
        return status


def _become(name: str, function: Callable[[], None]) -> None:
    """The copy's whole life: it must never return into what its parent was doing."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent()
        name_process(name)
        function()
        status = 0
    except BaseException as error:  # noqa: BLE001 - whatever it was, it ends here
        log.error("%s failed: %s", name, type(error).__name__)
    finally:
        os._exit(status)
