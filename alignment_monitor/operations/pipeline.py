"""Running the Dagster graph over days, from a command: in this process, with its events kept."""

import gc
import os
import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from alignment_monitor.settings import HOME_VARIABLE, Settings

DAILY = "daily_monitoring"
DELIVERY = "delivery"
PROCESS_TAG = "alignment_monitor/process"
DAGSTER_YAML = """\
# Dagster's own storage: SQLite beside this file.
telemetry: {enabled: false}
python_logs: {python_log_level: INFO}
run_retries: {enabled: false}
# One run at a time: DuckDB locks its file, and the marts are rewritten whole. No pools: a run that
# is killed would keep its place in one, and the next would wait for it for ever.
concurrency: {runs: {max_concurrent_runs: 1}}
"""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        run_id: of the Dagster run.
        success: all steps and blocking checks passed.
        problems: one line for each step or check that failed.
    """

    run_id: str
    success: bool
    problems: tuple[str, ...]


def prepare_dagster_home(settings: Settings) -> Path:
    """Make Dagster's folder, and point this process and its children to it."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    path = settings.dagster_home / "dagster.yaml"
    if not path.exists():
        path.write_text(DAGSTER_YAML, encoding="utf-8")
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    os.environ[HOME_VARIABLE] = str(settings.home)
    return settings.dagster_home


def run_days(settings: Settings, first: date, last: date) -> Outcome:
    """One run of the daily job over first to last day, both included."""
    if first == last:
        return _monitored(settings, partition_key=first.isoformat())
    tags = {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    return _monitored(settings, tags=tags)


def deliver_now(settings: Settings) -> Outcome:
    """One run of the delivery job: what waits in the outbox is tried again."""
    return _run(settings, DELIVERY)


def end_dead_runs(instance: Any, *, ours_alone: bool) -> int:
    """Mark runs as failed whose process was killed: they would hold up all others for ever.

    Args:
        instance: Dagster's instance.
        ours_alone: look only at runs of commands, whose process is known; else (when the daemon
            starts and nothing of it can be alive) at all others too.

    Returns:
        How many were ended.
    """
    import dagster as dg

    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=unfinished))
        if not (_alive(run.tags[PROCESS_TAG]) if PROCESS_TAG in run.tags else ours_alone)
    ]
    for run in dead:
        instance.report_run_failed(run, "Its process is gone.")
    return len(dead)


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _monitored(settings: Settings, **which: Any) -> Outcome:
    """A run of the daily job; one that succeeded tells so to whoever waits for it.

    But not of an old day, while a newer one that is due is missing.
    """
    from alignment_monitor.alerting.dead_man import ping
    from alignment_monitor.operations.freshness import freshness

    outcome = _run(settings, DAILY, **which)
    if outcome.success and not freshness(settings, datetime.now(UTC)).stale:
        ping(settings.alerts)
    return outcome


def _run(settings: Settings, job: str, tags: dict[str, str] | None = None, **which: Any) -> Outcome:
    prepare_dagster_home(settings)
    # Imports and events make millions of objects that stay; looking through them again and again
    # is a second of a day's run.
    gc.set_threshold(200_000, 20, 100)
    import dagster as dg

    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    from alignment_monitor.definitions import defs

    with dg.DagsterInstance.get() as instance:
        end_dead_runs(instance, ours_alone=True)
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={PROCESS_TAG: str(os.getpid()), **(tags or {})},
            **which,
        )
        return Outcome(result.run_id, result.success, tuple(_problems(result)))


def _problems(result: Any) -> list[str]:
    problems = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            cause = error.cause or error
            problems.append(f"{event.step_key}: {cause.message.strip().splitlines()[0][:300]}")
    for check in result.get_asset_check_evaluations():
        if not check.passed and check.severity.value == "ERROR":
            failed = check.metadata.get("failed")
            detail = f": {failed.value}" if failed is not None else ""
            problems.append(f"check {check.check_name}{detail}")
    return problems
