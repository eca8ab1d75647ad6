"""Given work in lists: of a client, and of everybody whose care team somebody is on."""

import datetime as dt
import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.caseload.models import CareTeamMember
from portal.caseload.queries import Waiting
from portal.core.crypto import Unreadable
from portal.core.keyring import Keyring
from portal.modules.format.shapes import ModuleFile
from portal.modules.models import Assignment, Ending, State, StepEnding, StepTerms
from portal.modules.published import load

log = logging.getLogger("portal.modules")
MOST_LISTED = 100
MOST_FOUND = 5000


@dataclass(frozen=True)
class WorkRow:
    """One line in a list of given work."""

    id: uuid.UUID
    module: ModuleFile
    state: State
    given_at: dt.datetime
    starts_at: dt.datetime
    last_at: dt.datetime
    waiting_since: dt.datetime | None


def work_of(session: Session, keyring: Keyring, engagement_id: uuid.UUID) -> list[WorkRow]:
    """Everything given in an engagement, the latest first; without what is damaged."""
    rows = session.execute(
        select(
            Assignment.id, Assignment.published_id, Assignment.state, Assignment.given_at,
            Assignment.starts_at, Assignment.last_at, Assignment.waiting_since,
        )
        .where(Assignment.engagement_id == engagement_id)
        .order_by(Assignment.id.desc())
        .limit(MOST_LISTED)
    )  # fmt: skip
    return [row for found in rows.all() if (row := _work_row(session, keyring, found))]


def _work_row(session: Session, keyring: Keyring, found: Any) -> WorkRow | None:
    try:
        return WorkRow(found[0], load(session, keyring, found[1]), *found[2:])
    except Unreadable:
        log.error("published module %s does not open", found[1])
        return None


def steps_sent(session: Session, work_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many steps of each were sent: to be told in a list without opening anything."""
    if not work_ids:
        return {}
    rows = session.execute(
        select(StepEnding.assignment_id, func.count(StepEnding.step_id.distinct()))
        .where(StepEnding.assignment_id.in_(work_ids), StepEnding.how == Ending.SENT)
        .group_by(StepEnding.assignment_id)
    )
    return {row[0]: row[1] for row in rows}


def steps_left_out(session: Session, work_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How many steps of each are not for its client. What came on paper all the same is."""
    if not work_ids:
        return {}
    rows = session.execute(
        select(StepTerms.assignment_id, func.count())
        .where(
            StepTerms.assignment_id.in_(work_ids),
            StepTerms.spared_at.is_not(None),
            ~exists().where(
                StepEnding.assignment_id == StepTerms.assignment_id,
                StepEnding.step_id == StepTerms.step_id,
            ),
        )
        .group_by(StepTerms.assignment_id)
    )
    return {row[0]: row[1] for row in rows}


def waiting_items(session: Session, person: Person) -> list[Waiting]:
    """For every engagement on whose team somebody is: since when work waits, if any does."""
    rows = session.execute(
        select(
            Assignment.engagement_id,
            func.min(Assignment.waiting_since),
            func.max(Assignment.last_at),
        )
        .join(CareTeamMember, CareTeamMember.engagement_id == Assignment.engagement_id)
        .where(CareTeamMember.user_id == person.id, CareTeamMember.left_at.is_(None))
        .group_by(Assignment.engagement_id)
    )
    return [Waiting(*row) for row in rows]


def ids_of_team_member(session: Session, person: Person) -> list[uuid.UUID]:
    """All work on whose care team somebody is, the latest first."""
    return list(
        session.scalars(
            select(Assignment.id)
            .join(CareTeamMember, CareTeamMember.engagement_id == Assignment.engagement_id)
            .where(CareTeamMember.user_id == person.id, CareTeamMember.left_at.is_(None))
            .order_by(Assignment.id.desc())
            .limit(MOST_FOUND)
        )
    )
