"""Makes prompts of what stands in `ask` blocks: one small reader for each type."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from portal.core.i18n import lazy as _
from portal.modules.format import built_in
from portal.modules.format.fields import NAME, Taker, read_text
from portal.modules.format.nodes import Fields, YamlNode
from portal.modules.format.problems import Problems
from portal.modules.format.shapes import (
    Branch,
    Choice,
    Column,
    Computed,
    Date,
    Diary,
    Info,
    Ladder,
    Long,
    Multiple,
    Number,
    Plan,
    Prompt,
    Recall,
    Rows,
    SafetyGate,
    Scale,
    Schedule,
    Short,
    Single,
    Text,
    Time,
    YesNo,
)

MOST_CHOICES, MOST_COLUMNS, MOST_ROWS, LONGEST_ANSWER = 30, 10, 40, 8000
LARGEST = 1_000_000


def read_prompt(node: YamlNode, languages: Sequence[str], problems: Problems) -> Prompt | None:
    """The prompt; None, with the problems told, if it cannot be one."""
    taker = Taker(node, languages, problems)
    type_line, kind = taker.line, taker.words("type")
    read = READERS.get(kind)
    if read is None:
        if kind:
            problems.add(
                type_line,
                _(
                    "There is no type “%(type)s”. There are: %(types)s.",
                    type=kind[:40],
                    types=", ".join(READERS),
                ),
            )
        return None
    prompt = read(taker, {"id": taker.id(), "line": taker.line})
    taker.done(kind)
    return prompt


Basics = dict[str, Any]


def _info(taker: Taker, basics: Basics) -> Prompt:
    return Info(**basics, body=taker.text("text"))


def _asked(taker: Taker, basics: Basics) -> Basics:
    """The fields that every question has."""
    return basics | {
        "label": taker.text("label"),
        "help": taker.text("help", optional=True) or None,
        "required": taker.yes_no("required", default=False),
    }


def _choices(taker: Taker) -> tuple[Choice, ...]:
    node = taker.node("choices")
    if not isinstance(node, Fields):
        if node:
            wanted = _("Write each choice as “value: {en: Words, es: Palabras}”.")
            taker.problems.add(node.line, wanted)
        return ()
    if not 2 <= len(node.fields) <= MOST_CHOICES:
        taker.problems.add(node.line, _("A question has 2 to %(most)s choices.", most=MOST_CHOICES))
        return ()
    for value, label in node.fields.items():
        if not NAME.fullmatch(value.replace("_", "-")):
            taker.problems.add(
                label.line,
                _("“%(value)s” should be small letters, digits and _ only.", value=value[:40]),
            )
    return tuple(
        Choice(value=value, label=_choice_label(taker, label))
        for value, label in node.fields.items()
    )


def _choice_label(taker: Taker, node: YamlNode) -> Text:
    return read_text(node, "choices", taker.languages, taker.problems)


def _single(taker: Taker, basics: Basics) -> Single:
    return Single(**_asked(taker, basics), choices=_choices(taker))


def _multiple(taker: Taker, basics: Basics) -> Prompt:
    return Multiple(**_asked(taker, basics), choices=_choices(taker))


def _scale(taker: Taker, basics: Basics) -> Scale:
    scale = Scale(
        **_asked(taker, basics),
        min=taker.whole("min", -100, 100, 0),
        max=taker.whole("max", -100, 100, 10),
        step=taker.whole("step", 1, 50, 1),
        low=taker.text("low", optional=True) or None,
        high=taker.text("high", optional=True) or None,
    )
    if scale.min >= scale.max or (scale.max - scale.min) % scale.step:
        taker.problems.add(taker.line, _("From “min” to “max” there must be whole steps."))
    return scale


def _number(taker: Taker, basics: Basics) -> Number:
    number = Number(
        **_asked(taker, basics),
        min=taker.decimal("min", 0),
        max=taker.decimal("max", LARGEST),
        decimals=taker.whole("decimals", 0, 3, 0),
        unit=taker.text("unit", optional=True) or None,
    )
    if number.min >= number.max:
        taker.problems.add(taker.line, _("“min” must be smaller than “max”."))
    return number


def _date(taker: Taker, basics: Basics) -> Date:
    return Date(**_asked(taker, basics))


def _time(taker: Taker, basics: Basics) -> Time:
    return Time(**_asked(taker, basics))


def _yes_no(taker: Taker, basics: Basics) -> YesNo:
    return YesNo(**_asked(taker, basics))


def _short(taker: Taker, basics: Basics) -> Short:
    longest = taker.whole("max_length", 1, 500, 200)
    return Short(**_asked(taker, basics), max_length=longest)


def _long(taker: Taker, basics: Basics) -> Prompt:
    longest = taker.whole("max_length", 1, LONGEST_ANSWER, 4000)
    return Long(**_asked(taker, basics), max_length=longest)


BuiltIn = Callable[[int, Sequence[str]], tuple[Column, ...]]


def _rows(
    taker: Taker,
    basics: Basics,
    shape: type[Rows] = Rows,
    columns: BuiltIn = lambda _line, _languages: (),
    most: int = 10,
) -> Prompt:
    own = columns(taker.line, taker.languages)
    if not own or taker.has("columns"):
        own += taker.each("columns", lambda node: _column(taker, node))
    rows = shape(
        **_asked(taker, basics),
        columns=own,
        min_rows=taker.whole("min_rows", 0, MOST_ROWS, 1),
        max_rows=taker.whole("max_rows", 1, MOST_ROWS, most),
    )
    if rows.min_rows > rows.max_rows:
        taker.problems.add(taker.line, _("“min_rows” must not be larger than “max_rows”."))
    if not 1 <= len(own) <= MOST_COLUMNS:
        taker.problems.add(taker.line, _("A table has 1 to %(most)s columns.", most=MOST_COLUMNS))
    if len(rows.column_ids) < len(own):
        taker.problems.add(taker.line, _("Two columns of this table have the same id."))
    return rows


def _column(taker: Taker, node: YamlNode) -> Column | None:
    column = Taker(node, taker.languages, taker.problems)
    kind = column.words("type")
    read = COLUMN_READERS.get(kind)
    if read is None:
        taker.problems.add(
            node.line,
            _("A column has one of these types: %(types)s.", types=", ".join(COLUMN_READERS)),
        )
        return None
    found = read(column, {"id": column.id(), "line": column.line})
    column.done(kind)
    return found


def _recall(taker: Taker, basics: Basics) -> Prompt:
    return Recall(**basics, of=taker.words("of"), label=taker.text("label"))


def _computed(taker: Taker, basics: Basics) -> Prompt | None:
    value = taker.rule("value")
    label, decimals = taker.text("label"), taker.whole("decimals", 0, 3, 0)
    unit = taker.text("unit", optional=True) or None
    if value is None:
        return None
    return Computed(**basics, label=label, value=value, decimals=decimals, unit=unit)


def _plan(taker: Taker, basics: Basics) -> Prompt:
    worksheet = (
        taker.matching("worksheet", NAME, _("a worksheet's id"))
        if (taker.has("worksheet"))
        else None
    )
    return Plan(**_asked(taker, basics), worksheet=worksheet)


def _safety_gate(taker: Taker, basics: Basics) -> Prompt:
    return SafetyGate(**_asked(taker, basics), body=taker.text("text"))


def _branch(taker: Taker, basics: Basics) -> Prompt | None:
    when, goto = taker.rule("when"), taker.words("goto")
    return Branch(**basics, when=when, goto=goto) if when and goto else None


COLUMN_READERS: Mapping[str, Callable[[Taker, Basics], Column]] = {
    "single": _single,
    "yes_no": _yes_no,
    "scale": _scale,
    "number": _number,
    "date": _date,
    "time": _time,
    "short": _short,
}
READERS: Mapping[str, Callable[[Taker, Basics], Prompt | None]] = {
    "info": _info,
    **COLUMN_READERS,
    "multiple": _multiple,
    "long": _long,
    "rows": _rows,
    "ladder": partial(_rows, shape=Ladder, columns=built_in.ladder_columns),
    "schedule": partial(_rows, shape=Schedule, columns=built_in.schedule_columns),
    "diary": partial(_rows, shape=Diary, columns=built_in.diary_columns, most=14),
    "recall": _recall,
    "computed": _computed,
    "plan": _plan,
    "safety_gate": _safety_gate,
    "branch": _branch,
}
