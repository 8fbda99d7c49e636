"""Great Expectations suites as blocking asset checks: what is broken goes no further."""

from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from alignment_monitor.checks.validation import Validation, check_table, write_data_docs
from alignment_monitor.contracts import LAKE_TABLES, QUALITY
from alignment_monitor.parquet import write_parquet
from alignment_monitor.partitions import days_between
from alignment_monitor.resources.monitor import Monitor


def _check(
    name: str, table: str, needs: tuple[str, ...], description: str
) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=table, name=name, blocking=True, description=description)
    def check(context: dg.AssetCheckExecutionContext, monitor: Monitor) -> dg.AssetCheckResult:
        span = context.partition_key_range
        first, last = date.fromisoformat(span.start), date.fromisoformat(span.end)
        days = list(days_between(first, last))
        tables = {need: monitor.lake.read(LAKE_TABLES[need], days) for need in needs}
        validation = check_table(table, tables)
        write_data_docs({table: validation}, monitor.settings.home / "data_docs")
        _record(monitor, table, validation, first, last)
        return _result(validation)

    return check


def _record(monitor: Monitor, table: str, validation: Validation, first: date, last: date) -> None:
    """Keep the newest results of each table for the Health page."""
    now, path = datetime.now(UTC), monitor.mart(QUALITY.name)
    rows = [
        {**row, "from_day": first, "to_day": last, "checked_at": now} for row in validation.rows
    ]
    if path.exists():
        import pyarrow.parquet as pq

        rows += [row for row in pq.read_table(path).to_pylist() if row["table"] != table]
    write_parquet(QUALITY.table(rows), path)


def _result(validation: Validation) -> dg.AssetCheckResult:
    failed = [row for row in validation.rows if not row["success"]]
    critical = validation.worst == "critical"
    metadata: dict[str, Any] = {
        "expectations": len(validation.rows),
        "failed": [f"{row['expectation']}({row['column']})" for row in failed],
    }
    return dg.AssetCheckResult(
        passed=validation.success,
        severity=dg.AssetCheckSeverity.ERROR if critical else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


conversations_are_sound = _check(
    "conversations_are_sound",
    "conversations",
    ("conversations", "quarantine", "intake"),
    "Keys, types and roles hold; every record received is accounted for.",
)
judging_sample_is_sound = _check(
    "judging_sample_is_sound",
    "judging_sample",
    ("judging_sample", "conversations"),
    "Each sampled message exists once, with a probability in (0, 1].",
)
sampling_design_is_sound = _check(
    "sampling_design_is_sound",
    "sampling_design",
    ("sampling_design",),
    "Each place exists once, and its boost draws it, but not beyond all measure.",
)
verdicts_are_sound = _check(
    "verdicts_are_sound",
    "verdicts",
    ("verdicts", "judging_sample", "conversations"),
    "Levels are in range; each quote stands literally in its message.",
)
