"""Alerts that people act on: what they were told, what holds one, comments and silences."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Step forward; there is no way back but a backup."""
    _alerts()
    _what_was_told()
    _comments()
    _silences()


def _alerts() -> None:
    for name in ("returns", "repeats", "reminders"):
        op.add_column("alerts", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    for name in ("fired_on", "returned_on"):
        op.add_column("alerts", sa.Column(name, sa.Date))
    for name in ("resolution", "told", "held_by"):
        op.add_column("alerts", sa.Column(name, sa.String))
    for name in ("told_at", "reminded_at", "escalated_at"):
        op.add_column("alerts", sa.Column(name, sa.DateTime(timezone=True)))
    op.add_column("alerts", sa.Column("reason", sa.Text))
    op.add_column("alert_transitions", sa.Column("event", sa.String))


def _what_was_told() -> None:
    """Alerts that fire by now were told; those that ended, ended by themselves.

    As if told now: nobody could acknowledge one until now, so none is to be escalated at once.
    """
    told = sa.text(
        "update alerts set told = severity, told_at = :now "
        "where state in ('firing', 'acknowledged', 'silenced')"
    )
    now = sa.bindparam("now", datetime.now(UTC), sa.DateTime(timezone=True))
    op.execute(told.bindparams(now))
    op.execute(
        "update alerts set fired_on = opened_on where state in "
        "('firing', 'acknowledged', 'silenced') or alert_id in "
        "(select alert_id from alert_transitions where to_state = 'firing')"
    )
    op.execute("update alerts set resolution = 'quiet' where state = 'resolved'")


def _comments() -> None:
    op.create_table(
        "alert_comments",
        sa.Column("comment_id", sa.Integer, nullable=False),
        sa.Column("alert_id", sa.String, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("comment_id", name="pk_alert_comments"),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.alert_id"], name="fk_alert_comments_alert_id"
        ),
    )
    op.create_index("ix_alert_comments_alert_id", "alert_comments", ["alert_id"])


def _silences() -> None:
    op.create_table(
        "alert_silences",
        sa.Column("silence_id", sa.String, nullable=False),
        sa.Column("type", sa.String),
        sa.Column("severity", sa.String),
        sa.Column("family", sa.String),
        sa.Column("behaviour", sa.String),
        sa.Column("series", sa.String),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("ended_by", sa.String),
        sa.PrimaryKeyConstraint("silence_id", name="pk_alert_silences"),
    )
    op.create_index("ix_alert_silences_ends_at", "alert_silences", ["ends_at"])
