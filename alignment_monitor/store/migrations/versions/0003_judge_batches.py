"""Batches of judge calls, and the units that are on their way in them."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    op.create_table(
        "judge_batches",
        sa.Column("mark", sa.String, nullable=False),
        sa.Column("judge_key", sa.String, nullable=False),
        sa.Column("rubric_version", sa.String, nullable=False),
        sa.Column("batch_id", sa.String),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("completed", sa.Integer),
        sa.Column("failed", sa.Integer),
        sa.Column("outcome", sa.String),
        sa.Column("error", sa.String),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("mark", name="pk_judge_batches"),
    )
    op.create_table(
        "judge_batch_units",
        sa.Column("judge_key", sa.String, nullable=False),
        sa.Column("rubric_version", sa.String, nullable=False),
        sa.Column("unit_hash", sa.String, nullable=False),
        sa.Column("occasion", sa.String, nullable=False),
        sa.Column("mark", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("unusable", sa.Integer, nullable=False),
        sa.Column("returned_model", sa.String),
        sa.Column("answer", sa.Text),
        sa.Column("prompt_tokens", sa.Integer),
        sa.Column("completion_tokens", sa.Integer),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint(
            "judge_key", "rubric_version", "unit_hash", "occasion", name="pk_judge_batch_units"
        ),
        sa.ForeignKeyConstraint(["mark"], ["judge_batches.mark"], name="fk_judge_batch_units_mark"),
    )
    op.create_index("ix_judge_batch_units_mark", "judge_batch_units", ["mark"])
    op.create_index(
        "ix_verdict_journal_newest",
        "verdict_journal",
        ["judge_key", "rubric_version", "received_at"],
    )
