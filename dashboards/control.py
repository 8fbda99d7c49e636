"""Control limits of a judge's scores on sentinels: what its first days let one expect.

Here belong: limits of a p chart as pure functions. Here does not belong: whether a judge has
changed, which the daily detector decides (alignment_monitor.detection.judge_signals) on more than
one point; these limits only make a chart readable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from record import CHARTED, WINDOW, Era, Point, Row, Score, pooled, version_of
from scipy.special import betaln, gammaln

from alignment_monitor.judging.quality import SENSITIVITY, SPECIFICITY

TAIL = 0.00135
"""Probability beyond each limit: that of three standard deviations, as Shewhart's charts have."""
JEFFREYS = 0.5
FEWEST = 30
"""Verdicts that the first days must hold: fewer tell nothing of what is usual."""


@dataclass(frozen=True)
class Limits:
    """What the days up to one should show.

    Attributes:
        point: the point they are about.
        found: lower and upper limit of sensitivity; None where too little is known.
        passed: likewise of specificity.
    """

    point: Point
    found: tuple[float, float] | None
    passed: tuple[float, float] | None

    @property
    def outside(self) -> tuple[str, ...]:
        """Measures that are beyond their limits."""
        pairs = (
            (SENSITIVITY, self.point.found, self.found),
            (SPECIFICITY, self.point.passed, self.passed),
        )
        return tuple(
            name
            for name, score, limits in pairs
            if limits and score.rate is not None and not limits[0] <= score.rate <= limits[1]
        )


def prediction(base: Score, n: int) -> tuple[float, float] | None:
    """Between which rates ``n`` further verdicts fall, unless something changed.

    Prediction limits of a p chart: the beta-binomial distribution of further hits, given those of
    the base and Jeffreys' prior, so that little in the base makes wide limits. Verdicts are taken
    for independent, as everywhere on this page.

    Source: Shewhart 1931 for the chart; Gelman et al. 2013, Bayesian Data Analysis, 2.4, for the
    predictive distribution.

    Args:
        base: verdicts that show what is usual.
        n: further verdicts.

    Returns:
        Two rates from 0 to 1; None with fewer than ``FEWEST`` in the base, or none further.
    """
    if base.n < FEWEST or n <= 0:
        return None
    lower, upper = _quantiles(n, base.hits + JEFFREYS, base.n - base.hits + JEFFREYS)
    return lower / n, upper / n


def limits(
    rows: Sequence[Row], eras: Sequence[Era], question: str, points: Sequence[Point]
) -> list[Limits]:
    """Limits for each point whose window lies after the first ``WINDOW`` days of its era.

    Args:
        rows: of ``judge_quality``, of one judge.
        eras: their eras.
        question: of the rubric.
        points: of the question, as ``record.rolling`` gives them.
    """
    mine = [row for row in rows if row["question"] == question]
    bases = [_base(mine, era, question) for era in eras]
    found = []
    for point in points:
        era = eras[point.era]
        if point.day - timedelta(days=CHARTED) < era.first + timedelta(days=WINDOW - 1):
            continue
        base = bases[point.era]
        found.append(
            Limits(
                point,
                prediction(base[SENSITIVITY], point.found.n),
                prediction(base[SPECIFICITY], point.passed.n),
            )
        )
    return found


def _quantiles(n: int, a: float, b: float) -> tuple[int, int]:
    """The hits of ``n`` between which all but ``TAIL`` on each side lie, beta-binomial.

    As ``scipy.stats.betabinom.ppf`` finds them, a hundred times as fast: a page asks for many.
    """
    hits = np.arange(n + 1)
    ways = gammaln(n + 1) - gammaln(hits + 1) - gammaln(n - hits + 1)
    below = np.cumsum(np.exp(ways + betaln(hits + a, n - hits + b) - betaln(a, b)))
    lower, upper = np.searchsorted(below, [TAIL, 1 - TAIL])
    return int(lower), min(int(upper), n)


def _base(rows: Sequence[Row], era: Era, question: str) -> dict[str, Any]:
    last = era.first + timedelta(days=WINDOW - 1)
    scores = pooled(
        row for row in rows if era.first <= row["day"] <= last and version_of(row) == era.version
    )
    return {name: scores.get((name, question), Score()) for name in (SENSITIVITY, SPECIFICITY)}
