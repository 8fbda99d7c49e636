"""Prevalence with its interval, for each day, window, deployment, segment and behaviour."""

import dagster as dg

from alignment_monitor import progress
from alignment_monitor.assets.judge_quality import judge_quality
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.assets.warehouse import warehouse
from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.estimator import Estimator
from alignment_monitor.resources.marts import Marts
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.statistics.estimate_rows import latest


@dg.asset(group_name="statistics", kinds={"pandas"}, deps=[warehouse, judge_quality], **BY_DAY)
def estimates(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Rates given an opportunity, by mode of estimation, with intervals clustered by user.

    What a day said before stays beside what it says now, as an earlier version; the mart has the
    latest only.
    """
    days = days_of(context)
    estimator = Estimator(monitor.settings, monitor.rubric, monitor.lake, monitor.store, days)
    counts, written = {}, None
    for done, day in enumerate(days, 1):
        written = monitor.lake.write(ESTIMATES, day, estimator.of_day(day))
        counts[day] = written.num_rows
        progress.report("estimates", done, len(days))
    Marts(monitor.settings.marts).replace_days(
        ESTIMATES,
        days,
        monitor.lake.days(ESTIMATES),
        lambda of_month: latest(monitor.lake.read(ESTIMATES, of_month)),
    )
    return described(counts, written)
