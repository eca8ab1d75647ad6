"""The goals that a client has set: what feedback may point to, whatever work it is about."""

import json
import uuid
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.ids import short
from portal.core.keyring import Keyring
from portal.modules import published
from portal.modules.access import OpenWork
from portal.modules.models import Assignment, Ending, Origin, PublishedModule, Response, StepEnding
from portal.modules.queries import answers_place
from portal.vault.keys import Sealed

# The worksheet on which a goal is set, and the question that says what it is.
WORKSHEET, WHAT = "smart-goal", "specific"
MOST = 5


class Goal(NamedTuple):
    """What a client wants to do, in their words as they last sent them."""

    work_id: uuid.UUID
    text: str

    @property
    def link(self) -> str:
        """By what feedback points to it. No prompt has such an id."""
        return f"goal:{short(self.work_id)}"


def is_goal(link: str) -> bool:
    return link.startswith("goal:")


def goals_beside(session: Session, keyring: Keyring, work: OpenWork) -> list[Goal]:
    """The goals of the client whose work this is, the latest first; only what they have sent."""
    found_by = published.lookup(keyring, work.clinic_id, Origin.LIBRARY, WORKSHEET)
    rows = session.execute(
        select(Response, Assignment.id)
        .join(Assignment, Assignment.id == Response.assignment_id)
        .join(PublishedModule, PublishedModule.id == Assignment.published_id)
        .join(
            StepEnding,
            (StepEnding.assignment_id == Response.assignment_id)
            & (StepEnding.step_id == Response.step_id)
            & (StepEnding.response_seq == Response.seq),
        )
        .where(
            Assignment.engagement_id == work.engagement_id,
            Assignment.vault_id == work.vault.id,
            PublishedModule.module_lookup == found_by,
            StepEnding.how == Ending.SENT,
        )
        .order_by(StepEnding.at.desc())
        .limit(MOST)
    )
    goals: dict[uuid.UUID, Goal] = {}
    for row, work_id in rows:
        place = answers_place(work_id, row.step_id, row.seq, row.author_id)
        opened = work.vault.open_or_none(Sealed(row.epoch, row.sealed), place)
        what = json.loads(opened or "{}").get(WHAT)
        if isinstance(what, str) and what:
            goals.setdefault(work_id, Goal(work_id, what))
    return list(goals.values())
