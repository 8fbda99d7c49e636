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
        deployments: deployments with first and last day.
    """

    alerts: tuple[dict[str, Any], ...]
    ledger: dict[tuple[str, str], int]
    days: int
    deployments: tuple[dict[str, Any], ...]


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
        deployments=tuple(_rows(marts, "deployments")),
    )


def _rows(marts: Path, name: str) -> list[dict[str, Any]]:
    path = marts / f"{name}.parquet"
    if not path.exists():
        return []
    contract = MARTS[name]
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return sorted(rows, key=lambda row: [str(row[column]) for column in contract.key])
