"""The table of docs/alerts.md, found by doing everything to an alert in every state.

Print it anew by ``python -m tests.unit.alerting.transition_table``.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from alignment_monitor.alerting.actions import NotAllowedError, acknowledge, resolve
from alignment_monitor.alerting.alert import Alert, Policy, Reset
from alignment_monitor.alerting.attention import Silence, attend
from alignment_monitor.alerting.lifecycle import Surroundings, advance
from alignment_monitor.contracts import ALERT_STATES

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 2, tzinfo=UTC)
FRESH = Alert(
    alert_id="a",
    fingerprint="MODEL:caving:MODEL/aurora/caving/up",
    type="MODEL",
    severity="page",
    series="MODEL/aurora/caving/up",
    deployment_family="aurora",
    behaviour="caving",
    direction="up",
    state="firing",
    opened_on=DAY - timedelta(days=4),
    updated_on=DAY - timedelta(days=1),
    processed_on=DAY - timedelta(days=1),
    fired_on=DAY - timedelta(days=4),
    told="page",
    told_at=NOW,
)
STATES = {
    "none open": None,
    "pending": replace(FRESH, state="pending", severity="warn", fired_on=None, told=None,
                       told_at=None),
    "firing": FRESH,
    "acknowledged": replace(FRESH, state="acknowledged"),
    "silenced": replace(FRESH, state="silenced"),
    "resolved by itself": replace(
        FRESH, state="resolved", resolution="quiet", resolved_on=DAY - timedelta(days=3), told=None
    ),
    "resolved by a person": replace(
        FRESH, state="resolved", resolution="true_drift", resolved_on=DAY - timedelta(days=3),
        told=None,
    ),
}  # fmt: skip
SILENCE = Silence("s", "ann", "-", NOW - timedelta(days=1), NOW + timedelta(days=30))


def _day(decision, phase="watching", n=60.0, quiet_days=0, since=0, resets=(), deployed=()):
    def run(alert):
        signal = {
            "day": DAY,
            "decision": decision,
            "phase": phase,
            "effective_n": n,
            "type": "MODEL",
            "behaviour": "caving",
            "series": FRESH.series,
            "deployment_family": "aurora",
            "direction": "up",
        }
        silences = [SILENCE] if alert and alert.state == "silenced" else []
        counted = {"quiet_days": quiet_days, "quiet_since_deployment": since}
        known = [replace(alert, **counted)] if alert else []
        return advance(
            known, [signal], Surroundings(resets, silences, deployed={"aurora": deployed}, now=NOW)
        )

    return run


def _look(*others, covered=("silenced",), after=timedelta(), told=True, **policy):
    """What the clock does; ``covered`` are the states in which a silence covers the alert."""

    def run(alert):
        if alert is None:
            return []
        if not told and alert.told:
            alert = replace(alert, told=None, told_at=None)
        steps = attend(
            [alert, *others],
            silences=[SILENCE] if alert.state in covered else [],
            policy=Policy(**policy),
            now=NOW + after,
            repeat=True,
        )
        return [step for step in steps if step.after.alert_id == alert.alert_id]

    return run


def _act(act, *given, **how):
    def run(alert):
        return [] if alert is None else [act(alert, *given, who="ann", **how)]

    return run


RESET = Reset("aurora", None, DAY, DAY, "ann", "planned")
JUDGE = replace(
    FRESH, alert_id="j", fingerprint="j", type="JUDGE", deployment_family="judge",
    opened_on=DAY - timedelta(days=1),
)  # fmt: skip
HAPPENINGS = {
    "`PAGE`, `INDETERMINATE`": _day("PAGE"),
    "the same on too small an effective n": _day("PAGE", n=5.0),
    "`UNRESOLVED`": _day("UNRESOLVED"),
    "`WARN`": _day("WARN"),
    "`TICKET`": _day("TICKET"),
    "`NONE`": _day("NONE"),
    "`NONE`, the seventh watched day in a row": _day("NONE", quiet_days=6),
    "the same, and all of them since something was deployed": _day(
        "NONE", quiet_days=6, since=6, deployed=[DAY - timedelta(days=3)]
    ),
    "the same, and something was deployed in between": _day(
        "NONE", quiet_days=6, since=3, deployed=[DAY - timedelta(days=3)]
    ),
    "`NONE`, the 28th watched day in a row": _day("NONE", quiet_days=27),
    "`NONE`, no data or baseline": _day("NONE", "no_data"),
    "the first day after its change was declared normal": _day("NONE", "baseline", resets=[RESET]),
    "a silence begins that covers it": _look(covered=ALERT_STATES),
    "the last silence that covers it ends": _look(covered=()),
    "the same, if nobody was told yet": _look(covered=(), told=False),
    "an alert that explains it fires, if nobody was told yet": _look(JUDGE, told=False),
    "24 hours later": _look(after=timedelta(hours=24)),
    "7 days later, without escalation": _look(after=timedelta(days=7), escalate_after_hours=None),
    "somebody acknowledges it": _act(acknowledge),
    "somebody resolves it": _act(resolve, "true_drift", now=NOW),
}
"""What may happen."""


def cell(run, alert):
    """What becomes of an alert, and what is told."""
    try:
        steps = run(alert)
    except NotAllowedError:
        return "refused"
    if not steps:
        return "–"
    after, event = steps[-1].after, steps[-1].event
    parts = []
    if alert is None or after.state != alert.state or after.alert_id != alert.alert_id:
        parts.append(f"**{after.state}**")
    if after.severity == "warn" and after.state == "firing":
        parts.append("as a warning")
    if event:
        parts.append(f"`{event}`")
    if after.held_by:
        parts.append("held")
    return ", ".join(parts) or "–"


def table():
    """The table in Markdown."""
    rows = [["", *STATES], ["---"] * (len(STATES) + 1)]
    rows += [
        [name, *(cell(run, alert) for alert in STATES.values())] for name, run in HAPPENINGS.items()
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    print(table())
