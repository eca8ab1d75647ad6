"""An author's words, and answers, as a person reads them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from portal.core.i18n import _, day_name, language
from portal.modules.format.shapes import Date as DateQuestion
from portal.modules.format.shapes import (
    Multiple,
    Number,
    Plan,
    Prompt,
    Question,
    Rows,
    SafetyGate,
    Single,
    Step,
    Text,
    YesNo,
)
from portal.modules.queries.responses import Unfit
from portal.modules.wording import PLAN_LABELS


def say(text: Text | None) -> str:
    """An author's words in the reader's language, or in the first that there is."""
    if text is None:
        return ""
    return text.get(language()) or next(iter(text.values()))


def shown(prompt: Prompt, answer: Any) -> str:
    """An answer as a person reads it; empty if there is none."""
    if answer is None or answer in ("", [], {}):
        return ""
    if isinstance(prompt, Rows):
        return "\n".join(_row(prompt, row) for row in answer)
    if isinstance(prompt, Plan):
        lines = [f"{PLAN_LABELS[part]} {value}" for part, value in answer.items()]
        return "\n".join(lines)
    if isinstance(prompt, Single | Multiple | YesNo | SafetyGate):
        values = answer if isinstance(answer, list) else [_as_choice(answer)]
        names = dict(choices(prompt))
        return ", ".join(names.get(value, value) for value in values)
    if isinstance(prompt, DateQuestion):
        noon = dt.datetime.combine(dt.date.fromisoformat(answer), dt.time(12), dt.UTC)
        return day_name(noon, dt.UTC)
    unit = say(prompt.unit) if isinstance(prompt, Number) else ""
    return f"{answer} {unit}".strip()


def _as_choice(answer: Any) -> str:
    return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else str(answer)


def _row(prompt: Rows, row: Mapping[str, Any]) -> str:
    return " · ".join(f"{label} {told}" for label, told in cells(prompt, row))


def cells(prompt: Rows, row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was filled in of a row, each with its column's label."""
    return [
        (say(column.label), told)
        for column in prompt.columns
        if (told := shown(column, row.get(column.id)))
    ]


def choices(question: Question) -> list[tuple[str, str]]:
    if isinstance(question, Single | Multiple):
        return [(choice.value, say(choice.label)) for choice in question.choices]
    choices = [("yes", _("Yes")), ("no", _("No"))]
    return (
        [*choices, ("unsure", _("I am not sure"))] if isinstance(question, SafetyGate) else choices
    )


def answer_rows(
    step: Step,
    answers: Mapping[str, Any],
    unfit: Unfit | None = None,
) -> list[dict[str, Any]]:
    """What was answered, question by question; and what was typed that does not fit."""
    return [
        {"id": question.id, "label": say(question.label), "text": told}
        for question in step.questions
        if (told := _typed(unfit, question) or shown(question, answers.get(question.id)))
    ]


def _typed(unfit: Unfit | None, question: Question) -> str:
    fields = (unfit or {}).get(question.id, {})
    return " · ".join(text for texts in fields.values() for text in texts if text)
