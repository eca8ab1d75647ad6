"""What the pages of given work show, made of what was read."""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from markupsafe import Markup
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core import wording
from portal.core.html import authors_text, text_to_html
from portal.core.i18n import _, clock_time, day_name, language
from portal.core.ids import short
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.modules import queries
from portal.modules.access import OpenWork
from portal.modules.course import OVER, Place, Standing
from portal.modules.format.shapes import (
    PLAN_FIELDS,
    Computed,
    Info,
    Long,
    Multiple,
    Number,
    PartKind,
    Plan,
    Prompt,
    Question,
    Recall,
    Reply,
    Rows,
    SafetyGate,
    Scale,
    Short,
    Single,
    Step,
    Text,
    Time,
    YesNo,
)
from portal.modules.format.shapes import Date as DateQuestion
from portal.modules.format.walk import alarmed, reply_to, should_shrink, with_computed
from portal.modules.forms import Fields, name_of
from portal.modules.models import State
from portal.modules.queries import Answered, Progress, Said, WorkRow
from portal.modules.wording import PLAN_LABELS, STATES
from portal.vault.queries import open_for

# A list of so many is chosen from; beyond it a number is quicker typed.
MOST_CHOSEN = 21


def work_url(work_id: uuid.UUID) -> str:
    return f"/work/{short(work_id)}"


def step_url(work_id: uuid.UUID, step_id: str) -> str:
    return f"{work_url(work_id)}/steps/{step_id}"


def say(text: Text | None) -> str:
    """An author's words in the reader's language, or in the first that there is."""
    if text is None:
        return ""
    return text.get(language()) or next(iter(text.values()))


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Control:
    """One field or one group of choices. kind: "text", "long", "list", "one" or "many"."""

    kind: str
    name: str
    label: str
    help: str = ""
    value: str = ""
    options: tuple[Option, ...] = ()
    type: str = "text"
    mode: str = ""
    longest: int = 0
    ends: str = ""
    wrong: str = ""


@dataclass(frozen=True)
class Block:
    """Something on a step's page. kind: "html", "example", "told", "ask", "group" or "gate"."""

    kind: str
    html: Markup = field(default_factory=Markup)
    label: str = ""
    help: str = ""
    wrong: str = ""
    groups: tuple[tuple[Control, ...], ...] = ()
    said: tuple[dict[str, Any], ...] = ()
    other: str = ""


@dataclass(frozen=True)
class StepView:
    """Everything that the blocks of a step are made of."""

    work: OpenWork
    step: Step
    answers: Mapping[str, Any]
    fields: Fields
    wrong: Mapping[str, str]
    said: list[Said]
    rivals: list[Answered]


def blocks(view: StepView) -> list[Block]:
    """The step's page from top to bottom."""
    known = with_computed(view.work.module, view.answers)
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
        earlier = view.work.module.prompts[prompt.of]
        return _told(say(prompt.label), shown(earlier, known.get(prompt.of)))
    if isinstance(prompt, Computed):
        value = known.get(prompt.id)
        told = "" if value is None else f"{value:.{prompt.decimals}f} {say(prompt.unit)}".strip()
        return _told(say(prompt.label), told)
    return _asked(view, prompt) if isinstance(prompt, Question) else None


def _told(label: str, told: str) -> Block | None:
    return Block("told", text_to_html(told), label) if told else None


def _asked(view: StepView, question: Question) -> Block:
    wrong = view.wrong.get(question.id, "")
    block = Block(
        "ask",
        groups=((_control(question, view.fields, name_of(question.id), wrong),),),
        said=beside(view.said, question.id),
        other=_other_answers(view.rivals, question),
    )
    if isinstance(question, SafetyGate):
        return replace(block, kind="gate")
    if not isinstance(question, Rows | Plan):
        return block
    groups = _rows(view, question) if isinstance(question, Rows) else (_plan(view, question),)
    return replace(
        block, kind="group", label=say(question.label), help=say(question.help),
        wrong=wording.say(wrong) if wrong else "", groups=tuple(groups),
    )  # fmt: skip


