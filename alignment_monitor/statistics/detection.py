"""Is a monitored series drifting? One causal decision for each series and day.

Here belong: what is known by a day, the budget of false pages, and the choice of the stream that
stands for a series. Here does not belong: the test (``charts``, ``edetector``) or what its results
say (``decisions``).

A series is family x behaviour x direction. Another rubric or panel is another stream of data with
its own baseline; a series shows the stream with most days of data in the last week, so that one
odd day does not restart it. PAGE when the statistic reaches A, the days between false pages stated
for the installation times the number of its series; WARN at a tenth of A.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.statistics.cells import Floats, Integers, day_of, shaped
from alignment_monitor.statistics.charts import DIRECTIONS, run_charts
from alignment_monitor.statistics.decisions import Run, decisions
from alignment_monitor.statistics.standardise import daily_streams

DAYS_PER_YEAR = 365.25
RECENT_DAYS = 7


def detect(
    user_days: pd.DataFrame,
    *,
    deployments: pd.DataFrame,
    behaviours: Sequence[str],
    directions: Sequence[str] = DIRECTIONS,
    baseline_days: int = 28,
    average_run_length_years: float,
    from_day: date,
    to_day: date,
) -> pd.DataFrame:
    """Decide every series on every day of a range, each from that day and earlier ones only.

    Args:
        user_days: sufficient statistics by day, cell and user, from the first day there is.
        deployments: deployment_family, deployment, first_day.
        behaviours: questions watched.
        directions: 'up', 'down' or both; each takes its share of the budget.
        baseline_days: days with data that make a baseline.
        average_run_length_years: mean time between false pages stated for the installation.
        from_day: first day decided on.
        to_day: last day decided on.

    Returns:
        Rows of ``DRIFT_SIGNALS`` of type MODEL. A family has rows from its first day on; a day
        without data says no_data, carries the statistic and decides nothing.
    """
    run = replay(
        user_days,
        deployments=deployments,
        behaviours=behaviours,
        directions=directions,
        baseline_days=baseline_days,
        average_run_length_years=average_run_length_years,
        from_day=from_day,
        to_day=to_day,
    )
    start = (pd.Timestamp(from_day) - run.first).days
    parts = [
        decided(run, family, behaviour, direction, average_run_length_years, begin)
        for family, begin in ((name, max(start, begun)) for name, begun in run.begins.items())
        for behaviour in behaviours
        for direction in directions
    ]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return shaped(rows, DRIFT_SIGNALS.schema.names)


def decided(
    run: Run,
    family: str,
    behaviour: str,
    direction: str,
    average_run_length_years: float,
    start: int | None = None,
) -> pd.DataFrame:
    """Rows of ``DRIFT_SIGNALS`` of one series from a day on; without one, of the last day."""
    begin = run.streams.n.shape[1] - 1 if start is None else start
    rows = decisions(run, family, behaviour, direction, standing(run, family, behaviour), begin)
    run_length = average_run_length_years * DAYS_PER_YEAR
    rows = rows.assign(type="MODEL", average_run_length_days=run_length, version=1)
    return shaped(rows, DRIFT_SIGNALS.schema.names)


def replay(
    user_days: pd.DataFrame,
    *,
    deployments: pd.DataFrame,
    behaviours: Sequence[str],
    directions: Sequence[str] = DIRECTIONS,
    baseline_days: int = 28,
    average_run_length_years: float,
    from_day: date,
    to_day: date,
) -> Run:
    """Run the detector over all days there are, as ``detect`` does, and keep what it saw."""
    first, user_days, deployments = _known(user_days, deployments, behaviours, from_day, to_day)
    days = (pd.Timestamp(to_day) - first).days + 1
    begins = _first_days(user_days, deployments, first)
    streams = daily_streams(user_days, first=first, days=days, baseline_days=baseline_days)
    series = _families(begins, days) * len(behaviours) * len(directions)
    log_thresholds = np.log(average_run_length_years * DAYS_PER_YEAR * np.maximum(series, 1))
    charts = run_charts(streams, log_thresholds)
    return Run(first, streams, charts, log_thresholds, deployments, begins)


def _known(
    user_days: pd.DataFrame,
    deployments: pd.DataFrame,
    behaviours: Sequence[str],
    from_day: date,
    to_day: date,
) -> tuple[pd.Timestamp, pd.DataFrame, pd.DataFrame]:
    """The first day there is, and what was known by the last day."""
    last = pd.Timestamp(to_day)
    user_days = user_days.assign(day=day_of(user_days["day"]))
    watched = user_days["behaviour"].isin(list(behaviours)) & (user_days["day"] <= last)
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
