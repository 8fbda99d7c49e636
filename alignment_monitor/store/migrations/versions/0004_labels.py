"""Human labels, and the queue of messages to be labelled."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    op.create_table(
        "labels",
        sa.Column("label_id", sa.Integer, nullable=False),
        sa.Column("conversation_id", sa.String, nullable=False),
        sa.Column("message_index", sa.Integer, nullable=False),
        sa.Column("content_hash", sa.String, nullable=False),
        sa.Column("annotator", sa.String, nullable=False),
        sa.Column("rubric", sa.String, nullable=False),
        sa.Column("rubric_version", sa.String, nullable=False),
        sa.Column("question", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("value", sa.String),
        sa.Column("level", sa.Integer),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("label_id", name="pk_labels"),
    )
    op.create_index(
        "uq_labels_current",
        "labels",
        [
            "conversation_id",
            "message_index",
            "content_hash",
            "annotator",
            "rubric_version",
            "question",
        ],
        unique=True,
        sqlite_where=sa.text("replaced_at is null"),
        postgresql_where=sa.text("replaced_at is null"),
    )
    op.create_index("ix_labels_version", "labels", ["rubric_version", "replaced_at"])
    op.create_table(
        "gold_queue",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("conversation_id", sa.String, nullable=False),
        sa.Column("message_index", sa.Integer, nullable=False),
        sa.Column("content_hash", sa.String, nullable=False),
        sa.Column("blind_id", sa.String, nullable=False),
        sa.Column("stratum", sa.String, nullable=False),
        sa.Column("inclusion_probability", sa.Float, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("batch", sa.String, nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", "conversation_id", "message_index", name="pk_gold_queue"),
    )
    op.create_index(
        "ix_gold_queue_message",
        "gold_queue",
        ["conversation_id", "message_index", "content_hash"],
    )
    op.create_index("ix_gold_queue_blind_id", "gold_queue", ["blind_id"])
