"""Is a monitored series drifting? One causal decision for each series and day.

Here belong: what is known by a day, the budget of false pages, and the choice of the stream that
stands for a series. Here does not belong: the test (``charts``, ``edetector``) or what its results
say (``decisions``).

A series is family x behaviour x direction. Another rubric or panel is another stream of data with
its own baseline; a series shows the stream with most days of data in the last week, so that one
odd day does not restart it. PAGE when the statistic reaches A, the days between false pages stated
for the installation times the number of its series; WARN at a tenth of A.
"""

from datetime import date

import numpy as np
import pandas as pd

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.statistics.cells import Floats, Integers, day_of, shaped
from alignment_monitor.statistics.charts import run_charts
from alignment_monitor.statistics.decisions import Run, Watch, decisions
from alignment_monitor.statistics.standardise import daily_streams

RECENT_DAYS = 7


def replay(
    user_days: pd.DataFrame,
    watch: Watch,
    *,
    deployments: pd.DataFrame,
    from_day: date,
    to_day: date,
) -> Run:
    """Run the detector over all days there are; each day knows that day and earlier ones only.

    Args:
        user_days: sufficient statistics by day, cell and user, from the first day there is.
        watch: what is watched.
        deployments: deployment_family, deployment, first_day.
        from_day: a day that the run reaches back to, with data or without.
        to_day: last day.
    """
    first, user_days, deployments = _known(user_days, deployments, watch, from_day, to_day)
    days = (pd.Timestamp(to_day) - first).days + 1
    begins = _first_days(user_days, deployments, first)
    streams = daily_streams(user_days, first=first, days=days, baseline_days=watch.baseline_days)
    series = _families(begins, days) * len(watch.behaviours) * len(watch.directions)
    log_thresholds = np.log(watch.average_run_length_days * np.maximum(series, 1))
    charts = run_charts(streams, log_thresholds)
    return Run(watch, first, streams, charts, log_thresholds, deployments, begins)


def detect(run: Run, from_day: date) -> pd.DataFrame:
    """Decide every series on every day of a run from a day on.

    Returns:
        Rows of ``DRIFT_SIGNALS`` of type MODEL. A family has rows from its first day on; a day
        without data says no_data, carries the statistic and decides nothing.
    """
    start = (pd.Timestamp(from_day) - run.first).days
    parts = [
        decisions(
            run, family, behaviour, direction, standing(run, family, behaviour), max(start, begun)
        )
        for family, begun in run.begins.items()
        for behaviour in run.watch.behaviours
        for direction in run.watch.directions
    ]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return shaped(rows, DRIFT_SIGNALS.schema.names)


def _known(
    user_days: pd.DataFrame,
    deployments: pd.DataFrame,
    watch: Watch,
    from_day: date,
    to_day: date,
) -> tuple[pd.Timestamp, pd.DataFrame, pd.DataFrame]:
    """The first day there is, and what was known by the last day."""
    last = pd.Timestamp(to_day)
    user_days = user_days.assign(day=day_of(user_days["day"]))
    watched = user_days["behaviour"].isin(watch.behaviours) & (user_days["day"] <= last)
    user_days = user_days[watched]
    deployments = deployments.assign(first_day=day_of(deployments["first_day"]))
    deployments = deployments[deployments["first_day"] <= last]
    begun = [days.min() for days in (user_days["day"], deployments["first_day"]) if len(days)]
    return min([pd.Timestamp(from_day), *begun]), user_days, deployments


def _first_days(
    user_days: pd.DataFrame, deployments: pd.DataFrame, first: pd.Timestamp
) -> dict[str, int]:
    """Index of the first day of each family."""
    served = deployments[["deployment_family", "first_day"]].set_axis(
        ["deployment_family", "day"], axis=1
    )
    known = pd.concat([user_days[["deployment_family", "day"]], served])
    begun = known.groupby("deployment_family", sort=True)["day"].min()
    return {str(family): (day - first).days for family, day in begun.items()}


def _families(begins: dict[str, int], days: int) -> Integers:
    """How many families there are by each day."""
    return np.searchsorted(np.array(sorted(begins.values())), np.arange(days), side="right")


def standing(run: Run, family: str, behaviour: str) -> Integers:
    """Stream that stands for a series on each day; -1 before there is one."""
    streams = run.streams
    labels, days = streams.labels, streams.n.shape[1]
    own = (labels["deployment_family"] == family) & (labels["behaviour"] == behaviour)
    mine = np.flatnonzero(own)
    if not len(mine):
        return np.full(days, -1)
    has = streams.n[mine] > 0
    counted = np.cumsum(np.pad(has.astype(float), ((0, 0), (RECENT_DAYS, 0))), axis=1)
    recent: Floats = counted[:, RECENT_DAYS:] - counted[:, :-RECENT_DAYS]
    latest = np.maximum.accumulate(np.where(has, np.arange(days), -1), axis=1)
    begun = has.argmax(axis=1)[:, None]
    # Most days in the last week; among equals the latest day; then the newest stream.
    rank: Floats = (recent * days + latest) * days + begun
    best = np.where(latest >= 0, rank, -np.inf).argmax(axis=0)
    return np.where((latest >= 0).any(axis=0), mine[best], -1)
