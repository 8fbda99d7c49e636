"""The expanding baseline: mean of a daily rate, weekends apart, and how much it varies by day.

Here belong: moments of daily rates by the method of moments (DerSimonian and Laird 1986), and the
positive-part shrinkage of the weekend after James and Stein 1961. Here does not belong: which days
are learned from.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.statistics.cells import Floats
from alignment_monitor.statistics.intervals import smoothed

Mask = NDArray[np.bool_]

LAG_DAYS = 28
"""So long after it a day joins the baseline, if nothing stands then that it must not learn."""

DIRECTIONS = ("up", "down")
SIGNS = np.array([1.0, -1.0])


def widening(freedom: Floats) -> Floats:
    """Allowance for a standard deviation that is itself estimated."""
    return 1 + 1 / np.sqrt(2 * freedom)


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


class Baseline:
    """Running sums over the days learned, weekdays and weekends apart."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sums = np.zeros((2, 5, *shape))

    def learn(self, which: Mask, n: Floats, rate: Floats, *, weekend: bool) -> None:
        """Add a day of the streams in the mask: its effective n and rate."""
        n, rate = np.where(which, n, 0), np.where(which, rate, 0)
        self._sums[int(weekend)] += np.array([which, n, n**2, n * rate, n * rate**2])

    def mean(self) -> Floats:
        """Mean rate over all days; not a number before the first."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._sums[:, 3].sum(axis=0) / self._sums[:, 1].sum(axis=0)

    def moments(self, *, weekend: bool) -> Moments:
        """Moments for a day of this kind; not a number before the second day.

        The two kinds of day keep means of their own only as far as these differ by more than
        chance: the difference is multiplied by 1 - 2 var/difference^2, at least 0.
        """
        days, weight, squares, first, _ = self._sums.sum(axis=0)
        by_kind = self._sums[:, 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            overall = first / weight
            rate = smoothed(np.clip(overall, 0, 1), weight)
            unit = rate * (1 - rate)
            own = self._sums[:, 3] / by_kind
            gap = own[1] - own[0]
            noise = unit * (1 / by_kind[0] + 1 / by_kind[1])
            kept = np.nan_to_num(np.maximum(0, 1 - 2 * noise / gap**2))
            mean = overall + kept * np.nan_to_num(own - overall)
            squared = sum(
                s[4] - 2 * m * s[3] + m**2 * s[1] for s, m in zip(self._sums, mean, strict=True)
            )
            excess = squared - (days - 1 - kept) * unit
            between = np.maximum(excess / (weight - squares / weight), 0)
            pooled = (between * squares + unit * weight) / weight**2
            kind = self._sums[int(weekend)]
            apart = (between * kind[2] + unit * kind[1]) / np.maximum(kind[1], 1) ** 2
            shared = (1 - kept) ** 2
            variance = shared * pooled + (1 - shared) * apart
        return Moments(mean[int(weekend)], variance, rate, between, days - 1)
