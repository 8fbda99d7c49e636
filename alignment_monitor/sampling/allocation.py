"""Sharing a number of draws out: in proportion to weights, between a least and a most of each.

Here belongs: this one problem, which strata of traffic, users and strata of gold labels have in
common. Here does not belong: what the parts, bounds and weights are (strata, gold).

Sources: Neyman allocation (Neyman 1934) between floors and ceilings (Cochran 1977, 5.8).
"""

import math
from bisect import bisect_left
from collections.abc import Sequence


def share_out(
    total: float, least: Sequence[float], most: Sequence[float], weights: Sequence[float]
) -> list[float]:
    """Parts proportional to weights, within their bounds, that sum to ``total``.

    Too little for the least of all shrinks all alike, so that none falls to zero; more than the
    most of all gives each its most. No part falls as ``total`` grows, and their order is of no
    account, to the last digit.

    Args:
        total: what is shared out, above zero.
        least: lower bound of each part.
        most: upper bound of each part, at least the lower one.
        weights: what the parts are proportional to, above zero.
    """
    if total >= math.fsum(most):
        return list(most)
    if total <= (needed := math.fsum(least)):
        return [min(low, low * total / needed) for low in least]

    def at(scale: float) -> list[float]:
        return [
            min(high, max(low, scale * weight))
            for low, high, weight in zip(least, most, weights, strict=True)
        ]

    def sum_at(scale: float) -> float:
        return math.fsum(at(scale))

    # Between two scales at which some part meets a bound the sum is a straight line.
    pairs = zip((*least, *most), (*weights, *weights), strict=True)
    bends = sorted({bound / weight for bound, weight in pairs})
    place = min(bisect_left(bends, total, key=sum_at), len(bends) - 1)
    start, end = bends[place - 1], bends[place]
    below, above = sum_at(start), sum_at(end)
    share = min(1.0, (total - below) / (above - below))
    return at(min(end, start + (end - start) * share))
