"""Steps that a clinician has decided against"""

import sqlalchemy as sa
from alembic import op

import portal.core.columns

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("step_terms", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("spared_by", portal.core.columns.Id(length=16), nullable=True)
        )
        batch_op.add_column(sa.Column("spared_at", portal.core.columns.Moment(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_step_terms_spared_by"), "users", ["spared_by"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("step_terms", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_step_terms_spared_by"), type_="foreignkey")
        batch_op.drop_column("spared_at")
        batch_op.drop_column("spared_by")
