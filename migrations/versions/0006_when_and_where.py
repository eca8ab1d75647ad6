"""When and where people are told"""

import sqlalchemy as sa
from alembic import op

import portal.core.columns

revision = "0006"
down_revision = "0001"
branch_labels = None
depends_on = None

BEFORE, AFTER = "state = 'pending'", "state = 'pending' AND kind <> 'proof'"


def upgrade() -> None:
    op.create_table(
        "ownership_rules",
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("made_at", portal.core.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["clinics.id"], name=op.f("fk_ownership_rules_clinic_id")
        ),
        sa.PrimaryKeyConstraint("clinic_id", name=op.f("pk_ownership_rules")),
    )
    op.create_table(
        "address_proofs",
        sa.Column("user_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.LargeBinary(), nullable=False),
        sa.Column("code_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sent_at", portal.core.columns.Moment(), nullable=False),
        sa.Column("expires_at", portal.core.columns.Moment(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_address_proofs_user_id")),
        sa.PrimaryKeyConstraint("user_id", "channel", name=op.f("pk_address_proofs")),
    )
    with op.batch_alter_table("address_proofs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_address_proofs_expires_at"), ["expires_at"], unique=False
        )

    op.create_table(
        "contact_problems",
        sa.Column("id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("user_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("since", portal.core.columns.Moment(), nullable=False),
        sa.Column("resolved_at", portal.core.columns.Moment(), nullable=True),
        sa.Column("resolved_by", portal.core.columns.Id(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_contact_problems_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_problems")),
    )
    with op.batch_alter_table("contact_problems", schema=None) as batch_op:
        batch_op.create_index(
            "uq_contact_problems_open",
            ["user_id", "channel", "code"],
            unique=True,
            sqlite_where=sa.text("resolved_at IS NULL"),
            postgresql_where=sa.text("resolved_at IS NULL"),
        )

    op.create_table(
        "guardian_contacts",
        sa.Column("id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("user_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.LargeBinary(), nullable=False),
        sa.Column("added_by", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("added_at", portal.core.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_guardian_contacts_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guardian_contacts")),
    )
    with op.batch_alter_table("guardian_contacts", schema=None) as batch_op:
        batch_op.create_index("uq_guardian_contacts_lookup", ["user_id", "lookup"], unique=True)

    op.create_table(
        "notice_preferences",
        sa.Column("user_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("contact", sa.String(length=20), nullable=False),
        sa.Column("voicemail_ok", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=True),
        sa.Column("quiet_from", sa.Integer(), nullable=False),
        sa.Column("quiet_until", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("rhythm", sa.String(length=20), nullable=False),
        sa.Column("wording", sa.String(), nullable=False),
        sa.Column("sender_name", sa.String(), nullable=False),
        sa.Column("changed_at", portal.core.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notice_preferences_user_id")
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notice_preferences")),
    )
    op.create_table(
        "ownership_questions",
        sa.Column("user_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("asked_by", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("asked_at", portal.core.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_ownership_questions_user_id")
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_ownership_questions")),
    )
    op.create_table(
        "pointer_holds",
        sa.Column("user_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("since", portal.core.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_pointer_holds_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_pointer_holds")),
    )
    op.create_table(
        "joined_causes",
        sa.Column("pointer_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("cause_kind", sa.String(), nullable=False),
        sa.Column("cause_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["pointer_id"], ["pointers.id"], name=op.f("fk_joined_causes_pointer_id")
        ),
        sa.PrimaryKeyConstraint(
            "pointer_id", "cause_kind", "cause_id", name=op.f("pk_joined_causes")
        ),
    )
    with op.batch_alter_table("addresses", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lookup", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("hint", sa.LargeBinary(), nullable=True))
        batch_op.create_index(batch_op.f("ix_addresses_lookup"), ["lookup"], unique=False)

    with op.batch_alter_table("pointers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reminder", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("opened_at", portal.core.columns.Moment(), nullable=True))
        batch_op.create_index(
            "ix_pointers_told", ["recipient_id", "channel", "sent_at"], unique=False
        )
        batch_op.create_index(
            "ix_pointers_unanswered",
            ["sent_at"],
            unique=False,
            sqlite_where=sa.text("opened_at IS NULL"),
            postgresql_where=sa.text("opened_at IS NULL"),
        )
        batch_op.create_index(
            "ix_pointers_unopened",
            ["recipient_id", "cause_id"],
            unique=False,
            sqlite_where=sa.text("opened_at IS NULL"),
            postgresql_where=sa.text("opened_at IS NULL"),
        )

    _one_ahead_where(AFTER)


def downgrade() -> None:
    op.drop_table("joined_causes")
    op.execute("DELETE FROM pointers WHERE kind = 'proof'")
    _one_ahead_where(BEFORE)
    with op.batch_alter_table("pointers", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_pointers_unopened",
            sqlite_where=sa.text("opened_at IS NULL"),
            postgresql_where=sa.text("opened_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_pointers_unanswered",
            sqlite_where=sa.text("opened_at IS NULL"),
            postgresql_where=sa.text("opened_at IS NULL"),
        )
        batch_op.drop_index("ix_pointers_told")
        batch_op.drop_column("opened_at")
        batch_op.drop_column("reminder")

    with op.batch_alter_table("addresses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_addresses_lookup"))
        batch_op.drop_column("hint")
        batch_op.drop_column("lookup")

    op.drop_table("pointer_holds")
    op.drop_table("ownership_questions")
    op.drop_table("notice_preferences")
    with op.batch_alter_table("guardian_contacts", schema=None) as batch_op:
        batch_op.drop_index("uq_guardian_contacts_lookup")

    op.drop_table("guardian_contacts")
    with op.batch_alter_table("contact_problems", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_contact_problems_open",
            sqlite_where=sa.text("resolved_at IS NULL"),
            postgresql_where=sa.text("resolved_at IS NULL"),
        )

    op.drop_table("contact_problems")
    with op.batch_alter_table("address_proofs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_address_proofs_expires_at"))

    op.drop_table("address_proofs")
    op.drop_table("ownership_rules")


def _one_ahead_where(condition: str) -> None:
    op.drop_index("uq_pointers_ahead", "pointers")
    op.create_index(
        "uq_pointers_ahead",
        "pointers",
        ["recipient_id", "channel"],
        unique=True,
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )
