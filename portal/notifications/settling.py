"""Somebody could not be reached, and a person of the clinic has seen to it."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts.people import Person
from portal.core import audit
from portal.core.errors import NotFound
from portal.notifications import problems
from portal.notifications.models import PROOF, Channel, ContactProblem, Pointer, State
from portal.notifications.reminders import tell_again


def settle(session: Session, by: Person, client_id: uuid.UUID, problem_id: uuid.UUID) -> None:
    """Whoever was not reached is told again from now on; of a silence, no more is made.

    A STOP stays: only whoever said it can undo it. Settling twice changes nothing. Raises NotFound.
    """
    problem = session.scalars(
        select(ContactProblem)
        .where(ContactProblem.id == problem_id, ContactProblem.user_id == client_id)
        .with_for_update()
    ).one_or_none()
    if problem is None:
        raise NotFound
    if problem.resolved_at is not None:
        return
    is_shut = problem.code in problems.SHUTTING
    codes = problems.SHUTTING if is_shut else (problem.code,)
    problems.resolve(session, client_id, codes, channel=problem.channel, by=by.id)
    audit.note(session, by.clinic_id, by.id, "contact:settle", client_id, problem.code)
    if is_shut:
        _tell_what_did_not_arrive(session, client_id, problem.channel)


def _tell_what_did_not_arrive(session: Session, client_id: uuid.UUID, channel: Channel) -> None:
    last = session.scalar(
        select(Pointer)
        .where(
            Pointer.recipient_id == client_id,
            Pointer.channel == channel,
            Pointer.kind != PROOF,
            Pointer.state != State.DROPPED,
        )
        .order_by(Pointer.id.desc())
        .limit(1)
    )
    if last is not None and last.state is State.FAILED and last.opened_at is None:
        tell_again(session, last)
