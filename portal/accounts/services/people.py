"""What becomes of people who have an account."""

import uuid

from sqlalchemy import delete
from sqlalchemy.orm import Session

from portal.accounts import sessions
from portal.accounts.models import Disablement, Invitation, Notice, User
from portal.accounts.people import Person
from portal.core import audit, clock
from portal.core.ids import new_id


def tell(session: Session, user: User, code: str) -> None:
    """Has the person told at the next sign-in; `code` picks the wording."""
    session.add(
        Notice(
            id=new_id(),
            clinic_id=user.clinic_id,
            user_id=user.id,
            code=code,
            raised_at=clock.now(),
        )
    )
    session.flush()


def mark_notices_seen(session: Session, notices: list[Notice]) -> None:
    for notice in notices:
        session.merge(notice).seen_at = clock.now()
    session.flush()


def choose_language(session: Session, person: Person, language: str) -> None:
    session.get_one(User, person.id).language = language
    session.flush()
    audit.note(session, person.clinic_id, person.id, "language:choose", person.id)


def disable(session: Session, user_id: uuid.UUID, by: Person) -> None:
    """Ends every session and keeps the person out. Grants are the vault's to take away."""
    session.merge(
        Disablement(
            user_id=user_id, clinic_id=by.clinic_id, disabled_by=by.id, disabled_at=clock.now()
        )
    )
    sessions.end_all(session, user_id)
    session.execute(delete(Invitation).where(Invitation.user_id == user_id))
    session.flush()
    audit.note(session, by.clinic_id, by.id, "account:disable", user_id)


def enable(session: Session, user_id: uuid.UUID, by: Person) -> None:
    """Lets the person sign in again; what was taken from them must be granted again."""
    session.execute(delete(Disablement).where(Disablement.user_id == user_id))
    audit.note(session, by.clinic_id, by.id, "account:enable", user_id)
