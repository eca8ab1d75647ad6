"""Does compression give a secret away? The BREACH question, asked with a right guess.

Whoever can put text into a page and see the length of the answer learns a secret if a right guess
of a part of it makes the page shorter than wrong guesses do. So: read the page, take eight
characters of each form token in it, ask again with those eight characters put in, and compare with
eight others of the same alphabet.
"""

import random
import re
import statistics
from collections.abc import Callable, Mapping

GUESS = 8
WRONG_GUESSES = 4
TRIALS = 300

Render = Callable[[str], bytes]
Encode = Callable[[bytes], bytes]


def mean_gain(
    render: Render,
    secrets: Callable[[bytes], list[str]],
    encodings: Mapping[str, Encode],
    trials: int = TRIALS,
    seed: int = 1,
) -> dict[str, float]:
    """Bytes that a right guess saves on average, for each encoding.

    `render` gives the uncompressed page with a guess put in; `secrets` finds what must stay
    secret in a page.
    """
    chance = random.Random(seed)  # noqa: S311 - guesses, not keys
    gains: dict[str, list[float]] = {name: [] for name in encodings}
    for _ in range(trials):
        right = _part(chance.choice(secrets(render("x" * GUESS))), chance)
        pages = [render(_other(right, chance)) for _ in range(WRONG_GUESSES)]
        hit = render(right)
        for name, encode in encodings.items():
            missed = statistics.mean(len(encode(page)) for page in pages)
            gains[name].append(missed - len(encode(hit)))
    return {name: statistics.mean(values) for name, values in gains.items()}


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
