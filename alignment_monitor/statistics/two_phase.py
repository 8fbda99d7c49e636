"""Rates from human labels: a judged sample, and gold labels on a probability subsample of it.

Here belong: the stratified two-phase estimate and its general difference form. Here does not
belong: which messages get a label, or how strata are made. Sources: Neyman 1938; Särndal,
Swensson and Wretman 1992, chapter 9.

A *cell* is whatever gets one figure; every function works on many cells at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignment_monitor.statistics.cells import Floats, Integers, group, tally
from alignment_monitor.statistics.gold_sample import (
    GoldSample,
    clustered_variance,
    gold_sample,
    repeated_variance,
)
from alignment_monitor.statistics.intervals import effective_n, smoothed, t_quantile, wilson

NO_JUDGED = "no judged message"
NO_GOLD = "no gold label"
EMPTY_STRATUM = "a stratum has no gold label"
NO_OPPORTUNITY = "no opportunity among the gold labels"
ONE_USER = "gold labels of one user only"


@dataclass(frozen=True)
class TwoPhase:
    """Estimates of cells, one element each; not a number where ``reason`` says why.

    Attributes:
        rate: estimated share of events, among opportunities if these were given.
        lower: of its 95 % interval.
        upper: of its 95 % interval.
        variance: of the rate, both phases.
        clustered: the part of the variance that comes from users: which were judged, and that they
            differ.
        effective_n: size of a simple random sample of labels that would know as much.
        degrees: Satterthwaite's degrees of freedom of the variance.
        judged: judged messages.
        gold: gold labels among them.
        users: users with a judged message.
        reason: why there is no rate, or that it rests on one user; empty if neither.
    """

    rate: Floats
    lower: Floats
    upper: Floats
    variance: Floats
    clustered: Floats
    effective_n: Floats
    degrees: Floats
    judged: Integers
    gold: Integers
    users: Integers
    reason: NDArray[np.object_]


def two_phase(
    *,
    weight: ArrayLike,
    stratum: ArrayLike,
    user: ArrayLike,
    event: ArrayLike,
    offered: ArrayLike | None = None,
    gold_probability: ArrayLike | None = None,
    cell: ArrayLike | None = None,
    cells: int | None = None,
) -> TwoPhase:
    """Stratified two-phase estimate: sum of W_h ybar_h over strata h.

    W_h is the design-weighted share of a stratum among the judged, ybar_h the mean of its gold
    labels with weights d / pi2. Conditional on an opportunity it is the ratio of two such sums,
    with the linearised residual (y - theta o) / mean(o) in place of y. The variance is
    sum W_h^2 p(1-p)/m_h, p smoothed and m_h the Kish effective size, plus the variance of stratum
    means clustered by user and what labels of the same user have in common within strata. There
    is no finite-population factor. The interval is Wilson's on the effective n.

    Smoothing adds half an event and half an opportunity without one to each stratum (Jeffreys):
    whole ones for many strata would widen the interval of a week by a tenth.

    Args:
        weight: 1 / inclusion probability of each judged message, as realised.
        stratum: non-negative code; from what was known of the message before its label.
        user: non-negative code of its user.
        event: gold label in [0, 1], not a number without one. Between 0 and 1 the variance is an
            upper bound.
        offered: gold label whether there was an opportunity, at least ``event``; none: everywhere.
        gold_probability: of a label for each judged message, as realised; none: the same within
            each stratum. Of no account where there is no label.
        cell: non-negative code of the figure to which the message belongs; none: one for all.
        cells: number of cells, if more than occur.

    Raises:
        ValueError: a weight or probability is not positive, or a label out of its range.
    """
    sample = gold_sample(weight, user, event, offered, gold_probability, cell, cells)
    strata = group(sample.cell, np.asarray(stratum, dtype=np.int64))
    at = sample.cell[strata.first]

    def by_cell(values: Floats) -> Floats:
        return tally(at, values, sample.size)

    with np.errstate(divide="ignore", invalid="ignore"):
        share = strata.sum(sample.weight)
        share = share / by_cell(share)[at]
        gold = strata.sum(sample.gold_weight)
        kish = gold**2 / strata.sum(sample.gold_weight**2)
        y, o = (
            np.clip(strata.sum(sample.gold_weight * label) / gold, 0, 1)
            for label in (sample.event, sample.offered)
        )
        opportunity = by_cell(share * o)
        rate = np.clip(by_cell(share * y) / opportunity, 0, 1)

        p = smoothed(y, 2 * kish)
        either = (o * kish + 1) / (kish + 1)
        theta = rate[at]
        square = p * (1 - theta) ** 2 + (either - p) * theta**2
        residual = (square - (p - theta * either) ** 2) / opportunity[at] ** 2
        first = share**2 * residual / kish
        mean = (y - theta * o) / opportunity[at]
        users, clustered = clustered_variance(sample, mean[strata.code])
        error = (sample.event - theta[strata.code] * sample.offered) / opportunity[sample.cell]
        error = (error - mean[strata.code]) * sample.gold_weight * (share / gold)[strata.code]
        clustered += repeated_variance(sample, error)
        variance = by_cell(first) + clustered
        degrees = variance**2 / (
            by_cell(first**2 / np.maximum(kish - 1, 1)) + clustered**2 / np.maximum(users - 1, 1)
        )
        middle = by_cell(share * p) / by_cell(share * either)
        n_eff = middle * (1 - middle) / variance
    empty = by_cell((strata.sum(sample.labelled) == 0).astype(float)) > 0
    return _result(sample, rate, variance, clustered, n_eff, degrees, users, empty, opportunity)


def difference_estimate(
    *,
    weight: ArrayLike,
    user: ArrayLike,
    event: ArrayLike,
    prediction: ArrayLike,
    gold_probability: ArrayLike,
    cell: ArrayLike | None = None,
    cells: int | None = None,
) -> TwoPhase:
    """General two-phase estimate: sum of d [f + xi (y - f) / pi2] over the sum of d.

    xi tells whether there is a label. With a stratum's gold mean as prediction f it equals
    ``two_phase``. Any f keeps it unbiased, given true probabilities and as long as f owes
    nothing to the label of its own message: cross-fit it, and tune nothing on the same gold.
    The variance of the labels' part is that of Poisson sampling without its (1 - pi2).

    Source: Cassel, Särndal and Wretman 1976; Robins, Rotnitzky and Zhao 1994.

    Args:
        prediction: f of each judged message.
        weight: as for ``two_phase``.
        user: as there.
        event: as there.
        gold_probability: as there.
        cell: as there.
        cells: as there.

    Raises:
        ValueError: a weight or probability is not positive, or a label out of its range.
    """
    sample = gold_sample(weight, user, event, None, gold_probability, cell, cells)
    f = np.asarray(prediction, dtype=float)

    def by_cell(values: Floats) -> Floats:
        return tally(sample.cell, values, sample.size)

    with np.errstate(divide="ignore", invalid="ignore"):
        total = by_cell(sample.weight)
        error = sample.gold_weight * (sample.event - f)
        rate = np.clip(by_cell(sample.weight * f + error) / total, 0, 1)
        first = by_cell(error**2) / total**2
        mean = by_cell(sample.weight * f) / total
        users, clustered = clustered_variance(sample, f - mean[sample.cell])
        clustered += repeated_variance(sample, error / total[sample.cell])
        variance = first + clustered
        kish = by_cell(sample.gold_weight) ** 2 / by_cell(sample.gold_weight**2)
        spread = first**2 / np.maximum(kish - 1, 1) + clustered**2 / np.maximum(users - 1, 1)
        degrees = np.where(variance > 0, variance**2 / spread, kish - 1)
        n_eff = effective_n(rate, variance, kish)
    nothing = np.zeros(sample.size, dtype=bool)
    return _result(
        sample, rate, variance, clustered, n_eff, degrees, users, nothing, np.ones(sample.size)
    )


def pseudo_outcomes(event: ArrayLike, prediction: ArrayLike, gold_probability: ArrayLike) -> Floats:
    """Stand-ins f + xi (y - f) / pi2 for the gold labels of all judged messages.

    Their mean over which messages get a label is the label. Weighted sums of them by user and day
    serve wherever sums of verdicts do, as in ``sequences``. They may lie outside [0, 1].

    Args:
        event: gold label, not a number without one.
        prediction: f; fixed before the labels of its day, such as the stratum's mean until then.
        gold_probability: of a label, as realised; of no account without one.
    """
    y, f = np.asarray(event, dtype=float), np.asarray(prediction, dtype=float)
    labelled = np.isfinite(y)
    pi2 = np.where(labelled, gold_probability, 1.0)
    return f + np.where(labelled, y - f, 0.0) / pi2


def _result(
    sample: GoldSample,
    rate: Floats,
    variance: Floats,
    clustered: Floats,
    n_eff: Floats,
    degrees: Floats,
    users: Floats,
    empty: NDArray[np.bool_],
    opportunity: Floats,
) -> TwoPhase:
    judged = tally(sample.cell, np.ones(len(sample.cell)), sample.size)
    gold = tally(sample.cell, sample.labelled, sample.size)
    cell, user = sample.cell[sample.labelled], sample.user[sample.labelled]
    owners = cell[group(cell, user).first]
    alone = tally(owners, np.ones(len(owners)), sample.size) == 1
    reasons = {
        NO_JUDGED: judged == 0,
        NO_GOLD: gold == 0,
        EMPTY_STRATUM: empty,
        NO_OPPORTUNITY: ~(opportunity > 0),
    }
    undefined = np.logical_or.reduce(list(reasons.values()))
    reason = np.select([*reasons.values(), alone], [*reasons, ONE_USER], default="").astype(object)
    n_eff, degrees = np.where(alone, 1.0, np.minimum(n_eff, judged)), np.where(alone, 1.0, degrees)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = wilson(rate, n_eff, t_quantile(degrees + 1))

    def shown(values: Floats) -> Floats:
        return np.where(undefined, np.nan, values)

    return TwoPhase(
        rate=shown(rate),
        lower=shown(lower),
        upper=shown(upper),
        variance=shown(variance),
        clustered=shown(clustered),
        effective_n=shown(n_eff),
        degrees=shown(degrees),
        judged=judged.astype(np.int64),
        gold=gold.astype(np.int64),
        users=users.astype(np.int64),
        reason=reason,
    )
