"""The fields that questions are answered in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from portal.core import wording
from portal.modules.format.shapes import (
    PLAN_FIELDS,
    Long,
    Multiple,
    Number,
    Plan,
    Question,
    Rows,
    SafetyGate,
    Scale,
    Single,
    Time,
    YesNo,
)
from portal.modules.format.shapes import Date as DateQuestion
from portal.modules.forms import Fields, name_of
from portal.modules.shown import choices, say
from portal.modules.wording import PLAN_LABELS

# A list of so many is chosen from; beyond it a number is quicker typed.
MOST_CHOSEN = 21


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Control:
    """One field or one group of choices. kind: "text", "long", "list", "one" or "many"."""

    kind: str
    name: str
    label: str
    help: str = ""
    value: str = ""
    options: tuple[Option, ...] = ()
    type: str = "text"
    mode: str = ""
    ends: str = ""
    wrong: str = ""


def anchor_of(question: Question) -> str:
    """The id of the field, or of the first of several, in which a question is answered."""
    name = name_of(question.id)
    if isinstance(question, Plan):
        return f"{name}.{PLAN_FIELDS[0]}"
    return anchor_of_row(question, 0) if isinstance(question, Rows) else name


def control(question: Question, fields: Fields, name: str, wrong: str) -> Control:
    made = _bare_control(question, fields, name)
    return replace(
        made,
        label=say(question.label),
        help=say(question.help),
        wrong=wording.say(wrong) if wrong else "",
    )


def _bare_control(question: Question, fields: Fields, name: str) -> Control:
    value = fields.get(name, "")
    if isinstance(question, Single | Multiple | YesNo | SafetyGate):
        kind = "many" if isinstance(question, Multiple) else "one"
        chosen = fields.getlist(name)
        options = tuple(Option(v, label, v in chosen) for v, label in choices(question))
        return Control(kind, name, "", options=options)
    if isinstance(question, Scale):
        return _scale(question, name, value)
    if isinstance(question, Number):
        return Control("text", name, "", value=value, mode="decimal", ends=say(question.unit))
    if isinstance(question, DateQuestion | Time):
        kind = "date" if isinstance(question, DateQuestion) else "time"
        return Control("text", name, "", value=value, type=kind)
    if isinstance(question, Long):
        return Control("long", name, "", value=value)
    return Control("text", name, "", value=value)


def _scale(question: Scale, name: str, value: str) -> Control:
    ends = " … ".join(
        f"{number} = {say(end)}"
        for number, end in ((question.min, question.low), (question.max, question.high))
        if end
    )
    numbers = range(question.min, question.max + 1, question.step)
    if len(numbers) > MOST_CHOSEN:
        ends = ends or f"{question.min} – {question.max}"
        return Control("text", name, "", value=value, mode="numeric", ends=ends)
    return replace(_list(name, "", numbers, value), ends=ends)


def _list(name: str, label: str, numbers: range, chosen: str) -> Control:
    options = tuple(Option(str(one), str(one), str(one) == chosen) for one in numbers)
    return Control("list", name, label, options=(Option("", "–", not chosen), *options))


def plan_controls(question: Plan, fields: Fields) -> tuple[Control, ...]:
    name = name_of(question.id)
    texts = [
        Control("text", f"{name}.{part}", str(PLAN_LABELS[part]),
                value=fields.get(f"{name}.{part}", ""))
        for part in PLAN_FIELDS
    ]  # fmt: skip
    chosen = fields.get(f"{name}.confidence", "")
    sure = _list(f"{name}.confidence", str(PLAN_LABELS["confidence"]), range(11), chosen)
    return (*texts, sure)


def filled_rows(question: Rows, fields: Fields) -> int:
    """How many rows there are down to the last in which anything stands."""
    return _rows_with(question, fields, any)


def shown_rows(question: Rows, fields: Fields) -> int:
    """How many rows the page had from which these fields come, filled or not."""
    return _rows_with(question, fields, lambda texts: any(text is not None for text in texts))


def _rows_with(question: Rows, fields: Fields, is_there: Callable[[list[str | None]], bool]) -> int:
    name, columns = name_of(question.id), question.columns
    found = [
        number
        for number in range(question.max_rows)
        if is_there([fields.get(f"{name}.{number}.{column.id}") for column in columns])
    ]
    return max(found, default=-1) + 1


def anchor_of_row(question: Rows, number: int) -> str:
    """The id of the first field of a row; the first row is 0."""
    return name_of(question.id, number, question.columns[0].id)


def rows_controls(question: Rows, fields: Fields, fewest: int) -> Iterator[tuple[Control, ...]]:
    """The rows of a table: so many, or as many as the question allows or asks for."""
    name = name_of(question.id)
    for number in range(min(max(fewest, question.min_rows), question.max_rows)):
        yield tuple(
            control(column, fields, f"{name}.{number}.{column.id}", "")
            for column in question.columns
        )
