"""Answers that a client might give to any question, invented by chance that can be repeated."""

import datetime as dt
from random import Random
from typing import Any

from portal.modules.format.shapes import (
    GATE_ANSWERS,
    PLAN_FIELDS,
    Date,
    Long,
    Multiple,
    Number,
    Plan,
    Question,
    Rows,
    SafetyGate,
    Scale,
    Short,
    Single,
    Time,
    YesNo,
)

WORDS = [
    "the",
    "gate",
    "at",
    "dusk",
    "with",
    "the",
    "dog,",
    "twice",
    "round",
    "the",
    "pond;",
    "no.",
    "7",
    "(again)",
]


def invent(question: Question, chance: Random, *, always: bool = False) -> Any:
    """An answer, or None where the question may be skipped: one time in five."""
    if not question.required and not always and chance.random() < 0.2:
        return None
    for kind, make in MAKERS:
        if isinstance(question, kind):
            return make(question, chance)
    raise TypeError(question)


def _multiple(question: Multiple, chance: Random) -> list[str]:
    values = [choice.value for choice in question.choices]
    if chance.random() < 0.5:
        return [chance.choice(values)]
    return chance.sample(values, chance.randint(1, len(values)))


def _scale(question: Scale, chance: Random) -> int:
    steps = (question.max - question.min) // question.step
    return question.min + question.step * chance.choice([0, steps, chance.randint(0, steps)])


def _number(question: Number, chance: Random) -> float:
    most = min(question.max, 600)
    found = chance.choice([question.min, most, chance.uniform(question.min, most)])
    return max(question.min, min(question.max, round(found, question.decimals)))


def _rows(question: Rows, chance: Random) -> list[dict[str, Any]]:
    few = question.min_rows
    count = chance.choice([few, question.max_rows, chance.randint(few, question.max_rows)])
    return [
        {column.id: invent(column, chance) for column in question.columns} for _ in range(count)
    ]


def _plan(_question: Plan, chance: Random) -> dict[str, Any]:
    words = {name: _words(chance, 60) for name in PLAN_FIELDS}
    return words | {"confidence": chance.randint(0, 10)}


def _words(chance: Random, most: int) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(1, 30)))[:most]


MAKERS: tuple[tuple[type | tuple[type, ...], Any], ...] = (
    (Single, lambda question, chance: chance.choice(question.choices).value),
    (Multiple, _multiple),
    (YesNo, lambda _question, chance: chance.random() < 0.5),
    (Scale, _scale),
    (Number, _number),
    (Date, lambda _question, chance: str(dt.date(2026, 1, 1) + dt.timedelta(chance.randrange(99)))),
    (Time, lambda _question, chance: f"{chance.randrange(24):02}:{chance.randrange(60):02}"),
    ((Short, Long), lambda question, chance: _words(chance, question.max_length)),
    (Rows, _rows),
    (Plan, _plan),
    (SafetyGate, lambda _question, chance: chance.choice(GATE_ANSWERS)),
)
