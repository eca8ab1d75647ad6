"""Passphrases are strong by the list's own arithmetic, and codes survive being typed by hand."""

import math
import string
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.accounts import passphrases
from portal.accounts.passphrases import (
    CLIENT_WORDS,
    LONGEST,
    SHORTEST,
    STAFF_WORDS,
    generate,
    is_whole_code,
    new_code,
    normalise_code,
    problems,
)

WORDS = Path(passphrases.__file__).parent / "words"
CLINIC = "Larkspur Valley Counselling"


def words_of(language: str) -> list[str]:
    return (WORDS / f"{language}.txt").read_text().split()


def strength(language: str, words: int) -> float:
    return len(generate(words, language).split()) * math.log2(len(words_of(language)))


@pytest.mark.parametrize("language", ["en", "es"])
def test_lists_are_plain_sorted_and_without_repeats(language: str) -> None:
    words = words_of(language)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    assert all(first < second for first, second in pairwise(words))


UPSETTING = {
    "en": """
        abus beat blood bully cancer corps crush curse dead death drown drug grie
        guil gun hanged hanging harmed harmful hurt illness isolat jail kill knif
        lonel maim murd mutilat overdos painf pains poison pregnan prison rap scarr
        scary shame shot sick slap stabb suffer suic terror tortur victim violen
        weep wound worthless""",
    "es": """abus ahog armas balas balaz cancer carcel castig culpa dolor droga enferm golp grit
        herid horca llor mata mied muert odio pena pistol preso sangr sexo soledad suic tumba
        veneno verguenza victima violen violar""",
}


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_word_hurts_whoever_is_handed_it(language: str) -> None:
    stems = tuple(UPSETTING[language].split())
    assert [word for word in words_of(language) if word.startswith(stems)] == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_language_is_as_strong(language: str) -> None:
    assert strength(language, CLIENT_WORDS) >= 51.5
    assert strength(language, STAFF_WORDS) >= 77


def test_english_gets_the_words_it_asks_for() -> None:
    assert len(generate(CLIENT_WORDS, "en").split()) == CLIENT_WORDS
    assert len(generate(STAFF_WORDS, "en").split()) == STAFF_WORDS


def test_an_unknown_language_gets_english_words() -> None:
    assert set(generate(CLIENT_WORDS, "../es").split()) <= set(words_of("en"))


@pytest.mark.parametrize("language", ["en", "es"])
def test_what_we_make_we_accept(language: str) -> None:
    made = {generate(CLIENT_WORDS, language) for _ in range(500)}
    assert len(made) == 500
    assert [bad for bad in made if problems(bad, "maren", CLINIC)] == []


@pytest.mark.parametrize(
    "chosen",
    [
        "my goat ate the blue tractor",
        "mi cabra se comió el tractor",
        "ñandú cigüeña pingüino ¡olé!",
        "雨が降ると川の音がよく聞こえる夜",
        "🐐🚜🌧️🌈🪵🧺🥕🐝🦉🕯️🍞🐟🧦🪁🎻",
        "Tr0ub4dor&3 and then some",
        "zq9!zq8?xw7#vb6%",
        "a" * 3 + " barn owl over the north field",
    ],
)
def test_any_characters_and_no_rules_of_composition(chosen: str) -> None:
    assert problems(chosen, "maren", CLINIC) == []


def test_length_counts_characters() -> None:
    phrase = "lantern over the quiet mill pond "
    assert problems(phrase[: SHORTEST - 1], "maren", CLINIC) == ["too_short"]
    assert problems(phrase[:SHORTEST], "maren", CLINIC) == []
    assert problems((phrase * 9)[:LONGEST][::-1], "maren", CLINIC) == []
    assert problems((phrase * 9)[: LONGEST + 1], "maren", CLINIC) == ["too_long"]


