"""Whether an answer is one that its prompt can have. What is stored has passed here."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from portal.modules.format.expressions import CLOCK, DAY
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

LONGEST_PLAN_FIELD = 500


def fits(question: Question, answer: Any) -> bool:
    """Whether this JSON value answers the question. None, which is no answer, always fits."""
    if answer is None:
        return True
    for kind, test in TESTS:
        if isinstance(question, kind):
            return test(question, answer)
    raise TypeError(question)


def is_empty(answer: Any) -> bool:
    """Nothing was answered: not the same as zero or no."""
    return answer is None or answer in ("", [], {})


def _single(question: Single, answer: Any) -> bool:
    return isinstance(answer, str) and answer in {choice.value for choice in question.choices}


def _multiple(question: Multiple, answer: Any) -> bool:
    if not isinstance(answer, list) or not all(isinstance(value, str) for value in answer):
        return False
    values = {choice.value for choice in question.choices}
    return len(answer) == len(set(answer)) and set(answer) <= values


def _yes_no(_question: YesNo, answer: Any) -> bool:
    return isinstance(answer, bool)


def _scale(question: Scale, answer: Any) -> bool:
    if not isinstance(answer, int) or isinstance(answer, bool):
        return False
    inside = question.min <= answer <= question.max
    return inside and (answer - question.min) % question.step == 0


def _number(question: Number, answer: Any) -> bool:
    if not isinstance(answer, int | float) or isinstance(answer, bool):
        return False
    return question.min <= answer <= question.max and round(answer, question.decimals) == answer


def _date(_question: Date, answer: Any) -> bool:
    if not isinstance(answer, str) or not DAY.fullmatch(answer):
        return False
    try:
        dt.date.fromisoformat(answer)
    except ValueError:
        return False
    return True


def _time(_question: Time, answer: Any) -> bool:
    return isinstance(answer, str) and CLOCK.fullmatch(answer) is not None


def _text(question: Short | Long, answer: Any) -> bool:
    return isinstance(answer, str) and len(answer) <= question.max_length


def _rows(question: Rows, answer: Any) -> bool:
    """Rows may be fewer than asked for while somebody is still filling them in, never more."""
    if not isinstance(answer, list) or len(answer) > question.max_rows:
        return False
    return all(isinstance(row, dict) and _row(question, row) for row in answer)


def _row(question: Rows, row: Mapping[str, Any]) -> bool:
    if not set(row) <= question.column_ids:
        return False
    return all(fits(column, row.get(column.id)) for column in question.columns)


def _plan(_question: Plan, answer: Any) -> bool:
    if not isinstance(answer, dict) or not set(answer) <= {*PLAN_FIELDS, "confidence"}:
        return False
    confidence = answer.get("confidence")
    if confidence is not None and confidence not in range(11):
        return False
    texts = [answer.get(name, "") for name in PLAN_FIELDS]
    return all(isinstance(text, str) and len(text) <= LONGEST_PLAN_FIELD for text in texts)


def _safety_gate(_question: SafetyGate, answer: Any) -> bool:
    return isinstance(answer, str) and answer in GATE_ANSWERS


TESTS: tuple[tuple[type | tuple[type, ...], Callable[[Any, Any], bool]], ...] = (
    (Single, _single),
    (Multiple, _multiple),
    (YesNo, _yes_no),
    (Scale, _scale),
    (Number, _number),
    (Date, _date),
    (Time, _time),
    ((Short, Long), _text),
    (Rows, _rows),
    (Plan, _plan),
    (SafetyGate, _safety_gate),
)
