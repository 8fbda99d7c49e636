"""What moved a judged rate: the mix of segments, the rate within them, or the judge.

Here belong: exact decompositions of a difference between two periods. Here does not belong: where
the parts come from, or whether a part is large. Sources: Kitagawa 1955; Das Gupta 1993 (average
over the orders of replacement); Shorrocks 2013 (the same as a Shapley value).
"""

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import ArrayLike

from alignment_monitor.statistics.cells import Floats

FACTORS = ("mix", "rate", "judge")


@dataclass(frozen=True)
class Period:
    """A period by segment, all arrays of the same length or single numbers.

    Attributes:
        weights: how much traffic each segment has; scaled to add up to 1.
        rate: true rate of each; not clipped, if the judged rate shall come out as it was.
        sensitivity: share of events that the judge flags.
        false_positive_rate: share of the others that it flags.
    """

    weights: ArrayLike
    rate: ArrayLike
    sensitivity: ArrayLike = 1.0
    false_positive_rate: ArrayLike = 0.0


@dataclass(frozen=True)
class Decomposition:
    """Parts of the change of the judged rate; not a number where ``reason`` says why.

    Attributes:
        mix: from segments that became more or less frequent.
        rate: from rates within segments.
        judge: from sensitivity and false positives.
        before: judged rate of the first period.
        after: judged rate of the second; the parts add up to after - before.
        reason: why there are no parts; empty if there are.
    """

    mix: float
    rate: float
    judge: float
    before: float
    after: float
    reason: str = ""


@dataclass(frozen=True)
class SegmentParts:
    """The same parts by segment; not numbers where ``reason`` says why.

    Attributes:
        mix: of each segment's share, measured from the mean rate.
        rate: of its own rate.
        judge: of the judge's errors in it.
        before: judged rate of the first period.
        after: judged rate of the second; all parts add up to after - before.
        reason: why there are no parts; empty if there are.
    """

    mix: Floats
    rate: Floats
    judge: Floats
    before: float
    after: float
    reason: str = ""


@dataclass(frozen=True)
class Kitagawa:
    """Parts of the change of a rate by segment; each pair of parts adds up to the change.

    Attributes:
        mix: part of each segment's share; measured from the mean rate, so that a segment that
            grows where rates are usual has none.
        rate: part of each segment's own rate.
    """

    mix: Floats
    rate: Floats


def decompose(before: Period, after: Period) -> Decomposition:
    """Split the change of p = sum_k w_k [theta_k Se_k + (1 - theta_k) FPR_k] into three parts.

    Each part is what replacing that factor changes, averaged over the six orders in which the
    three can be replaced, so that the parts are exactly additive and no order is preferred. A
    segment absent from one period has there the rate and the judge of the other, and so counts
    as mix alone.

    Raises:
        ValueError: a weight is negative or not finite, or the periods differ in segments.
    """
    parts = decompose_segments(before, after)
    mix, rate, judge = (float(part.sum()) for part in (parts.mix, parts.rate, parts.judge))
    return Decomposition(mix, rate, judge, parts.before, parts.after, parts.reason)


def decompose_segments(before: Period, after: Period) -> SegmentParts:
    """The same, segment by segment: each factor's parts add up to that factor's part of the whole.

    As in ``kitagawa`` the part of a segment's share is measured from the mean rate, which moves
    nothing between factors because changes of shares add up to zero.

    Raises:
        ValueError: as ``decompose``.
    """
    first, second, reason = _aligned(before, after)
    if reason:
        nothing = np.full(len(first[0]), np.nan)
        return SegmentParts(nothing, nothing.copy(), nothing.copy(), np.nan, np.nan, reason)
    corner = {
        choice: _judged(
            *(period[at] for at, period in zip(choice, _factors(first, second), strict=True))
        )
        for choice in product((0, 1), repeat=len(FACTORS))
    }
    parts = np.zeros((len(FACTORS), len(first[0])))
    orders = list(permutations(range(len(FACTORS))))
    for order in orders:
        state = [0] * len(FACTORS)
        for factor in order:
            old = corner[tuple(state)]
            state[factor] = 1
            parts[factor] += corner[tuple(state)] - old
    mix, rate, judge = parts / len(orders)
    start, end = (float(corner[choice].sum()) for choice in ((0, 0, 0), (1, 1, 1)))
    mix = mix - (second[0] - first[0]) * (start + end) / 2
    return SegmentParts(mix, rate, judge, start, end)


