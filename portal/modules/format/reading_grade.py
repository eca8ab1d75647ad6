"""How many years of school a text asks for, in English and in Spanish.

English: Flesch-Kincaid grade level (Kincaid, Fishburne, Rogers and Chissom, 1975, Research Branch
Report 8-75): 0.39 × words per sentence + 11.8 × syllables per word − 15.59.

Spanish: Crawford (1989, Lectura y Vida 10(4)): 0.049 × syllables per hundred words − 0.205 ×
sentences per hundred words − 3.407. It was made for texts of primary school and gives a grade,
where Fernández Huerta and Szigriszt-Pazos give a point between 0 and 100 that each table
translates in its own way.

Both are made for running text of some length, so they are asked about a step as a whole and not
about a label. Syllables are counted by rules: in Spanish these are those of the language, in
English they are an estimate that is a few in a hundred words off. A larger library would bring a
natural language toolkit along to get the same two numbers.
"""

import re
from collections.abc import Callable, Mapping

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?…]+[\"”’')*]*(?=\s|$)|\n\s*\n|\n\s*(?:[-*]|\d+\.)\s")

ENGLISH_GROUP = re.compile(r"[aeiouy]+")
ENGLISH_SILENT = re.compile(r"(?:[^aeiouy]e|[^aeiouydt]ed|[^aeiouycgsxz]es)$")
ENGLISH_SYLLABIC_LE = re.compile(r"[^aeiouyl]les?$")
# An e inside a word that is silent because the word was put together: some-times, safe-ty, ev-ery.
ENGLISH_SILENT_INSIDE = re.compile(
    r"[aeiouy][^aeiouy](e)(?:ly|ty|ful|less|ment|thing|times|where|one|body)|ev(e)(?:r[yi]|ning)"
)
ENGLISH_APART = re.compile(
    r"i[ao](?!us|n$|ns$|n[ae]l)|ie(?!s$|d$|nd|ve|f|ld|c)|[^xct]ious|[^q]ua|(?<!p)eo|[eyo]ing|"
    r"[uo]ous|(?:id|ar)ea|creat"
)

# A strong vowel, or a weak one with an accent, is the heart of a syllable of its own.
SPANISH_HEART = re.compile(r"[aeoáéóíú]|[iuüy](?![aeoáéóíúiuüy])")
SPANISH_WEAK_BEFORE = re.compile(r"(?<=[aeoáéóíú])[iuüy]")


def grade(text: str, language: str) -> float | None:
    """The school year; None for a language without a formula, or a text too short to tell."""
    formula = FORMULAS.get(language)
    words = WORD.findall(text.lower())
    if formula is None or len(words) < 30:
        return None
    sentences = max(1, sum(1 for part in SENTENCE_END.split(text) if WORD.search(part)))
    return formula(len(words), sentences, sum(map(SYLLABLES[language], words)))


def english_syllables(word: str) -> int:
    count = len(ENGLISH_GROUP.findall(word)) + len(ENGLISH_APART.findall(word))
    if ENGLISH_SILENT.search(word) and not ENGLISH_SYLLABIC_LE.search(word):
        count -= 1
    count -= len(ENGLISH_SILENT_INSIDE.findall(word))
    return max(1, count)


def spanish_syllables(word: str) -> int:
    """Vowels that glide into a neighbour count with it; `que` and `gui` have one."""
    bare = re.sub(r"(?<=q)u|(?<=g)u(?=[eiéí])|h", "", word)
    bare = SPANISH_WEAK_BEFORE.sub("", bare)
    return max(1, len(SPANISH_HEART.findall(bare)))


def _flesch_kincaid(words: int, sentences: int, syllables: int) -> float:
    return 0.39 * words / sentences + 11.8 * syllables / words - 15.59


def _crawford(words: int, sentences: int, syllables: int) -> float:
    return 4.9 * syllables / words - 20.5 * sentences / words - 3.407


FORMULAS: Mapping[str, Callable[[int, int, int], float]] = {
    "en": _flesch_kincaid,
    "es": _crawford,
}
SYLLABLES: Mapping[str, Callable[[str], int]] = {
    "en": english_syllables,
    "es": spanish_syllables,
}
