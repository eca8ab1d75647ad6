"""What must hold between the pieces of a module: ids, ways, references, wording."""

import re
from collections import Counter
from collections.abc import Iterator

from portal.core.i18n import lazy as _
from portal.modules.format.problems import Problems
from portal.modules.format.reading_grade import grade
from portal.modules.format.shapes import (
    END,
    Branch,
    Choice,
    Computed,
    Date,
    Info,
    Kind,
    ModuleFile,
    Multiple,
    Number,
    Part,
    PartKind,
    Plan,
    Prompt,
    Question,
    Recall,
    Reply,
    Rows,
    SafetyGate,
    Scale,
    Single,
    Spoken,
    Step,
    Text,
    Time,
    YesNo,
)
from portal.modules.format.sorts import Scope, Sort, Typed
from portal.modules.format.sorts import check as check_rule

MOST_WORDS_OF_WHY, LONGEST_BODY, SHORTEST_PROSE = 120, 6000, 8
RAW_HTML = re.compile(r"<[a-zA-Z/!?]")
LINK = re.compile(
    r"\]\(\s*<?(?!https://|tel:)[^)\s]*|<(?!https://|tel:)\w+:|^\s*\[[^\]]+\]:", re.MULTILINE
)
IMAGE = re.compile(r"!\[")
HEADING = re.compile(r"^\s{0,3}#{1,6}(?=\s)", re.MULTILINE)
PROGRAM = re.compile(r"\b(?:javascript|vbscript)\s*:|\bdata:\w+/", re.IGNORECASE)


def check(module: ModuleFile, problems: Problems) -> None:
    """Tells everything that is wrong with the module as a whole."""
    _ids(module, problems)
    _kind(module, problems)
    _ways(module, problems)
    _rules(module, problems)
    _parts(module, problems)
    for line, text, markdown in texts_of(module):
        _wording(line, text, problems, markdown=markdown)
    _reading(module, problems)


def _ids(module: ModuleFile, problems: Problems) -> None:
    _once(((step.id, step.line) for step in module.steps), problems)
    prompts = [prompt for step in module.steps for part in step.parts for prompt in part.prompts]
    _once(((prompt.id, prompt.line) for prompt in prompts), problems)
    ids = {prompt.id for prompt in prompts}
    for table in prompts:
        for column in table.columns if isinstance(table, Rows) else ():
            if column.id in ids:
                problems.add(
                    column.line,
                    _("The column “%(id)s” has the id of a question.", id=column.id),
                )


def _once(ids: Iterator[tuple[str, int]], problems: Problems) -> None:
    first: dict[str, int] = {}
    for one, line in ids:
        if first.setdefault(one, line) != line:
            problems.add(
                line,
                _(
                    "The id “%(id)s” is there before, in line %(line)s.",
                    id=one[:60],
                    line=first[one],
                ),
            )


def _kind(module: ModuleFile, problems: Problems) -> None:
    if not module.steps:
        problems.add(1, _("There is no step: a heading like “## first_step”."))
    together = sum(step.minutes for step in module.steps)
    if module.steps and module.minutes != together:
        problems.add(
            module.line_of("minutes"),
            _(
                "The steps take %(together)s minutes together; “minutes” at the top says %(top)s.",
                together=together,
                top=module.minutes,
            ),
        )
    if module.kind is Kind.WORKSHEET and len(module.steps) > 1:
        problems.add(module.steps[1].line, _("A worksheet has one step."))


# --- where it leads ---


def _ways(module: ModuleFile, problems: Problems) -> None:
    places = {step.id: number for number, step in reversed(list(enumerate(module.steps)))}
    for number, step in enumerate(module.steps):
        for branch in step.branches:
            if branch.goto == END:
                continue
            if branch.goto not in places:
                problems.add(
                    branch.line,
                    _("There is no step “%(goto)s” to go to.", goto=branch.goto[:60]),
                )
            elif places[branch.goto] <= number:
                problems.add(
                    branch.line,
                    _(
                        "“%(goto)s” is not a later step. Ways lead forward only.",
                        goto=branch.goto,
                    ),
                )


def _rules(module: ModuleFile, problems: Problems) -> None:
    """What is shown, worked out or branched on can only be what was asked before."""
    scope: dict[str, Typed] = {}
    shown: set[str] = set()
    for step in module.steps:
        for prompt in step.prompts:
            _looks_back(prompt, scope, shown, problems)
            if typed := sort_of(prompt):
                scope[prompt.id] = typed
            if isinstance(prompt, Question):
                shown.add(prompt.id)
        rules: list[Branch | Reply] = [*step.branches, *step.replies]
        for rule in rules:
            for words in check_rule(rule.when, scope, Sort.YES_NO) if rule.when else ():
                problems.add(rule.line, words)
        for reply in step.replies[:-1]:
            if reply.when is None:
                problems.add(
                    reply.line, _("What comes after a reply without “when” is never said.")
                )


def _looks_back(prompt: Prompt, scope: Scope, shown: set[str], problems: Problems) -> None:
    if isinstance(prompt, Recall) and prompt.of not in shown:
        problems.add(
            prompt.line, _("“%(id)s” is no question that stands before this.", id=prompt.of[:60])
        )
    if isinstance(prompt, Computed):
        for words in check_rule(prompt.value, scope, Sort.NUMBER):
            problems.add(prompt.line, words)


