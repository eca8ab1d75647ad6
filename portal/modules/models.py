"""Modules that a clinic publishes; work that is given: how far it has come, what was answered,
what was said to it; and modules that are still being written.
"""

import datetime as dt
import enum
import uuid

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.columns import Base, words


class Origin(enum.StrEnum):
    """Where a published module comes from: with the portal, or written in the clinic."""

    LIBRARY = "library"
    OWN = "own"


class PublishedModule(Base):
    """One version of a module as its file holds it. It never changes: what was given stays.

    The file is sealed by the server's keyring: it is nobody's answer, but a stolen table should
    not tell what a clinic's clients work on. `module_lookup` is a keyed hash of origin and id,
    `digest` one of the file. `published_by` is None for the server's command line.
    """

    __tablename__ = "published_modules"
    __table_args__ = (UniqueConstraint("clinic_id", "module_lookup", "version"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clinics.id"))
    origin: Mapped[Origin] = mapped_column(words(Origin, 10))
    module_lookup: Mapped[bytes]
    version: Mapped[str]
    digest: Mapped[bytes]
    sealed: Mapped[bytes] = mapped_column(deferred=True)
    published_by: Mapped[uuid.UUID | None]
    published_at: Mapped[dt.datetime]


class State(enum.StrEnum):
    """Where given work stands. What may follow what is in `portal.modules.course`."""

    ASSIGNED = "assigned"
    OPENED = "opened"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    FEEDBACK_GIVEN = "feedback_given"
    REVISION_ASKED = "revision_asked"
    COMPLETED = "completed"
    SKIPPED = "skipped"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Pace(enum.StrEnum):
    """When a step may be begun: any time, after the one before, or one a week."""

    FREE = "free"
    IN_ORDER = "in_order"
    WEEKLY = "weekly"


class Assignment(Base):
    """A version of a module, given to a client. What lists need is kept here.

    `waiting_since` is when the oldest thing came that the care team has not answered.
    `read_weekday`: on which day of the week they said they read what is sent (0 is Monday).
    """

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("given_by", "nonce"),
        Index("ix_assignments_engagement", "engagement_id", "id"),
        Index("ix_assignments_ends_at", "ends_at"),
        Index("ix_assignments_given", "clinic_id", "given_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    engagement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("engagements.id"))
    vault_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("vaults.id"))
    published_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("published_modules.id"))
    given_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    given_at: Mapped[dt.datetime]
    nonce: Mapped[uuid.UUID]
    starts_at: Mapped[dt.datetime]
    ends_at: Mapped[dt.datetime | None]
    pace: Mapped[Pace] = mapped_column(words(Pace))
    read_weekday: Mapped[int | None]
    state: Mapped[State] = mapped_column(words(State))
    last_at: Mapped[dt.datetime]
    waiting_since: Mapped[dt.datetime | None]


class StateChange(Base):
    """Given work came into a state: who brought it there, and when. Numbered from 1.

    `by` is nobody where its last day had passed.
    """

    __tablename__ = "assignment_states"

    assignment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clinic_id: Mapped[uuid.UUID]
    state: Mapped[State] = mapped_column(words(State))
    by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[dt.datetime]


class Gate(enum.StrEnum):
    """Whether the client waits after a step until it has been read."""

    FREE = "free"
    SOFT = "soft"
    HOLD = "hold"


class StepTerms(Base):
    """What was agreed for one step of given work. `opened_at`: a clinician unlocked it;
    `spared_at`: they decided that it is not for this client, and it is left out.

    `called_at`: since when the client's answers call for one of the care team, until one has said
    that they have come; `last_called_at`: when they last did. What was answered is in no column.
    """

    __tablename__ = "step_terms"

    assignment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    step_id: Mapped[str] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    gate: Mapped[Gate] = mapped_column(words(Gate, 10))
    opened_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    opened_at: Mapped[dt.datetime | None]
    spared_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    spared_at: Mapped[dt.datetime | None]
    called_at: Mapped[dt.datetime | None]
    last_called_at: Mapped[dt.datetime | None]


class Response(Base):
    """All answers of one step as one form left them. Numbered within the step; the last counts.

    One form has one row, however often it is saved; another form, as on another device, makes
    another row, and the earlier one stays. `based_on` is the number that the form was made from.
    `written_on`: the day that stands on a sheet of paper, from which the author, one of the care
    team, typed them in.
    """

    __tablename__ = "responses"
    __table_args__ = (UniqueConstraint("author_id", "nonce"),)

    assignment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    step_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clinic_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    based_on: Mapped[int]
    epoch: Mapped[int]
    sealed: Mapped[bytes]
    nonce: Mapped[uuid.UUID]
    saved_at: Mapped[dt.datetime]
    written_on: Mapped[dt.date | None]


class Ending(enum.StrEnum):
    """How a client left a step behind."""

    SENT = "sent"
    NOT_NOW = "not_now"


class StepEnding(Base):
    """A step was left behind: the client sent it, or put it off; or it was sent for them, from
    paper. Numbered within given work.

    `response_seq` is what they had answered then. `nonce` is the form's: it happens once.
    """

    __tablename__ = "step_endings"
    __table_args__ = (UniqueConstraint("by", "nonce"),)

    assignment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clinic_id: Mapped[uuid.UUID]
    step_id: Mapped[str]
    how: Mapped[Ending] = mapped_column(words(Ending, 10))
    response_seq: Mapped[int]
    by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    at: Mapped[dt.datetime]
    nonce: Mapped[uuid.UUID]


class Feedback(Base):
    """What a clinician said to one step: beside its answers, and to the whole. Never changes.

    `response_seq` is what they had read. Numbered within given work.
    """

    __tablename__ = "feedback"
    __table_args__ = (UniqueConstraint("author_id", "nonce"),)

    assignment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clinic_id: Mapped[uuid.UUID]
    step_id: Mapped[str]
    response_seq: Mapped[int]
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    epoch: Mapped[int]
    sealed: Mapped[bytes]
    nonce: Mapped[uuid.UUID]
    given_at: Mapped[dt.datetime]


class KeptAnswers(Base):
    """Answers that came when nobody was signed in any more, sealed to their author's public key."""

    __tablename__ = "kept_answers"
    __table_args__ = (
        UniqueConstraint("author_id", "nonce"),
        Index("ix_kept_answers_place", "author_id", "assignment_id", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    assignment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assignments.id"))
    step_id: Mapped[str]
    nonce: Mapped[uuid.UUID]
    sealed: Mapped[bytes]
    kept_at: Mapped[dt.datetime]


class Homework(Base):
    """What a client has planned to do. What it is stands in the answers it comes from.

    `closed_at`: it was done, or is asked for no more. `missed_at`: it did not happen twice, and
    the care team has not said yet that they saw it.
    """

    __tablename__ = "homework"

    assignment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    prompt_id: Mapped[str] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    step_id: Mapped[str]
    planned_at: Mapped[dt.datetime]
    closed_at: Mapped[dt.datetime | None]
    missed_at: Mapped[dt.datetime | None]


class HomeworkReport(Base):
    """How it went, as the client says. Numbered within given work."""

    __tablename__ = "homework_reports"
    __table_args__ = (UniqueConstraint("by", "nonce"),)

    assignment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clinic_id: Mapped[uuid.UUID]
    prompt_id: Mapped[str]
    by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    epoch: Mapped[int]
    sealed: Mapped[bytes]
    nonce: Mapped[uuid.UUID]
    at: Mapped[dt.datetime]


class WorkReminder(Base):
    """When a client wants to be reminded of given work: a day of the week (0 is Monday) and an hour
    on their own clock. `next_at`: the next such hour, whether or not they are told then.

    `in_a_row`: how often they were since they last did something.
    """

    __tablename__ = "work_reminders"
    __table_args__ = (Index("ix_work_reminders_next_at", "next_at"),)

    assignment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("assignments.id"), primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    weekday: Mapped[int]
    hour: Mapped[int]
    in_a_row: Mapped[int]
    reminded_at: Mapped[dt.datetime | None]
    next_at: Mapped[dt.datetime | None]


class ModuleRetirement(Base):
    """A version is not offered any more. Work that was given with it goes on."""

    __tablename__ = "module_retirements"

    published_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("published_modules.id"), primary_key=True
    )
    clinic_id: Mapped[uuid.UUID]
    retired_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    retired_at: Mapped[dt.datetime]


class ModuleDraft(Base):
    """A module that somebody in the clinic is writing; whoever may write may go on with it.

    `published_id` is the last version that was published out of it, `published_seq` the revision
    that this was.
    """

    __tablename__ = "module_drafts"
    __table_args__ = (Index("ix_module_drafts_clinic", "clinic_id", "id"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("clinics.id"))
    begun_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    begun_at: Mapped[dt.datetime]
    published_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("published_modules.id"))
    published_seq: Mapped[int | None]
    put_away_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    put_away_at: Mapped[dt.datetime | None]


class ModuleRevision(Base):
    """A draft's text as one form left it. Numbered within the draft; the last counts.

    One form has one row, however often it is saved, as long as nobody else saves meanwhile.
    `based_on` is the number that the form was made from.
    """

    __tablename__ = "module_revisions"
    __table_args__ = (UniqueConstraint("author_id", "nonce"),)

    draft_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("module_drafts.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    clinic_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    based_on: Mapped[int]
    sealed: Mapped[bytes]
    nonce: Mapped[uuid.UUID | None]
    saved_at: Mapped[dt.datetime]


class KeptModuleText(Base):
    """A draft's text that came when nobody was signed in, sealed to its author's public key."""

    __tablename__ = "kept_module_texts"
    __table_args__ = (
        UniqueConstraint("author_id", "nonce"),
        Index("ix_kept_module_texts_place", "author_id", "draft_id", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    clinic_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    draft_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("module_drafts.id"))
    nonce: Mapped[uuid.UUID]
    sealed: Mapped[bytes]
    kept_at: Mapped[dt.datetime]
