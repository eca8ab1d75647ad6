"""What the page of given work shows to the client, and where each step stands."""

from typing import Any

from sqlalchemy.orm import Session

from portal.core import wording
from portal.core.i18n import _, day_name, language, weekdays
from portal.modules import queries
from portal.modules.access import OpenWork
from portal.modules.course import Place, Standing
from portal.modules.format.shapes import Step
from portal.modules.models import Gate, State
from portal.modules.queries import Progress
from portal.modules.reading_day import reading_day
from portal.modules.services.reminding import HOURS, MOST
from portal.modules.shown import say
from portal.modules.step_pages import may_answer, place_number, said_to
from portal.modules.urls import print_url, step_url, work_url
from portal.modules.wording import STATES

USUAL_HOUR = 18


def overview(session: Session, work: OpenWork, left: Step | None) -> dict[str, Any]:
    """Everything that the page shows. `left`: the step that somebody comes from."""
    found = queries.progress(session, work)
    going_on, may_go_on = found.course.next_open(), may_answer(work)
    return {
        "title": say(work.module.title),
        "summary": say(work.module.summary),
        "state": work.state.value,
        "how_far": _how_far(work, found) if may_go_on else "",
        "steps": _place_rows(work, found),
        "print_url": print_url(work.id),
        "go_on_url": step_url(work.id, going_on.step.id) if going_on and may_go_on else None,
        "is_begun": found.has_sent,
        "submit_url": _url_if(
            may_go_on and found.has_sent and found.course.is_worked_through, work, "submit"
        ),
        "reading_day": reading_day(work, work.last_at),
        "reminder": _reminder(session, work) if may_go_on else None,
        "ends_at": work.ends_at,
        "skip_url": _url_if(may_go_on, work, "skip"),
        "complete_url": _url_if(work.state is State.FEEDBACK_GIVEN, work, "complete"),
        "after": said_to(work, found, left),
    }


def _url_if(condition: bool, work: OpenWork, action: str) -> str | None:
    return f"{work_url(work.id)}/{action}" if condition else None


def standing_says(place: Place) -> str:
    """Where a step stands, for the care team."""
    if place.standing is Standing.WAITS_FOR_DAY and place.opens_at:
        return _("From %(day)s", day=day_name(place.opens_at))
    if place.standing is Standing.WAITS_FOR_READING:
        return str(wording.say("step_later"))
    return str(wording.say(f"step_{place.standing.value}"))


def _place_rows(work: OpenWork, found: Progress) -> list[dict[str, Any]]:
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


def _how_far(work: OpenWork, found: Progress) -> str:
    """Where somebody is, and when they were there last; empty before they have begun."""
    going_on = found.course.next_open()
    if not found.latest or going_on is None:
        return ""
    number, count = place_number(found, going_on.step), len(found.course.places)
    where = _("Step %(number)s of %(count)s", number=number, count=count)
    return f"{where} · {_('last on %(day)s', day=day_name(work.last_at))}"


def _reminder(session: Session, work: OpenWork) -> dict[str, Any]:
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
