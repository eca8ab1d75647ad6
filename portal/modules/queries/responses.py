"""What was answered: every saved form of a step, and which of them count."""

import datetime as dt
import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.core.keyring import Keyring
from portal.core.statements import Prepared
from portal.modules.access import OpenWork
from portal.modules.models import Response
from portal.vault.keys import Place, Sealed

# By question: what stood in each of its fields, and does not fit it.
Unfit = dict[str, dict[str, list[str]]]
# Beside the answers that fit: no prompt has such an id.
UNFIT = "@unfit"


def answers_place(work_id: uuid.UUID, step_id: str, seq: int, author_id: uuid.UUID) -> Place:
    """Bound to the work, the step and the number: moved to another place, it is damaged."""
    return Place("responses", f"sealed:{step_id}", work_id, author_id, seq)


def with_unfit(answers: Mapping[str, Any], unfit: Unfit) -> dict[str, Any]:
    """As they are sealed. What does not fit its question is no answer, and is not lost."""
    return {**answers, UNFIT: unfit} if unfit else dict(answers)


def read_answers(text: str) -> tuple[dict[str, Any], Unfit]:
    """The answers, and what does not fit."""
    answers: dict[str, Any] = json.loads(text)
    return answers, answers.pop(UNFIT, {})


@dataclass(frozen=True)
class Answered:
    """One form's answers to a step. `answers` is None if this person cannot read them;
    `written_on` is the day on a sheet that somebody of the care team typed in; `unfit`: what does
    not fit its question."""

    step_id: str
    seq: int
    based_on: int
    author_id: uuid.UUID
    at: dt.datetime
    answers: dict[str, Any] | None
    written_on: dt.date | None
    unfit: Unfit


_COLUMNS = (
    Response.step_id,
    Response.seq,
    Response.based_on,
    Response.author_id,
    Response.saved_at,
    Response.written_on,
    Response.epoch,
    Response.sealed,
)
_REVISIONS = Prepared(
    select(*_COLUMNS)
    .where(Response.assignment_id == bindparam("work"), Response.step_id == bindparam("step"))
    .order_by(Response.seq)
)
_last = Response.__table__.alias("last")
_LATEST = Prepared(
    select(*_COLUMNS).where(
        Response.assignment_id == bindparam("work"),
        Response.seq
        == select(func.max(_last.c.seq))
        .where(
            _last.c.assignment_id == Response.assignment_id,
            _last.c.step_id == Response.step_id,
        )
        .correlate(Response)
        .scalar_subquery(),
    )
)


_ALL = Prepared(
    select(*_COLUMNS)
    .where(Response.assignment_id == bindparam("work"))
    .order_by(Response.step_id, Response.seq)
)


def revisions(session: Session, work: OpenWork, step_id: str) -> list[Answered]:
    """Everything that was ever saved of a step and is not replaced, oldest first."""
    return [_answered(work, row) for row in _REVISIONS.all(session, work=work.id, step=step_id)]


def latest(session: Session, work: OpenWork) -> dict[str, Answered]:
    """What counts of each step that was answered."""
    return {row.step_id: _answered(work, row) for row in _LATEST.all(session, work=work.id)}


def revisions_of(
    session: Session, work: OpenWork, step_ids: Collection[str]
) -> dict[str, list[Answered]]:
    """As `revisions`, of several steps in one look-up. Nothing else is opened."""
    found: dict[str, list[Answered]] = {step_id: [] for step_id in step_ids}
    if found:
        for row in _ALL.all(session, work=work.id):
            if row.step_id in found:
                found[row.step_id].append(_answered(work, row))
    return found


def _answered(work: OpenWork, row: Any) -> Answered:
    place = answers_place(work.id, row.step_id, row.seq, row.author_id)
    opened = work.vault.open_or_none(Sealed(row.epoch, row.sealed), place)
    answers, unfit = (None, {}) if opened is None else read_answers(opened)
    return Answered(
        row.step_id, row.seq, row.based_on, row.author_id, row.saved_at,
        answers, row.written_on, unfit,
    )  # fmt: skip


def merged(found: Iterable[Answered]) -> dict[str, Any]:
    return {name: value for one in found for name, value in (one.answers or {}).items()}


def from_paper(found: list[Answered]) -> Answered | None:
    """What was typed in from a sheet the last time."""
    return next((one for one in reversed(found) if one.written_on is not None), None)


def rivals(found: list[Answered]) -> list[Answered]:
    """What was saved from other forms while the last one was being filled in, as on another
    device or on paper: it was not known to whoever filled in the last, and it differs."""
    if not found:
        return []
    last = found[-1]
    return [
        one
        for one in found[:-1]
        if one.seq > last.based_on and one.answers is not None and one.answers != last.answers
    ]


def name_of(session: Session, keyring: Keyring, person_id: uuid.UUID) -> str:
    """Of one of the care team, who typed in what came on paper."""
    sealed = session.scalar(select(User.name_sealed).where(User.id == person_id))
    return keyring.name(sealed or b"", "users", "name", person_id)
