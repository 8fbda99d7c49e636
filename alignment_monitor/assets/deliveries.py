"""What waits in the outbox is sent, and pages learn of it."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg

from alignment_monitor.alerting.books import policy_of
from alignment_monitor.alerting.desk import precision_rows
from alignment_monitor.alerting.outbox import deliver_due
from alignment_monitor.alerting.outlets import open_channels
from alignment_monitor.alerting.service import (
    export_alerts,
    export_deliveries,
    export_resets,
    look_after,
)
from alignment_monitor.assets.alerts import alerts
from alignment_monitor.assets.shared import OWNERS
from alignment_monitor.contracts import (
    ALERT_PRECISION,
    ALERTS,
    BASELINE_RESETS,
    DELIVERIES,
    FRESHNESS,
)
from alignment_monitor.parquet import write_parquet
from alignment_monitor.resources.annotations import write_annotations
from alignment_monitor.resources.monitor import Monitor

PATIENCE = timedelta(minutes=2)
"""How long a run waits for channels that are told only so much a minute."""


@dg.asset(group_name="alerting", kinds={"webhook"}, deps=[alerts], owners=OWNERS)
def deliveries(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Send what is due, each alert once as an idempotent receiver sees it."""
    settings, now = monitor.settings, datetime.now(UTC)
    channels = open_channels(settings)
    look_after(monitor.store, channels, policy=policy_of(settings), now=now)
    report = deliver_due(
        monitor.store,
        channels,
        now=now,
        retry_base_seconds=settings.alerts.retry_base_seconds,
        retry_limit=settings.alerts.retry_limit,
        patience=PATIENCE,
    )
    queued = export_deliveries(monitor.store)
    write_parquet(export_alerts(monitor.store), monitor.mart(ALERTS.name))
    precision = ALERT_PRECISION.table(precision_rows(monitor.store))
    write_parquet(precision, monitor.mart(ALERT_PRECISION.name))
    write_parquet(export_resets(monitor.store), monitor.mart(BASELINE_RESETS.name))
    write_parquet(queued, monitor.mart(DELIVERIES.name))
    write_annotations(settings, monitor.store)
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
        "stand_in": settings.judging.stand_in and settings.judging.stand_in.name,
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