def _rows(view: StepView, question: Rows) -> Iterator[tuple[Control, ...]]:
    """The rows there are, and one more to fill in."""
    name = name_of(question.id)
    filled = [
        number
        for number in range(question.max_rows)
        if any(view.fields.get(f"{name}.{number}.{column.id}") for column in question.columns)
    ]
    count = min(max(max(filled, default=-1) + 2, question.min_rows), question.max_rows)
    for number in range(count):
        yield tuple(
            _control(column, view.fields, f"{name}.{number}.{column.id}", "")
            for column in question.columns
        )


def _plan(view: StepView, question: Plan) -> tuple[Control, ...]:
    name = name_of(question.id)
    texts = [
        Control("text", f"{name}.{part}", str(PLAN_LABELS[part]),
                value=view.fields.get(f"{name}.{part}", ""), longest=500)
        for part in PLAN_FIELDS
    ]  # fmt: skip
    chosen = view.fields.get(f"{name}.confidence", "")
    sure = _list(f"{name}.confidence", str(PLAN_LABELS["confidence"]), range(11), chosen)
    return (*texts, sure)


def _list(name: str, label: str, numbers: range, chosen: str) -> Control:
    options = tuple(Option(str(one), str(one), str(one) == chosen) for one in numbers)
    return Control("list", name, label, options=(Option("", "–", not chosen), *options))


def _control(question: Question, fields: Fields, name: str, wrong: str) -> Control:
    made = _bare_control(question, fields, name)
    return replace(
        made,
        label=say(question.label),
        help=say(question.help),
        wrong=wording.say(wrong) if wrong else "",
    )


def _bare_control(question: Question, fields: Fields, name: str) -> Control:
    value = fields.get(name, "")
    if isinstance(question, Single | Multiple | YesNo | SafetyGate):
        kind = "many" if isinstance(question, Multiple) else "one"
        chosen = fields.getlist(name)
        options = tuple(Option(v, label, v in chosen) for v, label in _choices(question))
        return Control(kind, name, "", options=options)
    if isinstance(question, Scale):
        return _scale(question, name, value)
    if isinstance(question, Number):
        return Control("text", name, "", value=value, mode="decimal", ends=say(question.unit))
    if isinstance(question, DateQuestion | Time):
        kind = "date" if isinstance(question, DateQuestion) else "time"
        return Control("text", name, "", value=value, type=kind)
    if isinstance(question, Long):
        return Control("long", name, "", value=value, longest=question.max_length)
    longest = question.max_length if isinstance(question, Short) else 0
    return Control("text", name, "", value=value, longest=longest)


def _scale(question: Scale, name: str, value: str) -> Control:
    ends = " … ".join(
        f"{number} = {say(end)}"
        for number, end in ((question.min, question.low), (question.max, question.high))
        if end
    )
    numbers = range(question.min, question.max + 1, question.step)
    if len(numbers) > MOST_CHOSEN:
        ends = ends or f"{question.min} – {question.max}"
        return Control("text", name, "", value=value, mode="numeric", ends=ends)
    return replace(_list(name, "", numbers, value), ends=ends)


def _choices(question: Question) -> list[tuple[str, str]]:
    if isinstance(question, Single | Multiple):
        return [(choice.value, say(choice.label)) for choice in question.choices]
    choices = [("yes", _("Yes")), ("no", _("No"))]
    return (
        [*choices, ("unsure", _("I am not sure"))] if isinstance(question, SafetyGate) else choices
    )


def shown(prompt: Prompt, answer: Any) -> str:
    """An answer as a person reads it; empty if there is none."""
    if answer is None or answer in ("", [], {}):
        return ""
    if isinstance(prompt, Rows):
        return "\n".join(_row(prompt, row) for row in answer)
    if isinstance(prompt, Plan):
        lines = [f"{PLAN_LABELS[part]} {value}" for part, value in answer.items()]
        return "\n".join(lines)
    if isinstance(prompt, Single | Multiple | YesNo | SafetyGate):
        values = answer if isinstance(answer, list) else [_as_choice(answer)]
        names = dict(_choices(prompt))
        return ", ".join(names.get(value, value) for value in values)
    unit = say(prompt.unit) if isinstance(prompt, Number) else ""
    return f"{answer} {unit}".strip()


