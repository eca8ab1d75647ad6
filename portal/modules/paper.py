"""Steps as sheets of paper: what is asked, with room to write; or with the answers so far.

A sheet lies about on kitchen tables. It names no client, no clinic and no site; what it belongs to
stands on it as a code that says nothing to anybody else.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from markupsafe import Markup

from portal.core.html import authors_text
from portal.core.i18n import _
from portal.modules.course import Course, StepMark
from portal.modules.format.shapes import (
    PLAN_FIELDS,
    Computed,
    Info,
    Long,
    ModuleFile,
    Multiple,
    Number,
    PartKind,
    Plan,
    Prompt,
    Question,
    Recall,
    Rows,
    SafetyGate,
    Scale,
    Short,
    Single,
    Step,
    YesNo,
)
from portal.modules.format.walk import with_computed
from portal.modules.models import Gate, Pace
from portal.modules.shown import choices, say, shown
from portal.modules.wording import PLAN_LABELS

# No letters that are read as figures, or as one another, in somebody's handwriting.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 6
LINES_OF_LONG, LINES_OF_PLAN = 4, 2

# So many numbers stand in a row to put a ring around one; beyond it a number is written.
MOST_RINGS = 11
# A table with more columns would have none wide enough to write in: its rows become columns.
MOST_COLUMNS, MOST_ROWS = 4, 10
NARROW_COLUMNS, WIDE_COLUMNS = 7, 4
# More choices than these are not ticked in each row.
MOST_TICKS = 4


def code_of(work_id: uuid.UUID, number: int) -> str:
    """What stands on the sheet of a step, so that the care team finds the work again.

    It opens nothing and is no secret: the random end of the work's id, and the step's number.
    """
    return f"{letters_of(work_id)}-{number}"


def letters_of(work_id: uuid.UUID) -> str:
    rest, letters = work_id.int, ""
    for _place in range(CODE_LENGTH):
        rest, digit = divmod(rest, len(LETTERS))
        letters = LETTERS[digit] + letters
    return letters


def read_code(typed: str) -> tuple[str, int] | None:
    """The code's letters and the step's number, as somebody read them off a sheet."""
    plain = "".join(one for one in typed.upper() if one.isalnum())
    plain = plain[:CODE_LENGTH].translate(str.maketrans("OIL", "011")) + plain[CODE_LENGTH:]
    number = plain[CODE_LENGTH:] or "1"
    if len(plain) < CODE_LENGTH or not (number.isascii() and number.isdigit()) or len(number) > 3:
        return None
    return plain[:CODE_LENGTH], int(number)


@dataclass(frozen=True)
class Room:
    """A place to write in. kind: "lines", "choice" or "scale"; with `text`, what was answered."""

    kind: str
    label: str = ""
    help: str = ""
    text: str = ""
    lines: int = 1
    options: tuple[tuple[str, bool], ...] = ()
    ends: str = ""


@dataclass(frozen=True)
class Grid:
    """An empty table. Its head stands above, or at the left where the columns are many. With each
    of its words goes whether little room is enough below."""

    head: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[Room, ...], ...]
    is_turned: bool = False


@dataclass(frozen=True)
class Piece:
    """Something on a sheet. kind: "html", "example", "ask", "group", "grid", "gate" or "told"."""

    kind: str
    html: Markup = field(default_factory=Markup)
    label: str = ""
    help: str = ""
    rooms: tuple[Room, ...] = ()
    grids: tuple[Grid, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Sheet:
    """One step on paper."""

    number: int
    title: str
    code: str
    has_gate: bool
    pieces: tuple[Piece, ...]


def sheets(
    module: ModuleFile,
    steps: Iterable[Step],
    answers: Mapping[str, Any] | None,
    work_id: uuid.UUID | None,
) -> list[Sheet]:
    """These steps on paper; empty, or with answers if there are any given."""
    return [_sheet(module, step, answers, work_id) for step in steps]


def _sheet(
    module: ModuleFile, step: Step, answers: Mapping[str, Any] | None, work_id: uuid.UUID | None
) -> Sheet:
    number = module.steps.index(step) + 1
    known = {} if answers is None else with_computed(module, answers)
    pieces: list[Piece] = []
    for part in step.parts:
        kind = "example" if part.kind is PartKind.EXAMPLE else "html"
        pieces.append(Piece(kind, authors_text(say(part.body))))
        pieces += (_piece(module, prompt, known) for prompt in part.prompts)
    code = code_of(work_id, number) if work_id else f"{module.id} {module.version}-{number}"
    has_gate = any(isinstance(one, SafetyGate) for one in step.questions)
    return Sheet(number, say(step.title), code, has_gate, tuple(pieces))


def steps_to_take_home(course: Course, marks: Mapping[str, StepMark], pace: Pace) -> list[Step]:
    """The steps that a client may print: paper opens nothing that the care team keeps shut."""
    found, is_shut = [], False
    for place in course.places:
        mark = marks[place.step.id]
        is_locked = place.step.clinician_unlocks and not mark.is_unlocked
        is_shut = is_shut or place.opens_at is not None
        if place.standing.may_be_answered or not (is_shut or is_locked):
            found.append(place.step)
        is_read_first = mark.gate is Gate.HOLD and not mark.is_read
        is_shut = is_shut or pace is Pace.WEEKLY or is_read_first
    return found


def _piece(module: ModuleFile, prompt: Prompt, known: Mapping[str, Any]) -> Piece:
    if isinstance(prompt, Info):
        return Piece("html", authors_text(say(prompt.body)))
    if isinstance(prompt, Recall):
        earlier = module.prompts[prompt.of]
        told = shown(earlier, known.get(prompt.of))
        return Piece("told", label=say(prompt.label), rooms=(Room("lines", text=told),))
    if isinstance(prompt, Computed):
        return _computed(prompt, known.get(prompt.id))
    return _asked(prompt, known.get(prompt.id)) if isinstance(prompt, Question) else Piece("html")


def _computed(prompt: Computed, value: Any) -> Piece:
    told = "" if value is None else f"{value:.{prompt.decimals}f}"
    room = Room("lines", text=told, ends=say(prompt.unit))
    return Piece("told", label=say(prompt.label), rooms=(room,))


def _asked(question: Question, answer: Any) -> Piece:
    if isinstance(question, Rows):
        piece = Piece("grid", grids=tuple(_grids(question, answer or [])))
    elif isinstance(question, Plan):
        piece = Piece("group", rooms=tuple(_plan(answer or {})))
    elif isinstance(question, SafetyGate):
        piece = Piece("gate", authors_text(say(question.body)), rooms=(_room(question, answer),))
    else:
        piece = Piece("ask", rooms=(_room(question, answer),))
    return replace(piece, label=say(question.label), help=say(question.help))


def _room(question: Question, answer: Any, *, is_cell: bool = False) -> Room:
    if is_cell and _is_long_list(question):
        return Room("lines", text=shown(question, answer))
    if isinstance(question, Single | Multiple | YesNo | SafetyGate):
        values = answer if isinstance(answer, list) else [_as_choice(answer)]
        options = tuple((label, value in values) for value, label in choices(question))
        return Room("choice", options=options)
    told = shown(question, answer)
    if isinstance(question, Scale):
        return Room("lines", text=told) if is_cell else _scale(question, answer)
    if is_cell:
        return Room("lines", text=told, lines=2 if isinstance(question, Short) else 1)
    if isinstance(question, Number):
        return Room("lines", text="" if answer is None else str(answer), ends=say(question.unit))
    return Room("lines", text=told, lines=LINES_OF_LONG if isinstance(question, Long) else 1)


def _is_long_list(column: Question) -> bool:
    return isinstance(column, Single) and len(column.choices) > MOST_TICKS


def _as_choice(answer: Any) -> Any:
    return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else answer


def _scale(question: Scale, answer: Any) -> Room:
    numbers = range(question.min, question.max + 1, question.step)
    ends = " … ".join(
        f"{number} = {say(end)}"
        for number, end in ((question.min, question.low), (question.max, question.high))
        if end
    )
    if len(numbers) > MOST_RINGS:
        ends = ends or f"{question.min} – {question.max}"
        return Room("lines", text="" if answer is None else str(answer), ends=ends)
    return Room("scale", options=tuple((str(one), one == answer) for one in numbers), ends=ends)


def _plan(answer: Mapping[str, Any]) -> Iterator[Room]:
    for part in PLAN_FIELDS:
        lines = LINES_OF_PLAN if part == "what" else 1
        yield Room("lines", str(PLAN_LABELS[part]), text=str(answer.get(part, "")), lines=lines)
    sure = answer.get("confidence")
    options = tuple((str(one), one == sure) for one in range(11))
    yield Room("scale", str(PLAN_LABELS["confidence"]), options=options)


def _grids(question: Rows, answer: list[Mapping[str, Any]]) -> Iterator[Grid]:
    """The rows there are, and empty ones: as many as fit on a page, if there may be so many."""
    has_text = any(isinstance(column, Short) for column in question.columns)
    head = tuple((_heading(c), has_text and not isinstance(c, Short)) for c in question.columns)
    is_turned = len(head) > MOST_COLUMNS
    across = WIDE_COLUMNS if has_text else NARROW_COLUMNS
    fitting = across if is_turned else MOST_ROWS
    count = max(min(question.max_rows, fitting), min(len(answer), question.max_rows))
    filled = [*answer, *[{}] * (count - len(answer))] if answer else _first_column(question, count)
    rows = [
        tuple(_room(column, row.get(column.id), is_cell=True) for column in question.columns)
        for row in filled
    ]
    if not is_turned:
        yield Grid(head, tuple(rows))
        return
    for first in range(0, len(rows), across):
        yield Grid(head, tuple(zip(*rows[first : first + across], strict=True)), is_turned=True)


def _first_column(question: Rows, count: int) -> list[Mapping[str, Any]]:
    """Empty rows; one for each choice where a row is about one of many."""
    first = question.columns[0]
    if not (isinstance(first, Single) and MOST_TICKS < len(first.choices) <= question.max_rows):
        return [{}] * count
    return [{first.id: choice.value} for choice in first.choices]


def _heading(column: Question) -> str:
    """What stands at a column: with its unit, or between which numbers."""
    label = say(column.label)
    if isinstance(column, Number) and column.unit:
        return f"{label} ({say(column.unit)})"
    if isinstance(column, Scale) and str(column.max) not in label:
        return _(
            "%(question)s %(low)s to %(high)s", question=label, low=column.min, high=column.max
        )
    return label
