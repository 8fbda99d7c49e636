"""What labels of the baseline lead to expect of labels to come.

Here belong: events among labels by verdict, their error, and what they say of a segment. Here does
not belong: a bet on any of it (``gold``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.detection.labels import KINDS, Labels
from alignment_monitor.statistics.cells import Floats


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
    """Events among labels by verdict and stratum, over the days learned."""

    def __init__(self, series: int) -> None:
        self._sums = _Sums(series, 1)
        self._above, self._days = np.zeros((series, 1)), np.zeros((series, 1))

    def learn(self, labels: Labels, which: NDArray[np.bool_]) -> None:
        """Add a day's labels of the series in the mask."""
        if labels.above is not None:
            told = (which & (labels.total > 0))[:, None] & np.isfinite(labels.above)
            self._above = self._above + np.where(told, labels.above, 0.0)
            self._days = self._days + told
        if labels.kind is not None and self._sums.kinds == 1:
            self._sums = _Sums(len(which), KINDS)
        self._sums.add(labels, which)

    def flagged(self, judged: Floats) -> Floats:
        """Shares of flagged messages where judged rates are so much, by view."""
        above = self._above / np.maximum(self._days, 1)
        return np.asarray(judged + np.where(self._days > 0, above, above[:, :1]))

    def expected(self, judged: Floats, judged_variance: Floats) -> Expected:
        """At the baseline's judged rate; not a number where a verdict has no label yet."""
        share = np.stack([judged, 1 - judged], axis=1)
        mean, variance = self._sums.by_verdict()
        error = np.sqrt((share**2 * variance).sum(axis=1))
        return Expected((share * mean).sum(axis=1), error, mean, judged, judged_variance)


class _Sums:
    """Weighted counts of labels, series x verdict x stratum."""

    def __init__(self, series: int, kinds: int) -> None:
        self.kinds = kinds
        self.n, self.y, self.squares, self.among, self.days = np.zeros((5, series, 2, kinds))

    def add(self, labels: Labels, which: NDArray[np.bool_]) -> None:
        for verdict in (0, 1):
            flagged = (labels.stratum == verdict) & which[:, None]
            for kind in range(self.kinds):
                mine = flagged if labels.kind is None else flagged & (labels.kind == kind)
                if mine.any():
                    self._add(labels, mine, (slice(None), verdict, kind))

    def _add(self, labels: Labels, mine: NDArray[np.bool_], at: tuple[slice, int, int]) -> None:
        n, scale = np.where(mine, labels.n, 0), labels.scale
        if labels.among is not None:
            # Days count by their labels here; how much of the day's traffic a stratum was does not.
            count = n.sum(axis=1)
            with np.errstate(invalid="ignore", divide="ignore"):
                scale = np.nan_to_num(scale / ((n * scale).sum(axis=1) / count)[:, None])
                self.among[at] += np.nan_to_num((n * labels.among).sum(axis=1) / count)
            self.days[at] += count > 0
        weight = n * scale
        self.n[at] += weight.sum(axis=1)
        self.squares[at] += (weight * scale).sum(axis=1)
        self.y[at] += np.where(mine, labels.y * scale, 0).sum(axis=1)

    def by_verdict(self) -> tuple[Floats, Floats]:
        """Shares of events and their variances, series x verdict; not a number without labels.

        Half an event and half of none are added to each verdict. Strata are drawn to the share of
        their verdict by one label, since a half in each would be too much of rare events; but their
        variances allow for a half.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            size, share = self.n**2 / self.squares, self.y / self.n
            cautious = (share * size + 0.5) / (size + 1)
            own = cautious * (1 - cautious) / size
            if self.kinds == 1:
                return cautious[..., 0], own[..., 0]
            whole = np.nansum(size, axis=2, keepdims=True)
            pooled = (np.nansum(share * size, axis=2, keepdims=True) + 0.5) / (whole + 1)
            mean = (share * size + pooled) / (size + 1)
            weight = self.among / self.days
            weight = weight / np.nansum(weight, axis=2, keepdims=True)
        known = whole[..., 0] > 0
        figures = np.nansum(weight * mean, axis=2), np.nansum(weight**2 * own, axis=2)
        return np.where(known, figures[0], np.nan), np.where(known, figures[1], np.nan)


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
