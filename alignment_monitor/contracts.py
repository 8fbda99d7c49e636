"""The schema of every table, the only place where one is written.

Here belong: column names, types, meanings, keys and the closed vocabularies of state columns.
Here does not belong: how a table is filled (assets), checked (checks) or stored (resources).

Writers cast to these schemas and refuse what does not fit; the Great Expectations suites and
the tests of the dbt sources read the same objects.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")
TURN = pa.struct(
    [
        ("index", pa.int32()),
        ("role", pa.string()),
        ("content", pa.string()),
        ("created_at", TIMESTAMP),
    ]
)
EVIDENCE = pa.struct([("message_index", pa.int32()), ("quote", pa.string())])
SEGMENTS = pa.map_(pa.string(), pa.string())

ROLES = ("system", "user", "assistant", "tool")
CONVERSATION_STATES = ("accepted", "ineligible", "quarantined")
MESSAGE_STATES = (
    "sampled_out",
    "over_budget",
    "awaiting_verdict",
    "judged",
    "judged_partly",
    "judge_refused",
    "judge_invalid",
    "judge_failed",
)
SAMPLE_STATUSES = ("selected", "over_budget")
PURPOSES = ("estimate", "sentinel", "gold", "double_label")
VERDICT_STATUSES = ("ok", "refused", "invalid", "failed", "awaiting")
QUESTION_KINDS = ("stance", "opportunity", "side", "behaviour", "guard", "outcome", "derived")
SIGNAL_TYPES = ("MODEL", "JUDGE", "TRAFFIC", "PIPELINE", "UNATTRIBUTED")
DECISIONS = ("NONE", "WARN", "PAGE", "TICKET", "UNRESOLVED", "INDETERMINATE")
ALERT_STATES = ("pending", "firing", "acknowledged", "silenced", "resolved")


@dataclass(frozen=True)
class Table:
    """A table's contract.

    Attributes:
        name: folder of the lake, and name of the dbt source or mart.
        grain: what one row is.
        key: columns that identify a row.
        schema: Arrow schema; a field that may be missing is nullable, all others are not.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    schema: pa.Schema

    def table(self, rows: list[dict[str, Any]]) -> pa.Table:
        """Make an Arrow table of this contract from plain rows, sorted by its key.

        Raises:
            ValueError: a row lacks a required value, or has a column the contract lacks.
        """
        known = set(self.schema.names)
        for row in rows:
            if unknown := row.keys() - known:
                raise ValueError(f"{self.name}: no such column {sorted(unknown)}")
        return self.conform(pa.Table.from_pylist(rows, schema=self.schema))

    def conform(self, table: pa.Table) -> pa.Table:
        """Cast to the contract's columns and types and sort by key, so that files are identical.

        Raises:
            ValueError: a column is missing, or a required value is null.
        """
        if missing := [name for name in self.schema.names if name not in table.column_names]:
            raise ValueError(f"{self.name}: missing column {missing}")
        table = table.select(self.schema.names).cast(self.schema)
        for field in self.schema:
            if not field.nullable and table.column(field.name).null_count:
                raise ValueError(f"{self.name}.{field.name}: null where the contract forbids it")
        if table.num_rows > 1:
            table = table.sort_by([(name, "ascending") for name in self.key])
        return table.combine_chunks()

    def empty(self) -> pa.Table:
        """The table without rows: what a day with nothing in it writes."""
        return self.schema.empty_table()


def _column(name: str, kind: pa.DataType, meaning: str, *, optional: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=optional, metadata={"description": meaning})


def _columns(*fields: pa.Field) -> pa.Schema:
    return pa.schema(fields)


_DAY = _column("day", pa.date32(), "UTC date on which the conversation ended")
_CONVERSATION = _column("conversation_id", pa.string(), "identifier given by the source")
_MESSAGE = _column("message_index", pa.int32(), "0-based position of the assistant message")
_DEPLOYMENT = _column("deployment", pa.string(), "model snapshot and prompt version served")
_FAMILY = _column("deployment_family", pa.string(), "line in which one deployment replaces another")
_SEGMENT = _column(
    "segment", pa.string(), "values of the declared segment columns, joined by ' / '"
)

