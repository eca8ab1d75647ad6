"""Passphrases that the portal makes, passphrases that people choose, and codes typed from paper."""

import hashlib
import math
import re
import secrets
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Final, Literal

CLIENT_WORDS: Final = 4
STAFF_WORDS: Final = 6
SHORTEST: Final = 15
LONGEST: Final = 200

Problem = Literal["too_short", "too_long", "common", "context"]

_WORDS = Path(__file__).parent / "words"
_NOMINAL_WORDS = 7_776  # five dice: the length of list in which strength is counted
_FEWEST_FREE = 8  # characters that must be left once everything predictable is taken away
_FEWEST_DIFFERENT = 5
_SHORTEST_RUN = 4
_SHORTEST_CONTEXT = 4
_ALWAYS_CONTEXT = ("porchlight", "counselling", "counseling", "passphrase", "password")
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjklñ",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
)
_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O or U
_RANDOM_SYMBOLS = 26  # 5 bits each: 130 bits
_CHECK_SYMBOLS = 2
_GROUP = 4
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})


def generate(words: int, language: str) -> str:
    """Make a passphrase as strong as that many words from a list of 7,776.

    A language with a shorter list gets more words, never less strength.
    """
    wordlist = _wordlist(language if language in ("en", "es") else "en")
    wanted = math.floor(words * math.log2(_NOMINAL_WORDS))
    count = math.ceil(wanted / math.log2(len(wordlist)))
    return " ".join(secrets.choice(wordlist) for _ in range(count))


def problems(passphrase: str, user_name: str, clinic_name: str) -> list[Problem]:
    """Say why a passphrase that somebody chose cannot be used; an empty list means it can.

    There are no rules of composition: any characters, any mixture (ASVS 6.2.5).
    """
    if len(passphrase) < SHORTEST:
        return ["too_short"]
    if len(passphrase) > LONGEST:
        return ["too_long"]
    found: list[Problem] = []
    if _is_common(passphrase):
        found.append("common")
    if _is_from_context(passphrase, user_name, clinic_name):
        found.append("context")
    return found


def new_code() -> str:
    """Make a code to be printed and typed: 130 random bits and two symbols that catch slips."""
    body = "".join(secrets.choice(_SYMBOLS) for _ in range(_RANDOM_SYMBOLS))
    return grouped(body + _check_symbols(body))


def normalise_code(typed: str) -> str:
    """Return a typed code as the bare symbols that `new_code` made, whatever the typing habits.

    Case, spaces and dashes do not matter, and O, I and L are read as the digits they look like.
    """
    return re.sub(r"[\W_]+", "", typed.upper()).translate(_LOOKALIKES)


def is_whole_code(typed: str) -> bool:
    """Tell a code that could be one of ours from one with a slip in it, before it costs a try."""
    code = normalise_code(typed)
    body, check = code[:-_CHECK_SYMBOLS], code[-_CHECK_SYMBOLS:]
    return len(body) == _RANDOM_SYMBOLS and check == _check_symbols(body)


def grouped(code: str) -> str:
    """Write bare symbols in groups of four, as they are printed."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


@cache
def _wordlist(language: str) -> tuple[str, ...]:
    return tuple((_WORDS / f"{language}.txt").read_text(encoding="utf-8").split())


@cache
def _common_digests() -> frozenset[str]:
    return frozenset((_WORDS / "common.digests").read_text(encoding="ascii").split())


def _is_common(passphrase: str) -> bool:
    squashed = _squash(passphrase)
    return (
        hashlib.sha256(squashed.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        in _common_digests()
        or len(set(squashed)) < _FEWEST_DIFFERENT
        or _repeats(squashed)
        or len(_without_runs(squashed)) < _FEWEST_FREE
    )


def _is_from_context(passphrase: str, user_name: str, clinic_name: str) -> bool:
    left = squashed = _squash(passphrase)
    for word in _context_words(user_name, clinic_name):
        left = left.replace(word, "")
    return left != squashed and len(_without_runs(left)) < _FEWEST_FREE


def _context_words(user_name: str, clinic_name: str) -> list[str]:
    """Everything an acquaintance would try first, longest first so that wholes go before parts."""
    names = f"{user_name} {clinic_name}"
    words = {_squash(user_name), _squash(clinic_name), *_ALWAYS_CONTEXT}
    words.update(_squash(word) for word in re.split(r"[\W_]+", names))
    return sorted((word for word in words if len(word) >= _SHORTEST_CONTEXT), key=len, reverse=True)


def _squash(text: str) -> str:
    return re.sub(r"[\s\-_.,]+", "", text.casefold())


def _repeats(text: str) -> bool:
    """Tell whether the whole is one short piece over and over: abcabcabc, passwordpassword."""
    longest_piece = min(len(text) // 2, SHORTEST - 1)
    return any(text[size:] == text[:-size] for size in range(1, longest_piece + 1))


def _without_runs(text: str) -> str:
    """Drop every stretch of neighbours in the alphabet, the digits or on the keyboard."""
    kept = []
    start = 0
    while start < len(text):
        run = max(_run_length(text, start, row) for row in _rows())
        if run < _SHORTEST_RUN:
            kept.append(text[start])
            run = 1
        start += run
    return "".join(kept)


@cache
def _rows() -> tuple[str, ...]:
    return tuple(row for run in _RUNS for row in (run, run[::-1]))


def _run_length(text: str, start: int, row: str) -> int:
    where = row.find(text[start])
    pairs = zip(text[start:], row[where:], strict=False) if where >= 0 else ()
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _check_symbols(body: str) -> str:
    digest = hashlib.sha256(b"porchlight code " + body.encode("utf-8", "surrogatepass")).digest()
    return "".join(_SYMBOLS[byte % 32] for byte in digest[:_CHECK_SYMBOLS])
