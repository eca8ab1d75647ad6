"""What is said when something is not possible: every feature's words, by the code it raises."""

from collections.abc import Mapping
from typing import Any

_words: dict[str, Any] = {}


def teach(words: Mapping[str, Any]) -> None:
    """Adds a feature's words. Each is a lazy string; it may have %(name)s places."""
    _words.update(words)


def say(code: str, **details: object) -> str:
    """The words for a code, in the language of this request."""
    return str(_words[code]) % details if details else str(_words[code])


def known_codes() -> frozenset[str]:
    return frozenset(_words)
