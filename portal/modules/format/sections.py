"""Cuts a module file into its steps, parts and blocks, line by line, without understanding them.

    ---
    front matter
    ---
    ## first_step
    ```step
    ```
    ### why en
    Markdown
    ### why es
    Markdown
    ```ask
    ```
    ```reply
    ```

One heading for each language, next to each other, is the one way that needs no sign to be learnt,
shows in every editor as what it is, and lets a translator work downwards.
"""

import re
from dataclasses import dataclass, field

from portal.core.i18n import lazy as _
from portal.modules.format.nodes import YamlNode, read_yaml
from portal.modules.format.problems import Problems
from portal.modules.format.shapes import PartKind

BLOCKS = ("step", "ask", "reply")
FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*(\w*)\s*")
MOST_STEPS, MOST_BLOCKS = 60, 300


@dataclass
class RawBody:
    line: int
    language: str
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()


@dataclass
class RawPart:
    line: int
    kind: PartKind
    bodies: list[RawBody] = field(default_factory=list)
    asked: list[YamlNode] = field(default_factory=list)


@dataclass
class RawStep:
    line: int
    id: str
    about: YamlNode | None = None
    parts: list[RawPart] = field(default_factory=list)
    replies: list[YamlNode] = field(default_factory=list)


@dataclass
class RawModule:
    front: YamlNode | None
    steps: list[RawStep]


def cut(text: str, problems: Problems) -> RawModule:
    """The file's pieces. What stands where nothing can stand is told as a problem."""
    lines = text.split("\n")
    front, begin = front_matter(lines, problems)
    cutter = _Cutter(problems)
    cutter.cut(lines, begin)
    return RawModule(front, cutter.steps)


def front_matter(lines: list[str], problems: Problems) -> tuple[YamlNode | None, int]:
    """What stands at the top, and the index of the line after it."""
    if lines[0].rstrip() != "---":
        problems.add(1, _("The file begins with a line of three dashes: ---"))
        return None, 0
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return read_yaml("\n".join(lines[1:number]), 2, problems), number + 1
    problems.add(1, _("The part at the top has no end: a second line of three dashes."))
    return None, len(lines)


class _Cutter:
    def __init__(self, problems: Problems) -> None:
        self.steps: list[RawStep] = []
        self._problems = problems
        self._body: RawBody | None = None
        self._blocks = 0

    def cut(self, lines: list[str], number: int) -> None:
        """Goes through the lines from the given index on."""
        while number < len(lines):
            line, place = lines[number], number + 1
            if line.startswith(("```", "~~~")):
                number = self._block(lines, number)
                continue
            if line.startswith("## "):
                if not self._begin_step(line[3:].strip(), place):
                    return
            elif line.startswith("### "):
                self._begin_part(line[4:].split(), place)
            elif self._body is not None:
                self._body.lines.append(line)
            elif line.strip():
                self._misplaced(place)
            number += 1

    def _misplaced(self, line: int) -> None:
        self._problems.add(
            line, _("This text belongs to no part. Put a heading like “### why en” above it.")
        )

    def _begin_step(self, step_id: str, line: int) -> bool:
        if len(self.steps) == MOST_STEPS:
            self._problems.add(line, _("A module has at most %(most)s steps.", most=MOST_STEPS))
            return False
        self._body = None
        self.steps.append(RawStep(line, step_id))
        return True

    def _begin_part(self, words: list[str], line: int) -> None:
        self._body = RawBody(line, words[1] if len(words) == 2 else "")
        if not self.steps:
            self._problems.add(line, _("A step begins with a heading like “## first_step”."))
        elif len(words) != 2 or words[0] not in set(PartKind):
            self._problems.add(
                line,
                _(
                    "Write the part and the language, as in “### why en”."
                    " The parts are: %(parts)s.",
                    parts=", ".join(PartKind),
                ),
            )
        else:
            self._part(PartKind(words[0]), line).bodies.append(self._body)

    def _part(self, kind: PartKind, line: int) -> RawPart:
        """The part of this kind. One that was ended by another is not begun again."""
        parts = self.steps[-1].parts
        if parts and parts[-1].kind is kind:
            if parts[-1].asked:
                self._problems.add(line, _("All texts of a part stand before its first block."))
        else:
            if any(part.kind is kind for part in parts):
                self._problems.add(line, _("The part “%(kind)s” stands here twice.", kind=kind))
            parts.append(RawPart(line, kind))
        return parts[-1]

    def _block(self, lines: list[str], start: int) -> int:
        """Reads a fenced block; returns the index after it."""
        end = next(
            (n for n in range(start + 1, len(lines)) if lines[n].startswith(lines[start][:3])),
            None,
        )
        self._blocks += 1
        if end is None:
            self._problems.add(start + 1, _("This block has no end: a line of ``` alone."))
            return len(lines)
        if self._blocks > MOST_BLOCKS:
            self._problems.add(
                start + 1, _("A module has at most %(most)s blocks.", most=MOST_BLOCKS)
            )
            return len(lines)
        match = FENCE.fullmatch(lines[start])
        kind = match[2] if match else ""
        if kind not in BLOCKS or not self.steps:
            self._problems.add(
                start + 1,
                _(
                    "A block is one of these, and stands in a step: %(blocks)s.",
                    blocks=", ".join(f"```{block}" for block in BLOCKS),
                ),
            )
        else:
            node = read_yaml("\n".join(lines[start + 1 : end]), start + 2, self._problems)
            self._keep(kind, node, start + 1)
        self._body = None
        return end + 1

    def _keep(self, kind: str, node: YamlNode | None, line: int) -> None:
        step = self.steps[-1]
        if node is None:
            return
        if kind == "step":
            if step.about is not None:
                self._problems.add(line, _("A step has one “step” block."))
            step.about = node
        elif kind == "reply":
            step.replies.append(node)
        elif not step.parts:
            self._problems.add(
                line, _("Questions belong to a part. Put a heading like “### try en” above them.")
            )
        else:
            step.parts[-1].asked.append(node)
