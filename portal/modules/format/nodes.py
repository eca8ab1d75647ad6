"""YAML as lists, mappings and words, each with its line. The only room that reads YAML.

Only the parser's events are looked at. Nothing is ever constructed from a tag, and aliases,
anchors, tags and deep nesting are refused where they stand, so that no small file becomes a large
one in memory. Words are not guessed at either: `no` and `1.0` stay what was written, and the
field that wants a number or a yes reads them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from portal.core.i18n import lazy as _
from portal.modules.format.problems import Problems

LONGEST_BLOCK, MOST_NODES, DEEPEST = 64 * 1024, 5000, 8
PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Words:
    line: int
    text: str


@dataclass(frozen=True)
class Items:
    line: int
    items: "tuple[YamlNode, ...]"


@dataclass(frozen=True)
class Fields:
    line: int
    fields: "dict[str, YamlNode]"


YamlNode = Words | Items | Fields

# Prose and rules: to an author a colon or a quote in them is nothing special, to YAML it is.
PROSE = re.compile(
    r"( *(?:- )?(?:[a-z]{2,3}|when|value|label|help|text|title|summary|unit|low|high): +)(\S.*)"
)
BLOCK_TEXT = re.compile(r"( *)(?:- )?[\w-]+: *[|>][+-]?\d?")
AS_IT_IS = re.compile(r"""[{|>].*|"[^"\\]*"|'[^']*'""")


class _Refused(Exception):
    """The block cannot be read any further."""

    def __init__(self, line: int, words: object) -> None:
        super().__init__(str(words))
        self.line, self.words = line, words


def read_yaml(text: str, first_line: int, problems: Problems) -> YamlNode | None:
    """A block's content; None, with the problems told, if it cannot be read.

    first_line: the line of the file on which the block's text begins.
    """
    if len(text) > LONGEST_BLOCK:
        problems.add(first_line, _("A block has at most %(most)s characters.", most=LONGEST_BLOCK))
        return None
    try:
        return _Composer(text, first_line, problems).compose()
    except _Refused as refused:
        problems.add(refused.line, refused.words)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        problems.add(
            first_line + line,
            _(
                "This cannot be read: %(why)s. Often a text with a colon or a quote in it needs"
                ' quotes around it, like "this: one".',
                why=error.problem or error.context or "?",
            ),
        )
    except (yaml.YAMLError, ValueError):
        problems.add(first_line, _("This block has characters that cannot be read."))
    return None


def _quoted(text: str) -> str:
    """The block with quotes around each line of prose, so that authors need not think of them.

    Nothing here tells quoted words from bare ones, so a line that needed none means the same.
    """
    lines, inside = text.split("\n"), -1
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        if inside >= 0 and (indent > inside or not line.strip()):
            continue
        block = BLOCK_TEXT.fullmatch(line.rstrip())
        inside = len(block[1]) if block else -1
        match = PROSE.fullmatch(line.rstrip())
        if match and not AS_IT_IS.fullmatch(match[2]):
            lines[number] = match[1] + json.dumps(match[2], ensure_ascii=False)
    return "\n".join(lines)


class _Composer:
    def __init__(self, text: str, first_line: int, problems: Problems) -> None:
        self._events: Iterator[yaml.Event] = iter(yaml.parse(_quoted(text), Loader=PARSER))
        self._first, self._problems = first_line, problems
        self._nodes = 0

    def compose(self) -> YamlNode | None:
        """The one document of the block; None if the block is empty."""
        root: YamlNode | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _Refused(
                        self._line(event), _("Only one list or table stands in a block.")
                    )
                root = self._node(next(self._events), depth=1)
        return root

    def _node(self, event: yaml.Event, depth: int) -> YamlNode:
        line = self._line(event)
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise _Refused(line, _("Anchors and aliases (& and *) are not allowed. Use quotes."))
        if event.tag:
            raise _Refused(line, _("Tags (!) are not allowed. Use quotes."))
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _Refused(line, _("There is too much in this block. Make it two."))
        if isinstance(event, yaml.ScalarEvent):
            return Words(line, event.value.strip())
        if depth > DEEPEST:
            raise _Refused(line, _("This is nested too deeply."))
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(line, tuple(self._items(depth)))
        return Fields(line, self._fields(depth))

    def _items(self, depth: int) -> Iterator[YamlNode]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _fields(self, depth: int) -> dict[str, YamlNode]:
        fields: dict[str, YamlNode] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Words):
                raise _Refused(key.line, _("A field's name is a single word."))
            if key.text in fields:
                self._problems.add(key.line, _("“%(key)s” is written twice.", key=key.text[:40]))
            fields[key.text] = value
        return fields

    def _line(self, event: yaml.Event) -> int:
        return self._first + int(event.start_mark.line)
