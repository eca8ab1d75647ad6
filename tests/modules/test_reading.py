"""A module file is read whole, or everything that is wrong with it is told with its line."""

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.core.i18n import init_i18n
from portal.modules.format.reader import LARGEST_FILE, read_module
from portal.modules.format.shapes import (
    Branch,
    FeedbackHint,
    Kind,
    Multiple,
    PartKind,
    Plan,
    Recall,
    Scale,
)
from tests.modules.files import FRONT, STEPS, WHOLE, line_of, module, problems


def test_a_file_becomes_what_it_says() -> None:
    walk = module()
    assert (walk.id, walk.version, walk.kind, walk.minutes) == ("walk", "1.0.0", Kind.MODULE, 5)
    assert walk.title == {"en": "A walk", "es": "Un paseo"}
    assert walk.license == "CC-BY-4.0"
    assert walk.scan_text, "text is scanned unless an author says that it holds no client's words"
    first, second = walk.steps
    assert [part.kind for part in first.parts] == [PartKind.WHY, PartKind.TRY]
    assert first.parts[0].body == {"en": "Air helps.", "es": "El aire ayuda."}
    assert first.feedback is FeedbackHint.FREE
    assert [type(prompt) for prompt in first.prompts] == [Scale, Multiple]
    assert [type(branch) for branch in first.branches] == [Branch]
    assert [type(prompt) for prompt in second.prompts] == [Recall, Plan]
    assert first.replies[0].body["en"] == "Good: you went."


def test_a_file_from_windows_with_a_mark_at_its_head_is_the_same() -> None:
    data = b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode()
    assert read_module(data).module == module()


def test_letters_with_loose_accents_are_put_together() -> None:
    assert module(WHOLE.replace("portón", "porto\u0301n")) == module()


def test_prose_needs_no_quotes() -> None:
    text = WHOLE.replace("    en: Good: you went.", '    en: "Well": he said, it\'s #1 {really}')
    reply = module(text).steps[0].replies[0]
    assert reply.body["en"] == '"Well": he said, it\'s #1 {really}'


def test_lines_of_a_longer_text_stay_what_they_are() -> None:
    text = WHOLE.replace(
        "    en: Good: you went.", "    en: |\n      One.\n\n      text: two\n      en: three"
    )
    assert module(text).steps[0].replies[0].body["en"] == "One.\n\ntext: two\nen: three"


def test_one_language_may_be_written_alone() -> None:
    text = """---
id: small
kind: worksheet
version: 0.1.0
languages: [en]
title: Small
summary: One step.
minutes: 1
reading_grade: 6
license: CC0-1.0
---
## only
```step
title: Only
minutes: 1
```
### try en
Breathe.
```ask
- {id: note, type: short, label: "What did you notice?"}
```
"""
    assert module(text).steps[0].questions[0].label == {"en": "What did you notice?"}