_BODY = (
    _column("started_at", TIMESTAMP, "time of the first turn"),
    _column("ended_at", TIMESTAMP, "time of the last turn"),
    _DEPLOYMENT,
    _FAMILY,
    _column("user_key", pa.string(), "keyed hash of the user; of the conversation if unknown"),
    _column("segments", SEGMENTS, "named traffic attributes: surface, locale ..."),
    _column("turns", pa.list_(TURN), "redacted turns in order"),
    _column("feedback", pa.string(), "thumbs given by the user: up / down", optional=True),
    _column("redactions", pa.int32(), "pieces of personal data or secrets replaced"),
    _column("content_hash", pa.string(), "hash of deployment, roles and redacted text"),
)

RECEIVED = Table(
    "received",
    "one record read from a source, whether or not it could be understood",
    ("day", "receipt_id"),
    _columns(
        _column("receipt_id", pa.string(), "hash of source, file and location"),
        _column("day", pa.date32(), "UTC date of ended_at; of arrival where that is unreadable"),
        _column("source", pa.string(), "name of the source"),
        _column("location", pa.string(), "where in the source: file.jsonl:17"),
        _column(
            "conversation_id", pa.string(), "null if refused before it was read", optional=True
        ),
        *(field.with_nullable(True) for field in _BODY),
        _column("rule", pa.string(), "rule that refused it; null if understood", optional=True),
        _column("reason", pa.string(), "what is wrong and what to do", optional=True),
        _column("excerpt", pa.string(), "start of the raw record, redacted", optional=True),
    ),
)

INTAKE = Table(
    "intake",
    "day x source: counted at the door, before anything is judged fit",
    ("day", "source"),
    _columns(
        _DAY,
        _column("source", pa.string(), "name of the source"),
        _column("received", pa.int64(), "distinct records read"),
        _column("repeated", pa.int64(), "identical repeats of them, not counted again"),
    ),
)

