"""From charts to rows of drift_signals: decision, phase, change and power of one series.

Here belong: the rules that turn a statistic into words, and the figures beside it. Here does not
belong: the statistic.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignment_monitor.statistics.cells import Floats, Integers
from alignment_monitor.statistics.charts import DIRECTIONS, SIGNS, Charts, widening
from alignment_monitor.statistics.edetector import null_log_mgf
from alignment_monitor.statistics.localise import change_index, effect_since, nearest_deployment
from alignment_monitor.statistics.power import detectable_change
from alignment_monitor.statistics.standardise import Streams

WARN_SHARE = 0.1
"""Share of the page threshold at which a WARN begins."""

RECENT_DAYS = 7
POWER_DAYS = (7, 30)


DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Watch:
    """What is watched, and how quietly.

    Attributes:
        behaviours: questions watched.
        average_run_length_years: mean time between false pages stated for the installation.
        directions: 'up', 'down' or both; each takes its share of the budget.
        baseline_days: days with data that make a baseline.
    """

    behaviours: tuple[str, ...]
    average_run_length_years: float
    directions: tuple[str, ...] = DIRECTIONS
    baseline_days: int = 28

    @property
    def average_run_length_days(self) -> float:
        """The stated run length in days."""
        return self.average_run_length_years * DAYS_PER_YEAR


@dataclass(frozen=True)
class Run:
    """Everything one run of the detector knows.

    Attributes:
        watch: what was watched.
        first: day 0.
        streams: daily figures.
        charts: what the test made of them.
        log_thresholds: log of the page threshold of each day.
        deployments: deployment_family, deployment, first_day.
        begins: index of the first day of each family.
    """

    watch: Watch
    first: pd.Timestamp
    streams: Streams
    charts: Charts
    log_thresholds: Floats
    deployments: pd.DataFrame
    begins: dict[str, int]

    def date(self, index: int) -> date:
        """Calendar day of an index."""
        return (self.first + pd.Timedelta(days=index)).date()


def decisions(
    run: Run, family: str, behaviour: str, direction: str, standing: Integers, start: int
) -> pd.DataFrame:
    """Rows of one series from a day on.

    Args:
        run: what the detector knows.
        family: deployment family.
        behaviour: question watched.
        direction: 'up' or 'down'.
        standing: stream that stands for the series on each day; -1: none.
        start: index of the first day wanted.
    """
    streams, charts, facing = run.streams, run.charts, DIRECTIONS.index(direction)
    index = np.arange(start, len(standing))
    stream, threshold = standing[index], run.log_thresholds[index]

    def at(values: Floats, missing: float = np.nan) -> Floats:
        taken = values[stream, index] if len(values) else np.full(len(index), missing)
        return np.where(stream >= 0, taken, missing)

    n, z, statistic = (
        at(streams.n, 0.0),
        at(charts.z[..., facing]),
        at(charts.statistic[..., facing]),
    )
    watched = np.isfinite(z)
    open_end = np.append(streams.baseline_end, -1)[stream]
    young = (n > 0) & (index <= open_end)
    page, warn = statistic >= threshold, statistic >= threshold + np.log(WARN_SHARE)
    rows = pd.DataFrame(
        {
            "day": [run.date(int(i)) for i in index],
            "series": f"MODEL/{family}/{behaviour}/{direction}",
            "deployment_family": family,
            "behaviour": behaviour,
            "direction": direction,
            "phase": np.select([watched, young], ["watching", "baseline"], "no_data"),
            "decision": np.select([watched & page, watched & warn], ["PAGE", "WARN"], "NONE"),
            "observed": np.where(watched, np.clip(at(streams.rate), 0, 1), at(streams.plain)),
            "n": n.astype(np.int64),
            "effective_n": np.where(watched, np.minimum(at(charts.n), n), np.nan),
            "baseline_mean": at(charts.baseline.mean),
            "baseline_sd": at(charts.deviation),
            "z": z,
            "statistic": np.where(np.isfinite(statistic), statistic, np.nan),
            "threshold": threshold,
            "type": "MODEL",
            "average_run_length_days": run.watch.average_run_length_days,
            "version": 1,
        }
    )
    for days in POWER_DAYS:
        rows[f"detectable_{days}d"] = _detectable(run, stream, index, watched, facing, days)
    raised = np.flatnonzero(watched & warn)
    said = [_change(run, family, int(stream[i]), int(index[i]), facing) for i in raised]
    return rows.join(pd.DataFrame(said, index=raised, columns=list(_CHANGE)))


_CHANGE = ("change_day", "nearest_deployment", "effect", "effect_lower", "effect_upper")


def _change(run: Run, family: str, stream: int, today: int, facing: int) -> dict[str, Any]:
    first = change_index(run.charts.z[stream, : today + 1, facing])
    effect = effect_since(run.streams, run.charts, stream, first, today)
    moments = (pd.Timestamp(run.date(day)) for day in (first, today))
    return {
        "change_day": run.date(first),
        "nearest_deployment": nearest_deployment(run.deployments, family, *moments),
        "effect": effect.change,
        "effect_lower": effect.lower,
        "effect_upper": effect.upper,
    }


def _detectable(
    run: Run,
    stream: Integers,
    index: Integers,
    watched: NDArray[np.bool_],
    facing: int,
    days: int,
) -> Floats:
    """Smallest change found in so many days at the mean precision of the last days with data."""
    found = np.full(len(index), np.nan)
    if not watched.any():
        return found
    charts, baseline = run.charts, run.charts.baseline
    at = (stream[watched], index[watched])
    n = np.array([_recent_n(charts.n[s, : i + 1]) for s, i in zip(*at, strict=True)])
    rate, between = baseline.rate[at], baseline.between[at]
    deviation = np.sqrt(between + rate * (1 - rate) / n)
    mean = baseline.mean[at]
    found[watched] = detectable_change(
        largest=1 - mean if SIGNS[facing] > 0 else mean,
        handicap=np.sqrt(baseline.mean_variance[at]),
        scale=deviation * widening(baseline.freedom[at]),
        log_mgf=null_log_mgf(rate, n, between, deviation, SIGNS[facing]),
        log_threshold=run.log_thresholds[index[watched]],
        days=days,
    )
    return found


def _recent_n(n: Floats) -> float:
    """Effective n whose sampling variance is the mean of the last days with data."""
    return float(1 / np.mean(1 / n[np.isfinite(n)][-RECENT_DAYS:]))
