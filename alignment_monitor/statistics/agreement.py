"""How far ratings agree: chance-corrected coefficients, and intervals clustered by conversation.

Here belong: coefficients on arrays of ratings, missing ones not a number, and the cluster bootstrap
of whatever is computed from units. Here does not belong: what a rating means, or how much agreement
is enough.

Every coefficient takes ``weights``, how often each unit counts, with replicates on leading axes:
a bootstrap of a thousand replicates is then a few matrix products.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from alignment_monitor.statistics.cells import Floats, tally
from alignment_monitor.statistics.intervals import LEVEL, effective_n, t_quantile, wilson

Level = Literal["nominal", "ordinal", "interval"]

UNDEFINED_SHARE = 0.1
"""Where more of the replicates than this are undefined, the bootstrap gives no interval."""

_CELLS_AT_ONCE = 4_000_000
"""Weights held at a time: 32 MB."""


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval and the rows it rests on; not a number where unknown."""

    value: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    n: int = 0


def krippendorff_alpha(
    ratings: ArrayLike, level: Level = "nominal", *, weights: ArrayLike | None = None
) -> Floats:
    """Krippendorff's alpha: 1 minus observed over expected disagreement of pairable ratings.

    Source: Krippendorff 2011, Computing Krippendorff's alpha-reliability.

    Args:
        ratings: raters x units; of few distinct values, since pairs of them are counted.
        level: nominal (equal or not), ordinal (by ranks between) or interval (squared difference).
        weights: how often each unit counts, on the last axis.

    Returns:
        1 for perfect agreement, about 0 for chance. Not a number where no unit has two ratings,
        or where all pairable ratings are the same: nothing then says what chance would give.
    """
    counts, values = _counts(ratings)
    raters = counts.sum(axis=1)
    counts, pairable = np.where(raters[:, None] > 1, counts, 0), np.maximum(raters - 1, 1)
    pairs = counts[:, :, None] * counts[:, None, :]
    diagonal = np.arange(len(values))
    pairs[:, diagonal, diagonal] -= counts
    coincidences = _summed(pairs / pairable[:, None, None], weights)
    margins = coincidences.sum(axis=-1)
    total = margins.sum(axis=-1)
    distance = _distance(margins, values, level)
    observed = (coincidences * distance).sum(axis=(-2, -1))
    expected = np.einsum("...i,...j,...ij->...", margins, margins, distance)
    return 1 - _ratio(observed * (total - 1), expected)