def _as_choice(answer: Any) -> str:
    return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else str(answer)


def _row(prompt: Rows, row: Mapping[str, Any]) -> str:
    return " · ".join(
        f"{say(column.label)} {told}"
        for column in prompt.columns
        if (told := shown(column, row.get(column.id)))
    )


def _other_answers(rivals: list[Answered], question: Question) -> str:
    """What was answered on another device at the same time, if it differs."""
    found = [one for one in rivals if one.answers is not None]
    return "\n".join(
        _("You also wrote at %(time)s:", time=clock_time(one.at)) + " " + told
        for one in found
        if (told := shown(question, (one.answers or {}).get(question.id)))
    )


def beside(said: list[Said], prompt_id: str) -> tuple[dict[str, Any], ...]:
    """The feedback that stands beside one answer."""
    return tuple(
        {"by": one.author_name, "at": one.at, "text": one.beside[prompt_id]}
        for one in said
        if prompt_id in one.beside
    )


def on_the_whole(
    work: OpenWork, said: list[Said], answers: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The feedback on a step that stands beside no answer."""
    prompts = work.module.prompts
    return [
        {
            "by": one.author_name, "at": one.at, "noticed": one.noticed, "task": one.task,
            "link": shown(prompts[one.link], answers.get(one.link)) if one.link in prompts else "",
        }
        for one in said
        if one.noticed or one.task
    ]  # fmt: skip


def step_page(
    session: Session,
    keyring: Keyring,
    person: Person,
    work: OpenWork,
    step: Step,
    fields: Fields,
    *,
    wrong: Mapping[str, str],
    based_on: int | None = None,
) -> dict[str, Any]:
    """Everything that a step's page shows to the client who fills it in."""
    found = queries.progress(session, work)
    revisions = queries.revisions(session, work, step.id)
    said = [one for one in queries.feedback_on(session, keyring, work) if one.step_id == step.id]
    view = StepView(work, step, found.answers, fields, wrong, said, queries.rivals(revisions))
    made = blocks(view)
    kept = queries.kept_of(session, person, work, step.id)
    last = revisions[-1] if revisions else None
    return {
        "title": say(step.title),
        "overview_url": work_url(work.id),
        "url": step_url(work.id, step.id),
        "back_url": _back_url(work, found, step),
        "number": _number(found, step),
        "count": len(found.course.places),
        "minutes": step.minutes,
        "blocks": made,
        "has_gate": any(one.kind == "gate" for one in made),
        "whole": on_the_whole(work, said, found.answers),
        "nonce": str(new_nonce(keyring, person.id, work.id)),
        "based_on": based_on if based_on is not None else last.seq if last else 0,
        "saved_at": last.at if last else None,
        "kept": _kept(step, kept),
        "gate": found.marks[step.id].gate.value,
    }


def _kept(step: Step, kept: list[queries.Kept]) -> dict[str, Any] | None:
    if not kept:
        return None
    answers: dict[str, Any] = {}
    for one in kept:
        answers |= one.answers
    return {"at": kept[-1].at, "rows": answer_rows(step, answers)}


def answer_rows(step: Step, answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"id": question.id, "label": say(question.label), "text": told}
        for question in step.questions
        if (told := shown(question, answers.get(question.id)))
    ]


def _number(found: Progress, step: Step) -> int:
    ids = [place.step.id for place in found.course.places]
    return ids.index(step.id) + 1 if step.id in ids else 0


def _back_url(work: OpenWork, found: Progress, step: Step) -> str:
    number = _number(found, step)
    if number < 2:
        return ""
    return step_url(work.id, found.course.places[number - 2].step.id)


