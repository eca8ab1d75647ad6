"""Who writes in a thread, by name."""

import uuid

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.accounts.models import User
from portal.caseload.models import CareTeamMember, Engagement
from portal.core.keyring import Keyring
from portal.core.statements import Prepared

_CLIENT = Prepared(
    select(User.id, User.name_sealed)
    .join(Engagement, Engagement.client_id == User.id)
    .where(Engagement.id == bindparam("engagement"))
)
_TEAM = Prepared(
    select(User.id, User.name_sealed)
    .join(CareTeamMember, CareTeamMember.user_id == User.id)
    .where(CareTeamMember.engagement_id == bindparam("engagement"))
    .where(CareTeamMember.left_at.is_(None))
    .order_by(CareTeamMember.id)
)


def client_name(session: Session, keyring: Keyring, engagement_id: uuid.UUID) -> str:
    row = _CLIENT.first(session, engagement=engagement_id)
    return keyring.name(row.name_sealed, "users", "name", row.id)


def team_names(session: Session, keyring: Keyring, engagement_id: uuid.UUID) -> list[str]:
    rows = _TEAM.all(session, engagement=engagement_id)
    return [keyring.name(row.name_sealed, "users", "name", row.id) for row in rows]


def name_of_user(session: Session, keyring: Keyring, user_id: uuid.UUID) -> str:
    sealed = session.scalar(select(User.name_sealed).where(User.id == user_id))
    return keyring.name(sealed or b"", "users", "name", user_id)
