"""What the pages of given work show, made of what was read."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core import wording
from portal.core.database import at_the_end
from portal.core.html import authors_text
from portal.core.i18n import _, date_name, day_name, language, weekdays
from portal.core.ids import short
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.modules import queries, shelf
from portal.modules.access import OpenWork
from portal.modules.blocks import StepView, blocks
from portal.modules.course import ANSWERABLE, OVER, Place, Standing
from portal.modules.format.shapes import (
    Diary,
    Kind,
    ModuleFile,
    Plan,
    Reply,
    Schedule,
    Step,
)
from portal.modules.format.walk import alarmed, reply_to, should_shrink
from portal.modules.forms import Fields
from portal.modules.models import Ending, Gate, State
from portal.modules.queries import Answered, Progress, Said, Task, Unfit, WorkRow
from portal.modules.reading_day import reading_day
from portal.modules.services import giving, keeping
from portal.modules.services.reminding import HOURS, MOST
from portal.modules.shown import answer_rows, say, shown
from portal.modules.wording import STATES, TEAM_STATES
from portal.notifications.preferences import zone_of_person
from portal.vault.queries import open_for

USUAL_HOUR = 18


def work_url(work_id: uuid.UUID) -> str:
    return f"/work/{short(work_id)}"


def step_url(work_id: uuid.UUID, step_id: str) -> str:
    return f"{work_url(work_id)}/steps/{step_id}"


def print_url(work_id: uuid.UUID, step_id: str | None = None) -> str:
    return f"{step_url(work_id, step_id) if step_id else work_url(work_id)}/paper"


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
        "number": _number(found, step),
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


def _number(found: Progress, step: Step) -> int:
    ids = [place.step.id for place in found.course.places]
    return ids.index(step.id) + 1 if step.id in ids else 0


def back_url(work: OpenWork, found: Progress, step: Step) -> str:
    """Of the step before this one; empty for the first."""
    number = _number(found, step)
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


def standing_says(place: Place) -> str:
    """Where a step stands, for the care team."""
    if place.standing is Standing.WAITS_FOR_DAY and place.opens_at:
        return _("From %(day)s", day=day_name(place.opens_at))
    if place.standing is Standing.WAITS_FOR_READING:
        return str(wording.say("step_later"))
    return str(wording.say(f"step_{place.standing.value}"))


def place_rows(work: OpenWork, found: Progress) -> list[dict[str, Any]]:
    """The steps of given work as a list."""
    return [
        {
            "title": say(place.step.title),
            "minutes": place.step.minutes,
            "url": step_url(work.id, place.step.id) if may_look(work, place, found) else "",
            "standing": place.standing.value,
            "says": _says(work, place, found),
        }
        for place in found.course.places
    ]


def may_look(work: OpenWork, place: Place, found: Progress) -> bool:
    """Whether the client can open this step. Where nothing can be answered any more, what they
    wrote can still be read."""
    if may_answer(work):
        return place.standing.may_be_answered
    return place.standing is Standing.DONE or place.step.id in found.latest


def _says(work: OpenWork, place: Place, found: Progress) -> str:
    if place.standing is Standing.OPEN and not may_answer(work):
        return ""
    if place.standing is Standing.WAITS_FOR_DAY and place.opens_at:
        return _("From %(day)s", day=day_name(place.opens_at))
    if place.standing is Standing.DONE:
        return _says_of_sent(work, place.step, found)
    if place.standing is Standing.PUT_OFF and found.marks[place.step.id].gate is Gate.HOLD:
        return _("Put off. The next step opens after this one.")
    return str(wording.say(f"step_{place.standing.value}"))


def _says_of_sent(work: OpenWork, step: Step, found: Progress) -> str:
    mark, day = found.marks[step.id], reading_day(work, found.endings[step.id].at)
    is_waiting = mark.is_waiting and work.state not in (State.FEEDBACK_GIVEN, State.COMPLETED)
    if is_waiting and day:
        return _("Sent. Your counsellor reads it on %(day)s.", day=day)
    if is_waiting:
        return _("Sent. Your counsellor reads it.")
    return str(STATES["feedback_given"] if mark.is_read else wording.say("step_done"))


def how_far(work: OpenWork, found: Progress) -> str:
    """Where somebody is, and when they were there last; empty before they have begun."""
    going_on = found.course.next_open()
    if not found.latest or going_on is None:
        return ""
    number, count = _number(found, going_on.step), len(found.course.places)
    where = _("Step %(number)s of %(count)s", number=number, count=count)
    return f"{where} · {_('last on %(day)s', day=day_name(work.last_at))}"


def work_rows(
    session: Session,
    rows: list[WorkRow],
    now: dt.datetime,
    *,
    kept: Collection[uuid.UUID] = (),
    for_team: bool = False,
) -> list[dict[str, Any]]:
    """Lines for a list of given work."""
    ids, states = [row.id for row in rows], TEAM_STATES if for_team else STATES
    sent, left_out = queries.steps_sent(session, ids), queries.steps_left_out(session, ids)
    return [
        {
            "url": work_url(row.id),
            "title": say(row.module.title),
            "state": row.state.value,
            "says": (
                _("From %(day)s", day=day_name(row.starts_at))
                if row.starts_at > now and row.state is State.ASSIGNED
                else str(states[row.state.value])
            ),
            "so_far": _so_far(
                row, sent.get(row.id, 0), len(row.module.steps) - left_out.get(row.id, 0)
            ),
            "is_new": (
                not for_team
                and row.state in (State.ASSIGNED, State.FEEDBACK_GIVEN, State.REVISION_ASKED)
            ),
            "waiting_since": row.waiting_since if for_team else None,
            "has_kept": row.id in kept,
        }
        for row in rows
    ]


def _so_far(row: WorkRow, sent: int, count: int) -> str:
    if row.state not in (State.IN_PROGRESS, State.REVISION_ASKED):
        return ""
    last = _("last on %(day)s", day=day_name(row.last_at))
    if count < 2 or not sent:
        return last
    so_far = _("%(sent)s of %(count)s steps sent", sent=sent, count=count)
    return f"{so_far} · {last}"


def client_home(
    session: Session, keyring: Keyring, person: Person, engagement_id: uuid.UUID,
    vault_id: uuid.UUID, now: dt.datetime,
) -> dict[str, Any]:  # fmt: skip
    """What given work has to show on a client's first page."""
    given = queries.work_of(session, keyring, engagement_id)
    if not given:
        return {"first": _first(keyring, person, engagement_id)}
    rows = [row for row in given if row.state not in OVER]
    # What was planned goes on when the work is done with; not when it was put away.
    planned_in = [row.id for row in given if row.state not in OVER or row.state is State.COMPLETED]
    if not planned_in:
        return {}
    vault = open_for(session, person, vault_id)
    tasks = queries.homework_of(session, vault, planned_in)
    kept = queries.work_with_kept_answers(session, person)
    return {
        "work": work_rows(session, rows, now, kept=kept),
        "homework": list(_homework(session, keyring, person, tasks, now)),
    }


