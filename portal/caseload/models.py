"""Engagements and care teams."""

import datetime as dt
import enum
import uuid

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.columns import Base


class Engagement(Base):
    """One episode of care between a client and a care team, with the vault of its record."""

    __tablename__ = "engagements"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clinics.id"))
    client_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    vault_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vaults.id"), unique=True)
    begun_by: Mapped[uuid.UUID]
    begun_at: Mapped[dt.datetime]


class TeamRole(enum.StrEnum):
    """What somebody does on a care team."""

    PRIMARY = "primary"
    COVER = "cover"
    SUPERVISOR = "supervisor"


class CareTeamMember(Base):
    """Somebody's time on a care team: since when, until when, and who decided it."""

    __tablename__ = "care_team_members"
    __table_args__ = (Index("ix_care_team_members_user", "user_id", "left_at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagements.id"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    role: Mapped[str]
    joined_at: Mapped[dt.datetime]
    added_by: Mapped[uuid.UUID]
    left_at: Mapped[dt.datetime | None]
    removed_by: Mapped[uuid.UUID | None]
