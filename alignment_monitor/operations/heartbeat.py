"""The watchdog: a monitor that has gone quiet is told like any other alert.

Here belongs: raising the alert and sending it, for there may be no scheduler alive that would. Here
does not belong: what is too old (``freshness``).
"""

from datetime import datetime

from alignment_monitor.alerting.books import policy_of
from alignment_monitor.alerting.outbox import deliver_due
from alignment_monitor.alerting.outlets import open_channels
from alignment_monitor.alerting.service import (
    export_alerts,
    export_deliveries,
    raise_pipeline_alert,
)
from alignment_monitor.contracts import ALERTS, DELIVERIES
from alignment_monitor.operations.freshness import Freshness, freshness
from alignment_monitor.parquet import write_parquet
from alignment_monitor.settings import Settings
from alignment_monitor.store import open_store


def heartbeat(settings: Settings, now: datetime, max_age_hours: float | None = None) -> Freshness:
    """Check that days are completed in time; if not, raise the PIPELINE alert and send it.

    Told once: as long as it lasts, checking again confirms it. The next run that succeeds ends it,
    once the newest completed day is fresh.

    Args:
        settings: of the home.
        now: current time.
        max_age_hours: allowed age of the newest day; null: ``alerts.stale_after_hours``.

    Raises:
        StoreError: the operational store cannot be opened.
        SettingsError: there is no such home, or two channels have the same name.
    """
    found = freshness(settings, now, max_age_hours)
    if not found.stale:
        return found
    channels, store = open_channels(settings), open_store(settings.store_url)
    try:
        raise_pipeline_alert(
            store,
            day=now.date(),
            reason=found.statement,
            channels=channels,
            policy=policy_of(settings),
            now=now,
            dashboard_url=settings.dashboard_url,
            inputs={
                "kind": "heartbeat",
                "last_day": found.last_day and found.last_day.isoformat(),
                "checked_at": now.isoformat(),
                "max_age_hours": found.max_age_hours,
                "started_at": found.started_at and found.started_at.isoformat(),
            },
        )
        deliver_due(
            store,
            channels,
            now=now,
            retry_base_seconds=settings.alerts.retry_base_seconds,
            retry_limit=settings.alerts.retry_limit,
        )
        for contract, rows in (
            (ALERTS, export_alerts(store)),
            (DELIVERIES, export_deliveries(store)),
        ):
            write_parquet(rows, settings.marts / f"{contract.name}.parquet")
    finally:
        store.dispose()
    return found
