"""The immutable row tables of the lake: ``<lake>/<name>/day=YYYY-MM-DD/part.parquet``."""

import pyarrow as pa

from alignment_monitor.contracts.computed import DRIFT_SIGNALS, ESTIMATES, STAND_IN_LABELS
from alignment_monitor.contracts.shared_columns import (
    CONVERSATION,
    DAY,
    DEPLOYMENT,
    FAMILY,
    MESSAGE,
    SEGMENT,
)
from alignment_monitor.contracts.table import (
    EVIDENCE,
    SEGMENTS,
    TIMESTAMP,
    TURN,
    Table,
    column,
    columns,
)

_BODY = (
    column("started_at", TIMESTAMP, "time of the first turn"),
    column("ended_at", TIMESTAMP, "time of the last turn"),
    DEPLOYMENT,
    FAMILY,
    column("user_key", pa.string(), "keyed hash of the user; of the conversation if unknown"),
    column("segments", SEGMENTS, "named traffic attributes: surface, locale ..."),
    column("turns", pa.list_(TURN), "redacted turns in order"),
    column("feedback", pa.string(), "thumbs given by the user: up / down", optional=True),
    column("redactions", pa.int32(), "pieces of personal data or secrets replaced"),
    column("content_hash", pa.string(), "hash of deployment, roles and redacted text"),
)

RECEIVED = Table(
    "received",
    "one record read from a source, whether or not it could be understood",
    ("day", "receipt_id"),
    columns(
        column("receipt_id", pa.string(), "hash of source, file and location"),
        column("day", pa.date32(), "UTC date of ended_at; of arrival where that is unreadable"),
        column("source", pa.string(), "name of the source"),
        column("location", pa.string(), "where in the source: file.jsonl:17"),
        column("conversation_id", pa.string(), "null if unreadable", optional=True),
        *(field.with_nullable(True) for field in _BODY),
        column("rule", pa.string(), "rule that refused it; null if understood", optional=True),
        column("reason", pa.string(), "what is wrong and what to do", optional=True),
        column("excerpt", pa.string(), "start of the raw record, redacted", optional=True),
    ),
)

INTAKE = Table(
    "intake",
    "day x source: counted at the door, before anything is judged fit",
    ("day", "source"),
    columns(
        DAY,
        column("source", pa.string(), "name of the source"),
        column("received", pa.int64(), "distinct records read"),
        column("repeated", pa.int64(), "identical repeats of them, not counted again"),
    ),
)

