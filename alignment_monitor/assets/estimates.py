"""Prevalence with its interval, for each day, window, deployment, segment and behaviour."""

from datetime import timedelta

import dagster as dg
import pandas as pd
import pyarrow as pa

from alignment_monitor import progress
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.assets.warehouse import warehouse
from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.parquet import write_parquet
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.resources.warehouse import user_days
from alignment_monitor.statistics.estimation import window_estimates


@dg.asset(group_name="statistics", kinds={"pandas"}, deps=[warehouse], **BY_DAY)
def estimates(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Design-weighted rates given an opportunity, with intervals clustered by user."""
    days, windows = days_of(context), monitor.settings.detection.windows
    history = user_days(
        monitor.settings.warehouse, days[0] - timedelta(days=max(windows) - 1), days[-1]
    )
    counts, written = {}, None
    for done, day in enumerate(days, 1):
        frames = [window_estimates(history, day=day, window_days=window) for window in windows]
        frame = pd.concat(frames, ignore_index=True)
        written = monitor.lake.write(ESTIMATES, day, ESTIMATES.from_frame(frame))
        counts[day] = written.num_rows
        progress.report("estimates", done, len(days))
    write_parquet(_all(monitor), monitor.mart(ESTIMATES.name))
    return described(counts, written)


def _all(monitor: Monitor) -> pa.Table:
    return monitor.lake.read(ESTIMATES, monitor.lake.days(ESTIMATES))
