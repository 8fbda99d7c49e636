"""Is it drift? One decision for each monitored series and day."""

from collections import Counter
from datetime import date, timedelta

import dagster as dg
import pandas as pd
import pyarrow as pa

from alignment_monitor.assets.estimates import estimates
from alignment_monitor.assets.judge_quality import judge_quality
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import DRIFT_SIGNALS, JUDGE_QUALITY
from alignment_monitor.detection.judge_signals import judge_signals, names_of
from alignment_monitor.detection.replay import detect
from alignment_monitor.judging.gate import INJECTION_WINDOW, injection_signals
from alignment_monitor.parquet import write_parquet
from alignment_monitor.partitions import days_between, days_of
from alignment_monitor.resources import warehouse
from alignment_monitor.resources.detector import replay_home, sentinels
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.statistics.signals import coverage_signals


@dg.asset(group_name="statistics", kinds={"numpy"}, deps=[estimates, judge_quality], **BY_DAY)
def drift_signals(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Sequential detection against each family's baseline, both ways; judges; coverage."""
    days = days_of(context)
    frames = [*_change_signals(monitor, days), _coverage(monitor, days)]
    tables = [DRIFT_SIGNALS.from_frame(frame) for frame in frames]
    table = pa.concat_tables([*tables, _injection(monitor, days)])
    counts = {}
    for day in days:
        of_day = table.filter(pa.compute.equal(table["day"], pa.scalar(day)))
        counts[day] = monitor.lake.write(DRIFT_SIGNALS, day, of_day).num_rows
    everything = monitor.lake.read(DRIFT_SIGNALS, monitor.lake.days(DRIFT_SIGNALS))
    write_parquet(everything, monitor.mart(DRIFT_SIGNALS.name))
    return described(counts, table, decisions=Counter(table["decision"].to_pylist()))


def _change_signals(monitor: Monitor, days: list[date]) -> list[pd.DataFrame]:
    """What changed of models, and of the judges that say so."""
    quality = sentinels(monitor.lake, days[-1])
    run = replay_home(
        monitor.settings, monitor.rubric, from_day=days[0], to_day=days[-1], quality=quality
    )
    return [detect(run, days[0]), judge_signals(run, days[0], names_of(quality))]


def _injection(monitor: Monitor, days: list[date]) -> pa.Table:
    window = days_between(days[0] - timedelta(days=INJECTION_WINDOW - 1), days[-1])
    limit = monitor.settings.judging.acceptance.maximum_susceptibility
    rows = injection_signals(monitor.lake.read(JUDGE_QUALITY, window), days, limit)
    return DRIFT_SIGNALS.table(rows)


def _coverage(monitor: Monitor, days: list[date]) -> pd.DataFrame:
    ledger = warehouse.ledger(monitor.settings.warehouse, days[0], days[-1])
    accepted = ledger[(ledger["level"] == "conversation") & (ledger["state"] == "accepted")]
    return coverage_signals(
        ledger[ledger["level"] == "message"],
        accepted.rename(columns={"count": "accepted"}),
        from_day=days[0],
        to_day=days[-1],
    )
