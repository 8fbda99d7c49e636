"""What two invented judges show on known conversations: the part of the sample marts about them.

``judge`` does well, and answers with another model from CHANGE_DAY on; ``second`` misses caving
and, in a sample that says so, lets itself be talked into verdicts. Everything follows from a seed.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from random import Random
from typing import Any

from alignment_monitor.alerting.evidence import evidence
from alignment_monitor.contracts import DRIFT_SIGNALS, JUDGE_QUALITY
from alignment_monitor.judging.gate import injection_signals
from alignment_monitor.judging.known import load_canaries
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.settings import Acceptance

RUBRIC = load_rubric()
ACCEPTANCE = Acceptance()
JUDGES = ("judge", "second")
CHANGE_DAY = date(2026, 10, 15)
SWAY_DAY = date(2026, 11, 1)
POSITIVES = {"unwarranted_agreement": 12, "caving": 5, "uncritical_validation": 6,
             "harmful_reinforcement": 4, "warranted_challenge": 9, "unearned_praise": 3,
             "claim": 20, "pushback": 6, "substance": 24}  # fmt: skip
NEGATIVES = {**{name: 2 * n for name, n in POSITIVES.items()}, "substance": 8, "coldness": 30}
MISSED = {"judge": {"harmful_reinforcement": 0.16}, "second": {"caving": 0.55}}
KINDS = sorted({canary.kind for canary in load_canaries().values()})


def quality(days: Sequence[date], *, text: str, swayed: bool) -> list[dict[str, Any]]:
    """Rows of ``judge_quality``; ``text`` stands in names that a server can choose."""
    return [
        row
        for day in days
        for judge in JUDGES
        for row in (*_sentinels(day, judge, text), *_canaries(day, judge, text, swayed))
    ] + [row for day in days for row in _panel(day, text)]


def signals(rows: list[dict[str, Any]], days: Sequence[date]) -> list[dict[str, Any]]:
    """Rows of ``drift_signals`` as the daily gate makes them."""
    limit = ACCEPTANCE.maximum_susceptibility
    return injection_signals(JUDGE_QUALITY.table(rows), days, limit)


def alerts(found: Sequence[dict[str, Any]], *, simulated: bool) -> Iterator[dict[str, Any]]:
    """An alert for each judge that the gate pages about on the last day."""
    paged = [row for row in found if row["decision"] == "PAGE"]
    for row in paged:
        if row["day"] != max(other["day"] for other in found):
            continue
        blank = dict.fromkeys(DRIFT_SIGNALS.schema.names)
        told = evidence(
            {**blank, **row}, [], [], title="Injection", dashboard_url="http://localhost:8501",
            simulated=simulated,
        )  # fmt: skip
        yield {
            "alert_id": f"alert-{row['deployment_family']}",
            "fingerprint": row["series"],
            "type": "JUDGE",
            "severity": "page",
            "series": row["series"],
            "deployment_family": row["deployment_family"],
            "behaviour": row["behaviour"],
            "direction": "up",
            "state": "firing",
            "opened_on": min(other["day"] for other in paged if other["series"] == row["series"]),
            "updated_on": row["day"],
            "evidence": json.dumps(told),
        }


def cost(days: Sequence[date]) -> Iterator[dict[str, Any]]:
    """Rows of ``cost_daily``; the price of the second judge is not known."""
    for day in days:
        for status, calls in (("ok", 232), ("refused", 1), ("invalid", 2)):
            yield _spent(day, "judge", status, calls, price=0.0013)
        late = 31 if day.weekday() >= 5 else 0
        for status, calls in (("ok", 228 - late), ("failed", 7 + late)):
            yield _spent(day, "second", status, calls)


def _spent(
    day: date, judge: str, status: str, calls: int, price: float | None = None
) -> dict[str, Any]:
    told = status != "failed"
    return {
        "day": day,
        "judge": judge,
        "status": status,
        "calls": calls,
        "prompt_tokens": 1850 * calls if told else None,
        "completion_tokens": 420 * calls if told else None,
        "cost_usd": price * calls if told and price is not None else None,
    }


def _row(day: date, judge: str, text: str, **values: Any) -> dict[str, Any]:
    model = "sample-2" if judge == "judge" and day >= CHANGE_DAY else "sample-1"
    return {
        "day": day,
        "judge": judge,
        "fingerprint": f"sample/{model}{text}/chat/7f3a",
        "rubric_version": RUBRIC.full_version,
        "known_version": "fe7bc7664f75",
        **values,
    }


def _sentinels(day: date, judge: str, text: str) -> Iterator[dict[str, Any]]:
    random = Random(f"{day} {judge}")
    for measure, numbers in (("sensitivity", POSITIVES), ("specificity", NEGATIVES)):
        for question, n in numbers.items():
            missed = MISSED[judge].get(question, 0.07) if measure == "sensitivity" else 0.03
            hits = sum(random.random() >= missed for _ in range(n))
            yield _row(day, judge, text, measure=measure, question=question, n=n, hits=hits)


def _canaries(day: date, judge: str, text: str, swayed: bool) -> Iterator[dict[str, Any]]:
    random = Random(f"{day} {judge} canaries")
    for offset in range(6):
        kind = KINDS[(6 * day.toordinal() + offset) % len(KINDS)]
        weak = swayed and judge == "second" and day >= SWAY_DAY
        pushed = random.random() < (0.35 if weak else 0.01)
        against = not pushed and random.random() < 0.01
        yield _row(
            day, judge, text, measure="injection", question=kind, n=1, hits=int(pushed),
            against=int(against),
        )  # fmt: skip


def _panel(day: date, text: str) -> Iterator[dict[str, Any]]:
    random = Random(f"{day} panel")
    first, second = (_row(day, judge, text)["fingerprint"] for judge in JUDGES)
    for question in (*RUBRIC.graded, *RUBRIC.derived):
        rare = question in ("coldness", "harmful_reinforcement")
        for measure, value in (
            ("krippendorff_alpha", 0.31 if rare else 0.64),
            ("gwet_ac1", 0.95 if rare else 0.83),
        ):
            found = None if question == "coldness" else value + random.uniform(-0.05, 0.05)
            yield {
                **_row(day, "panel", text, measure=measure, question=question),
                "fingerprint": f"{first} + {second}",
                "n": 3 * POSITIVES.get(question, 10),
                "value": found,
            }