CONVERSATIONS = Table(
    "conversations",
    "one version of one finished conversation",
    ("day", "conversation_id", "ended_at", "content_hash"),
    columns(
        DAY,
        CONVERSATION,
        column("source", pa.string(), "name of the source"),
        *_BODY,
        SEGMENT,
        column("eligible", pa.bool_(), "offers an assistant message that may be judged"),
        column("ineligible_reason", pa.string(), "why not", optional=True),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "one record refused",
    ("day", "receipt_id"),
    columns(
        DAY,
        column("receipt_id", pa.string(), "hash of source, file and location"),
        column("source", pa.string(), "name of the source"),
        column("location", pa.string(), "where in the source"),
        column("conversation_id", pa.string(), "if it could be read", optional=True),
        column("rule", pa.string(), "rule that refused it"),
        column("reason", pa.string(), "what is wrong and what to do"),
        column("excerpt", pa.string(), "start of the raw record, redacted", optional=True),
    ),
)

SCREENINGS = Table(
    "screenings",
    "assistant message x behaviour",
    ("day", "conversation_id", "message_index", "behaviour"),
    columns(
        DAY,
        CONVERSATION,
        MESSAGE,
        column("behaviour", pa.string(), "behaviour of the rubric"),
        column("cued", pa.bool_(), "the turn before shows a cue of an opportunity it needs"),
        column("probability", pa.float64(), "of level >= 2; null: rules give none", optional=True),
        column("pressure", pa.list_(pa.string()), "cues found: claim, work, conflict ..."),
        column("screener_version", pa.string(), "rules or weights that screened"),
    ),
)

JUDGING_SAMPLE = Table(
    "judging_sample",
    "assistant message selected for judging, or lost to the budget",
    ("day", "conversation_id", "message_index"),
    columns(
        DAY,
        CONVERSATION,
        MESSAGE,
        DEPLOYMENT,
        FAMILY,
        SEGMENT,
        column("user_key", pa.string(), "keyed hash of the user: the cluster of intervals"),
        column("bucket", pa.string(), "of the message: vulnerable / pushback / cued / plain"),
        column("stratum", pa.string(), "deployment | segment | bucket of its conversation"),
        column("conversation_probability", pa.float64(), "inclusion probability, conversation"),
        column("message_probability", pa.float64(), "of the message, given its conversation"),
        column("inclusion_probability", pa.float64(), "product of the two"),
        column("sampling_number", pa.float64(), "the lower, the lower a rate still draws it"),
        column("purpose", pa.string(), "estimate / sentinel / canary / gold / double_label"),
        column("status", pa.string(), "selected / over_budget"),
        column("design_version", pa.string(), "hash of the sampling settings / stored design"),
    ),
)

SAMPLING_DESIGN = Table(
    "sampling_design",
    "family x segment x bucket, as learned by the end of a run; in force from the next day on",
    ("day", "deployment_family", "segment", "bucket"),
    columns(
        column("day", pa.date32(), "last day of the verdicts it rests on; only a run's last day"),
        FAMILY,
        SEGMENT,
        column("bucket", pa.string(), "screener bucket: vulnerable / pushback / cued / plain"),
        column("messages", pa.float64(), "assistant messages a day, estimated"),
        column("judged", pa.int64(), "messages whose verdicts it rests on"),
        column("deviation", pa.float64(), "of charted outcomes; 1 in the family's mean square"),
        column("boost", pa.float64(), "how often its messages are drawn, relative to others"),
        column("design_version", pa.string(), "day and hash of all boosts"),
    ),
)

VERDICTS = Table(
    "verdicts",
    "message x judge x question; the 'stance' row stands for the call and carries its cost",
    ("day", "conversation_id", "message_index", "judge", "fingerprint", "question"),
    columns(
        DAY,
        CONVERSATION,
        MESSAGE,
        column("judge", pa.string(), "name of the judge in monitor.yaml"),
        column("fingerprint", pa.string(), "provider, model returned, prompt, parameters"),
        column("rubric", pa.string(), "name of the rubric"),
        column("rubric_version", pa.string(), "version and hash of its wording"),
        column("question", pa.string(), "name of the question"),
        column("kind", pa.string(), "stance / opportunity / side / behaviour / guard / ..."),
        column("status", pa.string(), "ok / refused / invalid / failed / awaiting"),
        column("applicable", pa.bool_(), "its opportunity is present", optional=True),
        column("level", pa.int8(), "0-3 (stance -2..2)", optional=True),
        column("value", pa.string(), "answer of a choice question", optional=True),
        column("applicable_probability", pa.float64(), "if the judge gives one", optional=True),
        column("probability", pa.float64(), "of the event, given it applies", optional=True),
        column("positive", pa.bool_(), "the charted event; null if not applicable", optional=True),
        column("rationale", pa.string(), "the judge's reason, on the stance row", optional=True),
        column("evidence", pa.list_(EVIDENCE), "quotes, literally in the message"),
        column("error", pa.string(), "why there is no verdict", optional=True),
        column("prompt_tokens", pa.int64(), "of the call, stance row only", optional=True),
        column("completion_tokens", pa.int64(), "of the call, stance row only", optional=True),
        column("cost_usd", pa.float64(), "of the call, if a price is known", optional=True),
    ),
)

JUDGE_QUALITY = Table(
    "judge_quality",
    "day x judge x measure x question: how its verdicts compare with what is known",
    ("day", "judge", "fingerprint", "rubric_version", "measure", "question"),
    columns(
        DAY,
        column("judge", pa.string(), "name of the judge; 'panel' for agreement between judges"),
        column("fingerprint", pa.string(), "provider, model returned, prompt, parameters"),
        column("rubric_version", pa.string(), "a change starts a new series"),
        column("known_version", pa.string(), "hash of the sentinels and canaries shipped"),
        column("measure", pa.string(), "sensitivity / specificity / outcome_* / injection / ..."),
        column("question", pa.string(), "question of the rubric; kind of attempt for injection"),
        column("n", pa.int64(), "messages (pairs for injection) with a verdict"),
        column("hits", pa.int64(), "right verdicts; moved as pushed for injection", optional=True),
        column("against", pa.int64(), "moved against the push; the worse error", optional=True),
        column("value", pa.float64(), "the coefficient, agreement only", optional=True),
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
        SAMPLING_DESIGN,
        JUDGE_QUALITY,
        ESTIMATES,
        DRIFT_SIGNALS,
        STAND_IN_LABELS,
    )
}
