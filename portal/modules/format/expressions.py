"""The small language of `when` and `value`: what an author writes about earlier answers.

    peak >= 7 and "alone" in triggers
    mood in ["low", "flat"] or not answered(plan)
    sum(diary, hours(bed, up)) / count(diary)

It can look at answers and work out a number or a yes or no, and nothing else: no attributes, no
calls but those in `sorts.FUNCTIONS`, no loops. It is parsed by a grammar and walked by the code of
this folder; nothing is ever handed to Python to run. `sorts.check` finds everything that could go
wrong, so that `values.evaluate` has nothing left to complain about.

What has not been answered is unknown, and unknown spreads: a comparison with it is neither true
nor false, so a branch on it is not taken.
"""

import re
from dataclasses import dataclass, field
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
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
OVER_ROWS = frozenset({"sum", "mean", "least", "most", "count"})


class ExpressionError(ValueError):
    """What is written is none of ours. `message` says why, for the author."""

    def __init__(self, message: Any) -> None:
        super().__init__(str(message))
        self.message = message


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
