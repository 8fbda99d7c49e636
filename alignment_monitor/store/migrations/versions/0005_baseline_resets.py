"""Baselines made anew: what became the new normal, from when, and who said so and why."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    op.create_table(
        "baseline_resets",
        sa.Column("reset_id", sa.Integer, nullable=False),
        sa.Column("deployment_family", sa.String, nullable=False),
        sa.Column("behaviour", sa.String),
        sa.Column("from_day", sa.Date, nullable=False),
        sa.Column("recorded_on", sa.Date, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("alert_id", sa.String),
        sa.PrimaryKeyConstraint("reset_id", name="pk_baseline_resets"),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.alert_id"], name="fk_baseline_resets_alert_id"
        ),
        sa.CheckConstraint("from_day <= recorded_on", name="ck_baseline_resets_days"),
        sa.CheckConstraint("length(reason) between 1 and 500", name="ck_baseline_resets_reason"),
    )
