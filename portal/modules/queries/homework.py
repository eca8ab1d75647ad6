"""What clients have planned to do, and how it went."""

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.modules.models import Ending, Homework, HomeworkReport, Response, StepEnding
from portal.modules.queries.responses import answers_place
from portal.vault.keys import OpenVault, Place, Sealed


def report_place(work_id: uuid.UUID, prompt_id: str, seq: int, author_id: uuid.UUID) -> Place:
    return Place("homework_reports", f"sealed:{prompt_id}", work_id, author_id, seq)


@dataclass(frozen=True)
class Report:
    """How homework went: outcome is "done", "partly" or "not_yet"; `nonce`: of the form that it
    came with."""

    prompt_id: str
    outcome: str
    obstacle: str
    at: dt.datetime
    nonce: uuid.UUID


@dataclass(frozen=True)
class Task:
    """Homework, with what it is and how it went so far, oldest report first."""

    work_id: uuid.UUID
    prompt_id: str
    step_id: str
    planned_at: dt.datetime
    closed_at: dt.datetime | None
    missed_at: dt.datetime | None
    plan: dict[str, Any]
    reports: list[Report] = field(default_factory=list)

    def reported_with(self, nonce: uuid.UUID) -> list[Report]:
        """What was said with this form, and since; empty if it said nothing."""
        nonces = [one.nonce for one in self.reports]
        return self.reports[nonces.index(nonce) :] if nonce in nonces else []


def homework_of(session: Session, vault: OpenVault, work_ids: Iterable[uuid.UUID]) -> list[Task]:
    """The homework of given work, the first planned first; without what cannot be read."""
    wanted = list(work_ids)
    if not wanted:
        return []
    rows = session.scalars(
        select(Homework)
        .where(Homework.assignment_id.in_(wanted))
        .order_by(Homework.planned_at, Homework.assignment_id, Homework.prompt_id)
    ).all()
    plans = _plans(session, vault, {row.assignment_id for row in rows})
    reports = _reports(session, vault, {row.assignment_id for row in rows})
    return [
        Task(
            row.assignment_id, row.prompt_id, row.step_id, row.planned_at, row.closed_at,
            row.missed_at, plan,
            [one for one in reports.get((row.assignment_id, row.prompt_id), [])
             if one.at >= row.planned_at],
        )
        for row in rows
        if (plan := plans.get((row.assignment_id, row.step_id), {}).get(row.prompt_id))
    ]  # fmt: skip


Plans = dict[tuple[uuid.UUID, str], dict[str, Any]]


def _plans(session: Session, vault: OpenVault, work_ids: set[uuid.UUID]) -> Plans:
    """What was answered to each step when it was last sent."""
    sent = (
        select(
            StepEnding.assignment_id,
            StepEnding.step_id,
            func.max(StepEnding.response_seq).label("seq"),
        )
        .where(StepEnding.assignment_id.in_(work_ids), StepEnding.how == Ending.SENT)
        .group_by(StepEnding.assignment_id, StepEnding.step_id)
        .subquery()
    )
    query = select(Response).join(
        sent,
        (Response.assignment_id == sent.c.assignment_id)
        & (Response.step_id == sent.c.step_id)
        & (Response.seq == sent.c.seq),
    )
    rows = session.scalars(query)
    found: Plans = {}
    for row in rows:
        place = answers_place(row.assignment_id, row.step_id, row.seq, row.author_id)
        opened = vault.open_or_none(Sealed(row.epoch, row.sealed), place)
        found[row.assignment_id, row.step_id] = {} if opened is None else json.loads(opened)
    return found


def _reports(
    session: Session, vault: OpenVault, work_ids: set[uuid.UUID]
) -> dict[tuple[uuid.UUID, str], list[Report]]:
    rows = session.scalars(
        select(HomeworkReport)
        .where(HomeworkReport.assignment_id.in_(work_ids))
        .order_by(HomeworkReport.assignment_id, HomeworkReport.seq)
    )
    found: dict[tuple[uuid.UUID, str], list[Report]] = {}
    for row in rows:
        place = report_place(row.assignment_id, row.prompt_id, row.seq, row.by)
        opened = vault.open_or_none(Sealed(row.epoch, row.sealed), place)
        if opened is not None:
            said = json.loads(opened)
            report = Report(row.prompt_id, said["outcome"], said["obstacle"], row.at, row.nonce)
            found.setdefault((row.assignment_id, row.prompt_id), []).append(report)
    return found
