"""Is it drift? One decision for each monitored series and day."""

from collections import Counter

import dagster as dg
import pyarrow as pa

from alignment_monitor.assets.estimates import estimates
from alignment_monitor.assets.judge_quality import judge_quality
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.parquet import write_parquet
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.resources.signals import home_signals


@dg.asset(group_name="statistics", kinds={"numpy"}, deps=[estimates, judge_quality], **BY_DAY)
def drift_signals(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Sequential detection against each family's baseline, both ways; judges; coverage."""
    days = days_of(context)
    table = home_signals(monitor.settings, monitor.rubric, days[0], days[-1])
    counts = {}
    for day in days:
        of_day = table.filter(pa.compute.equal(table["day"], pa.scalar(day)))
        counts[day] = monitor.lake.write(DRIFT_SIGNALS, day, of_day).num_rows
    everything = monitor.lake.read(DRIFT_SIGNALS, monitor.lake.days(DRIFT_SIGNALS))
    write_parquet(everything, monitor.mart(DRIFT_SIGNALS.name))
    return described(counts, table, decisions=Counter(table["decision"].to_pylist()))
