"""The small language of `when` and `value`: what an author writes about earlier answers.

    peak >= 7 and "alone" in triggers
    mood in ["low", "flat"] or not answered(plan)
    sum(diary, hours(bed, up)) / count(diary)

It can look at answers and work out a number or a yes or no, and nothing else: no attributes, no
calls but the ones listed in FUNCTIONS, no loops. It is parsed by a grammar and walked by the code
below; nothing is ever handed to Python to run. `check` finds everything that could go wrong, so
that `evaluate` has nothing left to complain about.

What has not been answered is unknown, and unknown spreads: a comparison with it is neither true
nor false, so a branch on it is not taken.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from lark import Lark, Transformer, v_args
from lark.exceptions import UnexpectedInput, VisitError

from portal.core.i18n import lazy as _

LONGEST, DEEPEST = 500, 40
CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)

GRAMMAR = r"""
    ?start: either
    ?either: both | either "or" both -> or_
    ?both: negation | both "and" negation -> and_
    ?negation: comparison | "not" negation -> not_
    ?comparison: total
        | total COMPARISON total -> compare
        | total "in" total -> among
        | total "in" "[" literal ("," literal)* "]" -> listed
    ?total: product | total ADDITION product -> binary
    ?product: signed | product MULTIPLICATION signed -> binary
    ?signed: atom | "-" signed -> minus
    ?atom: literal | NAME -> name
        | NAME "(" either ("," either)* ")" -> call
        | "(" either ")"
    ?literal: NUMBER -> number | STRING -> string | "true" -> yes | "false" -> no
    COMPARISON: "==" | "!=" | "<=" | ">=" | "<" | ">"
    ADDITION: "+" | "-"
    MULTIPLICATION: "*" | "/"
    NAME: /[a-z][a-z0-9_]*/
    NUMBER: /[0-9]{1,9}(\.[0-9]{1,6})?/
    STRING: /"[^"\n]*"|'[^'\n]*'/
    %ignore /[ \t\n]+/
