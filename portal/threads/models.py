"""Threads, their messages, and what has been written but not sent."""

import datetime as dt
import enum
import uuid

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.columns import Base, words


class Side(enum.StrEnum):
    """On which side of a thread somebody writes: the care team is one side."""

    CLIENT = "client"
    TEAM = "team"

    @property
    def other(self) -> "Side":
        return Side.TEAM if self is Side.CLIENT else Side.CLIENT


class Thread(Base):
    """A conversation. What lists need is kept here, so that no list counts messages.

    Messages are numbered from 1 within their thread, so their order never hangs on a clock.
    `waiting_since` is when the oldest message came that the care team has not answered.
    """

    __tablename__ = "threads"
    __table_args__ = (Index("ix_threads_engagement_last", "engagement_id", "last_at", "id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagements.id"))
    vault_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vaults.id"))
    subject_epoch: Mapped[int]
    subject_sealed: Mapped[bytes]
    begun_by: Mapped[uuid.UUID]
    begun_at: Mapped[dt.datetime]
    last_seq: Mapped[int]
    last_at: Mapped[dt.datetime]
    last_client_seq: Mapped[int]
    last_team_seq: Mapped[int]
    client_opened_seq: Mapped[int]
    team_opened_seq: Mapped[int]
    waiting_since: Mapped[dt.datetime | None]


class Message(Base):
    """One message. Its text never changes; taken back, it leaves the thread but not the record."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("author_id", "nonce"),)

    thread_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("threads.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[uuid.UUID]
    clinic_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    side: Mapped[Side] = mapped_column(words(Side, 10))
    epoch: Mapped[int]
    sealed: Mapped[bytes]
    nonce: Mapped[uuid.UUID]
    sent_at: Mapped[dt.datetime]
    taken_back_at: Mapped[dt.datetime | None]


class Draft(Base):
    """What somebody has written and not sent, in a thread or (`place_id` is the engagement's) as
    the beginning of a new one. Only its author sees it, though the vault's holders hold its key."""

    __tablename__ = "drafts"

    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    place_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    epoch: Mapped[int]
    sealed: Mapped[bytes]
    saved_at: Mapped[dt.datetime]


class KeptText(Base):
    """Text that came when nobody was signed in any more, sealed to its author's public key."""

    __tablename__ = "kept_texts"
    __table_args__ = (UniqueConstraint("author_id", "nonce"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    place_id: Mapped[uuid.UUID]
    nonce: Mapped[uuid.UUID]
    sealed: Mapped[bytes]
    kept_at: Mapped[dt.datetime]


class ReadMark(Base):
    """How far somebody has opened a thread, and when they last did."""

    __tablename__ = "read_marks"

    thread_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("threads.id"), primary_key=True)
    reader_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    seq: Mapped[int]
    at: Mapped[dt.datetime]


class ThreadClosure(Base):
    """A thread was closed: by whom, when."""

    __tablename__ = "thread_closures"

    thread_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("threads.id"), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    closed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    closed_at: Mapped[dt.datetime]


class NoReplyNeeded(Base):
    """Somebody said that the newest message needs no reply. It holds until the next message."""

    __tablename__ = "no_reply_needed"

    thread_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("threads.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clinic_id: Mapped[uuid.UUID]
    said_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    said_at: Mapped[dt.datetime]
