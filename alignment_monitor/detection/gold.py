"""Bets on human labels: evidence for a change of the true rate, whatever the judge does.

Here belong: what a label adds to an unbiased estimate of the rate, the value of a bet on it, and
the running detector. Here does not belong: which messages are labelled (sampling.gold), or what is
concluded (``tiers``).

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

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.detection.baseline import SIGNS
from alignment_monitor.detection.edetector import CAP
from alignment_monitor.statistics.cells import Floats, Integers

BETS = (0.05, 0.12, 0.25)
"""Of the running detector: sizes of change bet on, in standard deviations of an event."""

LEAN_BETS = (0.04, 0.1, 0.3)
"""The same of an episode."""

SEGMENT_BETS = (0.25, 0.5, 1.0)
"""The same where a segment is suspected: its changes are larger."""

FRACTION = 0.9
"""Of what could be lost at worst, so much is bet at most."""

FEW = 3
"""Labels of a segment below which a day tells nothing of it."""


@dataclass(frozen=True)
class Labels:
    """A day's labels, counted by cells of equal worth; arrays are series x cell.

    Attributes:
        n: labels.
        y: events among them.
        scale: weight of such a label over the mean weight of all labels of the day.
        stratum: 0 where the verdict was an event, 1 where it was none.
        segment: index of the segment.
        shares: share of flagged messages among the day's by view, the whole first, at the mix of
            the baseline.
        local: 1 where labels were drawn in their segment alone and say nothing of the whole; null:
            none were.
        above: by how much ``shares`` is above the judged rate, not a number where unknown; null:
            by nothing, for verdicts are yes or no. Means of a panel and probabilities are not.
    """

    n: Floats
    y: Floats
    scale: Floats
    stratum: Integers
    segment: Integers
    shares: Floats
    local: Floats | None = None
    above: Floats | None = None

    @property
    def total(self) -> Floats:
        """Labels of each series."""
        return self.n.sum(axis=1)

    def each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> "Labels":
        """The same change of every column."""
        columns = {name: column for name, column in vars(self).items() if column is not None}
        return replace(self, **{name: change(column) for name, column in columns.items()})

    def rows(self, which: Integers) -> "Labels":
        """The labels of some series."""
        return self.each(lambda column: column[which])

    def everywhere(self) -> "Labels":
        """Only the labels that speak of the whole."""
        if self.local is None:
            return self
        return replace(self, n=self.n * (1 - self.local), y=self.y * (1 - self.local), local=None)

    def within(self, segment: Integers) -> "Labels":
        """Only the labels of one segment of each series; all of them where it is negative.

        A day on which a verdict that occurred has no label tells nothing of the segment.
        """
        whole = (segment < 0)[:, None]
        local = np.zeros(self.n.shape) if self.local is None else self.local
        inside = np.where(whole, local == 0, self.segment == segment[:, None])
        n, y = np.where(inside, self.n, 0), np.where(inside, self.y, 0)
        view = np.where(segment < 0, 0, segment + 1)
        share = np.take_along_axis(self.shares, view[:, None], axis=1)
        of_verdict = np.stack([share, 1 - share], axis=-1)[:, 0]
        counts = np.stack([np.where(self.stratum == h, n, 0).sum(axis=1) for h in (0, 1)], axis=1)
        complete = ((counts > 0) | (of_verdict <= 0)).all(axis=1) & (counts.sum(axis=1) >= FEW)
        kept = (segment < 0) | complete
        n, y = n * kept[:, None], y * kept[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = (n * self.scale).sum(axis=1) / n.sum(axis=1)
            scale = np.where(whole, self.scale, self.scale / mean[:, None])
        return replace(self, n=n, y=y, scale=np.nan_to_num(scale), shares=share)


@dataclass(frozen=True)
class Expected:
    """What the baseline leads to expect of labels; arrays over series.

    Attributes:
        rate: true rate.
        error: its standard error.
        by_verdict: share of events where the verdict was one, and where it was none.
        judged: judged rate.
        judged_variance: of a day's judged rate about that.
    """

    rate: Floats
    error: Floats
    by_verdict: Floats
    judged: Floats
    judged_variance: Floats

    @property
    def shares(self) -> Floats:
        """Of the verdicts: events, and none."""
        return np.stack([self.judged, 1 - self.judged], axis=1)


class GoldBaseline:
    """Events among labels by verdict, over the days learned."""

    def __init__(self, series: int) -> None:
        self._n, self._y = np.zeros((series, 2)), np.zeros((series, 2))
        self._squares = np.zeros((series, 2))
        self._above, self._days = np.zeros((series, 1)), np.zeros((series, 1))

    def learn(self, labels: Labels, which: NDArray[np.bool_]) -> None:
        """Add a day's labels of the series in the mask."""
        if labels.above is not None:
            told = (which & (labels.total > 0))[:, None] & np.isfinite(labels.above)
            self._above = self._above + np.where(told, labels.above, 0.0)
            self._days = self._days + told
        for stratum in (0, 1):
            mine = (labels.stratum == stratum) & which[:, None]
            weight = np.where(mine, labels.n * labels.scale, 0)
            self._n[:, stratum] += weight.sum(axis=1)
            self._squares[:, stratum] += (weight * labels.scale).sum(axis=1)
            self._y[:, stratum] += np.where(mine, labels.y * labels.scale, 0).sum(axis=1)

    def flagged(self, judged: Floats) -> Floats:
        """Shares of flagged messages where judged rates are so much, by view."""
        above = self._above / np.maximum(self._days, 1)
        return np.asarray(judged + np.where(self._days > 0, above, above[:, :1]))

    def expected(self, judged: Floats, judged_variance: Floats) -> Expected:
        """At the baseline's judged rate; not a number where a verdict has no label yet."""
        share = np.stack([judged, 1 - judged], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            size = self._n**2 / self._squares
            mean = (self._y / self._n * size + 0.5) / (size + 1)
            error = np.sqrt((share**2 * mean * (1 - mean) / size).sum(axis=1))
        return Expected((share * mean).sum(axis=1), error, mean, judged, judged_variance)


def in_segment(
    expected: Expected,
    judged: Floats,
    of_segment: Floats,
    error: Floats,
    gain: Floats,
    judged_variance: Floats,
) -> Expected:
    """What to expect of labels in one segment, too few to learn from alone.

    The judge is taken to err there as it does elsewhere in the baseline.

    Args:
        expected: of the whole.
        judged: judged rate of the whole in the baseline.
        of_segment: judged rate of the segment.
        error: its standard error.
        gain: sensitivity less false positives.
        judged_variance: of a day's judged rate of the segment.
    """
    sensitivity = np.clip(judged * expected.by_verdict[:, 0] / expected.rate, 0.05, 1)
    false = np.clip(judged * (1 - expected.by_verdict[:, 0]) / (1 - expected.rate), 0, 0.9)
    share = np.clip(of_segment, 0.005, 0.995)
    rate = np.clip((share - false) / np.maximum(sensitivity - false, 0.05), 0.005, 0.95)
    flagged = np.clip(rate * sensitivity / share, 0.01, 0.99)
    passed = np.clip(rate * (1 - sensitivity) / (1 - share), 0.001, 0.99)
    spread = np.sqrt(2 * expected.error**2 + (error / gain) ** 2)
    by_verdict = np.stack([flagged, passed], axis=1)
    return Expected(rate, spread, by_verdict, share, judged_variance)


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