"""


RESERVED = frozenset({"and", "or", "not", "in", "true", "false"})


class ExpressionError(ValueError):
    """What is written is none of ours. `message` says why, for the author."""

    def __init__(self, message: Any) -> None:
        super().__init__(str(message))
        self.message = message


# --- what an expression is made of ---


@dataclass(frozen=True)
class Node:
    depth: int = field(default=1, compare=False, kw_only=True)


@dataclass(frozen=True)
class Literal(Node):
    value: float | str | bool


@dataclass(frozen=True)
class Name(Node):
    id: str


@dataclass(frozen=True)
class Operation(Node):
    """`sign` is one of == != <= >= < > + - * / and, or, not, minus, among."""

    sign: str
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Listed(Node):
    item: Node
    values: tuple[float | str | bool, ...]


@dataclass(frozen=True)
class Call(Node):
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Expression:
    """A parsed expression; `source` is what the author wrote."""

    source: str
    root: Node = field(repr=False, compare=False)


def parse(source: str) -> Expression:
    """Raises ExpressionError if it is too long, too deep, or no expression."""
    if len(source) > LONGEST:
        raise ExpressionError(_("A rule has at most %(most)s characters.", most=LONGEST))
    try:
        root = _parser().parse(source)
    except UnexpectedInput as error:
        place = source[error.pos_in_stream :][:20]
        raise ExpressionError(
            _("This rule cannot be understood, near: %(place)s", place=place)
        ) from None
    except VisitError as error:
        if isinstance(error.orig_exc, ExpressionError):
            raise error.orig_exc from None
        raise
    return Expression(source, root)  # type: ignore[arg-type]  # the transformer makes Nodes


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", transformer=_Builder())


@v_args(inline=True)
class _Builder(Transformer):  # type: ignore[type-arg]
    """Makes nodes of what the parser finds, from the inside out."""

    def number(self, text: str) -> Node:
        return Literal(float(text))

    def string(self, text: str) -> Node:
        return Literal(text[1:-1])

    def yes(self) -> Node:
        return Literal(True)

    def no(self) -> Node:
        return Literal(False)

    def name(self, text: str) -> Node:
        if text in RESERVED:
            raise ExpressionError(_("“%(word)s” is a word of the rules, no name.", word=str(text)))
        return Name(str(text))

    def call(self, name: str, *arguments: Node) -> Node:
        return Call(str(name), arguments, depth=_deeper(*arguments))

    def compare(self, left: Node, sign: str, right: Node) -> Node:
        return Operation(str(sign), (left, right), depth=_deeper(left, right))

    binary = compare

    def among(self, left: Node, right: Node) -> Node:
        return Operation("among", (left, right), depth=_deeper(left, right))

    def listed(self, item: Node, *values: Literal) -> Node:
        return Listed(item, tuple(literal.value for literal in values), depth=_deeper(item))

    def and_(self, left: Node, right: Node) -> Node:
        return Operation("and", (left, right), depth=_deeper(left, right))

    def or_(self, left: Node, right: Node) -> Node:
        return Operation("or", (left, right), depth=_deeper(left, right))

    def not_(self, operand: Node) -> Node:
        return Operation("not", (operand,), depth=_deeper(operand))

    def minus(self, operand: Node) -> Node:
        return Operation("minus", (operand,), depth=_deeper(operand))


def _deeper(*nodes: Node) -> int:
    depth = 1 + max(node.depth for node in nodes)
    if depth > DEEPEST:
        raise ExpressionError(_("This rule is nested too deeply."))
    return depth


# --- what kind of thing it works out ---


class Sort(StrEnum):
    """What kind of thing an answer is."""

    NUMBER = "number"
    YES_NO = "yes or no"
    CHOICE = "choice"
    CHOICES = "choices"
    DATE = "date"
    TIME = "time"
    TEXT = "text"
    ROWS = "rows"


SORTS: Mapping[Sort, Any] = {
    Sort.NUMBER: _("number"),
    Sort.YES_NO: _("yes or no"),
    Sort.CHOICE: _("one choice"),
    Sort.CHOICES: _("several choices"),
    Sort.DATE: _("day"),
    Sort.TIME: _("time of day"),
    Sort.TEXT: _("text of one's own"),
    Sort.ROWS: _("table"),
}


@dataclass(frozen=True)
class Typed:
    """A sort, with the values that a choice has, or the columns that rows have."""

    sort: Sort
    values: frozenset[str] = frozenset()
    columns: Mapping[str, "Typed"] = field(default_factory=dict)


Scope = Mapping[str, Typed]
NUMBER, YES_NO = Typed(Sort.NUMBER), Typed(Sort.YES_NO)
IN_ORDER = {Sort.NUMBER, Sort.DATE, Sort.TIME}
OVER_ROWS = {"sum", "mean", "least", "most", "count"}
# How many arguments each takes, and of which sort; those over rows and `if` are looked at apart.
FUNCTIONS: Mapping[str, tuple[int, int, Sort | None]] = {
    "hours": (2, 2, Sort.TIME),
    "min": (2, 9, Sort.NUMBER),
    "max": (2, 9, Sort.NUMBER),
    "round": (1, 1, Sort.NUMBER),
    "answered": (1, 1, None),
    "if": (3, 3, None),
    "count": (1, 2, None),
} | dict.fromkeys(("sum", "mean", "least", "most"), (2, 2, None))


def check(expression: Expression, scope: Scope, wanted: Sort) -> list[Any]:
    """Everything that is wrong with it: names nobody has answered yet, and sorts that do not fit.

    scope: what has been asked before. Returns words for the author, none if it is sound.
    """
    checker = _Checker()
    found = checker.sort_of(expression.root, scope)
    if found and found.sort is not wanted:
        checker.problems.append(_wanted(wanted, found))
    return checker.problems


def _wanted(wanted: Sort, found: Typed) -> Any:
    return _(
        "A rule of the sort “%(wanted)s” is needed here; this one is of the sort “%(found)s”.",
        wanted=SORTS[wanted],
        found=SORTS[found.sort],
    )


class _Checker:
    """Finds the sort of each part; None where something inside is wrong and has been told."""

    def __init__(self) -> None:
        self.problems: list[Any] = []

    def sort_of(self, node: Node, scope: Scope) -> Typed | None:
        if isinstance(node, Literal):
            return _sort_of_literal(node.value)
        if isinstance(node, Name):
            return self._name(node, scope)
        if isinstance(node, Listed):
            return self._listed(node, scope)
        if isinstance(node, Call):
            return self._call(node, scope)
        if isinstance(node, Operation):
            return self._operation(node, scope)
        raise TypeError(node)

    def _name(self, node: Name, scope: Scope) -> Typed | None:
        if node.id not in scope:
            return self._tell(
                _("“%(id)s” is no question that stands before this rule.", id=node.id)
            )
        return scope[node.id]

    def _operation(self, node: Operation, scope: Scope) -> Typed | None:
        if node.sign == "among":
            return self._among(node, scope)
        if node.sign in COMPARISONS:
            return self._comparison(node, scope)
        sort = Sort.YES_NO if node.sign in ("and", "or", "not") else Sort.NUMBER
        for operand in node.operands:
            self._must_be(operand, scope, sort)
        return Typed(sort)

    def _comparison(self, node: Operation, scope: Scope) -> Typed:
        left, right = (self.sort_of(operand, scope) for operand in node.operands)
        if left and right:
            for side, literal in ((left, node.operands[1]), (right, node.operands[0])):
                if isinstance(literal, Literal):
                    self._literal_fits(side, literal.value)
                    break
            else:
                if left.sort is not right.sort:
                    self._tell(_wanted(left.sort, right))
            self._can_be_compared(
                node.sign, left if isinstance(node.operands[1], Literal) else right
            )
        return YES_NO

    def _can_be_compared(self, sign: str, typed: Typed) -> None:
        if typed.sort in (Sort.TEXT, Sort.ROWS, Sort.CHOICES):
            self._tell(
                _("An answer of the sort “%(found)s” cannot be compared.", found=SORTS[typed.sort])
            )
        elif sign not in ("==", "!=") and typed.sort not in IN_ORDER:
            self._tell(_("Only numbers, days and times can be larger or smaller."))

    def _literal_fits(self, typed: Typed, value: float | str | bool) -> None:
        """A quoted word beside a choice must be one of its values; beside a time, a time."""
        if typed.sort in (Sort.CHOICE, Sort.CHOICES):
            if value not in typed.values:
                self._tell(
                    _(
                        "%(value)s is none of the choices: %(choices)s.",
                        value=f"“{value}”",
                        choices=", ".join(sorted(typed.values)),
                    )
                )
        elif typed.sort is Sort.TIME or typed.sort is Sort.DATE:
            form = CLOCK if typed.sort is Sort.TIME else DAY
            if not (isinstance(value, str) and form.fullmatch(value)):
                self._tell(_('Write a time as "21:30" and a day as "2026-03-04".'))
        elif (found := _sort_of_literal(value)).sort is not typed.sort:
            self._tell(_wanted(typed.sort, found))

    def _listed(self, node: Listed, scope: Scope) -> Typed:
        item = self.sort_of(node.item, scope)
        if item:
            self._can_be_compared("==", item)
            for value in node.values:
                self._literal_fits(item, value)
        return YES_NO

    def _among(self, node: Operation, scope: Scope) -> Typed:
        item, among = node.operands
        typed = self.sort_of(among, scope)
        if typed and typed.sort is not Sort.CHOICES:
            self._tell(_wanted(Sort.CHOICES, typed))
        elif not isinstance(item, Literal):
            self._tell(_("Write the choice in quotes before “in”."))
        elif typed:
            self._literal_fits(typed, item.value)
        return YES_NO

    def _call(self, node: Call, scope: Scope) -> Typed | None:
        if node.function not in FUNCTIONS:
            return self._tell(
                _(
                    "There is no “%(name)s”. There are: %(functions)s.",
                    name=node.function,
                    functions=", ".join(sorted(FUNCTIONS)),
                )
            )
        fewest, most, sort = FUNCTIONS[node.function]
        if not fewest <= len(node.arguments) <= most:
            return self._tell(_("“%(name)s” takes another number of values.", name=node.function))
        if sort:
            for argument in node.arguments:
                self._must_be(argument, scope, sort)
            return NUMBER
        if node.function in OVER_ROWS:
            return self._over_rows(node, scope)
        if node.function == "answered":
            return self._answered(node, scope)
        return self._if(node, scope)

    def _answered(self, node: Call, scope: Scope) -> Typed:
        if isinstance(node.arguments[0], Name):
            self._name(node.arguments[0], scope)
        else:
            self._tell(_("“answered” takes the id of a question."))
        return YES_NO

    def _if(self, node: Call, scope: Scope) -> Typed:
        condition, then, otherwise = node.arguments
        self._must_be(condition, scope, Sort.YES_NO)
        self._must_be(then, scope, Sort.NUMBER)
        self._must_be(otherwise, scope, Sort.NUMBER)
        return NUMBER

    def _over_rows(self, node: Call, scope: Scope) -> Typed:
        rows = self.sort_of(node.arguments[0], scope)
        if rows and rows.sort is not Sort.ROWS:
            self._tell(_wanted(Sort.ROWS, rows))
        elif rows and len(node.arguments) == 2:
            wanted = Sort.YES_NO if node.function == "count" else Sort.NUMBER
            self._must_be(node.arguments[1], {**scope, **rows.columns}, wanted)
        return NUMBER

    def _must_be(self, node: Node, scope: Scope, sort: Sort) -> None:
        if sort is Sort.TIME and isinstance(node, Literal):
            self._literal_fits(Typed(Sort.TIME), node.value)
            return
        typed = self.sort_of(node, scope)
        if typed and typed.sort is not sort:
            self._tell(_wanted(sort, typed))

    def _tell(self, problem: Any) -> Typed | None:
        """None, for the sort that is not known then."""
        self.problems.append(problem)
        return None


def _sort_of_literal(value: float | str | bool) -> Typed:
    if isinstance(value, bool):
        return YES_NO
    return NUMBER if isinstance(value, float) else Typed(Sort.TEXT)


# --- working it out ---

Answers = Mapping[str, Any]

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else math.nan,
}
OF_NUMBERS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "min": min,
    "max": max,
    "least": min,
    "most": max,
    "sum": sum,
    "mean": lambda values: sum(values) / len(values),
    "round": lambda values: math.floor(values[0] + 0.5),
}


def evaluate(expression: Expression, answers: Answers) -> Any:
    """A number, a truth value, or None where something needed is not answered.

    answers: by prompt id, as they are stored. Raises nothing, whatever the answers hold.
    """
    return _value(expression.root, answers)


def holds(expression: Expression, answers: Answers) -> bool:
    """Whether it is true; what is unknown is not."""
    return evaluate(expression, answers) is True


def _value(node: Node, answers: Answers) -> Any:
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Name):
        return _plain(answers.get(node.id))
    if isinstance(node, Listed):
        item = _value(node.item, answers)
        return None if item is None else item in node.values
    if isinstance(node, Call):
        return _call(node, answers)
    if isinstance(node, Operation):
        return _operation(node.sign, [_value(operand, answers) for operand in node.operands])
    raise TypeError(node)


def _operation(sign: str, values: list[Any]) -> Any:
    if sign in ("and", "or"):
        return _both_or_either(values, decisive=sign == "or")
    if any(value is None for value in values):
        return None
    if sign in COMPARISONS:
        return _compared(sign, *values)
    if sign in ("not", "among"):
        return _judged(sign, *values)
    if not all(map(_is_number, values)):
        return None
    return _finite(-values[0] if sign == "minus" else ARITHMETIC[sign](*values))


def _judged(sign: str, value: Any, among: Any = None) -> bool | None:
    if sign == "among":
        return value in among if isinstance(among, list) else None
    return not value if isinstance(value, bool) else None


def _compared(sign: str, left: Any, right: Any) -> bool | None:
    if type(left) is not type(right) or isinstance(left, list | dict):
        return None
    return COMPARISONS[sign](left, right)


def _both_or_either(values: list[Any], *, decisive: bool) -> bool | None:
    """One value decides, whatever is unknown beside it."""
    if any(value is decisive for value in values):
        return decisive
    return None if any(not isinstance(value, bool) for value in values) else not decisive


def _call(node: Call, answers: Answers) -> Any:
    if node.function == "answered":
        return _is_answered(answers, node.arguments[0])
    if node.function in OVER_ROWS:
        return _over_rows(node, answers)
    values = [_value(argument, answers) for argument in node.arguments]
    if node.function == "if":
        return None if not isinstance(values[0], bool) else values[1 if values[0] else 2]
    if node.function == "hours":
        return hours_between(*values)
    if not all(map(_is_number, values)):
        return None
    return _finite(OF_NUMBERS[node.function](values))


def _is_answered(answers: Answers, node: Node) -> bool:
    return isinstance(node, Name) and answers.get(node.id) not in (None, "", [])


def _over_rows(node: Call, answers: Answers) -> Any:
    rows = _value(node.arguments[0], answers)
    if not isinstance(rows, list):
        return None
    if len(node.arguments) == 1:
        return float(len(rows))
    values = [_value(node.arguments[1], {**answers, **row}) for row in _mappings(rows)]
    if node.function == "count":
        return float(sum(value is True for value in values))
    numbers = [value for value in values if _is_number(value)]
    return _finite(OF_NUMBERS[node.function](numbers)) if numbers else None


def _mappings(rows: list[Any]) -> Iterator[Mapping[str, Any]]:
    return (row for row in rows if isinstance(row, dict))


def hours_between(start: Any, end: Any) -> float | None:
    """From one time of day to the next such time, over midnight if need be: 0 to under 24."""
    minutes = [_minutes(time) for time in (start, end)]
    if minutes[0] is None or minutes[1] is None:
        return None
    return ((minutes[1] - minutes[0]) % (24 * 60)) / 60


def _minutes(time: Any) -> int | None:
    match = CLOCK.fullmatch(time) if isinstance(time, str) else None
    return int(match[1]) * 60 + int(match[2]) if match else None


def _plain(answer: Any) -> Any:
    """All numbers are of one kind, so that they can be compared."""
    if isinstance(answer, int) and not isinstance(answer, bool):
        return float(answer) if abs(answer) < 2**53 else None
    return _finite(answer) if isinstance(answer, float) else answer


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool))


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
