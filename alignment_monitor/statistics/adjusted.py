"""Judge-scale rates corrected by the judge's errors on sentinels.

Here belong: error rates from sentinels, the Rogan-Gladen correction of a rate and its form for
three outcomes where the opportunity is judged too. Here does not belong: which sentinels count.
Model-based: it assumes that the judge errs on traffic as it does on sentinels.

Sources: Rogan and Gladen 1978; Barron 1977 (confusion matrix); the delta method for all intervals.
Arrays throughout: leading axes are cells.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignment_monitor.statistics.cells import Floats, Integers, group
from alignment_monitor.statistics.intervals import effective_n, smoothed, t_quantile

OUTCOMES = ("no opportunity", "opportunity, absent", "opportunity, present")
UNKNOWN = "a rate or an error rate is unknown"
BLIND = "the judge is not shown to tell events from others"
CONTRADICTION = "the judged rate lies outside what the judge's errors allow"
FEW = "no more opportunities than could be the judge's errors"


class Measured(NamedTuple):
    """A measured share: its value, its variance, and the degrees of freedom of that variance."""

    value: ArrayLike
    variance: ArrayLike
    degrees: ArrayLike


@dataclass(frozen=True)
class Adjusted:
    """Corrected rates with 95 % intervals; not a number where ``reason`` says why.

    Attributes:
        rate: corrected rate, clipped to [0, 1].
        lower: of the interval, clipped.
        upper: of the interval, clipped.
        variance: of the rate before clipping.
        reason: why there is no rate; empty if there is.
    """

    rate: Floats
    lower: Floats
    upper: Floats
    variance: Floats
    reason: NDArray[np.object_]


class Outcomes(NamedTuple):
    """Corrected rates where opportunities are judged too."""

    opportunity: Adjusted
    joint: Adjusted
    conditional: Adjusted


def sentinel_rate(item: ArrayLike, flagged: ArrayLike) -> Measured:
    """Share of sentinels that a judge flags, each item counted once however often it was judged.

    The window is for the caller to choose: at most 14 days, none before the onset of a change of
    the judge, so that items of before and after are not averaged. The variance is that of the
    mean over items (repeats of one item are hardly independent), smoothed at 0 and 1.

    Args:
        item: non-negative code of the sentinel of each judgement.
        flagged: whether it was flagged, or with which probability.

    Returns:
        Not a number without a judgement.
    """
    codes, values = np.asarray(item, dtype=np.int64), np.asarray(flagged, dtype=float)
    if not len(codes):
        return Measured(np.nan, np.nan, np.nan)
    items = group(codes)
    means = items.sum(values) / items.sum(np.ones(len(codes)))
    count, rate = len(means), float(means.mean())
    observed = float(np.sum((means - rate) ** 2)) / (count * max(count - 1, 1))
    n_eff = 1.0 if count == 1 else np.minimum(effective_n(rate, observed, count), count)
    target = smoothed(rate, count)
    return Measured(rate, float(target * (1 - target) / n_eff), float(max(count - 1, 1)))


def sentinel_effect(
    theta: ArrayLike, now: tuple[ArrayLike, ArrayLike], reference: tuple[ArrayLike, ArrayLike]
) -> Floats:
    """How much of a judged rate's shift since the reference the judge's own shift explains.

    (1 - theta)(FPR_t - FPR_0) + theta (Se_t - Se_0). For detection alone: ``adjusted_rate`` with
    the errors of now holds it already, and both together would remove it twice.

    Args:
        theta: true rate of the baseline.
        now: sensitivity and false positive rate, smoothed over days.
        reference: the same of the baseline.
    """
    rate = np.asarray(theta, dtype=float)
    (se, fpr), (se_0, fpr_0) = np.broadcast_arrays(*now), np.broadcast_arrays(*reference)
    return np.asarray((1 - rate) * (fpr - fpr_0) + rate * (se - se_0), dtype=float)


def adjusted_rate(judged: Measured, sensitivity: Measured, false_positive: Measured) -> Adjusted:
    """Rogan and Gladen's (p - FPR) / (Se - FPR), with the judge's errors of the same days.

    With the errors of now and not of the baseline, a change of the judge is removed together with
    its constant bias. Delta-method variance [V_p + (1 - theta)^2 V_FPR + theta^2 V_Se] / J^2,
    J = Se - FPR, t quantile with Satterthwaite's degrees of freedom; rate and interval are clipped.

    Returns:
        Not a number where J is not above 0 by more than twice its standard error, since the ratio
        then has no useful variance, or where the whole interval lies outside [0, 1].
    """
    parts = [
        np.broadcast_arrays(*map(_floats, part)) for part in (judged, sensitivity, false_positive)
    ]
    (p, v_p, df_p), (se, v_se, df_se), (fpr, v_fpr, df_fpr) = parts
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = se - fpr
        theta = (p - fpr) / gain
        terms = (v_p / gain**2, (theta / gain) ** 2 * v_se, ((1 - theta) / gain) ** 2 * v_fpr)
        variance = sum(terms, start=np.zeros(()))
        spread = [
            term**2 / np.maximum(df, 1)
            for term, df in zip(terms, (df_p, df_se, df_fpr), strict=True)
        ]
        degrees = np.where(variance > 0, variance**2 / sum(spread, start=np.zeros(())), df_p)
        blind = gain <= 2 * np.sqrt(v_se + v_fpr)
    return _clipped(theta, variance, t_quantile(degrees + 1), blind)


def adjusted_outcomes(
    shares: ArrayLike,
    covariance: ArrayLike,
    confusion: ArrayLike,
    degrees: ArrayLike,
    judge: Integers | None = None,
) -> Outcomes:
    """Correct shares of three judged outcomes by the judge's 3 x 3 confusion matrix.

    Shares q of what was judged arise from true ones pi as q = M' pi; pi solves that. A binary
    correction is wrong where the opportunity is judged too, since a missed opportunity moves
    numerator and denominator. Rows of M are multinomial over the sentinels of that truth.

    Args:
        shares: judged shares of ``OUTCOMES`` on the last axis, adding up to 1.
        covariance: of these shares, 3 x 3 on the last axes.
        confusion: numbers of sentinels, truth x judged, each item counted once.
        degrees: of freedom of the covariance, its clusters minus 1.
        judge: which of the matrices each cell has; without it each has its own.

    Returns:
        Rates of opportunity, of opportunity and event, and of events among opportunities. The
        reason is told where a truth has no sentinels or the matrix cannot be inverted safely, and
        for the last also where opportunities are not shown to exist.
    """
    counts, q = _floats(confusion), _floats(shares)
    items = counts.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        matrix, smooth = counts / items, (counts + 1) / (items + counts.shape[-1])
    told = np.asarray(np.isfinite(matrix).all(axis=(-2, -1)))
    matrix = np.where(told[..., None, None], matrix, np.eye(counts.shape[-1]))
    safe = _invertible(matrix, np.where(told[..., None, None], items, 1.0), smooth)
    usable = (told & safe)[..., None, None]
    inverse = np.linalg.inv(np.where(usable, matrix, np.eye(counts.shape[-1])).swapaxes(-1, -2))
    rows = smooth[..., :, None] * (np.eye(counts.shape[-1]) - smooth[..., None, :])
    rows = rows / np.maximum(items, 1)[..., None]
    fewest = items[..., 0].min(axis=-1) - 1
    if judge is not None:
        told, safe = told[judge], safe[judge]
        inverse, rows, fewest = inverse[judge], rows[judge], fewest[judge]
    known = told & np.isfinite(q).all(axis=-1)
    blind = known & ~safe
    pi = (inverse @ q[..., None])[..., 0]
    judged = (pi[..., None, None] ** 2 * rows).sum(axis=-3)
    spread = inverse @ (_floats(covariance) + judged) @ inverse.swapaxes(-1, -2)
    df = np.minimum(_floats(degrees), fewest)
    quantile = t_quantile(df + 1)

    opportunity = pi[..., 1] + pi[..., 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        conditional = pi[..., 2] / opportunity
        slope = np.stack([0 * conditional, -conditional, 1 - conditional], axis=-1)
        slope = slope / opportunity[..., None]

    def figure(value: Floats, gradient: ArrayLike) -> Adjusted:
        g = np.broadcast_to(_floats(gradient), pi.shape)
        variance = np.einsum("...i,...ij,...j->...", g, spread, g)
        undefined = np.where(known, value, np.nan)
        return _clipped(undefined, variance, quantile, blind)

    # Without an opportunity worth its own error a share of it says nothing.
    error = np.sqrt(np.einsum("i,...ij,j->...", [0.0, 1.0, 1.0], spread, [0.0, 1.0, 1.0]))
    few = known & ~blind & ~(opportunity > 2 * error)
    share = figure(np.where(few, np.nan, conditional), slope)
    return Outcomes(
        figure(opportunity, [0.0, 1.0, 1.0]),
        figure(pi[..., 2], [0.0, 0.0, 1.0]),
        replace(share, reason=np.where(few, FEW, share.reason).astype(object)),
    )


def _invertible(matrix: Floats, items: Floats, smooth: Floats) -> NDArray[np.bool_]:
    """Whether the smallest singular value stands out from the noise of the matrix's entries."""
    noise = np.sqrt((smooth * (1 - smooth) / items).sum(axis=(-2, -1)))
    smallest = np.linalg.svd(matrix, compute_uv=False)[..., -1]
    return np.asarray(smallest > np.maximum(noise, 1e-6))


def _clipped(
    value: Floats, variance: Floats, quantile: Floats, blind: NDArray[np.bool_]
) -> Adjusted:
    with np.errstate(invalid="ignore"):
        half = quantile * np.sqrt(variance)
        lower, upper = value - half, value + half
        outside = (upper < 0) | (lower > 1)
    unknown = ~(np.isfinite(value) & np.isfinite(variance) & np.isfinite(quantile))
    reason = np.select([blind, unknown, outside], [BLIND, UNKNOWN, CONTRADICTION], default="")
    told = blind | unknown | outside

    def shown(figure: Floats) -> Floats:
        return np.where(told, np.nan, figure)

    return Adjusted(
        rate=shown(np.clip(value, 0, 1)),
        lower=shown(np.clip(lower, 0, 1)),
        upper=shown(np.clip(upper, 0, 1)),
        variance=shown(variance),
        reason=reason.astype(object),
    )


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=float)
