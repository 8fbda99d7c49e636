"""Logistic regression on sparse features, and how well a score orders events.

Here belong: the fit, its calibration and the area under the curve: mathematics without texts. Here
does not belong: what is fitted to what (training) or held out from it (evaluation).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

Floats = NDArray[np.float64]

RIDGE = 3.0
"""Penalty on half the squared weights, of features scaled by rarity; events weigh 1 on average."""
LEAST_TEXTS = 3
"""A feature in fewer texts than this is left out: it would be learnt by heart."""
_ITERATIONS = 30
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Linear:
    """A linear score.

    Attributes:
        coefficients: one a feature.
        intercept: the score of a text without features.
    """

    coefficients: Floats
    intercept: float

    def scores(self, features: sparse.csr_matrix) -> Floats:
        """Log-odds of each row."""
        scores: Floats = features @ self.coefficients + self.intercept
        return scores

    def calibrated(self, slope: float, intercept: float) -> "Linear":
        """The score after a straight line was put through it."""
        return Linear(self.coefficients * slope, self.intercept * slope + intercept)


def fit(features: sparse.csr_matrix, events: ArrayLike, weights: ArrayLike | None = None) -> Linear:
    """L2-penalised logistic regression by Newton's method with conjugate gradients.

    The intercept is not penalised.
    Features are scaled by the logarithm of how rare they are among these rows (inverse document
    frequency), so that a common one is shrunk more; the scale is folded into the coefficients.

    Args:
        features: shape (texts, features).
        events: 1 where the event happened, else 0.
        weights: of the texts; else equal.

    Raises:
        ValueError: the events are all alike.
    """
    y = np.asarray(events, dtype=float)
    if not 0 < y.sum() < y.size:
        raise ValueError("nothing to learn: the events are all alike")
    w = np.ones(y.size) if weights is None else np.asarray(weights, dtype=float)
    w = w / w.mean()
    texts = np.bincount(features.indices, minlength=features.shape[1])
    used = np.flatnonzero(texts >= LEAST_TEXTS)
    rarity = 1 + np.log((y.size + 1) / (texts[used] + 1))
    scaled = (features[:, used] @ sparse.diags(rarity.astype(np.float32))).tocsr()
    turned = scaled.T.tocsr()

    def scores(parameters: Floats) -> Floats:
        z: Floats = (scaled @ parameters[:-1].astype(np.float32)).astype(float) + parameters[-1]
        return z

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z, inner = scores(parameters), parameters[:-1]
        residual = w * (expit(z) - y)
        value = (w * (np.logaddexp(0, z) - y * z)).sum() + RIDGE / 2 * (inner @ inner)
        slope = (turned @ residual.astype(np.float32)).astype(float) + RIDGE * inner
        return float(value), np.append(slope, residual.sum())

    def curvature(parameters: Floats, direction: Floats) -> Floats:
        chance = expit(scores(parameters))
        moved = w * chance * (1 - chance) * scores(direction)
        inner = (turned @ moved.astype(np.float32)).astype(float) + RIDGE * direction[:-1]
        return np.append(inner, moved.sum())

    base = np.log((w @ y) / (w @ (1 - y)))
    start = np.append(np.zeros(used.size), base)
    # L-BFGS spends nine tenths of its time on its own vectors here: features outnumber texts.
    found = minimize(
        loss,
        start,
        jac=True,
        hessp=curvature,
        method="Newton-CG",
        options={"maxiter": _ITERATIONS, "xtol": _TOLERANCE},
    ).x
    coefficients = np.zeros(features.shape[1])
    coefficients[used] = found[:-1] * rarity
    return Linear(coefficients, float(found[-1]))


def calibration(scores: ArrayLike, events: ArrayLike, weights: ArrayLike) -> tuple[float, float]:
    """Slope and intercept that turn scores into honest log-odds (Platt 1999).

    Args:
        scores: log-odds of texts that were held out.
        events: 1 where the event happened, else 0.
        weights: of the texts.
    """
    x, y, w = (np.asarray(values, dtype=float) for values in (scores, events, weights))
    w = w / w.mean()

    def loss(line: Floats) -> tuple[float, Floats]:
        z = line[0] * x + line[1]
        residual = w * (expit(z) - y)
        # A slope is held near 1 by as much as one text weighs, or a perfect order has none.
        value = (w * (np.logaddexp(0, z) - y * z)).sum() + (line[0] - 1) ** 2 / 2
        return float(value), np.array([residual @ x + line[0] - 1, residual.sum()])

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x
    return float(slope), float(intercept)


def area_under_curve(events: ArrayLike, scores: ArrayLike) -> float:
    """Probability that an event scores above a non-event, ties counting half (Mann-Whitney).

    Returns:
        Not a number where the events are all alike.
    """
    y = np.asarray(events, dtype=bool)
    positive, negative = int(y.sum()), int((~y).sum())
    if not positive or not negative:
        return float("nan")
    ranks = rankdata(scores)[y].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))
