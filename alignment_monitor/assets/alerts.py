"""Signals become alerts: opened once, updated while they last, resolved when they end."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from alignment_monitor.alerting.books import policy_of
from alignment_monitor.alerting.outlets import open_channels
from alignment_monitor.alerting.service import process_days
from alignment_monitor.assets.drift_signals import drift_signals
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.operations.freshness import freshness
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.annotations import deployed
from alignment_monitor.resources.completed import note_completed
from alignment_monitor.resources.evidence import EvidenceReader
from alignment_monitor.resources.monitor import Monitor

ON_TIME = dg.FreshnessPolicy.cron(deadline_cron="0 6 * * *", lower_bound_delta=timedelta(hours=6))
"""Shown in Dagster; the sensor ``stale`` raises the alert, for nobody looks at Dagster at night."""


@dg.asset(
    group_name="alerting",
    kinds={"sqlite"},
    deps=[drift_signals],
    freshness_policy=ON_TIME,
    **BY_DAY,
)
def alerts(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Apply each day's signals to the alert lifecycle; each transition waits in the outbox."""
    days = days_of(context)
    signals = monitor.lake.read(DRIFT_SIGNALS, days)
    now = datetime.now(UTC)
    summary = process_days(
        monitor.store,
        signals,
        evidence_for=EvidenceReader(monitor, days[-1]),
        channels=open_channels(monitor.settings),
        now=now,
        policy=policy_of(monitor.settings),
        deployed=deployed(monitor.settings, monitor.store),
        fresh=not freshness(monitor.settings, now, at_least=days[-1]).stale,
    )
    note_completed(monitor.settings, days[-1], datetime.now(UTC))
    pages: dict[date, int] = dict.fromkeys(days, 0)
    for row in signals.select(["day", "decision"]).to_pylist():
        pages[row["day"]] += row["decision"] == "PAGE"
    return described(pages, opened=summary.opened, resolved=summary.resolved)
