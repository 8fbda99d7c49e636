"""The schema of every table, the only place where one is written.

Here belong: column names, types, meanings, keys and the closed vocabularies of state columns.
Here does not belong: how a table is filled (assets), checked (checks) or stored (resources).

Writers cast to these schemas and refuse what does not fit; the Great Expectations suites and
the tests of the dbt sources read the same objects.
"""

from alignment_monitor.contracts.computed import (
    DRIFT_SIGNALS,
    ESTIMATES,
    STAND_IN_LABELS,
)
from alignment_monitor.contracts.findings import OPPORTUNITY_RATES, TOPICS
from alignment_monitor.contracts.lake import (
    CONVERSATIONS,
    INTAKE,
    JUDGE_QUALITY,
    JUDGING_SAMPLE,
    LAKE_TABLES,
    QUARANTINE,
    RECEIVED,
    SAMPLING_DESIGN,
    SCREENINGS,
    VERDICTS,
)
from alignment_monitor.contracts.marts import (
    ALERT_PRECISION,
    ALERTS,
    ANNOTATIONS,
    BASELINE_RESETS,
    BY_MONTH,
    COST_DAILY,
    DELIVERIES,
    DEPLOYMENTS,
    FRESHNESS,
    JUDGED_MESSAGES,
    LEDGER_DAILY,
    MARTS,
    QUALITY,
    TRANSCRIPTS,
)
from alignment_monitor.contracts.table import EVIDENCE, TIMESTAMP, TURN, Table
from alignment_monitor.contracts.vocabulary import (
    ALERT_STATES,
    CONVERSATION_STATES,
    DECISIONS,
    MESSAGE_STATES,
    PURPOSES,
    QUESTION_KINDS,
    ROLES,
    SAMPLE_STATUSES,
    SIGNAL_TYPES,
    VERDICT_STATUSES,
)

__all__ = [
    "ALERTS",
    "ALERT_PRECISION",
    "ALERT_STATES",
    "ANNOTATIONS",
    "BASELINE_RESETS",
    "BY_MONTH",
    "CONVERSATIONS",
    "CONVERSATION_STATES",
    "COST_DAILY",
    "DECISIONS",
    "DELIVERIES",
    "DEPLOYMENTS",
    "DRIFT_SIGNALS",
    "ESTIMATES",
    "EVIDENCE",
    "FRESHNESS",
    "INTAKE",
    "JUDGED_MESSAGES",
    "JUDGE_QUALITY",
    "JUDGING_SAMPLE",
    "LAKE_TABLES",
    "LEDGER_DAILY",
    "MARTS",
    "MESSAGE_STATES",
    "OPPORTUNITY_RATES",
    "PURPOSES",
    "QUALITY",
    "QUARANTINE",
    "QUESTION_KINDS",
    "RECEIVED",
    "ROLES",
    "SAMPLE_STATUSES",
    "SAMPLING_DESIGN",
    "SCREENINGS",
    "SIGNAL_TYPES",
    "STAND_IN_LABELS",
    "TIMESTAMP",
    "TOPICS",
    "TRANSCRIPTS",
    "TURN",
    "VERDICTS",
    "VERDICT_STATUSES",
    "Table",
]
