"""What kind of thing an expression works out, and everything that is wrong with it beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from portal.core.i18n import lazy as _
from portal.modules.format.expressions import (
    CLOCK,
    COMPARISONS,
    DAY,
    OVER_ROWS,
    Call,
    Expression,
    Listed,
    Literal,
    Name,
    Node,
    Operation,
)


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