def _distance(margins: Floats, values: Floats, level: Level) -> Floats:
    """Squared distance of every two values; the ordinal one depends on how often each occurs."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    places = values if level == "interval" else _midranks(margins)
    return (places[..., :, None] - places[..., None, :]) ** 2


def gwet_ac1(
    ratings: ArrayLike,
    categories: Sequence[float] | None = None,
    *,
    weights: ArrayLike | None = None,
) -> Floats:
    """Gwet's AC1, nominal: unlike kappa and alpha it stays defined where one category prevails.

    Source: Gwet 2008, Computing inter-rater reliability and its variance in the presence of high
    agreement; with missing ratings, Gwet 2014, Handbook of inter-rater reliability, 4th edition.

    Args:
        ratings: raters x units.
        categories: those that could be given; those that were, if not stated.
        weights: how often each unit counts, on the last axis.

    Returns:
        1 for perfect agreement, about 0 where ratings are a throw of a fair die. Not a number
        where no unit has two ratings, or there is but one category.
    """
    counts, values = _counts(ratings, categories)
    return _gwet(counts, np.eye(len(values)), weights)


def gwet_ac2(
    ratings: ArrayLike,
    categories: Sequence[float] | None = None,
    *,
    weights: ArrayLike | None = None,
) -> Floats:
    """Gwet's AC2 with quadratic weights: AC1 in which a near miss counts as partial agreement.

    Source: Gwet 2014. Arguments and result: as ``gwet_ac1``.
    """
    counts, values = _counts(ratings, categories)
    spread = max(float(np.ptp(values)), np.finfo(float).tiny) if len(values) else 1.0
    return _gwet(counts, 1 - ((values[:, None] - values) / spread) ** 2, weights)


def _gwet(counts: Floats, credit: Floats, weights: ArrayLike | None) -> Floats:
    size = len(credit)
    if size < 2:
        return np.full(_leading(weights), np.nan)
    raters = counts.sum(axis=1)
    shares = _summed(counts / np.maximum(raters, 1)[:, None], weights)
    frequency = _ratio(shares, _summed((raters > 0).astype(float), weights)[..., None])
    chance = (frequency * (1 - frequency)).sum(axis=-1) * credit.sum() / (size * (size - 1))
    observed = _observed(counts, credit, weights)
    return _ratio(observed - chance, 1 - chance)


def raw_agreement(ratings: ArrayLike, *, weights: ArrayLike | None = None) -> Floats:
    """Share of pairs of ratings of a unit that are equal, averaged over units with two or more."""
    counts, values = _counts(ratings)
    return _observed(counts, np.eye(len(values)), weights)


def _observed(counts: Floats, credit: Floats, weights: ArrayLike | None) -> Floats:
    raters = counts.sum(axis=1)
    pairable = (raters > 1).astype(float)
    agreeing = (counts * (counts @ credit - 1)).sum(axis=1) / np.maximum(raters * (raters - 1), 1)
    return _ratio(_summed(agreeing * pairable, weights), _summed(pairable, weights))


def quadratic_kappa(
    a: ArrayLike,
    b: ArrayLike,
    categories: Sequence[float],
    *,
    weights: ArrayLike | None = None,
) -> Floats:
    """Cohen's kappa of two raters, disagreement weighted by its squared distance.

    Source: Cohen 1968, Weighted kappa; quadratic weights make it an intraclass correlation
    (Fleiss and Cohen 1973).

    Args:
        a: ratings of the first rater.
        b: ratings of the second; pairs with one missing are left out.
        categories: all categories in order; neighbours are one apart.
        weights: how often each pair counts, on the last axis.

    Returns:
        1 for perfect agreement, about 0 for chance. Not a number without a pair, or where both
        raters give the same single category.

    Raises:
        ValueError: a rating is no category.
    """
    table = np.array([_indicators(rating, categories) for rating in (a, b)])
    cells = _summed(table[0][:, :, None] * table[1][:, None, :], weights)
    places = np.arange(len(categories), dtype=float)
    distance = (places[:, None] - places) ** 2
    observed = (cells * distance).sum(axis=(-2, -1))
    margins = cells.sum(axis=-1), cells.sum(axis=-2)
    expected = np.einsum("...i,...j,ij->...", *margins, distance)
    return 1 - _ratio(observed * cells.sum(axis=(-2, -1)), expected)


def spearman(a: ArrayLike, b: ArrayLike, *, weights: ArrayLike | None = None) -> Floats:
    """Spearman's rank correlation, ties at their average rank (Kendall and Gibbons 1990).

    Args:
        a: first values.
        b: second values; pairs with one missing are left out.
        weights: how often each pair counts, on the last axis.

    Returns:
        From -1 to 1. Not a number where either has no two different values.
    """
    pair = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    both = ~(np.isnan(pair[0]) | np.isnan(pair[1]))
    weight = np.ones(len(both)) if weights is None else np.asarray(weights, dtype=float)
    weight = weight[..., both]
    if not both.any():
        return np.full(weight.shape[:-1], np.nan)
    total = weight.sum(axis=-1, keepdims=True)
    x, y = (_ranks(values[both], weight) - total / 2 for values in pair)
    covariance, x_square, y_square = (
        (weight * product).sum(axis=-1) for product in (x * y, x * x, y * y)
    )
    return np.clip(_ratio(covariance, np.sqrt(x_square * y_square)), -1, 1)


def bootstrap_interval(
    statistic: Callable[..., Floats],
    *units: ArrayLike,
    clusters: ArrayLike,
    replicates: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of a statistic when whole clusters are drawn anew.

    Source: Davison and Hinkley 1997, 3.8 (clusters with replacement, their units kept as they
    are). Where every replicate gives the same, as for perfect agreement, the interval has no width.

    Args:
        statistic: called with ``units`` and ``weights``; gives one value for each replicate.
        units: what it is computed from, units on the last axis.
        clusters: cluster of each unit, such as its conversation.
        replicates: how many samples are drawn.
        seed: the same seed gives the same interval.

    Returns:
        Its ends; not a number with fewer than two clusters, or where more than a tenth of the
        replicates are undefined. Fewer undefined ones are left out.
    """
    _, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    size = int(cluster.max(initial=-1)) + 1
    if size < 2:
        return np.nan, np.nan
    rng = np.random.default_rng(seed)
    block = max(1, _CELLS_AT_ONCE // len(cluster))
    drawn = [
        statistic(*units, weights=_redrawn(rng, size, min(block, replicates - done))[:, cluster])
        for done in range(0, replicates, block)
    ]
    values = np.concatenate(drawn)
    known = values[~np.isnan(values)]
    if len(known) < (1 - UNDEFINED_SHARE) * replicates:
        return np.nan, np.nan
    lower, upper = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(lower), float(upper)


def rate(events: ArrayLike, clusters: ArrayLike) -> Figure:
    """A mean of values from 0 to 1, with Wilson's interval on the effective n of its clusters."""
    values = np.asarray(events, dtype=float)
    if not len(values):
        return Figure()
    _, code = np.unique(np.asarray(clusters), return_inverse=True)
    n, count = len(values), int(code.max()) + 1
    mean = values.mean()
    residuals, sizes = (tally(code, part, count) for part in (values - mean, np.ones(n)))
    variance = (residuals**2).sum() / n**2 * count / max(count - 1, 1)
    size = min(float(effective_n(mean, variance, n**2 / (sizes**2).sum())), n)
    lower, upper = wilson(mean, size if count > 1 else 1.0, t_quantile(count))
    return Figure(float(mean), float(lower), float(upper), n)


def _redrawn(rng: np.random.Generator, size: int, replicates: int) -> Floats:
    """How often each cluster was drawn, one row for each replicate."""
    drawn = rng.integers(size, size=(replicates, size)) + size * np.arange(replicates)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=replicates * size)
    return counts.reshape(replicates, size).astype(float)


