"""A correspondence of ordinary prose, twenty messages of about 283 characters each."""

from itertools import cycle, islice
from pathlib import Path

PAGE = 20
"""How many messages the measured thread page shows."""

LETTERS = tuple(
    Path(__file__).with_name("letters.txt").read_text(encoding="utf-8").strip().split("\n\n")
)


def letters(count: int) -> list[str]:
    """The first `count` letters; after the last one the correspondence starts again."""
    return list(islice(cycle(LETTERS), count))
