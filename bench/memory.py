"""Private memory of a set of processes, as the kernel accounts for it."""

from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """A process and everything it started, directly or not."""
    return [pid, *(one for child in _children(pid) for one in family(child))]


def private_kilobytes(pid: int) -> int:
    """Memory that would be free if this process ended (Private_Clean + Private_Dirty)."""
    rollup = (PROC / str(pid) / "smaps_rollup").read_text()
    lines = [line.split() for line in rollup.splitlines() if line.startswith("Private_")]
    return sum(int(line[1]) for line in lines if line[0] in ("Private_Clean:", "Private_Dirty:"))


def name_of(pid: int) -> str:
    """What a process is, in a word or three: its program and its first arguments."""
    parts = (PROC / str(pid) / "cmdline").read_text().split("\0")
    words = [Path(part).name for part in parts if part and part != "-m"]
    return " ".join(words[:3])


def _children(pid: int) -> Iterator[int]:
    for task in (PROC / str(pid) / "task").iterdir():
        yield from map(int, (task / "children").read_text().split())
