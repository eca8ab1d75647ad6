"""An index for what was tried in the last days, of one clinic on one channel"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WAS_TRIED = sa.text("tried_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_pointers_tried",
        "pointers",
        ["clinic_id", "channel", "tried_at"],
        unique=False,
        sqlite_where=WAS_TRIED,
        postgresql_where=WAS_TRIED,
    )


def downgrade() -> None:
    op.drop_index("ix_pointers_tried", table_name="pointers")
