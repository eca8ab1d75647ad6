"""Walking through a module as a client would, for whoever writes it. Nothing is saved: whatever was
answered travels along in the form, from page to page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portal.core import wording
from portal.core.i18n import LANGUAGES, SOURCE
from portal.modules.blocks import MORE, StepView, blocks
from portal.modules.controls import shown_rows
from portal.modules.format.shapes import ModuleFile, Rows, Step
from portal.modules.format.walk import next_step, still_asked, way
from portal.modules.forms import Fields, typed_answers
from portal.modules.shown import say
from portal.modules.step_pages import is_over_days, said_after

GO_TO = "go."


@dataclass(frozen=True)
class Stop:
    """Where somebody stands. `step` is None at the end; `came_from` is what was just answered."""

    step: Step | None
    came_from: Step | None = None
    wrong: dict[str, str] | None = None


def languages_of(module: ModuleFile) -> list[str]:
    """In which of our languages a client can meet it; the module's own come first."""
    return [code for code in LANGUAGES if code in module.languages] or [SOURCE]


def chosen_language(module: ModuleFile, wanted: str) -> str:
    known = languages_of(module)
    return wanted if wanted in known else known[0]


def answers_in(module: ModuleFile, fields: Fields) -> dict[str, Any]:
    """Everything that was answered so far and fits, of all steps."""
    found: dict[str, Any] = {}
    for step in module.steps:
        found |= typed_answers(step, fields).answers
    return found


def stop(module: ModuleFile, fields: Fields) -> Stop:
    """Where a form leads: on, back, to a step that was chosen, or nowhere if something is wrong."""
    action, steps = fields.get("action", ""), {step.id: step for step in module.steps}
    here = steps.get(fields.get("step", ""), module.steps[0])
    if action.startswith(GO_TO):
        return Stop(steps.get(action.removeprefix(GO_TO), here))
    if action == "back":
        return Stop(_before(module, here, fields))
    if action in ("next", "later"):
        return _on(module, here, fields, is_sent=action == "next")
    return Stop(here)


def _before(module: ModuleFile, here: Step, fields: Fields) -> Step:
    taken = list(way(module, answers_in(module, fields)))
    number = taken.index(here) if here in taken else module.steps.index(here)
    return (taken if here in taken else module.steps)[max(number - 1, 0)]


def _on(module: ModuleFile, here: Step, fields: Fields, *, is_sent: bool) -> Stop:
    answers = answers_in(module, fields)
    following = next_step(module, here, answers)
    if not is_sent:
        return Stop(following)
    wrong = {one.id: "answer_missing_yet" for one in still_asked(here, answers)}
    wrong |= typed_answers(here, fields).wrong
    return Stop(here, wrong=wrong) if wrong else Stop(following, came_from=here)


def clients_part(module: ModuleFile, at: Stop, fields: Fields) -> dict[str, Any]:
    """What stands inside the frame, as the client's own page would have it."""
    answers = answers_in(module, fields)
    after = said_after(module, at.came_from, answers, "#main") if at.came_from else None
    if at.step is None:
        return {"after": after, "is_over": True}
    view = StepView(
        module, at.step, answers, fields, at.wrong or {}, [], [],
        rows=_rows_asked_for(at.step, fields),
    )  # fmt: skip
    made, taken = blocks(view), list(way(module, answers))
    return {
        "after": after,
        "step_id": at.step.id,
        "title": say(at.step.title),
        "number": taken.index(at.step) + 1 if at.step in taken else 0,
        "count": len(taken),
        "minutes": at.step.minutes,
        "blocks": made,
        "has_gate": any(one.kind == "gate" for one in made),
        "gate": at.step.feedback.value,
        "problem": wording.say("answers_missing") if at.wrong else None,
        "may_answer": True,
        "is_over_days": is_over_days(module, at.step, answers),
        "has_back": at.step is not module.steps[0],
    }


def _rows_asked_for(step: Step, fields: Fields) -> dict[str, int]:
    """One more than the page had, of the table whose button was pressed."""
    action = fields.get("action", "")
    return {
        one.id: shown_rows(one, fields) + 1
        for one in step.questions
        if isinstance(one, Rows) and action == f"{MORE}{one.id}"
    }


def travelling(at: Stop, fields: Fields) -> Iterator[tuple[str, str]]:
    """What was answered elsewhere, for the hidden fields of the page."""
    shown = {question.id for question in at.step.questions} if at.step else set()
    for name, value in fields.items(multi=True):
        parts = name.split(".")
        if parts[0] == "a" and len(parts) > 1 and parts[1] not in shown and value:
            yield name, value
