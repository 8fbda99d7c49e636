"""Intervals of rates: effective n, Wilson, and the difference of two rates.

Here belong: formulas on arrays of rates and variances. Here does not belong: where these come
from. Sources: Wilson 1927; Korn and Graubard 1998 (effective n, t quantile); Newcombe 1998
(method 10) for differences.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from alignment_monitor.statistics.cells import Floats, Integers, group

LEVEL = 0.95
POWER = 0.8


def smoothed(rate: ArrayLike, size: ArrayLike) -> Floats:
    """The rate with one imagined success and one imagined failure added: never 0 or 1."""
    size = np.asarray(size, dtype=float)
    return (np.asarray(rate) * size + 1) / (size + 2)


def effective_n(rate: ArrayLike, variance: ArrayLike, size: ArrayLike) -> Floats:
    """Size of the simple random sample that would know the rate as well.

    ``p(1-p)/variance``, with as much added above and below as smoothing adds to ``p(1-p)``: at a
    rate of 0 or 1, where no variance can be seen, the result is ``size``.

    Args:
        rate: estimated rate.
        variance: its estimated variance.
        size: effective size known from the design alone.
    """
    rate, size = np.asarray(rate, dtype=float), np.asarray(size, dtype=float)
    target = smoothed(rate, size)
    target = target * (1 - target)
    return target / (np.asarray(variance) + (target - rate * (1 - rate)) / size)


def t_quantile(clusters: ArrayLike) -> Floats:
    """Two-sided quantile of Student's t; a single cluster gets the widest there is."""
    return stdtrit(np.maximum(np.asarray(clusters, dtype=float) - 1, 1), (1 + LEVEL) / 2)


def wilson(rate: ArrayLike, n: ArrayLike, quantile: ArrayLike) -> tuple[Floats, Floats]:
    """Wilson's score interval of a rate seen in ``n``; ``n`` need not be whole."""
    rate, n = np.asarray(rate, dtype=float), np.asarray(n, dtype=float)
    square = np.asarray(quantile, dtype=float) ** 2
    centre = (rate + square / (2 * n)) / (1 + square / n)
    half = np.sqrt(square * (rate * (1 - rate) / n + square / (4 * n**2))) / (1 + square / n)
    # Rounding must not put the rate outside its own interval.
    lower = np.clip(np.minimum(centre - half, rate), 0, 1)
    upper = np.clip(np.maximum(centre + half, rate), 0, 1)
    return lower, upper


def clustered(
    positive: Floats, offered: Floats, user: Integers, n: int
) -> tuple[float, float, float]:
    """Design-weighted rate with its 95 % interval, clustered by user: Wilson on effective n.

    Args:
        positive: estimated events, a row for any part of a user's messages.
        offered: messages among which they are counted; not all zero.
        user: number of each row's user.
        n: messages seen, above which no effective n goes.
    """
    users = group(user.astype(np.int64))
    clusters, whole = len(users.first), float(offered.sum())
    rate = min(float(positive.sum()) / whole, 1.0)
    residual = users.sum(positive - rate * offered) / whole
    variance = float(residual @ residual) * clusters / max(clusters - 1, 1)
    kish = whole**2 / float((users.sum(offered) ** 2).sum())
    size = 1.0 if clusters == 1 else min(float(effective_n(rate, variance, kish)), n)
    lower, upper = wilson(rate, size, t_quantile(clusters))
    return rate, float(lower), float(upper)


def detectable_change(rate: ArrayLike, n: ArrayLike) -> Floats:
    """Smallest difference between two windows alike that a test finds with 80 % power.

    ``(z_0.975 + z_0.8) sqrt(2 p (1 - p) / n)``, two-sided at 5 %, with p smoothed so that a rate
    of 0 does not promise to find everything; at most 1. Source: Fleiss, Levin and Paik 2003, ch. 4.

    Args:
        rate: rate of either window, absent a change.
        n: effective n of either.
    """
    rate, n = np.asarray(rate, dtype=float), np.asarray(n, dtype=float)
    level = smoothed(rate, n)
    quantiles = ndtri((1 + LEVEL) / 2) + ndtri(POWER)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.minimum(quantiles * np.sqrt(2 * level * (1 - level) / n), 1.0)


def surplus(pairs: float, pushed: float, against: float) -> tuple[float, float]:
    """Surplus of pairs that moved one way over those that moved the other, and its error.

    The difference of the two discordant shares of paired verdicts, with McNemar's variance
    (b + c - (b - c)^2 / n) / n^2; half a pair is added to each share so that none is certain.
    Nothing is known of no pairs: not a number.
    """
    if not pairs:
        return math.nan, math.nan
    b, c, total = pushed + 0.5, against + 0.5, pairs + 1.0
    return (pushed - against) / pairs, math.sqrt(b + c - (b - c) ** 2 / total) / total


def difference(
    after: float,
    after_bounds: tuple[float, float],
    before: float,
    before_bounds: tuple[float, float],
) -> tuple[float, float]:
    """Interval of ``after - before`` from the interval of each, valid near 0 and 1 too."""
    change = after - before
    lower = change - np.hypot(after - after_bounds[0], before_bounds[1] - before)
    upper = change + np.hypot(after_bounds[1] - after, before - before_bounds[0])
    return max(-1.0, float(lower)), min(1.0, float(upper))
