"""Alerts with their transitions and deliveries, and annotations of the time line."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    _alerts()
    _transitions()
    _deliveries()
    _annotations()


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("series", sa.String, nullable=False),
        sa.Column("deployment_family", sa.String, nullable=False),
        sa.Column("behaviour", sa.String, nullable=False),
        sa.Column("direction", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("opened_on", sa.Date, nullable=False),
        sa.Column("updated_on", sa.Date, nullable=False),
        sa.Column("resolved_on", sa.Date),
        sa.Column("processed_on", sa.Date, nullable=False),
        sa.Column("quiet_days", sa.Integer, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alerts"),
    )
    op.create_index(
        "uq_alerts_open_fingerprint",
        "alerts",
        ["fingerprint"],
        unique=True,
        sqlite_where=sa.text("state <> 'resolved'"),
        postgresql_where=sa.text("state <> 'resolved'"),
    )
    op.create_index("ix_alerts_fingerprint", "alerts", ["fingerprint"])


def _transitions() -> None:
    op.create_table(
        "alert_transitions",
        sa.Column("transition_id", sa.Integer, nullable=False),
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_state", sa.String),
        sa.Column("to_state", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("transition_id", name="pk_alert_transitions"),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.alert_id"], name="fk_alert_transitions_alert_id"
        ),
    )
    op.create_index("ix_alert_transitions_alert_id", "alert_transitions", ["alert_id"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("delivery_id", sa.String, nullable=False),
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("event", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("sequence", name="pk_deliveries"),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"], name="fk_deliveries_alert_id"),
        sa.UniqueConstraint("delivery_id", name="uq_deliveries_delivery_id"),
        sa.UniqueConstraint("alert_id", "event", "day", "channel", name="uq_deliveries_alert_id"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["status", "next_attempt_at"])


def _annotations() -> None:
    op.create_table(
        "annotations",
        sa.Column("annotation_id", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("annotation_id", name="pk_annotations"),
    )
    op.create_index("ix_annotations_day", "annotations", ["day"])
