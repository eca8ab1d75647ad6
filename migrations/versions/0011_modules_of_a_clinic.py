"""Modules that a clinic writes itself"""

import sqlalchemy as sa
from alembic import op

import portal.core.columns

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "module_retirements",
        sa.Column("published_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("retired_by", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("retired_at", portal.core.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["published_id"],
            ["published_modules.id"],
            name=op.f("fk_module_retirements_published_id"),
        ),
        sa.ForeignKeyConstraint(
            ["retired_by"], ["users.id"], name=op.f("fk_module_retirements_retired_by")
        ),
        sa.PrimaryKeyConstraint("published_id", name=op.f("pk_module_retirements")),
    )
    op.create_table(
        "module_drafts",
        sa.Column("id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("begun_by", portal.core.columns.Id(length=16), nullable=True),
        sa.Column("begun_at", portal.core.columns.Moment(), nullable=False),
        sa.Column("published_id", portal.core.columns.Id(length=16), nullable=True),
        sa.Column("published_seq", sa.Integer(), nullable=True),
        sa.Column("put_away_by", portal.core.columns.Id(length=16), nullable=True),
        sa.Column("put_away_at", portal.core.columns.Moment(), nullable=True),
        sa.ForeignKeyConstraint(["begun_by"], ["users.id"], name=op.f("fk_module_drafts_begun_by")),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["clinics.id"], name=op.f("fk_module_drafts_clinic_id")
        ),
        sa.ForeignKeyConstraint(
            ["published_id"], ["published_modules.id"], name=op.f("fk_module_drafts_published_id")
        ),
        sa.ForeignKeyConstraint(
            ["put_away_by"], ["users.id"], name=op.f("fk_module_drafts_put_away_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_module_drafts")),
    )
    with op.batch_alter_table("module_drafts", schema=None) as batch_op:
        batch_op.create_index("ix_module_drafts_clinic", ["clinic_id", "id"], unique=False)

    op.create_table(
        "module_revisions",
        sa.Column("draft_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("author_id", portal.core.columns.Id(length=16), nullable=True),
        sa.Column("based_on", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", portal.core.columns.Id(length=16), nullable=True),
        sa.Column("saved_at", portal.core.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_module_revisions_author_id")
        ),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["module_drafts.id"], name=op.f("fk_module_revisions_draft_id")
        ),
        sa.PrimaryKeyConstraint("draft_id", "seq", name=op.f("pk_module_revisions")),
        sa.UniqueConstraint("author_id", "nonce", name=op.f("uq_module_revisions_author_id_nonce")),
    )
    op.create_table(
        "kept_module_texts",
        sa.Column("id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("clinic_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("author_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("draft_id", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("nonce", portal.core.columns.Id(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", portal.core.columns.Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_kept_module_texts_author_id")
        ),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["module_drafts.id"], name=op.f("fk_kept_module_texts_draft_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_module_texts")),
        sa.UniqueConstraint(
            "author_id", "nonce", name=op.f("uq_kept_module_texts_author_id_nonce")
        ),
    )
    with op.batch_alter_table("kept_module_texts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_kept_module_texts_place", ["author_id", "draft_id", "id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("kept_module_texts", schema=None) as batch_op:
        batch_op.drop_index("ix_kept_module_texts_place")

    op.drop_table("kept_module_texts")
    op.drop_table("module_revisions")
    with op.batch_alter_table("module_drafts", schema=None) as batch_op:
        batch_op.drop_index("ix_module_drafts_clinic")

    op.drop_table("module_drafts")
    op.drop_table("module_retirements")
