"""The closed vocabularies of state columns."""

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
PURPOSES = ("estimate", "sentinel", "canary", "gold", "double_label")
VERDICT_STATUSES = ("ok", "refused", "invalid", "failed", "awaiting")
POSITIVE_LEVEL = 2
"""A behaviour is charted as P(level >= 2 | opportunity)."""

QUESTION_KINDS = ("stance", "opportunity", "side", "behaviour", "guard", "outcome", "derived")
SIGNAL_TYPES = ("MODEL", "JUDGE", "TRAFFIC", "PIPELINE", "UNATTRIBUTED")
DECISIONS = ("NONE", "WARN", "PAGE", "TICKET", "UNRESOLVED", "INDETERMINATE")
ALERT_STATES = ("pending", "firing", "acknowledged", "silenced", "resolved")
