"""What was found, from the marts alone: for the terminal, in the words of the pages."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignment_monitor.alerting.alert import FIRES
from alignment_monitor.contracts import MARTS
from alignment_monitor.resources.marts import Marts

_NOT_OTHERS = ("firing", "resolved")


@dataclass(frozen=True)
class Summary:
    """The state of a home.

    Attributes:
        alerts: firing alerts, first opened first, with their evidence read.
        others: count of the other open alerts by state.
        ledger: count by (level, state) over all days.
        days: number of days monitored.
        phases: how many monitored series are in which phase (baseline, watching, no_data) on the
            newest day.
        changed: how many of them tell a change on that day, whatever became of its alert.
        waiting: deliveries that are still tried.
        dead: those that were given up.
    """

    alerts: tuple[dict[str, Any], ...]
    others: dict[str, int]
    ledger: dict[tuple[str, str], int]
    days: int
    phases: dict[str, int]
    changed: int
    waiting: int
    dead: int


def summarise(folder: Path) -> Summary:
    """Read the summary of a marts folder; absent files are empty."""
    marts = Marts(folder)
    alerts = _rows(marts, "alerts")
    for alert in alerts:
        alert["evidence"] = json.loads(alert["evidence"])
    ledger: dict[tuple[str, str], int] = {}
    days = set()
    for row in _rows(marts, "ledger_daily"):
        key = (row["level"], row["state"])
        ledger[key] = ledger.get(key, 0) + row["count"]
        days.add(row["day"])
    told = (row for row in _rows(marts, "deliveries") if row["event"] != "alert.test")
    newest = _newest(marts)
    sent = Counter(row["status"] for row in told)
    return Summary(
        alerts=tuple(alert for alert in alerts if alert["state"] == "firing"),
        others=dict(Counter(sorted(a["state"] for a in alerts if a["state"] not in _NOT_OTHERS))),
        ledger=ledger,
        days=len(days),
        phases=dict(sorted(Counter(row["phase"] for row in newest).items())),
        changed=sum(row["decision"] in FIRES for row in newest),
        waiting=sent["pending"],
        dead=sent["dead"],
    )


def _newest(marts: Marts) -> list[dict[str, Any]]:
    """What was decided of the model on the newest day, by series."""
    days = marts.span("drift_signals")
    day = days and days[1]
    columns = ["phase", "decision"]
    rows = marts.select("drift_signals", columns=columns, first=day, last=day, type="MODEL")
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def _rows(marts: Marts, name: str) -> list[dict[str, Any]]:
    contract = MARTS[name]
    rows: list[dict[str, Any]] = marts.select(name).to_pylist()
    return sorted(rows, key=lambda row: [str(row[column]) for column in contract.key])
