"""A day's labels by people, as bets take them.

Here belong: what is known of each label, and which speak of the whole or of a segment. Here does
not belong: how much a label weighs (``label_days``), or what is bet on it (``gold``).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.statistics.cells import Floats, Integers

KINDS = 7
"""Strata that labels may be drawn by: those of the queue, and one of what is in none."""

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
        kind: index of the stratum that it was drawn by, below ``KINDS``; null: all drawn alike.
        among: share of that stratum among the day's messages with its verdict; null with ``kind``.
    """

    n: Floats
    y: Floats
    scale: Floats
    stratum: Integers
    segment: Integers
    shares: Floats
    local: Floats | None = None
    above: Floats | None = None
    kind: Integers | None = None
    among: Floats | None = None

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
