"""The outbox, and where each person wants to be told."""

import datetime as dt
import enum
import uuid

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.columns import Base, words


class Channel(enum.StrEnum):
    EMAIL = "email"
    SMS = "sms"


class State(enum.StrEnum):
    """How far a pointer has come. `sending` stays until it is known how a try ended.

    `sent` means that the provider took it, `delivered` that it says it arrived.
    """

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class Fault(enum.StrEnum):
    """Why something did not go out, by what has to be done about it."""

    AWAY = "away"  # no connection
    SILENT = "silent"  # no answer in time
    BROKEN = "broken"  # the provider says it is not well
    GARBLED = "garbled"  # an answer that is none
    BUSY = "busy"  # the provider asks us to wait
    SETTINGS = "settings"  # it does not take anything from us: password, sender, account
    LATER = "later"  # not just now for this address: greylisting, a busy mailbox
    REFUSED = "refused"  # this address did not take it this time
    DEAD = "dead"  # there is no such address
    OPTED_OUT = "opted_out"  # its owner said STOP to the provider
    OURS = "ours"  # it cannot be sent by anybody: a header that is none, a key that is lost

    @property
    def is_about_the_provider(self) -> bool:
        """It would have happened to any address: never counted against one."""
        return self in _PROVIDERS

    @property
    def is_about_the_address(self) -> bool:
        """It is about this address: three of these in a row, and a person has to look."""
        return self in _ADDRESS

    @property
    def is_for_good(self) -> bool:
        """Trying again would change nothing."""
        return self in (Fault.REFUSED, Fault.DEAD, Fault.OPTED_OUT, Fault.OURS)


_ADDRESS = frozenset({Fault.LATER, Fault.REFUSED, Fault.DEAD})
_PROVIDERS = frozenset(
    {Fault.AWAY, Fault.SILENT, Fault.BROKEN, Fault.GARBLED, Fault.BUSY, Fault.SETTINGS}
)


