"""Deliveries that are sent together, that wait for a digest, or that test a channel."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("alert_id", existing_type=sa.String, nullable=True)
        table.add_column(sa.Column("digest", sa.Boolean, nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("message_id", sa.String))
        table.add_column(sa.Column("attempted_at", sa.DateTime(timezone=True)))
        table.create_index("ix_deliveries_attempted", ["channel", "attempted_at"])
        table.create_index("ix_deliveries_message", ["message_id"])
        table.create_index("ix_deliveries_alert", ["alert_id", "channel"])
    # What was tried before keeps its own id, so that a repeat is known as one.
    op.execute("update deliveries set message_id = delivery_id where attempts > 0")
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("digest", existing_type=sa.Boolean, server_default=None)
