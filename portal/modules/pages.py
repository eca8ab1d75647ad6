"""What given work shows on other pages: a client's first, and theirs for the care team."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core.database import at_the_end
from portal.core.i18n import _, day_name
from portal.core.ids import short
from portal.core.keyring import Keyring
from portal.core.nonces import new_nonce
from portal.modules import queries, shelf
from portal.modules.course import OVER
from portal.modules.models import State
from portal.modules.queries import Task, WorkRow
from portal.modules.services import giving, keeping
from portal.modules.shown import say
from portal.modules.urls import work_url
from portal.modules.wording import STATES, TEAM_STATES
from portal.notifications.preferences import zone_of_person
from portal.vault.queries import open_for


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
    zone, kept = zone_of_person(session, person.id), _still_kept(session, person, asked)
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


def _still_kept(
    session: Session, person: Person, asked: list[Task]
) -> dict[tuple[uuid.UUID, str], queries.KeptReport]:
    """What came without a session. What turns out to have been said is kept no longer."""
    found, echoes = queries.kept_reports(session, person), []
    for task in asked:
        place = (task.work_id, task.prompt_id)
        late = found.get(place)
        said = [one.obstacle for one in task.reported_with(late.nonce)] if late else []
        if late and late.obstacle in said:
            echoes.append(late.id)
            del found[place]
    if echoes:
        at_the_end(session, lambda session: keeping.forget_echoes(session, person, echoes))
    return found


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
