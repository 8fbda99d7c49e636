"""What waits in the outbox is sent, and pages learn of it."""

import json
from datetime import UTC, datetime

import dagster as dg

from alignment_monitor.alerting.outbox import deliver_due
from alignment_monitor.alerting.service import (
    export_alerts,
    export_deliveries,
    export_resets,
    open_channels,
)
from alignment_monitor.assets.alerts import alerts
from alignment_monitor.assets.shared import OWNERS
from alignment_monitor.contracts import ALERTS, BASELINE_RESETS, DELIVERIES, FRESHNESS
from alignment_monitor.parquet import write_parquet
from alignment_monitor.resources.monitor import Monitor


@dg.asset(group_name="alerting", kinds={"webhook"}, deps=[alerts], owners=OWNERS)
def deliveries(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Send what is due, each alert once as an idempotent receiver sees it."""
    settings = monitor.settings
    report = deliver_due(
        monitor.store,
        open_channels(settings),
        now=datetime.now(UTC),
        retry_base_seconds=settings.alerts.retry_base_seconds,
        retry_limit=settings.alerts.retry_limit,
    )
    queued = export_deliveries(monitor.store)
    write_parquet(export_alerts(monitor.store), monitor.mart(ALERTS.name))
    write_parquet(export_resets(monitor.store), monitor.mart(BASELINE_RESETS.name))
    write_parquet(queued, monitor.mart(DELIVERIES.name))
    write_parquet(monitor.lake.freshness(), monitor.mart(FRESHNESS.name))
    _write_about(monitor)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": queued.num_rows,
            "sent": report.sent,
            "failed": report.failed,
            "dead": report.dead,
            "waiting": report.waiting,
        }
    )


def _write_about(monitor: Monitor) -> None:
    """What pages say of the installation itself."""
    settings = monitor.settings
    about = {
        "simulated": settings.simulated,
        "rubric_version": monitor.rubric.full_version,
        "judges": [f"{judge.name} ({judge.model})" for judge in settings.judging.judges],
        "acceptance": settings.judging.acceptance.model_dump(),
        "sentinels_per_day": settings.judging.sentinels_per_day,
        "canaries_per_day": settings.judging.canaries_per_day,
        "baseline_days": settings.detection.baseline_days,
        "average_run_length_years": settings.detection.average_run_length_years,
        "segment_by": list(settings.intake.segment_by),
        "generated_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path = settings.marts / "about.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(about, indent=2), encoding="utf-8")
    temporary.replace(path)