def _counts(ratings: ArrayLike, categories: Sequence[float] | None = None) -> tuple[Floats, Floats]:
    """How often each unit got each value, units x values, and the values in order."""
    given = np.atleast_2d(np.asarray(ratings, dtype=float))
    values = np.unique(given[~np.isnan(given)] if categories is None else np.asarray(categories))
    counts = np.zeros((given.shape[1], len(values)))
    for rater in given:
        counts += _indicators(rater, values)
    return counts, values.astype(float)


def _indicators(ratings: ArrayLike, categories: ArrayLike) -> Floats:
    """1 in the column of the category given; a missing rating has none."""
    given = np.asarray(ratings, dtype=float)
    equal = given[:, None] == np.asarray(categories, dtype=float)
    if not (equal.any(axis=1) | np.isnan(given)).all():
        raise ValueError(f"ratings outside the categories {list(np.asarray(categories))}")
    return equal.astype(float)


def _summed(units: Floats, weights: ArrayLike | None) -> Floats:
    """Sum over units, the first axis, each as often as it counts."""
    if weights is None:
        return units.sum(axis=0)
    weight = np.asarray(weights, dtype=float)
    sums = weight @ units.reshape(len(units), math.prod(units.shape[1:]))
    return sums.reshape(*weight.shape[:-1], *units.shape[1:])


def _leading(weights: ArrayLike | None) -> tuple[int, ...]:
    return () if weights is None else np.shape(weights)[:-1]


def _midranks(counts: Floats) -> Floats:
    """Average rank of each value, from how often each occurs, values in order; minus a half."""
    return np.cumsum(counts, axis=-1) - counts / 2


def _ranks(values: Floats, weight: Floats) -> Floats:
    """Average rank of each unit, minus a half."""
    _, inverse = np.unique(values, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(inverse.max() + 1))
    return _midranks(np.add.reduceat(weight[..., order], starts, axis=-1))[..., inverse]


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Their ratio; not a number where the denominator is 0."""
    zero = np.asarray(denominator) == 0
    return np.where(zero, np.nan, numerator / np.where(zero, 1, denominator))[()]
