"""What was chosen and typed on a step's page, as answers; and answers as they stand in fields.

A field's name begins with `a.` and the prompt's id; in a table follow the row's number and the
column's id, in a plan the part's name. What does not fit its question is told, and stays as typed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from portal.modules.format.answers import fits, is_empty
from portal.modules.format.shapes import (
    PLAN_FIELDS,
    Long,
    Multiple,
    Number,
    Plan,
    Question,
    Rows,
    Scale,
    Short,
    Step,
    YesNo,
)
from portal.modules.queries.responses import Unfit
from portal.safety.words import cleaned

Fields = MultiDict[str, str]


@dataclass(frozen=True)
class Typed:
    """What came with a form: answers that fit; and, where one does not fit its question, the code
    of what is wrong and what stands in the question's fields."""

    answers: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    unfit: Unfit = field(default_factory=dict)


def name_of(prompt_id: str, *more: object) -> str:
    """A field's name."""
    return ".".join(["a", prompt_id, *map(str, more)])


def typed_answers(step: Step, fields: Fields) -> Typed:
    """Everything that was answered on this step's page."""
    typed = Typed()
    for question in step.questions:
        answer = _answer(question, fields, name_of(question.id))
        if is_empty(answer):
            continue
        if fits(question, answer):
            typed.answers[question.id] = answer
        else:
            typed.wrong[question.id] = _what_is_wrong(question)
            typed.unfit[question.id] = dict(_as_typed(question, fields))
    return typed


def _as_typed(question: Question, fields: Fields) -> Iterator[tuple[str, list[str]]]:
    own = name_of(question.id)
    for name in fields:
        if name == own or name.startswith(f"{own}."):
            yield name, [cleaned(text) for text in fields.getlist(name)]


def what_is_wrong(step: Step, unfit: Unfit) -> dict[str, str]:
    """What to say of answers that do not fit, by question."""
    return {one.id: _what_is_wrong(one) for one in step.questions if one.id in unfit}


def _what_is_wrong(question: Question) -> str:
    if isinstance(question, Short | Long):
        return "answer_too_long"
    return "answer_no_number" if isinstance(question, Number | Scale) else "answer_does_not_fit"


def _answer(question: Question, fields: Fields, name: str) -> Any:
    if isinstance(question, Rows):
        return list(_rows(question, fields, name))
    if isinstance(question, Plan):
        return _plan(fields, name)
    if isinstance(question, Multiple):
        return fields.getlist(name)
    return _single_answer(question, cleaned(fields.get(name, "")))


def _single_answer(question: Question, text: str) -> Any:
    if text == "":
        return None
    if isinstance(question, YesNo):
        return {"yes": True, "no": False}.get(text, text)
    if isinstance(question, Number | Scale):
        return _number(text)
    return text


def _number(text: str) -> int | float | str:
    """As people write numbers: 7.5 or 7,5. What is none stays the text it is."""
    plain = text.replace(",", ".")
    try:
        return int(plain)
    except ValueError:
        pass
    try:
        return float(plain)
    except ValueError:
        return text


def _rows(question: Rows, fields: Fields, name: str) -> Iterator[dict[str, Any]]:
    """The rows in which anything stands."""
    for number in range(question.max_rows):
        row = {
            column.id: _single_answer(
                column, cleaned(fields.get(f"{name}.{number}.{column.id}", ""))
            )
            for column in question.columns
        }
        filled = {column_id: value for column_id, value in row.items() if value is not None}
        if filled:
            yield filled


def _plan(fields: Fields, name: str) -> dict[str, Any] | None:
    plan: dict[str, Any] = {
        part: text for part in PLAN_FIELDS if (text := cleaned(fields.get(f"{name}.{part}", "")))
    }
    confidence = cleaned(fields.get(f"{name}.confidence", ""))
    if confidence:
        plan["confidence"] = _number(confidence)
    return plan or None


def filled_fields(step: Step, answers: Mapping[str, Any], unfit: Unfit | None = None) -> Fields:
    """The fields of a step's page, filled with these answers, and with what does not fit."""
    fields: Fields = MultiDict()
    for question in step.questions:
        answer = answers.get(question.id)
        if unfit and question.id in unfit:
            fields.update(unfit[question.id])
            continue
        for name, value in _as_fields(question, answer, name_of(question.id)):
            fields.add(name, value)
    return fields


def _as_fields(question: Question, answer: Any, name: str) -> Iterator[tuple[str, str]]:
    if answer is None:
        return
    if isinstance(question, Rows):
        for number, row in enumerate(answer):
            for column in question.columns:
                yield from _as_fields(column, row.get(column.id), f"{name}.{number}.{column.id}")
    elif isinstance(question, Plan):
        yield from ((f"{name}.{part}", str(value)) for part, value in answer.items())
    elif isinstance(question, Multiple):
        yield from ((name, value) for value in answer)
    elif isinstance(question, YesNo):
        yield name, "yes" if answer else "no"
    else:
        yield name, str(answer)
