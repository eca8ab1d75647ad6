"""What stands on a step's page, from top to bottom."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from markupsafe import Markup

from portal.core import wording
from portal.core.html import authors_text, text_to_html
from portal.core.i18n import _, clock_time, date_name
from portal.modules.controls import (
    Control,
    anchor_of_row,
    control,
    filled_rows,
    plan_controls,
    rows_controls,
)
from portal.modules.format.shapes import (
    Computed,
    Info,
    ModuleFile,
    PartKind,
    Plan,
    Prompt,
    Question,
    Recall,
    Rows,
    SafetyGate,
    Step,
)
from portal.modules.format.walk import with_computed
from portal.modules.forms import Fields, name_of
from portal.modules.queries import Answered, Said
from portal.modules.shown import say, shown

# What a button begins with that asks for one more row; the question's id follows.
MORE = "more."


@dataclass(frozen=True)
class Block:
    """Something on a step's page. kind: "html", "example", "told", "ask", "group" or "gate".

    `more`: the button's value that asks for one more row, where there may be one; `free_row`: where
    the first empty row stands, below several others.
    """

    kind: str
    html: Markup = field(default_factory=Markup)
    label: str = ""
    help: str = ""
    wrong: str = ""
    groups: tuple[tuple[Control, ...], ...] = ()
    said: tuple[dict[str, Any], ...] = ()
    other: str = ""
    more: str = ""
    free_row: str = ""


@dataclass(frozen=True)
class StepView:
    """Everything that the blocks of a step are made of.

    `spare_rows`: how many empty rows a table has below the filled ones; `rows`: how many were asked
    for, by question. `read`: what was answered, by question, where nothing can be answered now.
    """

    module: ModuleFile
    step: Step
    answers: Mapping[str, Any]
    fields: Fields
    wrong: Mapping[str, str]
    said: list[Said]
    rivals: list[Answered]
    spare_rows: int = 1
    rows: Mapping[str, int] = field(default_factory=dict)
    may_add_rows: bool = True
    read: Mapping[str, str] | None = None


def blocks(view: StepView) -> list[Block]:
    """The step's page from top to bottom."""
    known = with_computed(view.module, view.answers)
    found: list[Block] = []
    for part in view.step.parts:
        kind = "example" if part.kind is PartKind.EXAMPLE else "html"
        found.append(Block(kind, authors_text(say(part.body))))
        found += [one for prompt in part.prompts if (one := _block(view, prompt, known))]
    return found


def _block(view: StepView, prompt: Prompt, known: Mapping[str, Any]) -> Block | None:
    if isinstance(prompt, Info):
        return Block("html", authors_text(say(prompt.body)))
    if isinstance(prompt, Recall):
        earlier = view.module.prompts[prompt.of]
        return _told(say(prompt.label), shown(earlier, known.get(prompt.of)))
    if isinstance(prompt, Computed):
        value = known.get(prompt.id)
        told = "" if value is None else f"{value:.{prompt.decimals}f} {say(prompt.unit)}".strip()
        return _told(say(prompt.label), told)
    return _asked(view, prompt) if isinstance(prompt, Question) else None


def _told(label: str, told: str) -> Block | None:
    return Block("told", text_to_html(told), label) if told else None


def _answered(view: StepView, question: Question, read: Mapping[str, str]) -> Block | None:
    """A question whose time is over: what was answered, and what was said to it."""
    said, other = beside(view.said, question.id), _other_answers(view, question)
    text = read.get(question.id, "")
    if not (text or said or other):
        return None
    return Block("told", text_to_html(text), say(question.label), said=said, other=other)


def _asked(view: StepView, question: Question) -> Block | None:
    if view.read is not None:
        return _answered(view, question, view.read)
    wrong = view.wrong.get(question.id, "")
    block = Block(
        "ask",
        groups=((control(question, view.fields, name_of(question.id), wrong),),),
        said=beside(view.said, question.id),
        other=_other_answers(view, question),
    )
    if isinstance(question, SafetyGate):
        return replace(block, kind="gate")
    if not isinstance(question, Rows | Plan):
        return block
    block = replace(
        block, kind="group", label=say(question.label), help=say(question.help),
        wrong=wording.say(wrong) if wrong else "",
    )  # fmt: skip
    if isinstance(question, Plan):
        return replace(block, groups=(plan_controls(question, view.fields),))
    return _table(view, question, block)


def _table(view: StepView, question: Rows, block: Block) -> Block:
    filled = filled_rows(question, view.fields)
    fewest = max(filled + view.spare_rows, view.rows.get(question.id, 0))
    groups = tuple(rows_controls(question, view.fields, fewest))
    if not view.may_add_rows:
        return replace(block, groups=groups)
    return replace(
        block,
        groups=groups,
        more=f"{MORE}{question.id}" if len(groups) < question.max_rows else "",
        free_row=anchor_of_row(question, filled) if 1 < filled < len(groups) else "",
    )


def _other_answers(view: StepView, question: Question) -> str:
    """What was answered elsewhere at the same time, if it differs."""
    mine = view.answers.get(question.id)
    found = [(one, (one.answers or {}).get(question.id)) for one in view.rivals]
    return "\n".join(
        f"{_where(one)} {told}"
        for one, answer in found
        if answer != mine and (told := shown(question, answer))
    )


def _where(one: Answered) -> str:
    if one.written_on is not None:
        return _("On your sheet of %(day)s:", day=date_name(one.written_on))
    return _("You also wrote at %(time)s:", time=clock_time(one.at))


def beside(said: list[Said], prompt_id: str) -> tuple[dict[str, Any], ...]:
    """The feedback that stands beside one answer."""
    return tuple(
        {"by": one.author_name, "at": one.at, "text": one.beside[prompt_id]}
        for one in said
        if prompt_id in one.beside
    )