def sort_of(prompt: Prompt) -> Typed | None:
    """What a rule may do with its answer; None if there is nothing to look at."""
    if isinstance(prompt, Rows):
        columns = {column.id: typed for column in prompt.columns if (typed := sort_of(column))}
        return Typed(Sort.ROWS, columns=columns)
    if isinstance(prompt, Single):
        return Typed(Sort.CHOICE, _values(prompt.choices))
    if isinstance(prompt, Multiple):
        return Typed(Sort.CHOICES, _values(prompt.choices))
    if isinstance(prompt, SafetyGate):
        return Typed(Sort.CHOICE, frozenset({"no", "yes", "unsure"}))
    for kinds, sort in SORTS:
        if isinstance(prompt, kinds):
            return Typed(sort)
    return None


SORTS: tuple[tuple[type | tuple[type, ...], Sort], ...] = (
    ((Scale, Number, Computed), Sort.NUMBER),
    (YesNo, Sort.YES_NO),
    (Date, Sort.DATE),
    (Time, Sort.TIME),
    (Question, Sort.TEXT),
)


def _values(choices: tuple[Choice, ...]) -> frozenset[str]:
    return frozenset(choice.value for choice in choices)


def _parts(module: ModuleFile, problems: Problems) -> None:
    order = list(PartKind)
    for step in module.steps:
        kinds = [part.kind for part in step.parts]
        if not kinds:
            problems.add(step.line, _("The step “%(id)s” is empty.", id=step.id[:60]))
        if kinds != sorted(kinds, key=order.index):
            problems.add(
                step.line, _("The parts stand in this order: %(parts)s.", parts=", ".join(PartKind))
            )
        for part in step.parts:
            _part(part, problems)


def _part(part: Part, problems: Problems) -> None:
    if part.kind is PartKind.WHY:
        for language, body in part.body.items():
            if len(body.split()) > MOST_WORDS_OF_WHY:
                problems.add(
                    line_in(part.body, language, part.line),
                    _(
                        "“why” has more than %(most)s words in “%(language)s”.",
                        most=MOST_WORDS_OF_WHY,
                        language=language,
                    ),
                )
    plans = Counter(isinstance(prompt, Plan) for prompt in part.prompts)[True]
    if plans and part.kind is not PartKind.PLAN:
        problems.add(part.line, _("A plan is asked for in the part “plan”."))


# --- how it reads ---


def texts_of(module: ModuleFile) -> Iterator[tuple[int, Text, bool]]:
    """Each text with its line, and whether it is Markdown."""
    yield module.line_of("title"), module.title, False
    yield module.line_of("summary"), module.summary, False
    for step in module.steps:
        yield step.line, step.title, False
        if step.unlock_note:
            yield step.line, step.unlock_note, False
        for part in step.parts:
            yield part.line, part.body, True
            for prompt in part.prompts:
                yield from _texts_of_prompt(prompt)
        for reply in step.replies:
            yield reply.line, reply.body, True


def _texts_of_prompt(prompt: Prompt) -> Iterator[tuple[int, Text, bool]]:
    if isinstance(prompt, Info | SafetyGate):
        yield prompt.line, prompt.body, True
    if not isinstance(prompt, Info | Branch):
        for name in ("label", "help", "unit", "low", "high"):
            if text := getattr(prompt, name, None):
                yield prompt.line, text, False
    for choice in getattr(prompt, "choices", ()):
        yield prompt.line, choice.label, False
    for column in getattr(prompt, "columns", ()):
        yield from _texts_of_prompt(column)


def _wording(line: int, text: Text, problems: Problems, *, markdown: bool) -> None:
    for language, words in text.items():
        at = line_in(text, language, line)
        if RAW_HTML.search(re.sub(r"<(?:https://|tel:)[^\s<>]*>", "", words)):
            problems.add(at, _("HTML is not allowed. Write plain words or Markdown."))
        if PROGRAM.search(words):
            problems.add(at, _("Programs and addresses that hold programs are not allowed."))
        if len(words) > LONGEST_BODY:
            problems.add(at, _("A text has at most %(most)s characters.", most=LONGEST_BODY))
        if markdown:
            _markdown(at, words[:LONGEST_BODY], problems)


def line_in(text: Text, language: str, line: int) -> int:
    """Where the words of a language stand; `line` for a text that does not know."""
    return text.lines.get(language, line) if isinstance(text, Spoken) else line


def _markdown(line: int, words: str, problems: Problems) -> None:
    if LINK.search(words):
        problems.add(line, _("A link begins with https:// or tel: and stands in its text."))
    if IMAGE.search(words):
        problems.add(line, _("Pictures are not allowed: they cost too much on a weak line."))
    if any(len(match[0].strip()) not in (4, 5) for match in HEADING.finditer(words)):
        problems.add(line, _("Headings inside a text begin with #### or #####."))


def _reading(module: ModuleFile, problems: Problems) -> None:
    for step in module.steps:
        for language in module.languages:
            found = grade(step_text(step, language), language)
            if found is not None and found > module.reading_grade:
                problems.add(
                    step.line,
                    _(
                        "“%(id)s” reads like school year %(grade)s in “%(language)s”. Shorter"
                        " words and sentences bring it down to %(most)s.",
                        id=step.id[:60],
                        grade=f"{found:.1f}",
                        language=language,
                        most=module.reading_grade,
                    ),
                )


def step_text(step: Step, language: str) -> str:
    """What is read as running text in a step, a paragraph for each: no choices, no short labels.

    A column of two-word labels would make any text look like one for beginners.
    """
    found = [part.body for part in step.parts]
    for prompt in step.prompts:
        found += [getattr(prompt, name, None) or {} for name in ("body", "label", "help")]
    found += [reply.body for reply in step.replies]
    texts = (text.get(language, "")[:LONGEST_BODY] for text in found)
    return "\n\n".join(text for text in texts if len(text.split()) >= SHORTEST_PROSE)
