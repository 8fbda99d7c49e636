"""A judged rate against its own baseline: a mixture of e-detectors, day by day.

Here belong: the standardised deviation and the running statistic. Here does not belong: the
baseline, what is subtracted for the judge (``instrument``) or forgiven (``margin``). Source: Shin,
Ramdas and Rinaldo 2024.
"""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from alignment_monitor.detection.baseline import LAG_DAYS, SIGNS, Baseline, Mask, Moments, widening
from alignment_monitor.detection.edetector import SHIFTS, log_statistic, null_log_mgf, step
from alignment_monitor.statistics.cells import Floats

RELIEF, KEPT = 0.5, 0.2
"""Of what a daily deviation is beyond rough, what a margin is less by; of it, so much stays."""

WHOLE = 0.5
"""Weight of the whole among the views; the segments share the rest."""


@dataclass(frozen=True)
class Reading:
    """A day's figures of many streams; not a number where there are none.

    Attributes:
        rate: daily rate, less what the judge's own shift explains.
        n: its effective n.
        weekend: the day is a Saturday or Sunday.
        extra_variance: of what was subtracted.
        margin: change forgiven, on the scale of the rate.
        rough: daily standard deviation beyond which part of the margin is not needed: the smallest
            change looked for is then so large that it forgives as much by itself.
    """

    rate: Floats
    n: Floats
    weekend: bool = False
    extra_variance: ArrayLike = 0.0
    margin: ArrayLike = 0.0
    rough: ArrayLike = np.inf


@dataclass(frozen=True)
class Seen:
    """What the chart made of a day; the last axis is the direction, up and down.

    Attributes:
        moments: of the baseline.
        deviation: standard deviation expected of the day's rate.
        margin: what is taken off a change beside the uncertainty of the baseline's mean.
        z: standardised deviation, not a number where unwatched.
        log_mgf: what no change would give, shifts on one more axis.
        statistic: log of the e-detector, carried over days without data.
    """

    moments: Moments
    deviation: Floats
    margin: Floats
    z: Floats
    log_mgf: Floats
    statistic: Floats


class Chart:
    """Charts of many streams in step; the streams may have any shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.baseline = Baseline(shape)
        self.components = np.full((*shape, len(SIGNS), len(SHIFTS)), -np.inf)
        self._past: deque[tuple[Reading, Mask]] = deque(maxlen=LAG_DAYS)

    def step(
        self,
        day: Reading,
        *,
        young: Mask,
        watched: Mask,
        calm: Mask,
        log_threshold: Floats,
        log_mass: ArrayLike = 0.0,
    ) -> Seen:
        """Learn and judge one day.

        Args:
            day: the day's figures.
            young: streams whose baseline is being made; the day joins it at once.
            watched: streams held against their baseline. A day joins 28 days later.
            calm: nothing stands that a baseline must not learn; asked of both days.
            log_threshold: log of the alarm threshold of each stream.
            log_mass: log of the day's start mass, of each stream or of all.
        """
        seen = np.isfinite(day.rate) & np.isfinite(day.n)
        self.baseline.learn(seen & young, day.n, day.rate, weekend=day.weekend)
        if len(self._past) == LAG_DAYS:
            late, fit = self._past[0]
            self.baseline.learn(fit & calm, late.n, late.rate, weekend=late.weekend)
        self._past.append((day, seen & watched & calm))
        moments = self.baseline.moments(weekend=day.weekend)
        now = self._standardise(day, moments)
        watched = watched & seen & np.isfinite(now.z).all(axis=-1)
        mass = np.asarray(log_mass)[..., None, None]
        grown = step(self.components, now.z, now.log_mgf, log_threshold[..., None, None], mass)
        self.components = np.where(watched[..., None, None], grown, self.components)
        z = np.where(watched[..., None], now.z, np.nan)
        return replace(now, z=z, statistic=log_statistic(self.components))

    def restart(self, which: Mask) -> None:
        """Forget the evidence of the streams in the mask, not their baselines."""
        self.components[which] = -np.inf

    def _standardise(self, day: Reading, moments: Moments) -> Seen:
        """The day against its baseline, before it counts."""
        with np.errstate(invalid="ignore", divide="ignore"):
            between = moments.between + np.asarray(day.extra_variance)
            deviation = np.sqrt(between + moments.rate * (1 - moments.rate) / day.n)
            margin = np.asarray(day.margin)
            beyond = np.maximum(deviation - np.asarray(day.rough), 0)
            margin = np.maximum(margin - RELIEF * beyond, KEPT * margin)
            excess = SIGNS * (day.rate - moments.mean)[..., None]
            forgiven = np.sqrt(moments.mean_variance) + margin
            scale = deviation * widening(moments.freedom)
            z = (excess - forgiven[..., None]) / scale[..., None]
            log_mgf = null_log_mgf(
                moments.rate[..., None],
                np.asarray(day.n)[..., None],
                between[..., None],
                deviation[..., None],
                SIGNS,
            )
        return Seen(moments, deviation, margin, z, log_mgf, np.full(z.shape, -np.inf))


def view_weights(log_weights: Floats | None, series: int, segments: int) -> Floats:
    """Log weights of the views of each series; the usual ones unless given.

    Args:
        log_weights: series x view; the exponentials of a row sum to one.
        series: number of series.
        segments: of each.

    Raises:
        ValueError: the weights have another shape, or do not sum to one.
    """
    shape = (series, 1 + segments)
    if log_weights is None:
        whole = WHOLE if segments else 1.0
        log_weights = np.log([whole, *[(1 - whole) / max(segments, 1)] * segments])
        return np.broadcast_to(log_weights, shape)
    if log_weights.shape != shape or not np.allclose(np.exp(log_weights).sum(axis=1), 1):
        raise ValueError(f"weights of the views have the shape {shape} and sum to one in each row")
    return log_weights
