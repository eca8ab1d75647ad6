"""Reminders of given work, its last day, and changes of state that nobody made"""

import sqlalchemy as sa
from alembic import op

import portal.core.columns

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "work_reminders",
        sa.Column("assignment_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("user_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("reminded_at", portal.core.columns.Moment(), nullable=True),
        sa.Column("next_at", portal.core.columns.Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignments.id"], name=op.f("fk_work_reminders_assignment_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_work_reminders_user_id")),
        sa.PrimaryKeyConstraint("assignment_id", name=op.f("pk_work_reminders")),
    )
    op.create_index("ix_work_reminders_next_at", "work_reminders", ["next_at"])
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("ends_at", portal.core.columns.Moment(), nullable=True))
        batch_op.create_index("ix_assignments_ends_at", ["ends_at"])
    with op.batch_alter_table("assignment_states", schema=None) as batch_op:
        batch_op.alter_column("by", existing_type=portal.core.columns.Id(length=16), nullable=True)


def downgrade() -> None:
    op.execute('DELETE FROM assignment_states WHERE "by" IS NULL')
    with op.batch_alter_table("assignment_states", schema=None) as batch_op:
        batch_op.alter_column("by", existing_type=portal.core.columns.Id(length=16), nullable=False)
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.drop_index("ix_assignments_ends_at")
        batch_op.drop_column("ends_at")
    op.drop_index("ix_work_reminders_next_at", "work_reminders")
    op.drop_table("work_reminders")
