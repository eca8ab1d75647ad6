"""Whose engagement it is, and who is on the team."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from portal.accounts.models import Role, User
from portal.accounts.people import Person
from portal.accounts.queries import name_of
from portal.caseload.models import CareTeamMember, Engagement
from portal.core.keyring import Keyring


@dataclass(frozen=True)
class TeamFacts:
    """Somebody on a care team."""

    id: uuid.UUID
    name: str
    role: str
    since: dt.datetime
    public_key: bytes


def team_of(session: Session, keyring: Keyring, engagement_id: uuid.UUID) -> list[TeamFacts]:
    """The care team as it is now, the first to join first."""
    rows = session.execute(
        select(CareTeamMember, User)
        .join(User, User.id == CareTeamMember.user_id)
        .where(CareTeamMember.engagement_id == engagement_id, CareTeamMember.left_at.is_(None))
        .order_by(CareTeamMember.id)
    )
    return [
        TeamFacts(user.id, name_of(keyring, user), member.role, member.joined_at, user.public_key)
        for member, user in rows
    ]


@dataclass(frozen=True)
class EngagementFacts:
    """An engagement with the client's name."""

    id: uuid.UUID
    vault_id: uuid.UUID
    client_id: uuid.UUID
    client_name: str
    client_has_come: bool
    begun_at: dt.datetime


def _facts(keyring: Keyring, engagement: Engagement, client: User) -> EngagementFacts:
    return EngagementFacts(
        engagement.id,
        engagement.vault_id,
        client.id,
        name_of(keyring, client),
        client.activated_at is not None,
        engagement.begun_at,
    )


def engagements_of_team_member(
    session: Session, keyring: Keyring, person: Person
) -> list[EngagementFacts]:
    """The engagements on whose care team somebody is."""
    rows = session.execute(
        select(Engagement, User)
        .join(User, User.id == Engagement.client_id)
        .join(CareTeamMember, CareTeamMember.engagement_id == Engagement.id)
        .where(CareTeamMember.user_id == person.id, CareTeamMember.left_at.is_(None))
        .order_by(Engagement.id)
    )
    return [_facts(keyring, engagement, client) for engagement, client in rows]


def engagement_of_client(session: Session, client_id: uuid.UUID) -> Engagement | None:
    """A client's present engagement: the latest."""
    return session.scalar(
        select(Engagement)
        .where(Engagement.client_id == client_id)
        .order_by(Engagement.id.desc())
        .limit(1)
    )


def find_engagement(
    session: Session, keyring: Keyring, person: Person, engagement_id: uuid.UUID
) -> EngagementFacts | None:
    """An engagement if this person is its client or on its care team."""
    row = session.execute(
        select(Engagement, User)
        .join(User, User.id == Engagement.client_id)
        .where(
            Engagement.id == engagement_id,
            Engagement.clinic_id == person.clinic_id,
            _is_party(person),
        )
    ).first()
    return _facts(keyring, row[0], row[1]) if row else None


def _is_party(person: Person) -> ColumnElement[bool]:
    if person.role is Role.CLIENT:
        return Engagement.client_id == person.id
    return Engagement.id.in_(
        select(CareTeamMember.engagement_id).where(
            CareTeamMember.user_id == person.id, CareTeamMember.left_at.is_(None)
        )
    )


@dataclass(frozen=True)
class Waiting:
    """What an engagement has for its care team. Every feature offers it as `waiting_items`."""

    engagement_id: uuid.UUID
    waiting_since: dt.datetime | None
    last_at: dt.datetime | None

    def beside(self, other: "Waiting") -> "Waiting":
        """Both together: what waits longest counts, and what happened last."""
        since = [one.waiting_since for one in (self, other) if one.waiting_since]
        last = [one.last_at for one in (self, other) if one.last_at]
        return Waiting(self.engagement_id, min(since, default=None), max(last, default=None))
