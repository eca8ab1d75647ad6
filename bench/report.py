"""What a bench prints: a table per section, each line with figure, limit and verdict."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One figure. Without a limit it is only told; with one it is judged."""

    name: str
    figure: float
    unit: str = ""
    limit: float | None = None

    @property
    def over(self) -> bool:
        """Whether the figure breaks its limit; a figure that is no number always does."""
        return self.limit is not None and not self.figure <= self.limit

    @property
    def verdict(self) -> str:
        """ok, over, or nothing where there is no limit."""
        if self.limit is None:
            return ""
        return "OVER" if self.over else "ok"

    def cells(self) -> tuple[str, str, str, str]:
        """The line as it stands in its table."""
        limit = "" if self.limit is None else f"≤ {number(self.limit)}"
        return self.name, f"{number(self.figure)} {self.unit}".strip(), limit, self.verdict


@dataclass(frozen=True)
class Section:
    """One table, with a sentence on how it was measured."""

    title: str
    how: str
    lines: tuple[Line, ...]

    @property
    def over(self) -> bool:
        """Whether any line breaks its limit."""
        return any(line.over for line in self.lines)

    def text(self) -> str:
        """The table in fixed columns."""
        rows = [line.cells() for line in self.lines]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
        return "\n".join([self.title, f"  {self.how}", *_aligned(rows, widths), ""])


def _aligned(rows: list[tuple[str, str, str, str]], widths: list[int]) -> Iterator[str]:
    name, figure, limit, _ = widths or [0, 0, 0, 0]
    for row in rows:
        yield f"  {row[0]:<{name}}  {row[1]:>{figure}}  {row[2]:>{limit}}  {row[3]}".rstrip()


def number(value: float) -> str:
    """A figure with as many digits as one can trust: 4,012 or 1.73."""
    if math.isfinite(value) and (abs(value) >= 100 or value == int(value)):
        return f"{value:,.0f}"
    return f"{value:.2f}"


def quantile(values: Iterable[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