WRONG = [
    ("id: walk\n", "id: A Walk\n", "id: A Walk", "“id” should be small letters"),
    ("version: 1.0.0", "version: 1.0", "version: 1.0", "three numbers"),
    ("license: CC-BY-4.0\n", "", "id: walk", "“license” is missing"),
    ("reading_grade: 6", "reading_grade: 9", "reading_grade: 9", "from 1 to 6"),
    ("minutes: 5", "minutes: 9", "minutes: 9", "The steps take 5 minutes together"),
    ("license: CC", "colour: red\nlicense: CC", "colour: red", "“colour” is unknown"),
    ("es: Un paseo}", "fr: Une marche}", "title: {en: A walk", "“fr” is none of"),
    ("es: Un paseo}", "fr: Une marche}", "title: {en: A walk", "“title” is missing in “es”"),
    ("### why es\nEl aire ayuda.\n", "", "### why en", "“why” is missing in “es”"),
    ("### why en", "### because en", "### because en", "The parts are: why"),
    ("### why en", "Stray words.\n### why en", "Stray words.", "belongs to no part"),
    ("## second", "## first\n", "## first\n\n\n", "is there before, in line"),
    ("id: with", "id: mood", "id: mood\n  type: mul", "is there before, in line"),
    ("  required: true\n", "  wanted: true\n", "wanted: true", "“wanted” is unknown in “scale”"),
    ("type: scale", "type: slider", "id: mood", "There is no type “slider”"),
    ("type: scale", "type: scale\n  max: 0", "id: mood", "whole steps"),
    ("goto: end", "goto: nowhere", "{id: low", "There is no step “nowhere”"),
    ("goto: end", "goto: first", "{id: low", "Ways lead forward only"),
    ("mood <= 2", "mood <= low", "{id: low", "“low” is no question"),
    ("mood <= 2", "mood <=", "{id: low", "cannot be understood"),
    ("mood <= 2", "'\"cat\" in with'", "{id: low", "none of the choices: dog, kin"),
    ("mood <= 2", "mood", "{id: low", "“yes or no” is needed here"),
    ("of: mood", "of: later", "{id: seen", "“later” is no question that stands before"),
    ("Go to the gate.", "Go <script>alert(1)</script>", "### try en", "HTML is not allowed"),
    ("Mood?", "Mood <b>?</b>", "label: {en: Mood <b>", "HTML is not allowed"),
    ("A walk", "A <b>walk</b>", "title: {en: A <b>", "HTML is not allowed"),
    ("Vaya al portón.", "<i>Vaya</i>.", "### try es", "HTML is not allowed"),
    ("El aire ayuda.", "palabra " * 121, "### why es", "more than 120 words in “es”"),
    ("es: Bien: salió.", "es: <b>Bien</b>.", "es: <b>Bien", "HTML is not allowed"),
    ("Go outside.", "<i>Go</i>.", "summary: {en: <i>", "HTML is not allowed"),
    ("Go to the gate.", "[x](javascript:alert(1))", "### try en", "A link begins with https://"),
    ("Go to the gate.", "[x](http://a.b)", "### try en", "A link begins with https://"),
    ("Go to the gate.", "![x](https://a.b/c.png)", "### try en", "Pictures are not allowed"),
    ("Go to the gate.", "# Loud", "### try en", "Headings inside a text"),
    ("Air helps.", "word " * 121, "### why en", "more than 120 words in “en”"),
    ("```reply", "```python", "```python", "A block is one of these"),
    ("minutes: 3", "minutes: *m", "minutes: *m", "Anchors and aliases"),
    ("minutes: 3", "minutes: &m 3", "minutes: &m", "Anchors and aliases"),
    ("minutes: 3", "minutes: !!python/name:os.system 3", "minutes: !!py", "Tags (!)"),
    ("id: with", "id: not", "id: not", "is a word of the rules"),
    ("- text: {en: You", "- id: x\n  text: {en: You", "- id: x", "“id” is unknown in “reply”"),
    ("- when: mood >= 8\n  text:", "- text:", "- text:", "is never said"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "where", "told"), WRONG)
def test_each_mistake_is_told_where_it_stands(
    right: str, wrong: str, where: str, told: str
) -> None:
    text = WHOLE.replace(right, wrong, 1)
    assert text != WHOLE
    line = text[: text.index(where)].count("\n") + 1
    found = problems(text)
    assert any(told in words and at in (line, line + 1) for at, words in found), found


def test_all_mistakes_are_told_at_once() -> None:
    text = WHOLE
    for right, wrong, _where, _told in WRONG[:5]:
        text = text.replace(right, wrong, 1)
    words = " ".join(words for _line, words in problems(text))
    for _right, _wrong, _where, told in WRONG[:5]:
        assert told in words


def test_hard_reading_is_told_in_each_language() -> None:
    hard_en = "Psychological flexibility necessitates acknowledging uncomfortable emotional " * 6
    hard_es = "La flexibilidad psicológica necesita reconocer emociones extraordinariamente " * 6
    text = WHOLE.replace("Go to the gate.", f"{hard_en}.").replace("Vaya al portón.", f"{hard_es}.")
    told = [words for line, words in problems(text) if line == line_of(text, "## first")]
    assert [words.split("“")[2][:2] for words in told] == ["en", "es"]


def test_problems_come_in_the_authors_language() -> None:
    from flask import Flask

    app = Flask(__name__, static_folder=None)
    init_i18n(app, own_language=lambda: "es")
    found = read_module(WHOLE.replace("license: CC-BY-4.0\n", "").encode()).problems
    with app.test_request_context("/"):
        assert [str(problem.words) for problem in found] == ["Falta “license”."]
    assert [str(problem.words) for problem in found] == ["“license” is missing."]


# --- hostile files ---


def bomb() -> str:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9))
    return f"---\nl0: &l0 [x, x]\n{levels}\n---\n"


def many_prompts(count: int) -> str:
    asked = [f'- {{id: p{n}, type: short, label: {{en: "A", es: "B"}}}}' for n in range(count)]
    blocks = ("\n".join(asked[i : i + 100]) for i in range(0, count, 100))
    return WHOLE + "".join(f"\n```ask\n{block}\n```\n" for block in blocks)