def _homework(
    session: Session, keyring: Keyring, person: Person, tasks: list[Task], now: dt.datetime
) -> Iterator[dict[str, Any]]:
    """What is asked for: who has said today how it went is asked again from tomorrow on."""
    asked = [task for task in tasks if task.closed_at is None]
    if not asked:
        return
    zone, kept = zone_of_person(session, person.id), queries.kept_reports(session, person)
    today = now.astimezone(zone).date()
    for task in asked:
        late = kept.get((task.work_id, task.prompt_id))
        if late is None and task.reports and task.reports[-1].at.astimezone(zone).date() == today:
            continue
        where = (task.plan[part] for part in ("when", "where") if task.plan.get(part))
        yield {
            "what": task.plan.get("what", ""),
            "when": " · ".join(where),
            "url": f"{work_url(task.work_id)}/homework/{task.prompt_id}",
            "nonce": str(new_nonce(keyring, person.id, task.work_id)),
            "id": f"{short(task.work_id)}-{task.prompt_id}",
            "kept_at": late.at if late else None,
            "obstacle": late.obstacle if late else "",
        }


def _first(keyring: Keyring, person: Person, engagement_id: uuid.UUID) -> dict[str, Any]:
    """An exercise for somebody who has been given nothing yet."""
    module = shelf.load(giving.FIRST)
    return {
        "title": say(module.title),
        "minutes": module.minutes,
        "url": "/work/first",
        "nonce": str(new_nonce(keyring, person.id, engagement_id)),
    }


def team_part(
    session: Session,
    keyring: Keyring,
    person: Person,
    engagement_id: uuid.UUID,
    now: dt.datetime,
) -> dict[str, Any]:
    """What given work has to show on a client's page for the care team."""
    kept = queries.work_with_kept_answers(session, person)
    return {
        "work": work_rows(
            session,
            queries.work_of(session, keyring, engagement_id),
            now,
            kept=kept,
            for_team=True,
        ),
        "give_url": f"/clients/{short(engagement_id)}/work/new",
    }


def reminder(session: Session, work: OpenWork) -> dict[str, Any]:
    """What can be chosen about being reminded of this work, and what is."""
    row = queries.reminder_of(session, work.id)
    return {
        "url": f"{work_url(work.id)}/reminder",
        "days": weekdays(language()),
        "hours": [{"value": hour, "label": f"{hour}:00"} for hour in HOURS],
        "weekday": row.weekday if row else None,
        "hour": row.hour if row else USUAL_HOUR,
        "most": MOST,
    }
