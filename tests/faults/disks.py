"""A disk that a test can fill: a small one of its own or, where none may be mounted, a limit."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from portal.core import reserve

SIZE = 16 * 2**20


class Disk(Protocol):
    """What a test does to the disk of a stage; `pids` are the processes that write there."""

    def fill(self, pids: list[int]) -> None: ...

    def free(self, pids: list[int]) -> None: ...


@dataclass
class SmallDisk:
    """A file system in memory, so small that it is soon full."""

    folder: Path

    def fill(self, pids: list[int]) -> None:  # noqa: ARG002 - it is full for all
        with (self.folder / "ballast").open("ab", buffering=0) as file:
            for size in (2**16, 2**12, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(size))

    def free(self, pids: list[int]) -> None:  # noqa: ARG002
        (self.folder / "ballast").unlink()


class NoGrowth:
    """No file can grow: for the processes concerned that is much the same as a full disk."""

    def fill(self, pids: list[int]) -> None:
        # What was set aside beforehand can still be written over.
        limit = reserve.SIZE
        for pid in pids:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))

    def free(self, pids: list[int]) -> None:
        for pid in pids:
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk to be filled at `folder`, which is empty."""
    options = f"size={SIZE},uid={os.getuid()},mode=700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "portal-test", str(folder)]
    try:
        is_mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    if not is_mounted:
        yield NoGrowth()
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
