"""The outbox, and where each person wants to be told."""

import datetime as dt
import enum
import uuid

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.database import Base, words


class Channel(enum.StrEnum):
    EMAIL = "email"
    SMS = "sms"


class State(enum.StrEnum):
    """How far a pointer has come. `sending` stays until it is known how a try ended."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


class Address(Base):
    """Where a person can be told. Only the worker's key opens it; the web cannot read it back."""

    __tablename__ = "addresses"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    channel: Mapped[Channel] = mapped_column(words(Channel), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    sealed: Mapped[bytes]
    confirmed_at: Mapped[dt.datetime | None]


class Pointer(Base):
    """One telling. Its id is what mail server and gateway see when it is tried again."""

    __tablename__ = "pointers"
    __table_args__ = (
        # However much happens, one person has one telling ahead of them on each channel.
        Index(
            "uq_pointers_ahead",
            "recipient_id",
            "channel",
            unique=True,
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(
            "ix_pointers_due",
            "due_at",
            sqlite_where=text("state IN ('pending', 'sending')"),
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    recipient_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[Channel] = mapped_column(words(Channel))
    kind: Mapped[str]
    cause_kind: Mapped[str]
    cause_id: Mapped[uuid.UUID]
    created_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    state: Mapped[State] = mapped_column(words(State))
    attempts: Mapped[int]
    last_error_code: Mapped[str | None]
    sent_at: Mapped[dt.datetime | None]
