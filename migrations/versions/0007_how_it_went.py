"""How it went: providers, reports, numbers that said STOP"""

import sqlalchemy as sa
from alembic import op

import portal.core.columns

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UNFINISHED = "state IN ('pending', 'sending')"
HAS_REF = "provider_ref IS NOT NULL"


def upgrade() -> None:
    op.create_table(
        "heard_texts",
        sa.Column("id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", portal.core.columns.Moment(), nullable=False),
        sa.Column("was_answered", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heard_texts")),
    )
    op.create_index("ix_heard_texts_lookup", "heard_texts", ["lookup", "at"])
    op.create_index(op.f("ix_heard_texts_at"), "heard_texts", ["at"])
    op.create_table(
        "opt_outs",
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("since", portal.core.columns.Moment(), nullable=False),
        sa.PrimaryKeyConstraint("lookup", "channel", name=op.f("pk_opt_outs")),
    )
    op.create_table(
        "provider_states",
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("next_at", portal.core.columns.Moment(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("open_until", portal.core.columns.Moment(), nullable=True),
        sa.Column("last_code", sa.String(), nullable=True),
        sa.Column("failed_at", portal.core.columns.Moment(), nullable=True),
        sa.Column("worked_at", portal.core.columns.Moment(), nullable=True),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_provider_states")),
    )
    with op.batch_alter_table("pointers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("fault", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("tried_at", portal.core.columns.Moment(), nullable=True))
        batch_op.add_column(sa.Column("provider_ref", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("delivered_at", portal.core.columns.Moment(), nullable=True))
    op.create_index(
        "ix_pointers_provider_ref",
        "pointers",
        ["provider_ref"],
        sqlite_where=sa.text(HAS_REF),
        postgresql_where=sa.text(HAS_REF),
    )
    _due_by("channel", "due_at")


def downgrade() -> None:
    _due_by("due_at")
    op.drop_index("ix_pointers_provider_ref", "pointers")
    op.execute("UPDATE pointers SET state = 'sent' WHERE state = 'delivered'")
    with op.batch_alter_table("pointers", schema=None) as batch_op:
        batch_op.drop_column("delivered_at")
        batch_op.drop_column("provider_ref")
        batch_op.drop_column("tried_at")
        batch_op.drop_column("fault")
    op.drop_table("provider_states")
    op.drop_table("opt_outs")
    op.drop_table("heard_texts")


def _due_by(*columns: str) -> None:
    op.drop_index("ix_pointers_due", "pointers")
    op.create_index(
        "ix_pointers_due",
        "pointers",
        list(columns),
        sqlite_where=sa.text(UNFINISHED),
        postgresql_where=sa.text(UNFINISHED),
    )