CONVERSATIONS = Table(
    "conversations",
    "one version of one finished conversation",
    ("day", "conversation_id", "ended_at", "content_hash"),
    _columns(
        _DAY,
        _CONVERSATION,
        _column("source", pa.string(), "name of the source"),
        *_BODY,
        _SEGMENT,
        _column("eligible", pa.bool_(), "offers an assistant message that may be judged"),
        _column("ineligible_reason", pa.string(), "why not", optional=True),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "one record refused",
    ("day", "receipt_id"),
    _columns(
        _DAY,
        _column("receipt_id", pa.string(), "hash of source, file and location"),
        _column("source", pa.string(), "name of the source"),
        _column("location", pa.string(), "where in the source"),
        _column("conversation_id", pa.string(), "if it could be read", optional=True),
        _column("rule", pa.string(), "rule that refused it"),
        _column("reason", pa.string(), "what is wrong and what to do"),
        _column("excerpt", pa.string(), "start of the raw record, redacted", optional=True),
    ),
)

SCREENINGS = Table(
    "screenings",
    "assistant message x behaviour",
    ("day", "conversation_id", "message_index", "behaviour"),
    _columns(
        _DAY,
        _CONVERSATION,
        _MESSAGE,
        _column("behaviour", pa.string(), "behaviour of the rubric"),
        _column("cued", pa.bool_(), "the turn before shows a cue of an opportunity it needs"),
        _column("probability", pa.float64(), "of level >= 2; null: rules give none", optional=True),
        _column("pressure", pa.list_(pa.string()), "cues found: claim, work, conflict ..."),
        _column("screener_version", pa.string(), "rules or weights that screened"),
    ),
)

JUDGING_SAMPLE = Table(
    "judging_sample",
    "assistant message selected for judging, or lost to the budget",
    ("day", "conversation_id", "message_index"),
    _columns(
        _DAY,
        _CONVERSATION,
        _MESSAGE,
        _DEPLOYMENT,
        _FAMILY,
        _SEGMENT,
        _column("user_key", pa.string(), "keyed hash of the user: the cluster of intervals"),
        _column("bucket", pa.string(), "screener bucket: vulnerable / pushback / cued / plain"),
        _column("stratum", pa.string(), "deployment | segment | bucket"),
        _column("conversation_probability", pa.float64(), "inclusion probability, conversation"),
        _column("message_probability", pa.float64(), "of the message, given its conversation"),
        _column("inclusion_probability", pa.float64(), "product of the two"),
        _column("purpose", pa.string(), "estimate / sentinel / gold / double_label"),
        _column("status", pa.string(), "selected / over_budget"),
        _column("design_version", pa.string(), "hash of the sampling settings"),
    ),
)

VERDICTS = Table(
    "verdicts",
    "message x judge x question; the 'stance' row stands for the call and carries its cost",
    ("day", "conversation_id", "message_index", "judge", "fingerprint", "question"),
    _columns(
        _DAY,
        _CONVERSATION,
        _MESSAGE,
        _column("judge", pa.string(), "name of the judge in monitor.yaml"),
        _column(
            "fingerprint", pa.string(), "provider, returned model, endpoint, prompt, parameters"
        ),
        _column("rubric", pa.string(), "name of the rubric"),
        _column("rubric_version", pa.string(), "version and hash of its wording"),
        _column("question", pa.string(), "name of the question"),
        _column("kind", pa.string(), "stance / opportunity / side / behaviour / guard / ..."),
        _column("status", pa.string(), "ok / refused / invalid / failed / awaiting"),
        _column("applicable", pa.bool_(), "its opportunity is present", optional=True),
        _column("level", pa.int8(), "0-3 (stance -2..2)", optional=True),
        _column("value", pa.string(), "answer of a choice question", optional=True),
        _column("probability", pa.float64(), "if the judge gives one", optional=True),
        _column("positive", pa.bool_(), "the charted event; null if not applicable", optional=True),
        _column("rationale", pa.string(), "the judge's reason, on the stance row", optional=True),
        _column("evidence", pa.list_(EVIDENCE), "quotes, literally in the message"),
        _column("error", pa.string(), "why there is no verdict", optional=True),
        _column("prompt_tokens", pa.int64(), "of the call, stance row only", optional=True),
        _column("completion_tokens", pa.int64(), "of the call, stance row only", optional=True),
        _column("cost_usd", pa.float64(), "of the call, if a price is known", optional=True),
    ),
)

ESTIMATES = Table(
    "estimates",
    "day x deployment x segment x behaviour x mode x window x standardised x rubric x panel",
    (
        "day",
        "deployment_family",
        "deployment",
        "segment",
        "behaviour",
        "window_days",
        "rubric_version",
        "panel",
    ),
    _columns(
        _column("day", pa.date32(), "last day of the window"),
        _FAMILY,
        _column("deployment", pa.string(), "a deployment, or 'all' of the family"),
        _column("segment", pa.string(), "a segment, or 'all'"),
        _column("behaviour", pa.string(), "question whose positive rate this is"),
        _column("mode", pa.string(), "judge scale / sentinel-adjusted / two-phase"),
        _column("window_days", pa.int32(), "length of the window that ends on day"),
        _column("standardised", pa.bool_(), "weighted to the reference mix of segments"),
        _column("rubric_version", pa.string(), "a change starts a new series"),
        _column("panel", pa.string(), "judges that must all have answered"),
        _column("version", pa.int32(), "version of the estimate, from 1"),
        _column("n", pa.int64(), "judged messages with the opportunity"),
        _column("judged", pa.int64(), "judged messages"),
        _column("users", pa.int64(), "clusters among n"),
        _column("effective_n", pa.float64(), "n of an equal-sized simple sample", optional=True),
        _column("opportunity_rate", pa.float64(), "share with the opportunity", optional=True),
        _column("joint_rate", pa.float64(), "opportunity and behaviour", optional=True),
        _column(
            "prevalence", pa.float64(), "behaviour given opportunity; null: NO DATA", optional=True
        ),
        _column("lower", pa.float64(), "95 % interval, lower", optional=True),
        _column("upper", pa.float64(), "95 % interval, upper", optional=True),
        _column("method", pa.string(), "estimator and interval"),
    ),
)

DRIFT_SIGNALS = Table(
    "drift_signals",
    "day x monitored series",
    ("day", "series"),
    _columns(
        _column("day", pa.date32(), "day decided on"),
        _column("series", pa.string(), "type/family/behaviour/direction"),
        _FAMILY,
        _column("behaviour", pa.string(), "question watched; 'coverage' for PIPELINE"),
        _column("direction", pa.string(), "up / down"),
        _column("type", pa.string(), "MODEL / JUDGE / TRAFFIC / PIPELINE / UNATTRIBUTED"),
        _column("phase", pa.string(), "baseline / watching / no_data"),
        _column("decision", pa.string(), "NONE / WARN / PAGE / ..."),
        _column("observed", pa.float64(), "the day's rate", optional=True),
        _column("n", pa.int64(), "judged messages with the opportunity that day"),
        _column("effective_n", pa.float64(), "after weighting and clustering", optional=True),
        _column("baseline_mean", pa.float64(), "rate of the baseline", optional=True),
        _column("baseline_sd", pa.float64(), "daily standard deviation expected", optional=True),
        _column("z", pa.float64(), "standardised deviation after margins", optional=True),
        _column("statistic", pa.float64(), "natural log of the e-detector", optional=True),
        _column("threshold", pa.float64(), "natural log of the alarm threshold", optional=True),
        _column("average_run_length_days", pa.float64(), "stated, under no change", optional=True),
        _column("change_day", pa.date32(), "first day of the estimated change", optional=True),
        _column("nearest_deployment", pa.string(), "deployment that began nearest", optional=True),
        _column("effect", pa.float64(), "rate since change_day minus baseline", optional=True),
        _column("effect_lower", pa.float64(), "95 % interval, lower", optional=True),
        _column("effect_upper", pa.float64(), "95 % interval, upper", optional=True),
        _column(
            "detectable_7d", pa.float64(), "smallest change found within 7 days", optional=True
        ),
        _column("detectable_30d", pa.float64(), "the same within 30 days", optional=True),
        _column("version", pa.int32(), "version of the decision, from 1"),
    ),
)

QUALITY = Table(
    "quality",
    "expectation x table x range of days validated",
    ("table", "expectation", "column"),
    _columns(
        _column("table", pa.string(), "table validated"),
        _column("expectation", pa.string(), "Great Expectations type"),
        _column("column", pa.string(), "column or columns; '' for the whole table"),
        _column("severity", pa.string(), "critical / warning / info"),
        _column("success", pa.bool_(), "met"),
        _column("rows", pa.int64(), "rows validated"),
        _column("unexpected", pa.int64(), "rows that broke it", optional=True),
        _column("detail", pa.string(), "observed value or error", optional=True),
        _column("from_day", pa.date32(), "first day validated"),
        _column("to_day", pa.date32(), "last day validated"),
        _column("checked_at", TIMESTAMP, "when"),
    ),
)

LAKE_TABLES = {
    table.name: table
    for table in (
        RECEIVED,
        INTAKE,
        CONVERSATIONS,
        QUARANTINE,
        SCREENINGS,
        JUDGING_SAMPLE,
        VERDICTS,
        ESTIMATES,
        DRIFT_SIGNALS,
    )
}
"""Tables of the lake: ``<lake>/<name>/day=YYYY-MM-DD/part.parquet``."""

LEDGER_DAILY = Table(
    "ledger_daily",
    "day x level x state",
    ("day", "level", "state"),
    _columns(
        _DAY,
        _column("level", pa.string(), "conversation / message"),
        _column("state", pa.string(), "exactly one of CONVERSATION_STATES or MESSAGE_STATES"),
        _column("count", pa.int64(), "how many ended in it"),
    ),
)

DEPLOYMENTS = Table(
    "deployments",
    "deployment",
    ("deployment_family", "first_day", "deployment"),
    _columns(
        _FAMILY,
        _DEPLOYMENT,
        _column("first_day", pa.date32(), "first day with traffic"),
        _column("last_day", pa.date32(), "last day with traffic"),
        _column("conversations", pa.int64(), "conversations accepted"),
    ),
)

JUDGED_MESSAGES = Table(
    "judged_messages",
    "message x judge",
    ("day", "conversation_id", "message_index", "judge"),
    _columns(
        _DAY,
        _CONVERSATION,
        _MESSAGE,
        _FAMILY,
        _DEPLOYMENT,
        _SEGMENT,
        _column("bucket", pa.string(), "screener bucket"),
        _column("inclusion_probability", pa.float64(), "of the message in the sample"),
        _column("judge", pa.string(), "name of the judge"),
        _column("rubric_version", pa.string(), "rubric it answered"),
        _column("status", pa.string(), "ok / refused / invalid / failed"),
        _column("stance", pa.int8(), "-2..2", optional=True),
        _column("opportunities", pa.list_(pa.string()), "flags present"),
        _column("flagged", pa.list_(pa.string()), "behaviours and guards at level >= 2"),
        _column("highest_level", pa.int8(), "highest level of a behaviour", optional=True),
        _column("rationale", pa.string(), "the judge's reason", optional=True),
    ),
)

COST_DAILY = Table(
    "cost_daily",
    "day x judge x status",
    ("day", "judge", "status"),
    _columns(
        _DAY,
        _column("judge", pa.string(), "name of the judge"),
        _column("status", pa.string(), "ok / refused / invalid / failed"),
        _column("calls", pa.int64(), "messages judged"),
        _column("prompt_tokens", pa.int64(), "null if the server told none", optional=True),
        _column("completion_tokens", pa.int64(), "null if the server told none", optional=True),
        _column("cost_usd", pa.float64(), "null if no price is known", optional=True),
    ),
)

TRANSCRIPTS = Table(
    "transcripts",
    "conversation with a judged message; one file a day",
    ("day", "conversation_id"),
    _columns(
        _DAY,
        _CONVERSATION,
        _DEPLOYMENT,
        _FAMILY,
        _SEGMENT,
        _column("started_at", TIMESTAMP, "time of the first turn"),
        _column("ended_at", TIMESTAMP, "time of the last turn"),
        _column("turns", pa.list_(TURN), "redacted turns in order"),
        _column("feedback", pa.string(), "thumbs given by the user", optional=True),
    ),
)

FRESHNESS = Table(
    "freshness",
    "table",
    ("table",),
    _columns(
        _column("table", pa.string(), "table of the lake"),
        _column("last_day", pa.date32(), "latest day written"),
        _column("rows", pa.int64(), "rows of that day"),
        _column("written_at", TIMESTAMP, "when its file was put in place"),
    ),
)

ALERTS = Table(
    "alerts",
    "alert",
    ("opened_on", "alert_id"),
    _columns(
        _column("alert_id", pa.string(), "identifier, also of its page"),
        _column("fingerprint", pa.string(), "type, behaviour and series: stable over runs"),
        _column("type", pa.string(), "MODEL / JUDGE / TRAFFIC / PIPELINE / UNATTRIBUTED"),
        _column("severity", pa.string(), "page / warn"),
        _column("series", pa.string(), "series of drift_signals"),
        _FAMILY,
        _column("behaviour", pa.string(), "question watched"),
        _column("direction", pa.string(), "up / down"),
        _column("state", pa.string(), "pending / firing / acknowledged / silenced / resolved"),
        _column("opened_on", pa.date32(), "day that fired it"),
        _column("updated_on", pa.date32(), "last day that confirmed it"),
        _column("resolved_on", pa.date32(), "day that ended it", optional=True),
        _column("evidence", pa.string(), "JSON: value, interval, n, start, drivers, link"),
    ),
)

DELIVERIES = Table(
    "deliveries",
    "alert transition x channel",
    ("created_at", "delivery_id"),
    _columns(
        _column("delivery_id", pa.string(), "idempotency key: the webhook-id sent"),
        _column("alert_id", pa.string(), "alert told of"),
        _column("event", pa.string(), "alert.firing / alert.resolved"),
        _column("channel", pa.string(), "name of the channel"),
        _column("status", pa.string(), "pending / delivered / dead"),
        _column("attempts", pa.int32(), "made so far"),
        _column("created_at", TIMESTAMP, "when it was queued"),
        _column("next_attempt_at", TIMESTAMP, "null once delivered or dead", optional=True),
        _column("delivered_at", TIMESTAMP, "when the receiver took it", optional=True),
        _column("last_error", pa.string(), "of the last failed attempt", optional=True),
    ),
)

MARTS = {
    table.name: table
    for table in (
        LEDGER_DAILY,
        DEPLOYMENTS,
        JUDGED_MESSAGES,
        COST_DAILY,
        QUARANTINE,
        ESTIMATES,
        DRIFT_SIGNALS,
        ALERTS,
        DELIVERIES,
        QUALITY,
        FRESHNESS,
    )
}
"""What dashboards read: ``<marts>/<name>.parquet``; beside them, by day, ``transcripts/`` and
``verdicts/`` as ``<marts>/<name>/day=YYYY-MM-DD.parquet``, and ``about.json``."""
