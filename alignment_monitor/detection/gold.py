"""Bets on human labels: evidence for a change of the true rate, whatever the judge does.

Here belong: what a label adds to an unbiased estimate of the rate, the value of a bet on it, and
the running detector. Here does not belong: which messages are labelled (sampling.gold), what is
expected of them (``gold_baseline``), or what is concluded (``tiers``).

A label of a judged message is worth phi = D + s (y - f): D the rate expected of the day's verdicts,
f the share of events among such verdicts in the baseline, s the message's weight over the mean
weight. Its mean is the true rate whatever the judge does. A bet multiplies 1 + b (phi - target):
given the day's verdicts that has mean at most 1 where the rate that they lead to is at most the
target, and would reach 1/alpha with probability alpha at most (Ville). All labels of a day share D,
which varies with the judged messages. Of m labels the day's product has a mean of at most
exp(b m (D - target)), so the mean of that over D is taken off, and sizes of bets allow for it.
Means of a day are no substitute for single labels: they are skewed.
Sources: Waudby-Smith and Ramdas 2024 for betting; Shin, Ramdas and Rinaldo 2024 for the detector;
Cassel, Särndal and Wretman 1976 for phi.
"""

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.detection.baseline import SIGNS
from alignment_monitor.detection.edetector import CAP
from alignment_monitor.detection.gold_baseline import Expected
from alignment_monitor.detection.labels import Labels
from alignment_monitor.statistics.cells import Floats

BETS = (0.05, 0.12, 0.25)
"""Of the running detector: sizes of change bet on, in standard deviations of an event."""

LEAN_BETS = (0.04, 0.1, 0.3)
"""The same of an episode."""

SEGMENT_BETS = (0.25, 0.5, 1.0)
"""The same where a segment is suspected: its changes are larger."""

FRACTION = 0.9
"""Of what could be lost at worst, so much is bet at most."""


class Bets:
    """A day's labels as bets against an expectation.

    Attributes:
        any: there are labels to bet on.
        variance: of a bet of size 1, by label.
    """

    def __init__(self, labels: Labels, expected: Expected) -> None:
        f = np.take_along_axis(expected.by_verdict, labels.stratum, axis=1)
        share = labels.shares[:, 0]
        verdicts = np.stack([share, 1 - share], axis=1)
        mean = (verdicts * expected.by_verdict).sum(axis=1)[:, None]
        self._labels, self._expected = labels, expected
        self._events = mean + labels.scale * (1 - f)
        self._others = mean - labels.scale * f
        total = labels.total
        self.any = (total > 0) & np.isfinite(expected.rate) & np.isfinite(share)
        self._apart = total * (expected.by_verdict[:, 0] - expected.by_verdict[:, 1])
        with np.errstate(invalid="ignore", divide="ignore"):
            # Weights as they would be on an average day: a bet must not follow the day's verdicts.
            usual = np.take_along_axis(expected.shares / verdicts, labels.stratum, axis=1)
            parts = np.where(labels.n > 0, labels.n * f * (1 - f) * (labels.scale * usual) ** 2, 0)
            own = np.maximum(parts.sum(axis=1) / total, 1e-4)
            shared = self._apart**2 * expected.judged_variance / total
        self.variance = np.where(self.any, own + shared, 1.0)

    def log_value(self, bet: Floats, target: Floats, sign: float) -> Floats:
        """Log of the product of 1 + bet x sign x (phi - target) over the day's labels; 0 without.

        What a day's labels gain by sharing its verdicts is taken off.

        Args:
            bet: how much, before it is cut to what can be lost.
            target: rate that the bet is against.
            sign: +1 bets that the rate is higher, -1 that it is lower.
        """
        labels, at = self._labels, target[:, None]
        gain, loss = sign * (self._events - at), sign * (self._others - at)
        worst = np.where(labels.n > 0, np.minimum(gain, loss), 0).min(axis=1)
        bet = np.minimum(bet, FRACTION / np.maximum(-worst, 1e-9))[:, None]
        misses = labels.n - labels.y
        with np.errstate(invalid="ignore"):
            won = np.where(labels.y > 0, labels.y * np.log1p(np.maximum(bet * gain, -0.95)), 0)
            lost = np.where(misses > 0, misses * np.log1p(np.maximum(bet * loss, -0.95)), 0)
        shared = self._shared(sign * bet[:, 0])
        return np.where(self.any, (won + lost).sum(axis=1) - shared, 0.0)

    def _shared(self, bet: Floats) -> Floats:
        """Log of the mean gain by the day's verdicts, which are taken for binomial."""
        rate, variance = self._expected.judged, self._expected.judged_variance
        tilt = bet * self._apart
        with np.errstate(invalid="ignore", divide="ignore"):
            n = rate * (1 - rate) / variance
            gain = n * np.log1p(rate * np.expm1(tilt / n)) - tilt * rate
        return np.where(variance > 0, gain, 0.0)


def grid_values(
    bets: Bets, expected: Expected, target: tuple[Floats, Floats], sizes: tuple[float, ...]
) -> Floats:
    """Log values of bets of several sizes in both directions: series x direction x size."""
    unit = np.sqrt(expected.rate * (1 - expected.rate)) / bets.variance
    unit = np.nan_to_num(unit)
    values = [
        [bets.log_value(size * unit, at, float(sign)) for size in sizes]
        for sign, at in zip(SIGNS, target, strict=True)
    ]
    return np.moveaxis(np.array(values), 2, 0)


class GoldChart:
    """The running detector on labels alone: the backstop against a judge that nobody doubts."""

    def __init__(self, series: int) -> None:
        self.components = np.full((series, len(SIGNS), len(BETS)), -np.inf)

    def step(self, values: Floats, seen: NDArray[np.bool_], log_threshold: Floats) -> Floats:
        """M <- (M + 1) x value of the bets, in logs; returns the log of the mean over bets."""
        grown = np.logaddexp(self.components, 0.0) + values
        grown = np.minimum(grown, log_threshold[:, None, None] + CAP)
        self.components = np.where(seen[:, None, None], grown, self.components)
        return np.logaddexp.reduce(self.components, axis=-1) - np.log(len(BETS))
