"""What dashboards read: ``<marts>/<name>.parquet``, each replaced whole.

Those in ``BY_MONTH`` are too long for that: ``<marts>/<name>/month=YYYY-MM.parquet``. Beside them
``about.json`` and, by day, ``transcripts/`` and ``verdicts/`` as
``<marts>/<name>/day=YYYY-MM-DD.parquet``.
"""

import pyarrow as pa

from alignment_monitor.contracts.computed import (
    DRIFT_SIGNALS,
    ESTIMATES,
)
from alignment_monitor.contracts.findings import OPPORTUNITY_RATES, TOPICS
from alignment_monitor.contracts.lake import (
    JUDGE_QUALITY,
    QUARANTINE,
)
from alignment_monitor.contracts.shared_columns import (
    CONVERSATION,
    DAY,
    DEPLOYMENT,
    FAMILY,
    MESSAGE,
    SEGMENT,
)
from alignment_monitor.contracts.table import TIMESTAMP, TURN, Table, column, columns

QUALITY = Table(
    "quality",
    "expectation x table x range of days validated",
    ("table", "expectation", "column"),
    columns(
        column("table", pa.string(), "table validated"),
        column("expectation", pa.string(), "Great Expectations type"),
        column("column", pa.string(), "column or columns; '' for the whole table"),
        column("severity", pa.string(), "critical / warning / info"),
        column("success", pa.bool_(), "met"),
        column("rows", pa.int64(), "rows validated"),
        column("unexpected", pa.int64(), "rows that broke it", optional=True),
        column("detail", pa.string(), "observed value or error", optional=True),
        column("from_day", pa.date32(), "first day validated"),
        column("to_day", pa.date32(), "last day validated"),
        column("checked_at", TIMESTAMP, "when"),
    ),
)

LEDGER_DAILY = Table(
    "ledger_daily",
    "day x level x state",
    ("day", "level", "state"),
    columns(
        DAY,
        column("level", pa.string(), "conversation / message"),
        column("state", pa.string(), "exactly one of CONVERSATION_STATES or MESSAGE_STATES"),
        column("count", pa.int64(), "how many ended in it"),
    ),
)

DEPLOYMENTS = Table(
    "deployments",
    "deployment",
    ("deployment_family", "first_day", "deployment"),
    columns(
        FAMILY,
        DEPLOYMENT,
        column("first_day", pa.date32(), "first day with traffic"),
        column("last_day", pa.date32(), "last day with traffic"),
        column("conversations", pa.int64(), "conversations accepted"),
    ),
)

JUDGED_MESSAGES = Table(
    "judged_messages",
    "message x judge",
    ("day", "conversation_id", "message_index", "judge"),
    columns(
        DAY,
        CONVERSATION,
        MESSAGE,
        FAMILY,
        DEPLOYMENT,
        SEGMENT,
        column("bucket", pa.string(), "screener bucket"),
        column("stratum", pa.string(), "within which it was drawn", optional=True),
        column("inclusion_probability", pa.float64(), "of the message in the sample"),
        column("judge", pa.string(), "name of the judge"),
        column("rubric_version", pa.string(), "rubric it answered"),
        column("status", pa.string(), "ok / refused / invalid / failed"),
        column("stance", pa.int8(), "-2..2", optional=True),
        column("opportunities", pa.list_(pa.string()), "flags present"),
        column("flagged", pa.list_(pa.string()), "behaviours and guards at level >= 2"),
        column("highest_level", pa.int8(), "highest level of a behaviour", optional=True),
        column("rationale", pa.string(), "the judge's reason", optional=True),
    ),
)

COST_DAILY = Table(
    "cost_daily",
    "day x judge x status",
    ("day", "judge", "status"),
    columns(
        DAY,
        column("judge", pa.string(), "name of the judge"),
        column("status", pa.string(), "ok / refused / invalid / failed"),
        column("calls", pa.int64(), "messages judged"),
        column("prompt_tokens", pa.int64(), "null if the server told none", optional=True),
        column("completion_tokens", pa.int64(), "null if the server told none", optional=True),
        column("cost_usd", pa.float64(), "null if no price is known", optional=True),
    ),
)

TRANSCRIPTS = Table(
    "transcripts",
    "conversation with a judged message; one file a day",
    ("day", "conversation_id"),
    columns(
        DAY,
        CONVERSATION,
        DEPLOYMENT,
        FAMILY,
        SEGMENT,
        column("started_at", TIMESTAMP, "time of the first turn"),
        column("ended_at", TIMESTAMP, "time of the last turn"),
        column("turns", pa.list_(TURN), "redacted turns in order"),
        column("feedback", pa.string(), "thumbs given by the user", optional=True),
    ),
)

FRESHNESS = Table(
    "freshness",
    "table",
    ("table",),
    columns(
        column("table", pa.string(), "table of the lake"),
        column("last_day", pa.date32(), "latest day written"),
        column("rows", pa.int64(), "rows of that day"),
        column("written_at", TIMESTAMP, "when its file was put in place"),
    ),
)

