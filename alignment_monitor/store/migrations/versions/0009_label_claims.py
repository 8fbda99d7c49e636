"""Which message is before which annotator."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    key = ("conversation_id", "message_index", "content_hash", "rubric_version", "annotator")
    op.create_table(
        "label_claims",
        sa.Column("conversation_id", sa.String, nullable=False),
        sa.Column("message_index", sa.Integer, nullable=False),
        sa.Column("content_hash", sa.String, nullable=False),
        sa.Column("rubric_version", sa.String, nullable=False),
        sa.Column("annotator", sa.String, nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("skipped_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint(*key, name="pk_label_claims"),
    )
    op.create_index("ix_label_claims_annotator", "label_claims", ["annotator", "rubric_version"])
