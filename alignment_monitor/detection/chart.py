"""A judged rate against its own baseline: a mixture of e-detectors, day by day.

Here belong: the expanding baseline with its weekend, the standardised deviation, and the running
statistic. Here does not belong: what is subtracted for the judge (``instrument``) or forgiven
(``margin``). Sources: Shin, Ramdas and Rinaldo 2024 for the e-detector; DerSimonian and Laird 1986
for the moments; positive-part shrinkage of the weekend after James and Stein 1961.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignment_monitor.statistics.baseline import Moments
from alignment_monitor.statistics.cells import Floats
from alignment_monitor.statistics.charts import LAG_DAYS, SIGNS, widening
from alignment_monitor.statistics.edetector import SHIFTS, log_statistic, null_log_mgf, step
from alignment_monitor.statistics.intervals import smoothed

Mask = NDArray[np.bool_]


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


@dataclass(frozen=True)
class Reading:
    """A day's figures of many streams; not a number where there are none.

    Attributes:
        rate: daily rate, less what the judge's own shift explains.
        n: its effective n.
        weekend: the day is a Saturday or Sunday.
        extra_variance: of what was subtracted.
        margin: change forgiven, on the scale of the rate.
    """

    rate: Floats
    n: Floats
    weekend: bool = False
    extra_variance: ArrayLike = 0.0
    margin: ArrayLike = 0.0


@dataclass(frozen=True)
class Seen:
    """What the chart made of a day; the last axis is the direction, up and down.

    Attributes:
        moments: of the baseline.
        deviation: standard deviation expected of the day's rate.
        z: standardised deviation, not a number where unwatched.
        log_mgf: what no change would give, shifts on one more axis.
        statistic: log of the e-detector, carried over days without data.
    """

    moments: Moments
    deviation: Floats
    z: Floats
    log_mgf: Floats
    statistic: Floats


class Chart:
    """Charts of many streams in step; the streams may have any shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.baseline = Baseline(shape)
        self.components = np.full((*shape, len(SIGNS), len(SHIFTS)), -np.inf)
        self._past: list[tuple[Reading, Mask]] = []

    def step(
        self, day: Reading, *, young: Mask, watched: Mask, calm: Mask, log_threshold: Floats
    ) -> Seen:
        """Learn and judge one day.

        Args:
            day: the day's figures.
            young: streams whose baseline is being made; the day joins it at once.
            watched: streams held against their baseline. A day joins 28 days later.
            calm: nothing stands that a baseline must not learn; asked of both days.
            log_threshold: log of the alarm threshold of each stream.
        """
        seen = np.isfinite(day.rate) & np.isfinite(day.n)
        self.baseline.learn(seen & young, day.n, day.rate, weekend=day.weekend)
        if len(self._past) >= LAG_DAYS:
            late, fit = self._past[-LAG_DAYS]
            self.baseline.learn(fit & calm, late.n, late.rate, weekend=late.weekend)
        self._past.append((day, seen & watched & calm))
        moments = self.baseline.moments(weekend=day.weekend)
        now = self._standardise(day, moments)
        watched = watched & seen & np.isfinite(now[1]).all(axis=-1)
        grown = step(self.components, now[1], now[2], log_threshold[..., None, None])
        self.components = np.where(watched[..., None, None], grown, self.components)
        z = np.where(watched[..., None], now[1], np.nan)
        return Seen(moments, now[0], z, now[2], log_statistic(self.components))

    def restart(self, which: Mask) -> None:
        """Forget the evidence of the streams in the mask, not their baselines."""
        self.components[which] = -np.inf

    def _standardise(self, day: Reading, moments: Moments) -> tuple[Floats, Floats, Floats]:
        with np.errstate(invalid="ignore", divide="ignore"):
            between = moments.between + np.asarray(day.extra_variance)
            deviation = np.sqrt(between + moments.rate * (1 - moments.rate) / day.n)
            excess = SIGNS * (day.rate - moments.mean)[..., None]
            forgiven = np.sqrt(moments.mean_variance) + np.asarray(day.margin)
            scale = deviation * widening(moments.freedom)
            z = (excess - forgiven[..., None]) / scale[..., None]
            log_mgf = null_log_mgf(
                moments.rate[..., None],
                np.asarray(day.n)[..., None],
                between[..., None],
                deviation[..., None],
                SIGNS,
            )
        return deviation, z, log_mgf
