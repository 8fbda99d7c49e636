"""Two independent rates side by side: their difference, how sure it is, and many at once.

Here belong: differences of estimated rates with intervals and p-values, as they are and weighted to
the same mix of segments, and what may be marked among many. Here does not belong: how a rate is
estimated. Sources: Newcombe 1998 (method 10) and Zou, Huang and Zhang 2009 (MOVER: intervals of
sums from intervals of their terms); Rao and Scott 1992 (tests on effective sizes); Benjamini and
Yekutieli 2001 (false discovery rate under any dependence).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from alignment_monitor.statistics.cells import Floats
from alignment_monitor.statistics.intervals import difference, smoothed

LEVEL = 0.05


@dataclass(frozen=True)
class Estimated:
    """A rate with its interval.

    Attributes:
        value: the rate.
        lower: lower end of its 95 % interval.
        upper: upper end.
        effective_n: size of the simple sample that would know it as well; not a number if unknown.
    """

    value: float
    lower: float
    upper: float
    effective_n: float = float("nan")


@dataclass(frozen=True)
class Contrast:
    """A difference of two rates.

    Attributes:
        change: later rate minus earlier rate.
        lower: lower end of its 95 % interval.
        upper: upper end.
        p_value: of no difference, two-sided; not a number without effective sizes.
    """

    change: float
    lower: float
    upper: float
    p_value: float = float("nan")

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.lower > 0 or self.upper < 0


def contrast(after: Estimated, before: Estimated) -> Contrast:
    """The difference of two rates of different messages.

    A user who is in both samples is taken for two, which makes the interval rather too wide where
    people are alike over time.
    """
    lower, upper = difference(
        after.value, (after.lower, after.upper), before.value, (before.lower, before.upper)
    )
    return Contrast(after.value - before.value, lower, upper, p_value(after, before))


def p_value(after: Estimated, before: Estimated) -> float:
    """Two-sided p-value of equal rates: the score test on effective sizes, smoothed.

    Not a number where an effective size is unknown.
    """
    n, m = after.effective_n, before.effective_n
    if not (n > 0 and m > 0):
        return float("nan")
    level = float(smoothed((n * after.value + m * before.value) / (n + m), n + m))
    error = np.sqrt(level * (1 - level) * (1 / n + 1 / m))
    return float(2 * ndtr(-abs(after.value - before.value) / error))


def standardised_contrast(
    weights: ArrayLike,
    after: tuple[ArrayLike, ArrayLike, ArrayLike],
    before: tuple[ArrayLike, ArrayLike, ArrayLike],
) -> Contrast:
    """The difference of two rates that were weighted to the same mix of segments.

    A segment that either lacks differs by nothing, as in ``decomposition``: what is not known to
    differ is left to the mix. Users of several segments are taken for several, which makes the
    interval a little too narrow where there are many.

    Args:
        weights: share of each segment in the common mix; of one alone, its part of the whole.
        after: rate, lower and upper end of each segment; not a number where it is absent.
        before: the same of the earlier period.
    """
    w = np.asarray(weights, dtype=float)
    (r1, l1, u1), (r0, l0, u0) = (
        tuple(np.asarray(part, dtype=float) for part in period) for period in (after, before)
    )
    there = np.isfinite(r1) & np.isfinite(r0) & (w > 0)

    def root(*gaps: Floats) -> float:
        return float(np.sqrt(sum(((w * gap)[there] ** 2).sum() for gap in gaps)))

    change = float((w * (r1 - r0))[there].sum())
    lower, upper = change - root(r1 - l1, u0 - r0), change + root(u1 - r1, r0 - l0)
    return Contrast(change, max(-1.0, lower), min(1.0, upper))


def part_of_rates(part: float, standardised: Contrast, judge_error: float = 0.0) -> Contrast:
    """The rates' part of a split, of one segment or of all, with the interval that is left to it.

    The part is the standardised difference less the judge's part. Traffic and sentinels are
    different messages, so their doubts add up in squares (MOVER of a difference). The shares of
    segments are taken as known.

    Args:
        part: of ``decompose`` or ``decompose_segments``.
        standardised: the difference at the mean of both mixes.
        judge_error: standard error of the judge's part; 0 where the rates' part holds it.
    """
    reach = float(ndtri(1 - LEVEL / 2)) * judge_error
    lower = part - np.hypot(standardised.change - standardised.lower, reach)
    upper = part + np.hypot(standardised.upper - standardised.change, reach)
    return Contrast(part, max(-1.0, float(lower)), min(1.0, float(upper)))


def added(parts: Sequence[Contrast]) -> Contrast:
    """The sum of differences of different messages, with its interval (MOVER)."""
    change = sum(part.change for part in parts)
    below = np.sqrt(sum((part.change - part.lower) ** 2 for part in parts))
    above = np.sqrt(sum((part.upper - part.change) ** 2 for part in parts))
    return Contrast(change, max(-1.0, float(change - below)), min(1.0, float(change + above)))


def discoveries(p_values: ArrayLike, level: float = LEVEL) -> NDArray[np.bool_]:
    """Which of many differences may be marked, at most ``level`` of them in error on average.

    The step-up rule of Benjamini and Yekutieli, which holds whatever hangs together with what. A
    difference without a p-value is never marked and does not count.
    """
    p = np.asarray(p_values, dtype=float)
    flat = p.ravel()
    known = np.isfinite(flat)
    count = int(known.sum())
    marked = np.zeros(flat.shape, dtype=bool)
    if count:
        ranks = np.arange(1, count + 1)
        limits = level * ranks / count / (1 / ranks).sum()
        ordered = np.sort(flat[known])
        passed = np.flatnonzero(ordered <= limits)
        if len(passed):
            marked = known & (flat <= ordered[passed[-1]])
    return marked.reshape(p.shape)
