"""Answers that came on paper, and work looked at for the clinic as a whole"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("responses", schema=None) as batch_op:
        batch_op.add_column(sa.Column("written_on", sa.Date(), nullable=True))
    op.create_index("ix_assignments_given", "assignments", ["clinic_id", "given_at"])


def downgrade() -> None:
    op.drop_index("ix_assignments_given", table_name="assignments")
    with op.batch_alter_table("responses", schema=None) as batch_op:
        batch_op.drop_column("written_on")
