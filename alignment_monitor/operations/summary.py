"""What was found, from the marts alone: for the terminal, in the words of the pages."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from alignment_monitor.contracts import MARTS


@dataclass(frozen=True)
class Summary:
    """The state of a home.

    Attributes:
        alerts: firing alerts, first opened first, with their evidence read.
        ledger: count by (level, state) over all days.
        days: number of days monitored.
        phases: how many monitored series are in which phase (baseline, watching, no_data) on the
            newest day.
        waiting: deliveries that no receiver has taken yet.
    """

    alerts: tuple[dict[str, Any], ...]
    ledger: dict[tuple[str, str], int]
    days: int
    phases: dict[str, int]
    waiting: int


def summarise(marts: Path) -> Summary:
    """Read the summary of a marts folder; absent files are empty."""
    alerts = _rows(marts, "alerts")
    for alert in alerts:
        alert["evidence"] = json.loads(alert["evidence"])
    ledger: dict[tuple[str, str], int] = {}
    days = set()
    for row in _rows(marts, "ledger_daily"):
        key = (row["level"], row["state"])
        ledger[key] = ledger.get(key, 0) + row["count"]
        days.add(row["day"])
    return Summary(
        alerts=tuple(alert for alert in alerts if alert["state"] == "firing"),
        ledger=ledger,
        days=len(days),
        phases=_phases(_rows(marts, "drift_signals")),
        waiting=sum(
            row["status"] != "delivered" and row["event"] != "alert.test"
            for row in _rows(marts, "deliveries")
        ),
    )


def _phases(signals: list[dict[str, Any]]) -> dict[str, int]:
    newest = max((signal["day"] for signal in signals), default=None)
    phases = [s["phase"] for s in signals if s["day"] == newest and s["type"] == "MODEL"]
    return {phase: phases.count(phase) for phase in sorted(set(phases))}


def _rows(marts: Path, name: str) -> list[dict[str, Any]]:
    path = marts / f"{name}.parquet"
    if not path.exists():
        return []
    contract = MARTS[name]
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return sorted(rows, key=lambda row: [str(row[column]) for column in contract.key])
