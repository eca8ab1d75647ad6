"""Syllables and school years, in two languages."""

import pytest

from portal.modules.format.reading_grade import english_syllables, grade, spanish_syllables

ENGLISH = {
    1: "cat walked feel smile here more used helped breathe makes the friend gone",
    2: "table wanted needed people quiet being every create houses evening safety lonely",
    3: "idea exercise area situation video counsellor cannabis serious",
    4: "experience",
}
SPANISH = {
    1: "que rey hoy muy",
    2: "casa rueda aire país ciudad leer agua cuando oír sueño peor oiga búho día",
    3: "guitarra ahora ayuda idea vergüenza pingüino héroe cohete ansiedad",
}


@pytest.mark.parametrize("count", SPANISH)
def test_spanish_syllables_follow_the_rules(count: int) -> None:
    assert {word: spanish_syllables(word) for word in SPANISH[count].split()} == dict.fromkeys(
        SPANISH[count].split(), count
    )


def test_english_syllables_are_nearly_always_right() -> None:
    pairs = [(word, count) for count, words in ENGLISH.items() for word in words.split()]
    wrong = [word for word, count in pairs if english_syllables(word) != count]
    assert wrong in ([], ["situation"])


def test_the_formulas_are_those_of_their_sources() -> None:
    # 40 words of one syllable in 5 sentences: 0.39 * 8 + 11.8 - 15.59
    assert grade("The cat sat on the mat with him. " * 5, "en") == pytest.approx(-0.67)
    # 40 words, 5 sentences, 80 syllables: 4.9 * 2 - 20.5 / 8 - 3.407
    text = "Casa mesa gato pato vaca luna nube cama. " * 5
    assert grade(text, "es") == pytest.approx(4.9 * 2 - 20.5 / 8 - 3.407)


def test_harder_words_and_longer_sentences_are_later_school_years() -> None:
    easy = "We walk to the store. The dog comes with us. It rains a bit. We do not mind. " * 2
    hard = easy.replace(". ", ", ").replace("walk", "perambulate").replace("store", "establishment")
    assert (grade(easy, "en") or 0) < 2
    assert (grade(hard, "en") or 0) > 8
    facil = "Vamos a la tienda. El perro viene. Llueve un poco. No nos importa nada. " * 3
    dificil = facil.replace(". ", ", ").replace("tienda", "universidad extraordinaria")
    assert (grade(facil, "es") or 0) < (grade(dificil, "es") or 0)


def test_a_short_text_or_another_language_has_no_grade() -> None:
    assert grade("Too short to tell.", "en") is None
    assert grade("Das ist ein Satz. " * 20, "de") is None
