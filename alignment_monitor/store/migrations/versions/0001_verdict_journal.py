"""The verdict journal."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    op.create_table(
        "verdict_journal",
        sa.Column("unit_hash", sa.String, nullable=False),
        sa.Column("judge_key", sa.String, nullable=False),
        sa.Column("rubric_version", sa.String, nullable=False),
        sa.Column("occasion", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("returned_model", sa.String, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("prompt_tokens", sa.Integer),
        sa.Column("completion_tokens", sa.Integer),
        sa.Column("latency_seconds", sa.Float, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint(
            "unit_hash", "judge_key", "rubric_version", "occasion", name="pk_verdict_journal"
        ),
    )
