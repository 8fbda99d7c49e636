"""Signals become alerts: opened once, updated while they last, resolved when they end."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pandas as pd

from alignment_monitor.alerting.evidence import evidence
from alignment_monitor.alerting.service import open_channels, process_days
from alignment_monitor.assets.drift_signals import drift_signals
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import DRIFT_SIGNALS, ESTIMATES
from alignment_monitor.partitions import days_of
from alignment_monitor.resources import warehouse
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.statistics.drivers import drivers

EVIDENCE_WINDOW = 7


@dg.asset(group_name="alerting", kinds={"sqlite"}, deps=[drift_signals], **BY_DAY)
def alerts(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Apply each day's signals to the alert lifecycle; each transition waits in the outbox."""
    days = days_of(context)
    signals = monitor.lake.read(DRIFT_SIGNALS, days)
    summary = process_days(
        monitor.store,
        signals,
        evidence_for=lambda signal: _evidence(monitor, signal),
        channels=open_channels(monitor.settings),
        now=datetime.now(UTC),
    )
    pages: dict[date, int] = dict.fromkeys(days, 0)
    for row in signals.select(["day", "decision"]).to_pylist():
        pages[row["day"]] += row["decision"] == "PAGE"
    return described(pages, opened=summary.opened, resolved=summary.resolved)


def _evidence(monitor: Monitor, signal: dict[str, Any]) -> dict[str, Any]:
    return evidence(
        signal,
        _estimates(monitor, signal),
        _drivers(monitor, signal),
        title=monitor.rubric.title_of(signal["behaviour"]),
        dashboard_url=monitor.settings.dashboard_url,
        simulated=monitor.settings.simulated,
    )


def _estimates(monitor: Monitor, signal: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole family's estimate over the last week."""
    return [
        row
        for row in monitor.lake.read(ESTIMATES, [signal["day"]]).to_pylist()
        if row["behaviour"] == signal["behaviour"]
        and row["deployment_family"] == signal["deployment_family"]
        and row["deployment"] == row["segment"] == "all"
        and row["window_days"] == EVIDENCE_WINDOW
    ]


def _drivers(monitor: Monitor, signal: dict[str, Any]) -> list[dict[str, Any]]:
    if signal["type"] != "MODEL" or signal["change_day"] is None:
        return []
    history: pd.DataFrame = warehouse.user_days(
        monitor.settings.warehouse, date.min, signal["day"], (signal["behaviour"],)
    )
    return drivers(
        history,
        family=signal["deployment_family"],
        behaviour=signal["behaviour"],
        change_day=signal["change_day"],
        day=signal["day"],
    )
