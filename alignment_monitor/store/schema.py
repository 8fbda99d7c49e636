"""The tables of the operational store, as the newest migration leaves them.

Here belong: columns, keys and indexes; those of labels are in label_tables. A change here needs a
migration; a test compares the two.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from alignment_monitor.store.columns import UtcDateTime, metadata
from alignment_monitor.store.label_tables import gold_queue, label_claims, labels

__all__ = [
    "UtcDateTime", "alert_comments", "alert_silences", "alert_transitions", "alerts", "annotations",
    "baseline_resets", "deliveries", "gold_queue", "judge_batch_units", "judge_batches",
    "label_claims", "labels", "metadata", "verdict_journal",
]  # fmt: skip

verdict_journal = Table(
    "verdict_journal",
    metadata,
    Column("unit_hash", String, primary_key=True),
    Column("judge_key", String, primary_key=True),
    Column("rubric_version", String, primary_key=True),
    Column("occasion", String, primary_key=True, default=""),
    Column("status", String, nullable=False),
    Column("returned_model", String, nullable=False),
    Column("answer", Text),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("latency_seconds", Float, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("error", Text),
    Index("ix_verdict_journal_newest", "judge_key", "rubric_version", "received_at"),
)

judge_batches = Table(
    "judge_batches",
    metadata,
    Column("mark", String, primary_key=True),
    Column("judge_key", String, nullable=False),
    Column("rubric_version", String, nullable=False),
    Column("batch_id", String),
    Column("status", String, nullable=False),
    Column("total", Integer, nullable=False),
    Column("completed", Integer),
    Column("failed", Integer),
    Column("outcome", String),
    Column("error", String),
    Column("created_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)
"""``mark`` is ours and goes with the batch, so that one whose creation was cut off is found again;
``batch_id``, ``outcome`` and ``error`` are the provider's. See judging.batch_ledger."""

judge_batch_units = Table(
    "judge_batch_units",
    metadata,
    Column("judge_key", String, primary_key=True),
    Column("rubric_version", String, primary_key=True),
    Column("unit_hash", String, primary_key=True),
    Column("occasion", String, primary_key=True),
    Column("mark", ForeignKey(judge_batches.c.mark), nullable=False, index=True),
    Column("status", String, nullable=False),
    Column("unusable", Integer, nullable=False, default=0),
    Column("returned_model", String),
    Column("answer", Text),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("error", Text),
)
"""Units on their way: one row each, so that none is in two batches at once. Answered ones leave for
the journal; ``unusable`` answers that are asked for again stay here with what they cost."""

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("type", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("series", String, nullable=False),
    Column("deployment_family", String, nullable=False),
    Column("behaviour", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("state", String, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("updated_on", Date, nullable=False),
    Column("resolved_on", Date),
    Column("processed_on", Date, nullable=False),
    Column("quiet_days", Integer, nullable=False),
    Column("quiet_since_deployment", Integer, nullable=False, server_default="0"),
    Column("fired_on", Date),
    Column("returned_on", Date),
    Column("returns", Integer, nullable=False, server_default="0"),
    Column("resolution", String),
    Column("told", String),
    Column("told_at", UtcDateTime),
    Column("repeats", Integer, nullable=False, server_default="0"),
    Column("reminders", Integer, nullable=False, server_default="0"),
    Column("reminded_at", UtcDateTime),
    Column("escalated_at", UtcDateTime),
    Column("held_by", String),
    Column("reason", Text),
    Column("evidence", Text, nullable=False),
    Index(
        "uq_alerts_open_fingerprint",
        "fingerprint",
        unique=True,
        sqlite_where=text("state <> 'resolved'"),
        postgresql_where=text("state <> 'resolved'"),
    ),
    Index("ix_alerts_fingerprint", "fingerprint"),
)
"""What each column means: alerting.alert."""

alert_transitions = Table(
    "alert_transitions",
    metadata,
    Column("transition_id", Integer, primary_key=True),
    Column("alert_id", ForeignKey(alerts.c.alert_id), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("from_state", String),
    Column("to_state", String, nullable=False),
    Column("day", Date, nullable=False),
    Column("who", String, nullable=False),
    Column("note", Text, nullable=False, default=""),
    Column("event", String),
)
"""``event`` is what people were told; null: it stayed on the page."""

alert_comments = Table(
    "alert_comments",
    metadata,
    Column("comment_id", Integer, primary_key=True),
    Column("alert_id", ForeignKey(alerts.c.alert_id), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String, nullable=False),
    Column("comment", Text, nullable=False),
)

alert_silences = Table(
    "alert_silences",
    metadata,
    Column("silence_id", String, primary_key=True),
    Column("type", String),
    Column("severity", String),
    Column("family", String),
    Column("behaviour", String),
    Column("series", String),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False, index=True),
    Column("who", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ended_by", String),
)
"""Patterns of alerts that nobody is told of; ``ended_by`` is who ended it early, which moved
``ends_at``."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("sequence", Integer, primary_key=True),
    Column("delivery_id", String, nullable=False, unique=True),
    Column("alert_id", ForeignKey(alerts.c.alert_id)),
    Column("event", String, nullable=False),
    Column("day", Date, nullable=False),
    Column("channel", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", Boolean, nullable=False),
    Column("message_id", String),
    Column("status", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("attempted_at", UtcDateTime),
    Column("delivered_at", UtcDateTime),
    Column("last_error", Text),
    UniqueConstraint("alert_id", "event", "day", "channel"),
    Index("ix_deliveries_due", "status", "next_attempt_at"),
    Index("ix_deliveries_attempted", "channel", "attempted_at"),
    Index("ix_deliveries_message", "message_id"),
    Index("ix_deliveries_alert", "alert_id", "channel"),
)
"""``sequence`` is the order of sending; ``next_attempt_at`` is also the end of a worker's lease.
Rows of one ``message_id`` are sent together, always; it is set by the first attempt. Tests of a
channel have no alert."""

annotations = Table(
    "annotations",
    metadata,
    Column("annotation_id", String, primary_key=True),
    Column("day", Date, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("label", String, nullable=False),
    Column("details", Text, nullable=False, default=""),
    Column("deployment_family", String),
    Column("recorded_on", Date),
)
"""Marks on the time line; a null ``deployment_family`` means all. ``recorded_on`` is the day in UTC
on which it was written down; null: before that was kept."""

baseline_resets = Table(
    "baseline_resets",
    metadata,
    Column("reset_id", Integer, primary_key=True),
    Column("deployment_family", String, nullable=False),
    Column("behaviour", String),
    Column("from_day", Date, nullable=False),
    Column("recorded_on", Date, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("author", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("alert_id", ForeignKey(alerts.c.alert_id)),
    CheckConstraint("from_day <= recorded_on", name="ck_baseline_resets_days"),
    CheckConstraint("length(reason) between 1 and 500", name="ck_baseline_resets_reason"),
)
"""Baselines made anew; a null ``behaviour`` means all, ``recorded_on`` is the day in UTC. What it
does to a series: statistics.epochs."""
