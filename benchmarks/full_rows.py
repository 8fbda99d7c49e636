"""Rows of the smaller marts, for marts of full scale: as many a day as a real run writes."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from alignment_monitor.judging.quality import AC1, ALPHA, INJECTION, PANEL, SENSITIVITY, SPECIFICITY
from alignment_monitor.judging.rubric import load_rubric

Row = dict[str, Any]

RUBRIC = load_rubric()
QUESTIONS = [*RUBRIC.graded, *RUBRIC.derived, *RUBRIC.opportunities]
JUDGES = ("judge", "second")
KNOWN = "fe7bc7664f75"
STATES = {
    "conversation": {"accepted": 9000, "ineligible": 400, "quarantined": 3},
    "message": {"sampled_out": 25_000, "over_budget": 200, "judged": 1370, "judge_refused": 12},
}


def _fingerprint(judge: str, number: int) -> str:
    """Another version of a judge every quarter of a year."""
    return f"openai/{judge}-{number // 90}/chat/7f3a"


def signal_rows(days: Sequence[date], families: Sequence[str]) -> list[Row]:
    """Of ``drift_signals``: each watched question both ways, each judge's series, coverage."""
    random, rows = Random(1), []
    learning = 28
    for number, day in enumerate(days):
        series = [
            ("MODEL", family, name, way)
            for family in families
            for name in RUBRIC.monitored
            for way in ("up", "down")
        ]
        series += [("JUDGE", judge, name, "up") for judge in JUDGES for name in QUESTIONS]
        series += [("JUDGE", judge, INJECTION, "up") for judge in JUDGES]
        series += [("PIPELINE", "all", "coverage", "down")]
        for kind, family, name, way in series:
            baseline = number < learning
            rows.append(
                {
                    "day": day, "series": f"{kind}/{family}/{name}/{way}",
                    "deployment_family": family, "behaviour": name, "direction": way,
                    "type": kind, "phase": "baseline" if baseline else "watching",
                    "decision": "NONE", "observed": 0.1 + 0.02 * random.random(), "n": 90,
                    "effective_n": 72.0, "baseline_mean": None if baseline else 0.11,
                    "baseline_sd": 0.03, "z": random.gauss(0, 1), "statistic": 0.3,
                    "threshold": 7.5, "effect_lower": 0.05, "effect_upper": 0.2,
                    "average_run_length_days": 1826.0, "detectable_7d": 0.06,
                    "detectable_30d": 0.03, "version": 1,
                }
            )  # fmt: skip
    return rows


def quality_rows(days: Sequence[date]) -> list[Row]:
    """Of ``judge_quality``: each judge on each question and kind of attempt, and the panel."""
    random, rows = Random(2), []
    for number, day in enumerate(days):
        for judge in JUDGES:
            shared = {
                "day": day, "judge": judge, "fingerprint": _fingerprint(judge, number),
                "rubric_version": RUBRIC.full_version, "known_version": KNOWN,
            }  # fmt: skip
            asked = [(m, name) for m in (SENSITIVITY, SPECIFICITY) for name in QUESTIONS]
            asked += [(f"outcome_{kind}", name) for kind in ("present", "absent", "none")
                      for name in QUESTIONS[:10]]  # fmt: skip
            for measure, name in asked:
                hits = sum(random.random() < 0.94 for _ in range(10))
                rows.append({**shared, "measure": measure, "question": name, "n": 10,
                             "hits": hits})  # fmt: skip
            rows += [
                {**shared, "measure": INJECTION, "question": f"kind-{kind}", "n": 2, "hits": 0,
                 "against": 0}
                for kind in range(4)
            ]  # fmt: skip
        rows += [
            {
                "day": day, "judge": PANEL, "fingerprint": "panel",
                "rubric_version": RUBRIC.full_version, "known_version": KNOWN,
                "measure": measure, "question": name, "n": 900, "value": 0.7,
            }
            for measure in (ALPHA, AC1)
            for name in QUESTIONS
        ]  # fmt: skip
    return rows


def cost_rows(days: Sequence[date]) -> list[Row]:
    """Of ``cost_daily``."""
    return [
        {"day": day, "judge": judge, "status": status, "calls": calls,
         "prompt_tokens": 1850 * calls, "completion_tokens": 420 * calls,
         "cost_usd": 0.001 * calls}
        for day in days
        for judge in JUDGES
        for status, calls in (("ok", 1360), ("refused", 8), ("invalid", 2))
    ]  # fmt: skip


