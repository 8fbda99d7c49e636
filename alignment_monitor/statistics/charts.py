"""The run of the sequential test over the days of every stream.

Here belong: when a baseline learns, and the day-by-day statistic. Here does not belong: what the
test is (``edetector``) or how its results become rows (``detection``).

Rules. A stream's baseline is its first ``baseline_days`` days with data. A later day joins it 28
days on, unless a page stood on that day or stands then: a drift must not teach the baseline. A
rate counts after one standard error of the baseline's mean is taken off in the watched direction,
and the estimated standard deviation is widened by 1 + 1/sqrt(2 df).
"""

from dataclasses import dataclass, fields

import numpy as np

from alignment_monitor.statistics.baseline import Baselines, Moments
from alignment_monitor.statistics.cells import Floats, Integers
from alignment_monitor.statistics.edetector import SHIFTS, log_statistic, null_log_mgf, step
from alignment_monitor.statistics.standardise import Streams

LAG_DAYS = 28
DIRECTIONS = ("up", "down")
SIGNS = np.array([1.0, -1.0])


@dataclass(frozen=True)
class Charts:
    """What the test saw and said, stream x day, not a number on days that were not watched.

    Attributes:
        n: effective n of the day.
        baseline: what the baseline said.
        deviation: standard deviation expected of the day's rate.
        z: standardised deviation, stream x day x direction.
        statistic: log of the e-detector, stream x day x direction; carried over days without data.
        learned: index of the day from which on the baseline knows a day; beyond all days if never.
    """

    n: Floats
    baseline: Moments
    deviation: Floats
    z: Floats
    statistic: Floats
    learned: Integers


def widening(freedom: Floats) -> Floats:
    """Allowance for a standard deviation that is itself estimated."""
    return 1 + 1 / np.sqrt(2 * freedom)


def run_charts(streams: Streams, log_thresholds: Floats) -> Charts:
    """Run both directions of every stream.

    Args:
        streams: daily figures.
        log_thresholds: log of the alarm threshold of each day.
    """
    size, days = streams.rate.shape
    n = 1 / (streams.clustering[:, None] * streams.spread)
    seen = np.isfinite(n)
    baselines = Baselines(size)
    components = np.full((size, len(SIGNS), len(SHIFTS)), -np.inf)
    moments = np.full((days, len(fields(Moments)), size), np.nan)
    z = np.full((days, size, len(SIGNS)), np.nan)
    statistic = np.full((days, size, len(SIGNS)), -np.inf)
    learned = np.full((size, days), days)
    paged = np.zeros((days + 1, size), dtype=bool)  # the last row stands before the first day
    for day in range(days):
        late = day - LAG_DAYS
        if late >= 0:
            calm = ~paged[late] & ~paged[day - 1]
            joins = seen[:, late] & (late > streams.baseline_end) & calm
            baselines.learn(joins, n[:, late], streams.rate[:, late])
            learned[joins, late] = day
        young = seen[:, day] & (day <= streams.baseline_end)
        baselines.learn(young, n[:, day], streams.rate[:, day])
        learned[young, day] = day
        watched = seen[:, day] & (day > streams.baseline_end)
        now = baselines.moments()
        today, log_mgf = _standardised(now, n[:, day], streams.rate[:, day])
        z[day] = np.where(watched[:, None], today, np.nan)
        stepped = step(components, today, log_mgf, log_thresholds[day])
        components = np.where(watched[:, None, None], stepped, components)
        statistic[day] = log_statistic(components)
        paged[day] = (statistic[day] >= log_thresholds[day]).any(axis=1)
        moments[day, :, watched] = np.array(list(vars(now).values()))[:, watched].T
    over_days = Moments(*np.moveaxis(moments, 0, 2))
    return Charts(
        n,
        over_days,
        over_days.deviation(n),
        np.swapaxes(z, 0, 1),
        np.swapaxes(statistic, 0, 1),
        learned,
    )


def _standardised(now: Moments, n: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """The day's z in both directions, and the log-mgf it is weighed with."""
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = now.deviation(n)
        excess = SIGNS * (rate - now.mean)[:, None] - np.sqrt(now.mean_variance)[:, None]
        z = excess / (deviation * widening(now.freedom))[:, None]
        log_mgf = null_log_mgf(
            now.rate[:, None], n[:, None], now.between[:, None], deviation[:, None], SIGNS
        )
    return z, log_mgf
