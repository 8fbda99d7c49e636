"""Signals become alerts: opened once, updated while they last, resolved when they end."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pandas as pd

from alignment_monitor.alerting.evidence import evidence
from alignment_monitor.alerting.service import open_channels, process_days
from alignment_monitor.assets.drift_signals import drift_signals
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import DRIFT_SIGNALS, ESTIMATES, JUDGE_QUALITY
from alignment_monitor.judging.quality import sentinel_items
from alignment_monitor.partitions import days_between, days_of
from alignment_monitor.resources import warehouse
from alignment_monitor.resources.detector import read_resets
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.statistics.change_parts import change_parts
from alignment_monitor.statistics.drivers import drivers
from alignment_monitor.statistics.epochs import standing_rows
from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE, latest

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
    history = _history(monitor, signal)
    return evidence(
        signal,
        _estimates(monitor, signal),
        _drivers(history, signal),
        title=monitor.rubric.title_of(signal["behaviour"]),
        dashboard_url=monitor.settings.dashboard_url,
        simulated=monitor.settings.simulated,
        decomposition=_decomposition(monitor, history, signal),
    )


def _estimates(monitor: Monitor, signal: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole family's estimate over the last week, on the judge's scale, as it stands now."""
    return [
        row
        for row in latest(monitor.lake.read(ESTIMATES, [signal["day"]])).to_pylist()
        if row["behaviour"] == signal["behaviour"]
        and row["deployment_family"] == signal["deployment_family"]
        and row["deployment"] == row["segment"] == "all"
        and row["mode"] == JUDGE_SCALE
        and row["window_days"] == EVIDENCE_WINDOW
    ]


def _history(monitor: Monitor, signal: dict[str, Any]) -> pd.DataFrame | None:
    """Sufficient statistics of the series from its baseline that stands on the day up to the day.

    None where no rate is watched.
    """
    if signal["type"] != "MODEL":
        return None
    family, behaviour, day = (signal[name] for name in ("deployment_family", "behaviour", "day"))
    rows = warehouse.user_days(monitor.settings.warehouse, date.min, day, (behaviour,))
    resets = read_resets(monitor.store)
    return standing_rows(rows, resets, family, behaviour, pd.Timestamp(day))


def _drivers(history: pd.DataFrame | None, signal: dict[str, Any]) -> list[dict[str, Any]]:
    if history is None or signal["change_day"] is None:
        return []
    return drivers(
        history,
        family=signal["deployment_family"],
        behaviour=signal["behaviour"],
        change_day=signal["change_day"],
        day=signal["day"],
    )


def _decomposition(
    monitor: Monitor, history: pd.DataFrame | None, signal: dict[str, Any]
) -> dict[str, Any] | None:
    if history is None:
        return None
    first = pd.to_datetime(history["day"]).min()
    days = [] if pd.isna(first) else days_between(first.date(), signal["day"])
    return change_parts(
        history,
        monitor.lake.read(JUDGE_QUALITY, days).to_pandas(),
        family=signal["deployment_family"],
        behaviour=signal["behaviour"],
        day=signal["day"],
        baseline_days=monitor.settings.detection.baseline_days,
        items=sentinel_items(monitor.rubric),
    )