class Address(Base):
    """Where a person can be told. Only the worker's key opens it; the web cannot read it back."""

    __tablename__ = "addresses"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    channel: Mapped[Channel] = mapped_column(words(Channel), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    sealed: Mapped[bytes]
    # By which it is found again and known by its owner, without being stored.
    lookup: Mapped[bytes | None] = mapped_column(index=True)
    hint: Mapped[bytes | None]
    confirmed_at: Mapped[dt.datetime | None]


# A pointer of this kind carries the code that proves an address; it waits for nothing.
PROOF = "proof"
# One of staff alone: it waits for no morning.
URGENT = "urgent"
WITHOUT_DELAY = (PROOF, URGENT)

AHEAD = "state = 'pending' AND kind <> 'proof'"


class Pointer(Base):
    """One telling. Its id is what mail server and gateway see when it is tried again.

    `reminder` is 0 for the first telling; a reminder says how many there have been in a row.
    """

    __tablename__ = "pointers"
    __table_args__ = (
        # However much happens, one person has one telling ahead of them on each channel.
        Index(
            "uq_pointers_ahead",
            "recipient_id",
            "channel",
            unique=True,
            sqlite_where=text(AHEAD),
            postgresql_where=text(AHEAD),
        ),
        Index(
            "ix_pointers_due",
            "channel",
            "due_at",
            sqlite_where=text("state IN ('pending', 'sending')"),
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
        Index(
            "ix_pointers_provider_ref",
            "provider_ref",
            sqlite_where=text("provider_ref IS NOT NULL"),
            postgresql_where=text("provider_ref IS NOT NULL"),
        ),
        # What was tried in the last days, for whoever has to mend it. What waits is not in it.
        Index(
            "ix_pointers_tried",
            "clinic_id",
            "channel",
            "tried_at",
            sqlite_where=text("tried_at IS NOT NULL"),
            postgresql_where=text("tried_at IS NOT NULL"),
        ),
        # When somebody was told last, and what of it they have not opened.
        Index("ix_pointers_told", "recipient_id", "channel", "sent_at"),
        # Of whom it is time to ask whether they should be reminded.
        Index(
            "ix_pointers_unanswered",
            "sent_at",
            sqlite_where=text("opened_at IS NULL"),
            postgresql_where=text("opened_at IS NULL"),
        ),
        Index(
            "ix_pointers_unopened",
            "recipient_id",
            "cause_id",
            sqlite_where=text("opened_at IS NULL"),
            postgresql_where=text("opened_at IS NULL"),
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
    reminder: Mapped[int] = mapped_column(default=0, server_default="0")
    opened_at: Mapped[dt.datetime | None]
    # Of what kind the last error was, when it was first tried, and what the provider calls it.
    fault: Mapped[Fault | None] = mapped_column(words(Fault))
    tried_at: Mapped[dt.datetime | None]
    provider_ref: Mapped[str | None]
    delivered_at: Mapped[dt.datetime | None]


class JoinedCause(Base):
    """What else a pointer tells of, that was on its way when something more happened."""

    __tablename__ = "joined_causes"

    pointer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pointers.id"), primary_key=True)
    cause_kind: Mapped[str] = mapped_column(primary_key=True)
    cause_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]


class AddressProof(Base):
    """An address that somebody entered and has yet to prove: a code was sent to it.

    Address and code are sealed to the worker; of the code the web keeps a keyed hash.
    """

    __tablename__ = "address_proofs"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    channel: Mapped[Channel] = mapped_column(words(Channel), primary_key=True)
    # What the pointer that carries the code has as its cause: of two codes only the newer goes out.
    id: Mapped[uuid.UUID]
    clinic_id: Mapped[uuid.UUID]
    sealed: Mapped[bytes]
    lookup: Mapped[bytes]
    hint: Mapped[bytes]
    code_sealed: Mapped[bytes]
    code_hash: Mapped[bytes]
    sent_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
    tries: Mapped[int]


class Contact(enum.StrEnum):
    """Whether somebody wants to be told at all."""

    POINTERS = "pointers"
    NONE = "none"


class Rhythm(enum.StrEnum):
    """How often at most: with each thing, once a day, once in seven days."""

    EACH = "each"
    DAILY = "daily"
    WEEKLY = "weekly"


class NoticePreference(Base):
    """How somebody wants to be told. Whoever has none is told by the portal's own rule.

    `quiet_from` and `quiet_until` are minutes of the day; equal means never quiet. `days` has bit 0
    for Monday. `time_zone` is an IANA name, or nothing for the clinic's.
    """

    __tablename__ = "notice_preferences"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    contact: Mapped[Contact] = mapped_column(words(Contact))
    voicemail_ok: Mapped[bool]
    time_zone: Mapped[str | None]
    quiet_from: Mapped[int]
    quiet_until: Mapped[int]
    days: Mapped[int]
    rhythm: Mapped[Rhythm] = mapped_column(words(Rhythm))
    wording: Mapped[str]
    sender_name: Mapped[str]
    changed_at: Mapped[dt.datetime]


class OwnershipQuestion(Base):
    """A client is asked who else can open what they read, for instance because of their age."""

    __tablename__ = "ownership_questions"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    asked_by: Mapped[uuid.UUID]
    asked_at: Mapped[dt.datetime]


class OwnershipRule(Base):
    """A clinic has all its clients asked who else can open what they read."""

    __tablename__ = "ownership_rules"

    clinic_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clinics.id"), primary_key=True)
    made_at: Mapped[dt.datetime]


class HoldReason(enum.StrEnum):
    """Why nothing is sent to somebody: they have yet to say, they said so, or it was found."""

    UNANSWERED = "unanswered"
    SOMEBODY_ELSE = "somebody_else"
    GUARDIAN = "guardian"


class PointerHold(Base):
    """Nothing is sent to somebody, since another person could open it."""

    __tablename__ = "pointer_holds"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    reason: Mapped[HoldReason] = mapped_column(words(HoldReason))
    since: Mapped[dt.datetime]


class GuardianContact(Base):
    """A guardian's mail address or number, kept only as what it can be recognised by."""

    __tablename__ = "guardian_contacts"
    __table_args__ = (Index("uq_guardian_contacts_lookup", "user_id", "lookup", unique=True),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[Channel] = mapped_column(words(Channel))
    lookup: Mapped[bytes]
    hint: Mapped[bytes]
    added_by: Mapped[uuid.UUID]
    added_at: Mapped[dt.datetime]


class ContactProblem(Base):
    """Somebody cannot be reached: a task for a person. `code` picks the wording."""

    __tablename__ = "contact_problems"
    __table_args__ = (
        Index(
            "uq_contact_problems_open",
            "user_id",
            "channel",
            "code",
            unique=True,
            sqlite_where=text("resolved_at IS NULL"),
            postgresql_where=text("resolved_at IS NULL"),
        ),
        Index("ix_contact_problems_user_id", "user_id", "resolved_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[Channel] = mapped_column(words(Channel))
    code: Mapped[str]
    since: Mapped[dt.datetime]
    resolved_at: Mapped[dt.datetime | None]
    resolved_by: Mapped[uuid.UUID | None]


class OptOut(Base):
    """STOP: nothing is sent to this number, whoever it belongs to, until it says START."""

    __tablename__ = "opt_outs"

    lookup: Mapped[bytes] = mapped_column(primary_key=True)
    channel: Mapped[Channel] = mapped_column(words(Channel), primary_key=True)
    since: Mapped[dt.datetime]


class HeardKind(enum.StrEnum):
    """What a text from a telephone meant."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    OTHER = "other"


class HeardText(Base):
    """A text came from a telephone, and whether it was answered. What it said is kept nowhere."""

    __tablename__ = "heard_texts"
    __table_args__ = (Index("ix_heard_texts_lookup", "lookup", "at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    lookup: Mapped[bytes]
    kind: Mapped[HeardKind] = mapped_column(words(HeardKind))
    at: Mapped[dt.datetime] = mapped_column(index=True)
    was_answered: Mapped[bool]


class ProviderState(Base):
    """How the provider of a channel is doing: when it may be given the next message.

    After `failures` in a row that were its own it is left alone until `open_until`.
    """

    __tablename__ = "provider_states"

    channel: Mapped[Channel] = mapped_column(words(Channel), primary_key=True)
    next_at: Mapped[dt.datetime | None]
    failures: Mapped[int]
    open_until: Mapped[dt.datetime | None]
    last_code: Mapped[str | None]
    failed_at: Mapped[dt.datetime | None]
    worked_at: Mapped[dt.datetime | None]
