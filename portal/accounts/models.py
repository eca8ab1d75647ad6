"""People, the ways to unlock their private key, and their browser sessions."""

import datetime as dt
import enum
import uuid

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.columns import Base, words


class Role(enum.StrEnum):
    CLIENT = "client"
    CLINICIAN = "clinician"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"

    @property
    def is_staff(self) -> bool:
        return self is not Role.CLIENT

    @property
    def is_clinical(self) -> bool:
        return self in (Role.CLINICIAN, Role.SUPERVISOR)


class WrapKind(enum.StrEnum):
    """What can unlock a private key."""

    PASSPHRASE = "passphrase"  # noqa: S105 - the name of a kind
    RECOVERY_CODE = "recovery_code"
    INVITATION = "invitation"
    ESCROW = "escrow"


class User(Base):
    """A person. Their names are sealed by the server's keyring, found by keyed hash."""

    __tablename__ = "users"
    __table_args__ = (Index("ix_users_clinic", "clinic_id", "id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clinics.id"))
    role: Mapped[Role] = mapped_column(words(Role))
    language: Mapped[str]
    name_sealed: Mapped[bytes]
    user_name_sealed: Mapped[bytes | None]
    user_name_lookup: Mapped[bytes | None] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    salt: Mapped[bytes]
    cost: Mapped[str]
    authenticator: Mapped[bytes | None]
    created_at: Mapped[dt.datetime]
    activated_at: Mapped[dt.datetime | None]


class Disablement(Base):
    """Somebody may not sign in any more: who decided it, and when."""

    __tablename__ = "disablements"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    disabled_by: Mapped[uuid.UUID]
    disabled_at: Mapped[dt.datetime]


class KeyWrap(Base):
    """One way to unlock a person's private key."""

    __tablename__ = "key_wraps"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    kind: Mapped[WrapKind] = mapped_column(words(WrapKind), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    sealed: Mapped[bytes]
    created_at: Mapped[dt.datetime]


class Invitation(Base):
    """A code that has been handed to somebody and not been used."""

    __tablename__ = "invitations"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    code_lookup: Mapped[bytes] = mapped_column(unique=True)
    invited_by: Mapped[uuid.UUID | None]
    invited_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]


class BrowserSession(Base):
    """A signed-in browser. The key is wrapped under a secret that only its cookie holds."""

    __tablename__ = "browser_sessions"

    cookie_digest: Mapped[bytes] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(unique=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    clinic_id: Mapped[uuid.UUID]
    wrapped_key: Mapped[bytes]
    device: Mapped[str]
    started_at: Mapped[dt.datetime]
    seen_at: Mapped[dt.datetime]
    idle_seconds: Mapped[int]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)


class KnownNetwork(Base):
    """Where somebody has signed in from (a keyed hash): strangers' guessing cannot shut it out."""

    __tablename__ = "known_networks"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    network: Mapped[bytes] = mapped_column(primary_key=True)
    seen_at: Mapped[dt.datetime] = mapped_column(index=True)


class Notice(Base):
    """Something a person must be told about their account at the next sign-in."""

    __tablename__ = "notices"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    code: Mapped[str]
    raised_at: Mapped[dt.datetime]
    seen_at: Mapped[dt.datetime | None]
