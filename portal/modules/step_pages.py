"""What a step's page shows to the client, and what is said at once when they leave it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core.database import at_the_end
from portal.core.html import authors_text
from portal.core.i18n import date_name
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.modules import queries
from portal.modules.access import OpenWork
from portal.modules.blocks import StepView, blocks
from portal.modules.course import ANSWERABLE
from portal.modules.format.shapes import Diary, Kind, ModuleFile, Plan, Reply, Schedule, Step
from portal.modules.format.walk import alarmed, reply_to, should_shrink
from portal.modules.forms import Fields
from portal.modules.models import Ending
from portal.modules.queries import Answered, Progress, Said, Unfit
from portal.modules.reading_day import reading_day
from portal.modules.services import keeping
from portal.modules.shown import answer_rows, say, shown
from portal.modules.urls import print_url, step_url, work_url


def on_the_whole(
    work: OpenWork, said: list[Said], answers: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The feedback on a step that stands beside no answer."""
    prompts = work.module.prompts
    return [
        {
            "by": one.author_name, "at": one.at, "noticed": one.noticed, "task": one.task,
            "goal": one.goal,
            "link": (
                shown(prompts[one.link], _quoted(one, answers)) if one.link in prompts else ""
            ),
        }
        for one in said
        if one.noticed or one.task
    ]  # fmt: skip


def _quoted(said: Said, answers: Mapping[str, Any]) -> Any:
    return answers.get(said.link) if said.quoted is queries.NOT_KEPT else said.quoted


def step_page(
    session: Session,
    keyring: Keyring,
    person: Person,
    work: OpenWork,
    step: Step,
    fields: Fields,
    *,
    wrong: Mapping[str, str],
    rows: Mapping[str, int],
) -> dict[str, Any]:
    """Everything that a step's page shows to the client who fills it in, or only reads it now.

    `rows`: how many rows of a table they asked for, by question.
    """
    found = queries.progress(session, work)
    revisions = queries.revisions(session, work, step.id)
    said = [one for one in queries.feedback_on(session, keyring, work) if one.step_id == step.id]
    last = revisions[-1] if revisions else None
    view = StepView(
        work.module, step, found.answers, fields, wrong, said, queries.rivals(revisions),
        rows=rows, read=None if may_answer(work) else _read(step, last),
    )  # fmt: skip
    made = blocks(view)
    kept = _still_kept(session, person, work, step, revisions)
    return {
        "title": say(step.title),
        "overview_url": work_url(work.id),
        "url": step_url(work.id, step.id),
        "back_url": back_url(work, found, step),
        "print_url": print_url(work.id, step.id),
        "number": place_number(found, step),
        "count": len(found.course.places),
        "minutes": step.minutes,
        "blocks": made,
        "has_more": any(one.more for one in made),
        "has_gate": any(one.kind == "gate" for one in made),
        "whole": on_the_whole(work, said, found.answers),
        "nonce": str(new_nonce(keyring, person.id, work.id)),
        "based_on": last.seq if last else 0,
        "saved_at": last.at if last else None,
        "typed_in": typed_in(session, keyring, last),
        "kept": _kept(step, kept),
        "gate": found.marks[step.id].gate.value,
        "is_sent": found.marks[step.id].ending is Ending.SENT,
        "state": work.state.value,
        "may_answer": may_answer(work),
        "reading_day": reading_day(work, None if may_answer(work) else work.last_at),
        "is_over_days": is_over_days(work.module, step, found.answers),
    }


def may_answer(work: OpenWork) -> bool:
    """Whether the client can still say something here; before and after, they only read."""
    return work.state in ANSWERABLE


def _read(step: Step, last: Answered | None) -> dict[str, str]:
    if last is None:
        return {}
    rows = answer_rows(step, last.answers or {}, last.unfit)
    return {row["id"]: row["text"] for row in rows}


def is_over_days(module: ModuleFile, step: Step, answers: Mapping[str, Any]) -> bool:
    """Whether there is more to write here on another day: a diary that is not full, or the plan of
    a week that is given alone, in which stands later what became of it."""
    return any(
        len(answers.get(one.id) or ()) < one.max_rows
        for one in step.questions
        if isinstance(one, Diary) or (isinstance(one, Schedule) and module.kind is Kind.WORKSHEET)
    )


def typed_in(session: Session, keyring: Keyring, one: Answered | None) -> dict[str, str] | None:
    """Who typed answers in from a sheet of which day; None if they did not come on paper."""
    if one is None or one.written_on is None:
        return None
    name = queries.name_of(session, keyring, one.author_id)
    return {"by": name, "day": date_name(one.written_on)}


def _still_kept(
    session: Session, person: Person, work: OpenWork, step: Step, revisions: list[Answered]
) -> list[queries.Kept]:
    """What came without a session. What turns out to have been saved is kept no longer."""
    found = queries.kept_of(session, person, work, step.id)
    saved = [(one.answers, one.unfit) for one in revisions]
    echoes = [one.id for one in found if (one.answers, one.unfit) in saved]
    if echoes:
        at_the_end(session, lambda session: keeping.forget_echoes(session, person, echoes))
    return [one for one in found if one.id not in echoes]


def _kept(step: Step, kept: list[queries.Kept]) -> dict[str, Any] | None:
    if not kept:
        return None
    answers: dict[str, Any] = {}
    unfit: Unfit = {}
    for one in kept:
        answers |= one.answers
        unfit |= one.unfit
    return {"at": kept[-1].at, "rows": answer_rows(step, answers, unfit)}


def place_number(found: Progress, step: Step) -> int:
    """Which one it is on the client's way; 0 if it is not on it."""
    ids = [place.step.id for place in found.course.places]
    return ids.index(step.id) + 1 if step.id in ids else 0


def back_url(work: OpenWork, found: Progress, step: Step) -> str:
    """Of the step before this one; empty for the first."""
    number = place_number(found, step)
    if number < 2:
        return ""
    return step_url(work.id, found.course.places[number - 2].step.id)


def after_step(work: OpenWork, step: Step, answers: Mapping[str, Any]) -> dict[str, Any]:
    return said_after(work.module, step, answers, step_url(work.id, step.id))


def help_first(step: Step, answers: Mapping[str, Any]) -> dict[str, Any] | None:
    """What comes before all else while an answer of this step says that somebody may be in danger;
    whether it was sent, saved, or cannot be sent yet."""
    alarms = _alarms(step, answers)
    return {"alarms": alarms, "reply": "", "shrink_url": ""} if alarms else None


def said_to(work: OpenWork, found: Progress, step: Step | None) -> dict[str, Any] | None:
    """What is said at once to the step that somebody comes from; no more than help to one that
    they did not leave behind."""
    if step is None:
        return None
    if found.marks[step.id].ending is None:
        return help_first(step, found.answers)
    return after_step(work, step, found.answers)


def _alarms(step: Step, answers: Mapping[str, Any]) -> list[Any]:
    return [authors_text(say(gate.body)) for gate in alarmed(step, answers)]


def said_after(
    module: ModuleFile, step: Step, answers: Mapping[str, Any], url: str
) -> dict[str, Any]:
    """What is said at once after a step: first of all to somebody who may be in danger.

    `url`: where a plan that may be too large can be changed.
    """
    reply: Reply | None = reply_to(module, step, answers)
    plans = (answers.get(one.id) for one in step.questions if isinstance(one, Plan))
    return {
        "alarms": _alarms(step, answers),
        "reply": authors_text(say(reply.body)) if reply else "",
        "shrink_url": url if any(should_shrink(plan) for plan in plans) else "",
    }
