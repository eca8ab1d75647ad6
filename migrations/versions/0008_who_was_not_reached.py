"""Who was not reached: found by person, also when it has been settled"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_contact_problems_user_id", "contact_problems", ["user_id", "resolved_at"])


def downgrade() -> None:
    op.drop_index("ix_contact_problems_user_id", "contact_problems")
