"""Takes the fields of one YAML mapping, one by one, and tells what is missing, odd or left over."""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any, TypeVar

from portal.core.i18n import lazy as _
from portal.modules.format.expressions import RESERVED, Expression, ExpressionError, parse
from portal.modules.format.nodes import Fields, Items, Words, YamlNode
from portal.modules.format.problems import Problems
from portal.modules.format.shapes import Spoken, Text

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

ID = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
NAME = re.compile(r"[a-z][a-z0-9-]{0,59}", re.ASCII)
WHOLE = re.compile(r"-?[0-9]{1,9}", re.ASCII)
DECIMAL = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
LONGEST_TEXT = 6000
YES_NO = {"true": True, "yes": True, "false": False, "no": False}


class Taker:
    """Each `take` reads a field once. `done` tells of those that nobody took."""

    def __init__(self, node: YamlNode, languages: Sequence[str], problems: Problems) -> None:
        self.line, self.languages, self.problems = node.line, languages, problems
        self._left: dict[str, YamlNode] = {}
        if isinstance(node, Fields):
            self._left = dict(node.fields)
        else:
            problems.add(node.line, _("Here belong names with values, like “id: peak”."))

    def done(self, kind: str) -> None:
        for key, node in self._left.items():
            self.problems.add(
                node.line, _("“%(key)s” is unknown in “%(kind)s”.", key=key[:40], kind=kind)
            )

    @property
    def lines(self) -> dict[str, int]:
        """Where the fields stand that nobody has taken yet."""
        return {key: node.line for key, node in self._left.items()}

    def has(self, key: str) -> bool:
        return key in self._left

    def node(self, key: str) -> YamlNode | None:
        """Whatever stands there, or None, with the problem told."""
        if key not in self._left:
            self.problems.add(self.line, _("“%(key)s” is missing.", key=key))
        return self._left.pop(key, None)

    def words(self, key: str, default: str | None = None) -> str:
        """A single word or line."""
        if default is not None and not self.has(key):
            return default
        node = self.node(key)
        if isinstance(node, Words) and node.text:
            return node.text
        if node:
            self._odd(node, key, _("a word or a line of text"))
        return default or ""

    def matching(self, key: str, pattern: re.Pattern[str], wanted: Any) -> str:
        line = self._line_of(key)
        text = self.words(key)
        if text and not pattern.fullmatch(text):
            self._odd(Words(line, text), key, wanted)
        return text

    def id(self) -> str:
        wanted = _("a short name of small letters, digits and _ that begins with a letter")
        line, name = self._line_of("id"), self.matching("id", ID, wanted)
        if name in RESERVED:
            self.problems.add(line, _("“%(word)s” is a word of the rules, no name.", word=name))
        return name

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number between the two, both included."""
        if default is not None and not self.has(key):
            return default
        node = self.node(key)
        number = int(node.text) if isinstance(node, Words) and WHOLE.fullmatch(node.text) else None
        if number is not None and low <= number <= high:
            return number
        if node:
            self._odd(node, key, _("a whole number from %(low)s to %(high)s", low=low, high=high))
        return low if default is None else default

    def decimal(self, key: str, default: float) -> float:
        if not self.has(key):
            return default
        node = self.node(key)
        if isinstance(node, Words) and DECIMAL.fullmatch(node.text):
            return float(node.text)
        if node:
            self._odd(node, key, _("a number"))
        return default

    def yes_no(self, key: str, *, default: bool) -> bool:
        if not self.has(key):
            return default
        node = self.node(key)
        if isinstance(node, Words) and node.text in YES_NO:
            return YES_NO[node.text]
        if node:
            self._odd(node, key, _("true or false"))
        return default

    def one_of(self, key: str, kinds: type[E], default: E) -> E:
        if not self.has(key):
            return default
        line, text = self._line_of(key), self.words(key)
        try:
            return kinds(text)
        except ValueError:
            wanted = _("one of these: %(kinds)s", kinds=", ".join(str(k.value) for k in kinds))
            self._odd(Words(line, text), key, wanted)
            return default

    def text(self, key: str, *, optional: bool = False) -> Text:
        """What people read, in every language of the module. An optional one may be left out."""
        if optional and not self.has(key):
            return {}
        node = self.node(key)
        return read_text(node, key, self.languages, self.problems) if node else {}

    def rule(self, key: str, *, optional: bool = False) -> Expression | None:
        """An expression; None if it cannot be understood, with the problem told."""
        if optional and not self.has(key):
            return None
        line, text = self._line_of(key), self.words(key)
        if not text:
            return None
        try:
            return parse(text)
        except ExpressionError as error:
            self.problems.add(line, error.message)
            return None

    def each(self, key: str, read: Callable[[YamlNode], T | None]) -> tuple[T, ...]:
        """The things of a list, without those that could not be read."""
        node = self.node(key)
        if isinstance(node, Items):
            return tuple(item for item in map(read, node.items) if item is not None)
        if node:
            self._odd(node, key, _("a list: lines that begin with a dash, or [one, two]"))
        return ()

    def names(self, key: str) -> tuple[str, ...]:
        return self.each(key, lambda node: node.text if isinstance(node, Words) else None)

    def _line_of(self, key: str) -> int:
        return self._left[key].line if key in self._left else self.line

    def _odd(self, node: YamlNode, key: str, wanted: Any) -> None:
        self.problems.add(node.line, _("“%(key)s” should be %(wanted)s.", key=key, wanted=wanted))


def read_text(node: YamlNode, key: str, languages: Sequence[str], problems: Problems) -> Text:
    """A text in every language. Where there is only one language it may be written alone."""
    if isinstance(node, Words) and len(languages) == 1:
        pairs = [(languages[0], node)]
    elif isinstance(node, Fields):
        pairs = list(_by_language(node, key, languages, problems))
    else:
        problems.add(
            node.line,
            _(
                "“%(key)s” needs its languages, like {en: Sleep, es: El sueño}.",
                key=key,
            ),
        )
        return {}
    for _language, words in pairs:
        if len(words.text) > LONGEST_TEXT:
            too_long = _("A text has at most %(most)s characters.", most=LONGEST_TEXT)
            problems.add(words.line, too_long)
    found = {language: words.text[:LONGEST_TEXT] for language, words in pairs if words.text}
    missing_languages(found, key, languages, node.line, problems)
    return Spoken(found, {language: words.line for language, words in pairs})


def _by_language(
    node: Fields, key: str, languages: Sequence[str], problems: Problems
) -> Iterator[tuple[str, Words]]:
    for language, words in node.fields.items():
        if language not in languages:
            problems.add(
                words.line,
                _(
                    "“%(language)s” is none of the module's languages. A sentence with a comma or a"
                    " colon in it needs quotes around it.",
                    language=language[:40],
                ),
            )
        elif isinstance(words, Words):
            yield language, words
        else:
            problems.add(
                words.line, _("“%(key)s” should be %(wanted)s.", key=key, wanted=_("text"))
            )


def missing_languages(
    text: Text, key: str, languages: Sequence[str], line: int, problems: Problems
) -> None:
    for language in languages:
        if language not in text:
            problems.add(
                line, _("“%(key)s” is missing in “%(language)s”.", key=key, language=language)
            )