def ledger_rows(days: Sequence[date]) -> list[Row]:
    """Of ``ledger_daily``."""
    return [
        {"day": day, "level": level, "state": state, "count": count}
        for day in days
        for level, states in STATES.items()
        for state, count in states.items()
    ]


def small_marts(
    days: Sequence[date], deployed: Mapping[str, Sequence[tuple[str, int, int]]]
) -> dict[str, list[Row]]:
    """What does not grow by the day, or little: deployments, alerts, refused records and so on."""
    last = days[-1]
    known = [
        {"deployment_family": family, "deployment": name, "first_day": days[first],
         "last_day": days[min(end, len(days) - 1)], "conversations": 9000 * (end - first + 1)}
        for family, names in deployed.items()
        for name, first, end in names
    ]  # fmt: skip
    alerts = [_alert(number, days) for number in range(300)]
    return {
        "deployments": known,
        "alerts": alerts,
        "deliveries": [_delivery(alert, channel) for alert in alerts for channel in ("a", "b")],
        "alert_precision": [
            {"type": "all", "fired": 300, "true_drifts": 20, "false_alarms": 5,
             "expected_changes": 3, "n": 25, "precision": 0.8, "lower": 0.6, "upper": 0.93}
        ],
        "baseline_resets": [],
        "annotations": [
            {"annotation_id": f"note-{number}", "day": days[number * 29 % len(days)],
             "kind": "note", "label": f"prompt {number}", "details": "",
             "deployment_family": None, "detected": False}
            for number in range(20)
        ],
        "quarantine": [
            {"day": day, "receipt_id": f"r-{number}", "source": "files",
             "location": f"batch-{number}.jsonl:{number}", "conversation_id": None,
             "rule": ("no turns", "no time", "not JSON")[number % 3],
             "reason": "The record has no turns: add them.", "excerpt": "{"}
            for number, day in enumerate(day for day in days[-400:] for _ in range(50))
        ],
        "quality": [
            {"table": table, "expectation": f"expect_column_{number}", "column": f"c{number}",
             "severity": "critical", "success": True, "rows": 9000, "from_day": last,
             "to_day": last, "checked_at": _at(last)}
            for table in ("conversations", "verdicts", "estimates")
            for number in range(20)
        ],
        "freshness": [
            {"table": table, "last_day": last, "rows": 9000, "written_at": _at(last)}
            for table in ("conversations", "verdicts", "estimates", "drift_signals")
        ],
    }  # fmt: skip


def _at(day: date) -> datetime:
    return datetime.combine(day, time(2), UTC) + timedelta(days=1)


def _alert(number: int, days: Sequence[date]) -> Row:
    opened = days[(number * 7 + 60) % len(days)]
    name = RUBRIC.headline[number % len(RUBRIC.headline)]
    firing = number < 2
    told = {"statement": f"{RUBRIC.title_of(name)} changed.", "value": 0.2, "lower": 0.15,
            "upper": 0.25, "baseline": 0.1, "n": 600, "effect": 0.1}  # fmt: skip
    return {
        "alert_id": f"alert-{number}", "fingerprint": f"MODEL/{name}/{number}", "type": "MODEL",
        "severity": "page" if number % 3 == 0 else "warn", "series": f"MODEL/aurora/{name}/up",
        "deployment_family": "aurora", "behaviour": name, "direction": "up",
        "state": "firing" if firing else "resolved",
        "opened_on": days[-5] if firing else opened,
        "updated_on": days[-1] if firing else opened,
        "resolved_on": None if firing else opened,
        "resolution": None if firing else "back to normal",
        "fired_on": opened, "evidence": json.dumps(told),
    }  # fmt: skip


def _delivery(alert: Row, channel: str) -> Row:
    when = _at(alert["opened_on"])
    return {
        "delivery_id": f"{alert['alert_id']}-{channel}", "alert_id": alert["alert_id"],
        "event": "alert.firing", "channel": channel, "status": "delivered", "attempts": 1,
        "created_at": when, "delivered_at": when,
    }  # fmt: skip
