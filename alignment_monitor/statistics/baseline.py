"""The expanding baseline: mean of a daily rate, and how much it varies from day to day.

Here belong: moments of daily rates by the method of moments (DerSimonian and Laird 1986). Here
does not belong: which days are learned from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.statistics.cells import Floats
from alignment_monitor.statistics.intervals import smoothed


@dataclass(frozen=True)
class Moments:
    """What the baselines say; one value per stream.

    Attributes:
        mean: mean daily rate, each day weighted by its effective n.
        mean_variance: variance of that mean.
        rate: the mean, smoothed away from 0 and 1; sampling variances are taken from it.
        between: variance between days beyond sampling.
        freedom: degrees of freedom of the daily variance.
    """

    mean: Floats
    mean_variance: Floats
    rate: Floats
    between: Floats
    freedom: Floats

    def deviation(self, n: Floats) -> Floats:
        """Standard deviation of the rate of a day with effective n."""
        return np.sqrt(self.between + self.rate * (1 - self.rate) / n)


class Baselines:
    """Running sums over the days learned, for many streams at once."""

    def __init__(self, streams: int) -> None:
        self._sums = np.zeros((5, streams))

    def learn(self, which: NDArray[np.bool_], n: Floats, rate: Floats) -> None:
        """Add a day of the streams in the mask: its effective n and rate."""
        n, rate = np.where(which, n, 0), np.where(which, rate, 0)
        self._sums += np.array([which, n, n**2, n * rate, n * rate**2])

    def moments(self) -> Moments:
        """Moments of what was learned so far; not a number before the second day."""
        days, weight, squares, first, second = self._sums
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = first / weight
            rate = smoothed(np.clip(mean, 0, 1), weight)
            unit = rate * (1 - rate)
            excess = second - first * mean - (days - 1) * unit
            between = np.maximum(excess / (weight - squares / weight), 0)
            mean_variance = (between * squares + unit * weight) / weight**2
        return Moments(mean, mean_variance, rate, between, days - 1)