def after_step(work: OpenWork, step: Step, answers: Mapping[str, Any]) -> dict[str, Any]:
    """What is said at once after a step: first of all to somebody who may be in danger."""
    reply: Reply | None = reply_to(work.module, step, answers)
    plans = (answers.get(one.id) for one in step.questions if isinstance(one, Plan))
    return {
        "alarms": [authors_text(say(gate.body)) for gate in alarmed(step, answers)],
        "reply": authors_text(say(reply.body)) if reply else "",
        "shrink_url": (
            step_url(work.id, step.id) if any(should_shrink(plan) for plan in plans) else ""
        ),
    }


def standing_says(place: Place) -> str:
    """Where a step stands, for the care team."""
    if place.standing is Standing.WAITS_FOR_DAY and place.opens_at:
        return _("From %(day)s", day=day_name(place.opens_at))
    if place.standing is Standing.WAITS_FOR_READING:
        return str(wording.say("step_later"))
    return str(wording.say(f"step_{place.standing.value}"))


def place_rows(work: OpenWork, found: Progress) -> list[dict[str, Any]]:
    """The steps of given work as a list."""
    may_answer = work.state not in (*OVER, State.SUBMITTED, State.FEEDBACK_GIVEN)
    return [
        {
            "title": say(place.step.title),
            "minutes": place.step.minutes,
            "url": (
                step_url(work.id, place.step.id) if _may_look(place, may_answer=may_answer) else ""
            ),
            "standing": place.standing.value,
            "says": _says(place, found, may_answer=may_answer),
        }
        for place in found.course.places
    ]


def _may_look(place: Place, *, may_answer: bool) -> bool:
    return place.standing.may_be_answered if may_answer else place.standing is Standing.DONE


def _says(place: Place, found: Progress, *, may_answer: bool) -> str:
    if place.standing is Standing.OPEN and not may_answer:
        return ""
    if place.standing is Standing.WAITS_FOR_DAY and place.opens_at:
        return _("From %(day)s", day=day_name(place.opens_at))
    if place.standing is Standing.DONE and found.marks[place.step.id].is_waiting:
        return _("Sent. Your counsellor reads it.")
    return str(wording.say(f"step_{place.standing.value}"))


def work_rows(rows: list[WorkRow], kept: set[uuid.UUID], now: dt.datetime) -> list[dict[str, Any]]:
    """Lines for a list of given work."""
    return [
        {
            "url": work_url(row.id),
            "title": say(row.module.title),
            "state": row.state.value,
            "says": (
                _("From %(day)s", day=day_name(row.starts_at))
                if row.starts_at > now and row.state is State.ASSIGNED
                else str(STATES[row.state.value])
            ),
            "last_at": row.last_at,
            "is_new": row.state in (State.ASSIGNED, State.FEEDBACK_GIVEN, State.REVISION_ASKED),
            "is_waiting": row.waiting_since is not None,
            "has_kept": row.id in kept,
        }
        for row in rows
    ]


def client_home(
    session: Session, keyring: Keyring, person: Person, engagement_id: uuid.UUID,
    vault_id: uuid.UUID, now: dt.datetime,
) -> dict[str, Any]:  # fmt: skip
    """What given work has to show on a client's first page."""
    rows = [row for row in queries.work_of(session, engagement_id) if row.state not in OVER]
    if not rows:
        return {}
    kept = queries.work_with_kept_answers(session, person)
    vault = open_for(session, person, vault_id)
    tasks = queries.homework_of(session, vault, [row.id for row in rows])
    return {
        "work": work_rows(rows, kept, now),
        "homework": [
            {
                "what": task.plan.get("what", ""),
                "when": " · ".join(
                    task.plan[part] for part in ("when", "where") if task.plan.get(part)
                ),
                "url": f"{work_url(task.work_id)}/homework/{task.prompt_id}",
                "nonce": str(new_nonce(keyring, person.id, task.work_id)),
                "id": f"{short(task.work_id)}-{task.prompt_id}",
            }
            for task in tasks
            if task.closed_at is None
        ],
    }


def team_part(session: Session, engagement_id: uuid.UUID, now: dt.datetime) -> dict[str, Any]:
    """What given work has to show on a client's page for the care team."""
    return {
        "work": work_rows(queries.work_of(session, engagement_id), set(), now),
        "give_url": f"/clients/{short(engagement_id)}/work/new",
    }
