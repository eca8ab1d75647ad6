"""What may be stored as an answer, and what follows from it."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.modules import shelf
from portal.modules.format.answers import fits, is_empty
from portal.modules.format.shapes import Question
from portal.modules.format.walk import homework, should_shrink, still_asked
from tests.modules.files import FRONT, module
from tests.modules.invented import invent

ASKED = """
- {id: one, type: single, label: A, choices: {a: A, b: B}}
- {id: several, type: multiple, label: A, choices: {a: A, b: B}}
- {id: sure, type: yes_no, label: A}
- {id: scale, type: scale, label: A, min: 0, max: 100, step: 5}
- {id: number, type: number, label: A, min: 0.5, max: 20, decimals: 1}
- {id: on_day, type: date, label: A}
- {id: hour, type: time, label: A}
- {id: short, type: short, label: A, max_length: 5}
- {id: long, type: long, label: A, required: true}
- {id: rows, type: rows, label: A, max_rows: 2, columns: [{id: what, type: short, label: B}]}
- {id: ladder, type: ladder, label: A}
- {id: week, type: schedule, label: A}
- {id: diary, type: diary, label: A, columns: [{id: note, type: short, label: B}]}
- {id: gate, type: safety_gate, label: A, text: B}
"""
TEXT = (
    FRONT.replace("[en, es]", "[en]")
    .replace("{en: A walk, es: Un paseo}", "A walk")
    .replace("{en: Go outside., es: Salga afuera.}", "Go.")
    + f"## all\n```step\ntitle: All\nminutes: 5\n```\n### try en\nHere.\n```ask{ASKED}```\n"
    + "### plan en\nNow.\n```ask\n- {id: plan, type: plan, label: A}\n```\n"
)
ALL = module(TEXT)
STEP = ALL.steps[0]
QUESTIONS = {question.id: question for question in STEP.questions}

GOOD: list[tuple[str, Any]] = [
    ("one", "a"), ("several", ["b", "a"]), ("several", []), ("sure", False), ("scale", 35),
    ("number", 0.5), ("number", 7), ("on_day", "2028-02-29"), ("hour", "00:00"), ("short", "five5"),
    ("long", ""), ("rows", []), ("rows", [{"what": "x"}, {}]), ("gate", "unsure"),
    ("ladder", [{"step": "x", "distress": 40}]), ("diary", [{"date": "2026-01-01", "note": "x"}]),
    ("week", [{"activity": "x", "day": "sun", "time": "07:30"}]),
    ("plan", {"what": "x", "confidence": 10}), ("plan", {}),
]  # fmt: skip
BAD: list[tuple[str, Any]] = [
    ("one", "c"), ("one", ["a"]), ("several", ["a", "a"]), ("several", ["c"]), ("several", "a"),
    ("several", [1]), ("sure", 1), ("sure", "yes"), ("scale", 34), ("scale", 105), ("scale", True),
    ("scale", 5.0), ("number", 0.4), ("number", 0.55), ("number", float("nan")), ("number", True),
    ("number", "7"),
    ("on_day", "2027-02-29"), ("on_day", "1.2.2026"), ("hour", "24:00"), ("hour", 7),
    ("short", "sixsix"), ("short", 5), ("rows", [{}, {}, {}]), ("rows", [{"why": "x"}]),
    ("rows", {"what": "x"}), ("rows", ["x"]), ("ladder", [{"step": "x", "distress": 41}]),
    ("week", [{"day": "someday"}]), ("plan", {"what": "x", "confidence": 11}),
    ("plan", {"who": ""}),
    ("plan", {"what": "x" * 501}), ("plan", "x"), ("gate", "maybe"), ("gate", True),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "answer"), GOOD)
def test_what_answers_a_question_fits(asked: str, answer: Any) -> None:
    assert fits(QUESTIONS[asked], answer)


@pytest.mark.parametrize(("asked", "answer"), BAD)
def test_what_does_not_answer_it_does_not_fit(asked: str, answer: Any) -> None:
    assert not fits(QUESTIONS[asked], answer)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_no_answer_always_fits_and_is_not_zero_or_no(question: Question) -> None:
    assert fits(question, None)
    assert is_empty(None)
    assert not is_empty(0)
    assert not is_empty(False)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=9,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_no_answer_makes_it_fall(answer: Any) -> None:
    for question in QUESTIONS.values():
        assert fits(question, answer) in (True, False)


def test_what_is_invented_for_the_library_fits_every_question_of_it() -> None:
    for name in shelf.names():
        for step in shelf.load(name).steps:
            for question in step.questions:
                assert fits(question, invent(question, Random(1), always=True))


def test_a_required_question_is_asked_for_until_it_has_an_answer() -> None:
    assert [question.id for question in still_asked(STEP, {})] == ["long"]
    assert [question.id for question in still_asked(STEP, {"long": ""})] == ["long"]
    assert still_asked(STEP, {"long": "x"}) == ()


def test_a_plan_with_little_confidence_is_made_smaller() -> None:
    assert should_shrink({"what": "x", "confidence": 6})
    assert not should_shrink({"what": "x", "confidence": 7})
    assert not should_shrink({"what": "x"})
    assert not should_shrink(None)


def test_what_is_planned_is_homework() -> None:
    found = list(homework(STEP, {"plan": {"what": "walk", "when": "Monday", "confidence": 8}}))
    assert [(plan.id, answer["what"], answer["where"]) for plan, answer in found] == [
        ("plan", "walk", None)
    ]
    assert list(homework(STEP, {"plan": {"when": "Monday"}})) == []
    assert list(homework(STEP, {})) == []
