"""What a module is made of. Everything here is read from a file once and never changes.

A text is a mapping from language to words: `{"en": "Sleep", "es": "El sueño"}`. Texts named `body`
hold Markdown and are shown through `portal.core.html.authors_text`; all others are plain.

What a client answers is stored as JSON. Each prompt says in its docstring what its answer looks
like; `portal.modules.format.answers` checks one. An unanswered prompt is absent or None.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from portal.modules.format.expressions import Expression

Text = Mapping[str, str]


class Spoken(dict[str, str]):
    """A text as it was read from a file: `lines` has where the words of each language stand."""

    def __init__(self, words: Mapping[str, str], lines: Mapping[str, int]) -> None:
        super().__init__(words)
        self.lines = lines


class Kind(StrEnum):
    """A module is a course of steps; a worksheet is one step that is also given alone."""

    MODULE = "module"
    WORKSHEET = "worksheet"


class PartKind(StrEnum):
    """The parts of a step, in the order in which they stand."""

    WHY = "why"
    EXAMPLE = "example"
    TRY = "try"
    PLAN = "plan"


class FeedbackHint(StrEnum):
    """Whether the client waits for the clinician after this step, unless the clinician decides."""

    FREE = "free"
    SOFT = "soft"
    HOLD = "hold"


@dataclass(frozen=True, kw_only=True)
class Choice:
    value: str
    label: Text


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """Something in a step. `line` is where it stands in the file."""

    id: str
    line: int = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Info(Prompt):
    """Text between questions. No answer."""

    body: Text


@dataclass(frozen=True, kw_only=True)
class Question(Prompt):
    """Something that is asked. A question that is not required may always be skipped."""

    label: Text
    help: Text | None = None
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Single(Question):
    """Answer: the value of one choice."""

    choices: tuple[Choice, ...]


@dataclass(frozen=True, kw_only=True)
class Multiple(Question):
    """Answer: a list of values, each once."""

    choices: tuple[Choice, ...]


@dataclass(frozen=True, kw_only=True)
class YesNo(Question):
    """Answer: true or false."""


@dataclass(frozen=True, kw_only=True)
class Scale(Question):
    """Answer: a whole number from min to max."""

    min: int
    max: int
    step: int = 1
    low: Text | None = None
    high: Text | None = None


@dataclass(frozen=True, kw_only=True)
class Number(Question):
    """Answer: a number from min to max with at most so many decimals."""

    min: float
    max: float
    decimals: int = 0
    unit: Text | None = None


@dataclass(frozen=True, kw_only=True)
class Date(Question):
    """Answer: "2026-03-04"."""


@dataclass(frozen=True, kw_only=True)
class Time(Question):
    """Answer: "21:30"."""


@dataclass(frozen=True, kw_only=True)
class Short(Question):
    """Answer: one line of text of at most max_length characters."""

    max_length: int = 200


@dataclass(frozen=True, kw_only=True)
class Long(Question):
    """Answer: text of at most max_length characters."""

    max_length: int = 4000


Column = Single | YesNo | Scale | Number | Date | Time | Short


@dataclass(frozen=True, kw_only=True)
class Rows(Question):
    """Answer: a list of rows, each a mapping from a column's id to an answer of its kind."""

    columns: tuple[Column, ...]
    min_rows: int = 1
    max_rows: int = 10

    @property
    def column_ids(self) -> frozenset[str]:
        return frozenset(column.id for column in self.columns)


@dataclass(frozen=True, kw_only=True)
class Ladder(Rows):
    """Rows that begin with `step` (short) and `distress` (0–100); shown easiest first."""


@dataclass(frozen=True, kw_only=True)
class Schedule(Rows):
    """Rows that begin with `activity` (short), `day` (mon … sun) and `time`."""


@dataclass(frozen=True, kw_only=True)
class Diary(Rows):
    """Rows that begin with `date`; one is filled in each time, over days."""


@dataclass(frozen=True, kw_only=True)
class Recall(Prompt):
    """Shows what was answered to an earlier prompt. No answer."""

    of: str
    label: Text


@dataclass(frozen=True, kw_only=True)
class Computed(Prompt):
    """A number worked out from earlier answers, rounded to `decimals`. No answer of its own."""

    label: Text
    value: Expression
    decimals: int = 0
    unit: Text | None = None


@dataclass(frozen=True, kw_only=True)
class Plan(Question):
    """Homework. Answer: {"what", "when", "where", "obstacle": text, "confidence": 0–10}.

    With a confidence below SHRINK_BELOW the client is asked to make it smaller. `worksheet` is the
    id of the worksheet that goes with it.
    """

    worksheet: str | None = None


SHRINK_BELOW = 7
PLAN_FIELDS = ("what", "when", "where", "obstacle")


@dataclass(frozen=True, kw_only=True)
class SafetyGate(Question):
    """A question about danger. Answer: "no", "yes" or "unsure".

    The crisis lines stand beside it at all times, and first on the page after "yes" and "unsure";
    the program sees to that, an author cannot leave it out. `body` is what stands with them then.
    """

    body: Text


GATE_ANSWERS = ("no", "yes", "unsure")
END = "end"


@dataclass(frozen=True, kw_only=True)
class Branch(Prompt):
    """At the end of a step: the first branch whose `when` is true leads to the step `goto`.

    `goto` is a later step or "end". No answer, and nothing to see.
    """

    when: Expression
    goto: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is said at once after a step: the first whose `when` is true; without one always."""

    when: Expression | None
    body: Text
    line: int = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Part:
    kind: PartKind
    body: Text
    prompts: tuple[Prompt, ...]
    line: int = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One page. `clinician_unlocks`: it stays shut until the clinician opens it for this client,
    after reading `unlock_note`."""

    id: str
    title: Text
    minutes: int
    feedback: FeedbackHint
    clinician_unlocks: bool
    unlock_note: Text | None
    parts: tuple[Part, ...]
    replies: tuple[Reply, ...]
    line: int = field(compare=False)

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Everything that is shown or asked, in order, without the branches."""
        return tuple(p for p in self._all if not isinstance(p, Branch))

    @property
    def questions(self) -> tuple[Question, ...]:
        return tuple(p for p in self._all if isinstance(p, Question))

    @property
    def branches(self) -> tuple[Branch, ...]:
        return tuple(p for p in self._all if isinstance(p, Branch))

    @property
    def _all(self) -> Iterator[Prompt]:
        return (prompt for part in self.parts for prompt in part.prompts)


@dataclass(frozen=True, kw_only=True)
class ModuleFile:
    """A module or worksheet as one file holds it."""

    id: str
    kind: Kind
    version: str
    languages: tuple[str, ...]
    title: Text
    summary: Text
    minutes: int
    reading_grade: int
    license: str
    author: str | None
    scan_text: bool
    steps: tuple[Step, ...]
    lines: Mapping[str, int] = field(compare=False)

    def line_of(self, name: str) -> int:
        """The line on which a field of the file's top stands; the first if it was left out."""
        return self.lines.get(name, 1)

    @property
    def prompts(self) -> dict[str, Prompt]:
        """By id, in order, without the branches."""
        return {prompt.id: prompt for step in self.steps for prompt in step.prompts}

    @property
    def worksheets(self) -> dict[str, int]:
        """The ids of the worksheets that its plans name, each with the line of the first plan."""
        plans = [p for p in self.prompts.values() if isinstance(p, Plan)]
        return {plan.worksheet: plan.line for plan in reversed(plans) if plan.worksheet}

    def step(self, step_id: str) -> Step:
        """Raises KeyError if there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