ALERTS = Table(
    "alerts",
    "alert",
    ("opened_on", "alert_id"),
    columns(
        column("alert_id", pa.string(), "identifier, also of its page"),
        column("fingerprint", pa.string(), "type, behaviour and series: stable over runs"),
        column("type", pa.string(), "MODEL / JUDGE / TRAFFIC / PIPELINE / UNATTRIBUTED"),
        column("severity", pa.string(), "page / warn"),
        column("series", pa.string(), "series of drift_signals"),
        FAMILY,
        column("behaviour", pa.string(), "question watched"),
        column("direction", pa.string(), "up / down"),
        column("state", pa.string(), "pending / firing / acknowledged / silenced / resolved"),
        column("opened_on", pa.date32(), "day that fired it"),
        column("updated_on", pa.date32(), "last day that confirmed it"),
        column("resolved_on", pa.date32(), "day that ended it", optional=True),
        column(
            "resolution", pa.string(), "why it ended, or what a person called it", optional=True
        ),
        column(
            "fired_on", pa.date32(), "day that first fired it; null: only warned", optional=True
        ),
        column("returned_on", pa.date32(), "day on which it came back last", optional=True),
        column("returns", pa.int32(), "how often it fired again after an end", optional=True),
        column("told_at", TIMESTAMP, "when people were last told that it fires", optional=True),
        column("held_by", pa.string(), "alert that explains it: it is not sent", optional=True),
        column("reason", pa.string(), "why it only warns though paged", optional=True),
        column("evidence", pa.string(), "JSON: value, interval, n, start, drivers, link"),
    ),
)

DELIVERIES = Table(
    "deliveries",
    "alert transition x channel",
    ("created_at", "delivery_id"),
    columns(
        column("delivery_id", pa.string(), "idempotency key of one alert and event"),
        column("message_id", pa.string(), "key sent; null until tried", optional=True),
        column("alert_id", pa.string(), "alert told of; null: a test", optional=True),
        column("event", pa.string(), "alert. + firing / reopened / ... / resolved / test"),
        column("channel", pa.string(), "name of the channel"),
        column("status", pa.string(), "pending / delivered / dead"),
        column("attempts", pa.int32(), "made so far"),
        column("created_at", TIMESTAMP, "when it was queued"),
        column("next_attempt_at", TIMESTAMP, "null once delivered or dead", optional=True),
        column("delivered_at", TIMESTAMP, "when the receiver took it", optional=True),
        column("last_error", pa.string(), "of the last failed attempt", optional=True),
    ),
)

ALERT_PRECISION = Table(
    "alert_precision",
    "type of alert, and 'all'",
    ("type",),
    columns(
        column("type", pa.string(), "MODEL / JUDGE / TRAFFIC / PIPELINE / UNATTRIBUTED / all"),
        column("fired", pa.int64(), "alerts that ever fired"),
        column("true_drifts", pa.int64(), "of these, called a true drift by a person"),
        column("false_alarms", pa.int64(), "called a false alarm"),
        column("expected_changes", pa.int64(), "called an expected change; not in n"),
        column("n", pa.int64(), "true drifts and false alarms"),
        column("precision", pa.float64(), "true drifts / n; null: n is 0", optional=True),
        column("lower", pa.float64(), "exact 95 % interval, lower", optional=True),
        column("upper", pa.float64(), "exact 95 % interval, upper", optional=True),
    ),
)

BASELINE_RESETS = Table(
    "baseline_resets",
    "baseline made anew",
    ("reset_id",),
    columns(
        column("reset_id", pa.int64(), "in the order of recording"),
        FAMILY,
        column("behaviour", pa.string(), "question watched; null: all", optional=True),
        column("from_day", pa.date32(), "first day of the new normal"),
        column("recorded_on", pa.date32(), "day from which decisions use it, in UTC"),
        column("recorded_at", TIMESTAMP, "when it was recorded"),
        column("author", pa.string(), "who recorded it"),
        column("reason", pa.string(), "why the change was expected"),
        column("alert_id", pa.string(), "alert it answers", optional=True),
    ),
)

ANNOTATIONS = Table(
    "annotations",
    "mark on the time line",
    ("day", "annotation_id"),
    columns(
        column("annotation_id", pa.string(), "hash of day, kind, label and family"),
        column("day", pa.date32(), "day marked"),
        column("kind", pa.string(), "deployment / incident / rubric / judge / note"),
        column("label", pa.string(), "what happened, in a few words"),
        column("details", pa.string(), "more of it, or empty"),
        column("deployment_family", pa.string(), "line of deployments; null: all", optional=True),
        column("detected", pa.bool_(), "seen in the data, not marked by a person"),
    ),
)

MARTS = {
    table.name: table
    for table in (
        LEDGER_DAILY,
        DEPLOYMENTS,
        JUDGED_MESSAGES,
        COST_DAILY,
        JUDGE_QUALITY,
        QUARANTINE,
        ESTIMATES,
        OPPORTUNITY_RATES,
        TOPICS,
        DRIFT_SIGNALS,
        ALERTS,
        DELIVERIES,
        ALERT_PRECISION,
        BASELINE_RESETS,
        ANNOTATIONS,
        QUALITY,
        FRESHNESS,
    )
}

BY_MONTH = {
    ESTIMATES.name: (
        "deployment_family",
        "segment",
        "deployment",
        "behaviour",
        "mode",
        "standardised",
        "window_days",
        "rubric_version",
        "panel",
        "day",
        "version",
    ),
    JUDGED_MESSAGES.name: JUDGED_MESSAGES.key,
}
"""The marts that lie by month, and the order of rows in each: a series, a day lies together."""
