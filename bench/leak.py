"""Does compression give a secret away? The BREACH question, asked with a right guess.

Whoever can put text into a page and see the length of the answer learns a secret if a right guess
of a part of it makes the page shorter than wrong guesses do. So: read the page, take eight
characters of each form token in it, ask again with those eight characters put in, and compare with
eight others of the same alphabet.
"""

import random
import re
import secrets
import statistics
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.cost import get
from bench.report import Line, Section
from bench.stage import Stage
from portal import create_app
from portal.core.compress import compress

GUESS = 8
PAGES = 4
TRIALS, CONTROL_TRIALS = 300, 60
GAIN_LIMIT = 0.3
FOUND = 3.0
ENCODINGS = ("gzip", "br", "zstd")

Render = Callable[[str], bytes]
Encode = Callable[[bytes], bytes]


def mean_gain(
    render: Render,
    find: Callable[[bytes], list[str]],
    encodings: Mapping[str, Encode],
    trials: int = TRIALS,
    seed: int = 1,
) -> dict[str, float]:
    """Bytes that a right guess saves on average, for each encoding.

    `render` gives the uncompressed page with a guess put in; `find` tells what must stay
    secret in a page.
    """
    chance = random.Random(seed)  # noqa: S311 - guesses, not keys
    gains: dict[str, list[float]] = {name: [] for name in encodings}
    for _ in range(trials):
        right = _part(chance.choice(find(render("x" * GUESS))), chance)
        missed = [render(_other(right, chance)) for _ in range(PAGES)]
        hit = [render(right) for _ in range(PAGES)]
        for name, encode in encodings.items():
            gains[name].append(_mean_length(encode, missed) - _mean_length(encode, hit))
    return {name: statistics.mean(values) for name, values in gains.items()}


def _mean_length(encode: Encode, pages: list[bytes]) -> float:
    """Every page has a new mask, whose letters alone change its length by a byte or two."""
    return statistics.mean(len(encode(page)) for page in pages)


def tokens_named(*fields: str) -> Callable[[bytes], list[str]]:
    """Finds the values of the hidden fields with these names."""
    names = "|".join(map(re.escape, fields))
    tag = re.compile(rf'<input[^>]*name="?(?:{names})"?[^>]*>')
    value = re.compile(r'value="?([^">\s]+)')

    def find(page: bytes) -> list[str]:
        found = [value.search(one) for one in tag.findall(page.decode())]
        return [match[1] for match in found if match]

    return find


def _part(secret: str, chance: random.Random) -> str:
    start = chance.randrange(len(secret) - GUESS + 1)
    return secret[start : start + GUESS]


def _other(right: str, chance: random.Random) -> str:
    """A wrong guess of the same letters: shuffled, so that no letter is cheaper than before."""
    letters = list(right)
    while "".join(letters) == right and len(set(letters)) > 1:
        chance.shuffle(letters)
    return "".join(letters)


def measure(folder: Path) -> Section:
    """The sign-in page and the thread page; and a page with an unmasked token, to show that the
    test would find a leak."""
    lines: list[Line] = []
    with Stage(folder) as stage:
        pages = _Pages(stage)
        for name, render in (("sign-in page", pages.sign_in), ("thread page", pages.thread)):
            lines += _gains(name, render, TRIALS, GAIN_LIMIT)
        control = _gains("control with a fixed token", pages.unmasked, CONTROL_TRIALS, None)
        lines += control
    found = all(line.figure > FOUND for line in control)
    lines.append(Line("control leaks that went unnoticed", 0 if found else 1, limit=0))
    how = f"Mean bytes that a right guess of {GUESS} characters saves, {TRIALS} trials each."
    return Section("What compression gives away", how, tuple(lines))


def _gains(name: str, render: Render, trials: int, limit: float | None) -> Iterator[Line]:
    encodings = {one: partial(_length_of, one) for one in ENCODINGS}
    gains = mean_gain(render, tokens_named("csrf_token"), encodings, trials)
    for encoding, gain in gains.items():
        yield Line(f"{name}, {encoding}", gain, "B", limit)


def _length_of(encoding: str, page: bytes) -> bytes:
    return compress(page, encoding)[0]


class _Pages:
    """Pages of the portal with something put in that a stranger chose."""

    def __init__(self, stage: Stage) -> None:
        self.app, self.base = create_app(stage.config), stage.config.base_url
        self.who = stage.correspondent("Ada Lind")
        self.headers = stage.headers(self.who)
        self.fixed = secrets.token_urlsafe(32)

    def sign_in(self, guess: str) -> bytes:
        """The one page that repeats what its address says: the user name to sign in with."""
        return get(f"/sign-in?user_name={guess}", self.base).to(self.app)[1]

    def thread(self, guess: str) -> bytes:
        """A thread with the guess in the box, as if somebody had been made to write it."""
        page = get(self.who.path, self.base, **self.headers_for_call()).to(self.app)[1]
        return page.replace(b"</textarea>", guess.encode() + b"</textarea>")

    def unmasked(self, guess: str) -> bytes:
        """The thread page as it would be if its token were the same on every page."""
        field = re.compile(rb'(name=csrf_token value=")[^"]*')
        return field.sub(rb"\g<1>" + self.fixed.encode(), self.thread(guess))

    def headers_for_call(self) -> dict[str, str]:
        """The browser's headers as `get` takes them."""
        return {name.replace("-", "_"): value for name, value in self.headers.items()}
