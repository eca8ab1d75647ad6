"""What is wrong with a file: all of it, each with its line and in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Of the line that something is told of, so much is quoted.
LONGEST_QUOTE = 120
# A file that was never a module can be wrong in every line. Nobody reads on after this many.
MOST_PROBLEMS = 200


@dataclass(frozen=True)
class Problem:
    """`words` are lazy: they come in the language of whoever reads them."""

    line: int
    words: Any

    def __str__(self) -> str:
        return f"{self.line}: {self.words}"


def quoted(lines: Sequence[str], problem: Problem) -> str:
    """What stands in the line that a problem is told of, so that an author can look for it;
    without signs that could not be seen, or that a terminal would obey."""
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    return "".join(filter(str.isprintable, line.strip()[:LONGEST_QUOTE]))


class Problems:
    """Gathers what is wrong."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, line: int, words: Any) -> None:
        if len(self._found) < MOST_PROBLEMS:
            self._found.append(Problem(line, words))

    @property
    def in_order(self) -> tuple[Problem, ...]:
        return tuple(sorted(dict.fromkeys(self._found), key=lambda problem: problem.line))

    def __bool__(self) -> bool:
        return bool(self._found)