def cyclic(count: int) -> str:
    steps = "".join(
        STEPS.replace("## first", f"## a{n}").replace("## second", f"## b{n}")
        .replace("mood", f"mood{n}").replace("id: with", f"id: with{n}")
        .replace("id: low", f"id: low{n}").replace("id: seen", f"id: seen{n}")
        .replace("id: again", f"id: again{n}").replace("goto: end", f"goto: a{(n + 1) % count}")
        for n in range(count)
    )  # fmt: skip
    return FRONT + steps


HOSTILE: dict[str, tuple[str | bytes, str]] = {
    "a YAML bomb": (bomb(), "Anchors and aliases"),
    "a tag that would run": (
        WHOLE.replace("id: walk", "id: !!python/object/apply:os.system [ls]"),
        "small letters",
    ),
    "10,000 prompts": (many_prompts(10_000), "at most 200 prompts"),
    "10 MB": (WHOLE + "x" * 10_000_000, "larger than 1 MB"),
    "1 MB of one line": (FRONT + "## a\n### try en\n" + "x " * 450_000, "at most 6000 characters"),
    "1 MB of emphasis": (
        FRONT + "## a\n### try en\n" + "*a **b " * 130_000,
        "at most 6000 characters",
    ),
    "1 MB of brackets": (FRONT + "## a\n```step\n" + "[" * 900_000 + "\n```\n", "at most 65536"),
    "deep brackets": (FRONT + "## a\n```step\n" + "[" * 60_000 + "\n```\n", "nested too deeply"),
    "deep braces": (FRONT + "## a\n```step\n" + "{a: " * 15_000 + "\n```\n", "nested too deeply"),
    "cyclic ways": (cyclic(12), "Ways lead forward only"),
    "100,000 steps": (FRONT + "## a\n" * 100_000, "at most 60 steps"),
    "100,000 blocks": (FRONT + "## a\n" + "```ask\n```\n" * 80_000, "at most 300 blocks"),
    "1 MB of hidden signs": (WHOLE + "\u202e" * 300_000, "hidden sign here (U+202E)"),
    "1 MB of hidden lines": (WHOLE + "\x00\n" * 400_000, "hidden sign here (U+0000)"),
    "no UTF-8": (WHOLE.encode("utf-16"), "not saved as UTF-8"),
    "nothing": ("", "three dashes"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 100, "not saved as UTF-8"),
    "a rule that never ends": (
        WHOLE.replace("mood <= 2", "not " * 5000 + "mood"),
        "at most 500 characters",
    ),
    "many keys": (FRONT + "## a\n```step\n" + "a: b\n" * 12_000 + "```\n", "is written twice"),
    "an endless heading": (FRONT + "## " + "a" * 900_000, "After ## stands"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gets_a_clear_list_in_little_time_and_memory(name: str) -> None:
    text, told = HOSTILE[name]
    data = text if isinstance(text, bytes) else text.encode()
    tracemalloc.start()
    begin = time.process_time()
    reading = read_module(data)
    seconds = time.process_time() - begin
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reading.module is None
    words = [str(problem.words) for problem in reading.problems]
    assert any(told in one for one in words), words[:5]
    assert 1 <= len(words) <= 200
    assert all(len(one) < 500 for one in words)
    assert seconds < 5, "under a tracer, which makes everything several times slower"
    assert most < 60_000_000


def test_the_limit_of_size_is_what_it_says() -> None:
    filled = WHOLE.encode().ljust(LARGEST_FILE, b"\n")
    assert read_module(filled).module
    assert read_module(filled + b"\n").module is None


def test_many_brackets_around_a_rule_are_no_trouble() -> None:
    text = WHOLE.replace("mood <= 2", f"{'(' * 200}mood > 1{')' * 200}")
    assert str(module(text).steps[0].branches[0].when.source).endswith("1" + ")" * 200)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_fall(noise: bytes) -> None:
    read_module(noise)
    read_module(b"---\n" + noise)
    read_module(WHOLE.encode() + noise)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE)), st.integers(0, 60), st.text(max_size=20))
def test_no_slip_of_the_pen_makes_it_fall(at: int, gone: int, typed: str) -> None:
    reading = read_module((WHOLE[:at] + typed + WHOLE[at + gone :]).encode("utf-8", "replace"))
    assert (reading.module is None) == bool(reading.problems)
