"""Judged messages of which some have gold labels: checked columns, users and strata.

Here belong: what estimates from human labels share. Here does not belong: an estimate.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignment_monitor.statistics.cells import Floats, Integers, group, tally


class GoldSample(NamedTuple):
    """Checked columns of the judged messages, cells numbered from 0 to ``size`` - 1."""

    cell: Integers
    user: Integers
    weight: Floats
    gold_weight: Floats
    event: Floats
    offered: Floats
    labelled: NDArray[np.bool_]
    size: int


def gold_sample(
    weight: ArrayLike,
    user: ArrayLike,
    event: ArrayLike,
    offered: ArrayLike | None,
    gold_probability: ArrayLike | None,
    cell: ArrayLike | None,
    cells: int | None,
) -> GoldSample:
    """Check the columns of ``two_phase``; missing labels become zeros, and ``labelled`` tells.

    Raises:
        ValueError: a weight or probability is not positive, or a label out of its range.
    """
    d, y = np.asarray(weight, dtype=float), np.asarray(event, dtype=float)
    o = np.ones(len(y)) if offered is None else np.asarray(offered, dtype=float)
    codes = np.zeros(len(d), dtype=np.int64) if cell is None else np.asarray(cell, dtype=np.int64)
    labelled = np.isfinite(y) & np.isfinite(o)
    pi2 = np.ones(len(d)) if gold_probability is None else np.asarray(gold_probability, dtype=float)
    if not (np.isfinite(d) & (d > 0)).all():
        raise ValueError("weights must be positive")
    if not ((pi2[labelled] > 0) & (pi2[labelled] <= 1)).all():
        raise ValueError("probabilities of a gold label must be above 0 and at most 1")
    y, o = np.where(labelled, y, 0.0), np.where(labelled, o, 0.0)
    if not ((y >= 0) & (y <= o) & (o <= 1)).all():
        raise ValueError("gold labels must be 0 <= event <= offered <= 1")
    size = cells if cells is not None else int(codes.max(initial=0)) + 1
    gold_weight = np.where(labelled, d / np.where(labelled, pi2, 1.0), 0.0)
    users = np.asarray(user, dtype=np.int64)
    return GoldSample(codes, users, d, gold_weight, y, o, labelled, size)


def clustered_variance(sample: GoldSample, residual: Floats) -> tuple[Floats, Floats]:
    """Users of each cell, and the variance of a weighted mean clustered by them."""
    users = group(sample.cell, sample.user)
    at = sample.cell[users.first]
    count = tally(at, np.ones(len(at)), sample.size)
    squared = tally(at, users.sum(sample.weight * residual) ** 2, sample.size)
    total = tally(sample.cell, sample.weight, sample.size)
    return count, squared / total**2 * count / np.maximum(count - 1, 1)


def repeated_variance(sample: GoldSample, error: Floats) -> Floats:
    """What products of different labels of the same user add to the labels' variance, if more.

    Labels are drawn one by one, but of users who differ. Where nobody has two labels it is zero.
    """
    error = np.where(sample.labelled, error, 0.0)
    users = group(sample.cell, sample.user)
    together = tally(sample.cell[users.first], users.sum(error) ** 2, sample.size)
    return np.maximum(together - tally(sample.cell, error**2, sample.size), 0)


def collapse_strata(
    stratum: ArrayLike,
    parent: ArrayLike,
    labelled: ArrayLike,
    *,
    cell: ArrayLike | None = None,
    least: int = 2,
) -> Integers:
    """New codes of strata, those with too few labels merged within their parent.

    Thin strata of a parent become one; if that is still thin, it joins the parent's stratum with
    most labels. Numbers of labels decide, never what they say, so nothing is biased. Parents are
    never merged: a parent without any label stays, and its estimate is undefined.

    Args:
        stratum: non-negative code of each judged message.
        parent: code of what a stratum may not leave, such as the verdict; the same within one.
        labelled: whether the message has a gold label.
        cell: as for ``two_phase``.
        least: labels that a stratum needs.
    """
    stratum, parent = (np.asarray(codes, dtype=np.int64) for codes in (stratum, parent))
    cell = np.zeros(len(stratum), dtype=np.int64) if cell is None else np.asarray(cell)
    strata = group(cell, stratum)
    parents = group(cell[strata.first], parent[strata.first])
    labels = strata.sum(np.asarray(labelled, dtype=float))
    thin, count = labels < least, len(parents.first)
    pooled = tally(parents.code, labels * thin, count)
    best = np.full(count, -1, dtype=np.int64)
    order = np.argsort(labels, kind="stable")
    order = order[~thin[order]]
    best[parents.code[order]] = order  # the last written has most labels
    alone = (pooled >= least) | (best < 0)
    pool = len(labels) + parents.code
    target = np.where(alone[parents.code], pool, best[parents.code])
    return np.where(thin, target, np.arange(len(labels)))[strata.code]
