"""Working an expression out, from answers that may hold anything."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from portal.modules.format.expressions import (
    CLOCK,
    COMPARISONS,
    OVER_ROWS,
    Call,
    Expression,
    Listed,
    Literal,
    Name,
    Node,
    Operation,
)

Answers = Mapping[str, Any]

COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
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
    return COMPARED[sign](left, right)


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