@pytest.mark.parametrize(
    "chosen",
    [
        "passwordpassword",
        "Password Password",
        "qwertyuiopasdfghjkl",
        "lkjhgfdsapoiuytrewq",
        "1qaz2wsx3edc4rfv",
        "123456789012345678",
        "abcdefghijklmnop",
        "zyxwvutsrqponmlk",
        "my dog 123456789",
        "aaaaaaaaaaaaaaaaaaa",
        "abababababababab",
        "abcabcabcabcabca",
        "manchester united",
        "ManchesterUnited",
        "correct horse battery staple",
        "te amo con todo mi corazon",
        " " * 20,
        "-" * 20,
    ],
)
def test_common_ones_are_refused(chosen: str) -> None:
    assert "common" in problems(chosen, "maren", CLINIC)


@pytest.mark.parametrize(
    "chosen",
    [
        "maren.whitfield",
        "Maren Whitfield 1987",
        "larkspur valley counselling",
        "LarkspurValley2026!",
        "porchlight maren 1",
        "counselling maren",
    ],
)
def test_names_that_others_know_are_refused(chosen: str) -> None:
    assert problems(chosen, "maren.whitfield", CLINIC) == ["context"]


def test_a_name_inside_a_long_phrase_is_fine() -> None:
    assert problems("maren keeps bees behind the old mill", "maren.whitfield", CLINIC) == []


@given(st.text(max_size=250), st.text(max_size=30), st.text(max_size=60))
def test_any_text_gets_an_answer(chosen: str, user_name: str, clinic_name: str) -> None:
    found = problems(chosen, user_name, clinic_name)
    assert set(found) <= {"too_short", "too_long", "common", "context"}
    assert ("too_short" in found) == (len(chosen) < SHORTEST)
    assert ("too_long" in found) == (len(chosen) > LONGEST)


@given(st.text(min_size=1, max_size=7), st.integers(min_value=2, max_value=60))
def test_a_short_piece_repeated_is_never_enough(piece: str, times: int) -> None:
    assert problems(piece * times, "maren", CLINIC) != []


def test_codes_carry_at_least_128_bits() -> None:
    code = new_code()
    assert (len(normalise_code(code)) - 2) * 5 >= 128
    assert all(len(group) == 4 for group in code.split("-"))
    assert len({new_code() for _ in range(1000)}) == 1000


def typed_badly(code: str, separator: str, habits: list[bool]) -> str:
    swapped = {"0": "o", "1": "l"}
    letters = [
        swapped.get(symbol, symbol.lower()) if habit else symbol
        for symbol, habit in zip(normalise_code(code), habits, strict=True)
    ]
    return separator.join(letters)


@given(
    st.builds(new_code),
    st.sampled_from(["", " ", "-", " - ", "–", "\u00a0", "_", "."]),
    st.lists(st.booleans(), min_size=28, max_size=28),
)
def test_typing_habits_do_not_matter(code: str, separator: str, habits: list[bool]) -> None:
    typed = typed_badly(code, separator, habits)
    assert normalise_code(typed) == normalise_code(code)
    assert is_whole_code(typed)


def test_i_and_l_are_one() -> None:
    assert normalise_code("iIlL oO") == "111100"


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(typed: str) -> None:
    once = normalise_code(typed)
    assert normalise_code(once) == once
    assert is_whole_code(once) == is_whole_code(typed)


def test_slips_are_noticed() -> None:
    slips = 0
    for _ in range(200):
        code = normalise_code(new_code())
        wrong = "Z" if code[5] != "Z" else "Y"
        slips += is_whole_code(code[:5] + wrong + code[6:])
    assert slips <= 3
    assert not is_whole_code(new_code()[:-1])
    assert not is_whole_code("")


def test_the_alphabet_has_no_letters_that_look_like_digits() -> None:
    seen = {symbol for _ in range(300) for symbol in normalise_code(new_code())}
    assert seen == set(string.digits + string.ascii_uppercase) - set("ILOU")
