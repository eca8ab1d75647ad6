"""What is said when something is not possible: every feature's words, by the code it raises."""

from collections.abc import Mapping
from typing import Any

_words: dict[str, Any] = {}


def teach(words: Mapping[str, Any]) -> None:
    """Adds a feature's words. Each is a lazy string, which may have %(name)s places, or makes the
    words from the details, as where a number decides between two of them."""
    _words.update(words)


def say(code: str, **details: object) -> str:
    """The words for a code, in the language of this request."""
    words = _words[code]
    if callable(words):
        return str(words(**details))
    return str(words) % details if details else str(words)


def known_codes() -> frozenset[str]:
    return frozenset(_words)
