"""What the care team said to given work."""

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.core.keyring import Keyring
from portal.core.statements import Prepared
from portal.modules.access import OpenWork
from portal.modules.models import Feedback
from portal.vault.keys import Place, Sealed

# Older feedback points to an earlier answer and has not kept what it was.
NOT_KEPT: Final = object()


def feedback_place(work_id: uuid.UUID, step_id: str, seq: int, author_id: uuid.UUID) -> Place:
    return Place("feedback", f"sealed:{step_id}", work_id, author_id, seq)


class Said(NamedTuple):
    """What a clinician said to a step. `beside`: words by prompt; `link`: an earlier prompt, and
    `quoted`: what was answered to it then, or NOT_KEPT; `goal`: one of the client's goals, in the
    words it had then; `nonce`: of the form that it came with."""

    step_id: str
    seq: int
    response_seq: int
    author_id: uuid.UUID
    author_name: str
    at: dt.datetime
    beside: Mapping[str, str]
    noticed: str
    link: str
    quoted: Any
    goal: str
    task: str
    nonce: uuid.UUID


_FEEDBACK = Prepared(
    select(
        Feedback.step_id,
        Feedback.seq,
        Feedback.response_seq,
        Feedback.author_id,
        Feedback.given_at,
        Feedback.epoch,
        Feedback.sealed,
        Feedback.nonce,
        User.name_sealed,
    )
    .join(User, User.id == Feedback.author_id)
    .where(Feedback.assignment_id == bindparam("work"))
    .order_by(Feedback.seq)
)


def feedback_on(session: Session, keyring: Keyring, work: OpenWork) -> list[Said]:
    """All feedback on given work, oldest first; what cannot be read is left out."""
    found = []
    for row in _FEEDBACK.all(session, work=work.id):
        place = feedback_place(work.id, row.step_id, row.seq, row.author_id)
        opened = work.vault.open_or_none(Sealed(row.epoch, row.sealed), place)
        if opened is None:
            continue
        said = json.loads(opened)
        name = keyring.name(row.name_sealed, "users", "name", row.author_id)
        found.append(
            Said(
                row.step_id, row.seq, row.response_seq, row.author_id, name, row.given_at,
                said["beside"], said["noticed"], said["link"], said.get("quoted", NOT_KEPT),
                said.get("goal", ""), said["task"], row.nonce,
            )
        )  # fmt: skip
    return found


def said_with(said: Iterable[Said], author_id: uuid.UUID, nonce: uuid.UUID) -> list[Said]:
    """What somebody said to a step with this form, and since; empty if the form said nothing."""
    own = [one for one in said if one.author_id == author_id]
    first = next((one for one in own if one.nonce == nonce), None)
    if first is None:
        return []
    return [one for one in own if one.step_id == first.step_id and one.seq >= first.seq]