def kitagawa(
    weights_before: ArrayLike,
    rate_before: ArrayLike,
    weights_after: ArrayLike,
    rate_after: ArrayLike,
) -> Kitagawa:
    """Split the change of a rate, sum_k w_k theta_k, by segment into mix and rate.

    Source: Kitagawa 1955. Not a number throughout where a period has no weight, or a segment
    present no rate.

    Raises:
        ValueError: as ``decompose``.
    """
    first, second, reason = _aligned(
        Period(weights_before, rate_before), Period(weights_after, rate_after)
    )
    if reason:
        nothing = np.full(len(first[0]), np.nan)
        return Kitagawa(nothing, nothing.copy())
    (w0, r0, *_), (w1, r1, *_) = first, second
    usual = (w0 @ r0 + w1 @ r1) / 2
    return Kitagawa((w1 - w0) * ((r0 + r1) / 2 - usual), (w0 + w1) / 2 * (r1 - r0))


def standardised_rate(rate: ArrayLike, reference: ArrayLike) -> float:
    """The rate that a reference mix would have: direct standardisation.

    A segment without weight in the reference does not count. Not a number where a segment with
    weight has no rate, or where there is no weight at all.

    Raises:
        ValueError: a weight is negative or not finite.
    """
    weights, rates = np.broadcast_arrays(*map(np.atleast_1d, (_weights(reference), rate)))
    used = weights > 0
    return float(weights[used] @ rates[used]) if used.any() else float("nan")


def _factors(
    first: tuple[Floats, ...], second: tuple[Floats, ...]
) -> tuple[tuple[tuple[Floats, ...], tuple[Floats, ...]], ...]:
    """Both states of each of the three factors: sensitivity and false positives are one."""
    return (
        ((first[0],), (second[0],)),
        ((first[1],), (second[1],)),
        (first[2:], second[2:]),
    )


def _judged(mix: tuple[Floats, ...], rate: tuple[Floats, ...], judge: tuple[Floats, ...]) -> Floats:
    """What each segment adds to the judged rate."""
    (weights,), (theta,), (sensitivity, false_positive) = mix, rate, judge
    return weights * (theta * sensitivity + (1 - theta) * false_positive)


def _aligned(before: Period, after: Period) -> tuple[tuple[Floats, ...], tuple[Floats, ...], str]:
    """Both periods as arrays over the segments that either has, and what is missing."""
    periods = []
    for period in (before, after):
        columns = [np.asarray(column, dtype=float) for column in vars(period).values()]
        columns[0] = _weights(columns[0])
        periods.append(np.vstack(np.broadcast_arrays(*map(np.atleast_1d, columns))))
    first, second = periods
    if first.shape != second.shape:
        raise ValueError("both periods must have the same segments")
    reason = "" if first[0].any() and second[0].any() else "a period has no traffic"
    for here, there in ((first, second), (second, first)):
        here[1:] = np.where(here[0] > 0, here[1:], there[1:])
    present = (first[0] > 0) | (second[0] > 0)
    first, second = (np.where(present, period, 0.0) for period in (first, second))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        reason = reason or "a segment with traffic has no rate"
    return tuple(first), tuple(second), reason


def _weights(weights: ArrayLike) -> Floats:
    values = np.atleast_1d(np.asarray(weights, dtype=float))
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError("weights must be finite and not negative")
    return values / max(values.sum(), np.finfo(float).tiny)
