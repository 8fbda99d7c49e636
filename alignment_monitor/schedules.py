"""When the graph runs: jobs, schedules and sensors, on one screen.

Level-triggered automation is left out on purpose: one broken asset would run for ever.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from alignment_monitor.alerting.books import policy_of
from alignment_monitor.alerting.dead_man import ping
from alignment_monitor.alerting.outlets import open_channels
from alignment_monitor.alerting.service import raise_pipeline_alert
from alignment_monitor.judging.batch.recheck import days_to_collect
from alignment_monitor.operations.freshness import freshness
from alignment_monitor.operations.heartbeat import heartbeat
from alignment_monitor.operations.pipeline import PROCESS_TAG
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.sources.inbox import landed_at, stale_days

# Off unless `alignment-monitor up` turns them on: looking at the graph must not spend money.
_ON = os.environ.get("ALIGNMENT_MONITOR_SCHEDULES") == "on"
_SCHEDULES = dg.DefaultScheduleStatus.RUNNING if _ON else dg.DefaultScheduleStatus.STOPPED
_SENSORS = dg.DefaultSensorStatus.RUNNING if _ON else dg.DefaultSensorStatus.STOPPED

LOOK_BACK = timedelta(days=35)

daily_monitoring = dg.define_asset_job(
    "daily_monitoring",
    selection=dg.AssetSelection.all(),
    description="Everything, for one day or for all days of a range in one run.",
)
delivery_job = dg.define_asset_job(
    "delivery",
    selection=dg.AssetSelection.assets("deliveries"),
    description="Send what waits in the outbox, and refresh what pages show of it.",
)

daily = dg.build_schedule_from_partitioned_job(
    daily_monitoring,
    name="daily",
    hour_of_day=2,
    minute_of_hour=15,
    default_status=_SCHEDULES,
    description="Yesterday, once it is over in UTC and its conversations have gone quiet.",
)


@dg.schedule(
    cron_schedule="45 * * * *",
    job=daily_monitoring,
    name="hourly_recheck",
    default_status=_SCHEDULES,
    description="Days that received conversations since they were built, or whose batches ended.",
)
def hourly_recheck(
    context: dg.ScheduleEvaluationContext, monitor: Monitor
) -> Iterator[dg.RunRequest]:
    """Late data is built again, and awaited verdicts are collected."""
    now, settings = context.scheduled_execution_time.astimezone(UTC), monitor.settings
    since = now.date() - LOOK_BACK
    late = {day: landed_at(settings, day) for day in stale_days(settings, since)}
    ended = days_to_collect(settings, monitor.store, monitor.rubric, since)
    for day in sorted(late.keys() | ended.keys()):
        if day < now.date():
            news = [str(of[day]) for of in (late, ended) if day in of]
            yield dg.RunRequest(
                partition_key=day.isoformat(), run_key="-".join([day.isoformat(), *news])
            )


hourly_delivery = dg.ScheduleDefinition(
    name="hourly_delivery",
    job=delivery_job,
    cron_schedule="50 * * * *",
    default_status=_SCHEDULES,
    description="What waits in the outbox is tried again.",
)


@dg.run_failure_sensor(
    name="failed_run",
    default_status=_SENSORS,
    description="A run that failed is a PIPELINE alert: silence must never look like health.",
)
def failed_run(context: dg.RunFailureSensorContext, monitor: Monitor) -> None:
    """Raise a PIPELINE alert for a failed run, without any text from it."""
    run, now = context.dagster_run, datetime.now(UTC)
    raise_pipeline_alert(
        monitor.store,
        day=now.date(),
        reason=f"Run {run.run_id[:8]} of {run.job_name} failed; see Dagster for the step.",
        channels=open_channels(monitor.settings),
        policy=policy_of(monitor.settings),
        now=now,
        dashboard_url=monitor.settings.dashboard_url,
        inputs={"kind": "failed_run", "run_id": run.run_id, "job": run.job_name},
    )


@dg.sensor(
    name="stale",
    minimum_interval_seconds=1800,
    default_status=_SENSORS,
    description="No day completed in time is a PIPELINE alert, though no run failed.",
)
def stale(context: dg.SensorEvaluationContext, monitor: Monitor) -> dg.SkipReason:
    """Look whether the newest completed day is too old; a dead daemon is cron's to notice."""
    return dg.SkipReason(heartbeat(monitor.settings, datetime.now(UTC)).statement)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[daily_monitoring],
    name="dead_man",
    default_status=_SENSORS,
    description="A successful run pings alerts.dead_man_url_variable's address.",
)
def dead_man(context: dg.RunStatusSensorContext, monitor: Monitor) -> None:
    """Ping for runs of the daemon, while days are fresh; a command pings for its own."""
    if PROCESS_TAG in context.dagster_run.tags:
        return
    if not freshness(monitor.settings, datetime.now(UTC)).stale:
        ping(monitor.settings.alerts)
