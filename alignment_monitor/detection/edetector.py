"""The sequential test: a mixture of Shiryaev-Roberts e-detectors.

Here belong: the null log-moment-generating function of a daily rate or of a mean of levels, and
one day's step of the statistic. Here does not belong: where baseline and effective n come from.
Source: Shin, Ramdas and Rinaldo 2023, "E-detectors". With known parameters the statistic minus the
start mass put in is a supermartingale under no change: with a mass of one a day the mean time to
reach A is at least A days. Other masses: ``start_mass``.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from alignment_monitor.statistics.cells import Floats

SHIFTS = np.array([0.5, 1.0, 1.5, 2.0, 3.0])
"""Sizes of change looked for, in daily standard deviations, equally weighted."""

CAP = 2.0
"""How far, in log, a statistic may rise above its threshold: an ended drift must wear off."""


def null_log_mgf(
    rate: ArrayLike, n: ArrayLike, between: ArrayLike, deviation: ArrayLike, signs: ArrayLike
) -> Floats:
    """``log E exp(d z)`` for z = sign (x - rate) / deviation, x a daily rate with no change.

    x is a binomial share of ``n`` plus a Normal day effect. A binomial leans to the side where
    there is more room; at 8 % of 20 the Normal form d^2/2 alarms twice as often as it promises.

    Args:
        rate: baseline rate, strictly between 0 and 1.
        n: effective n of the day.
        between: variance of the day effect.
        deviation: standard deviation of x.
        signs: +1 to watch upwards, -1 downwards.

    Returns:
        The arguments' broadcast shape with one more axis at the end, over ``SHIFTS``.
    """
    rate, n, between, deviation, signs = (
        np.asarray(value, dtype=float)[..., None] for value in (rate, n, between, deviation, signs)
    )
    tilt = signs * SHIFTS / deviation
    share = n * np.logaddexp(np.log1p(-rate), np.log(rate) + tilt / n)
    return share - tilt * rate + tilt**2 * between / 2


def ordinal_log_mgf(
    probabilities: ArrayLike, values: ArrayLike, n: ArrayLike, tilt: ArrayLike
) -> Floats:
    """``log E exp(tilt x)`` for x the mean of n independent draws of a known distribution.

    n log sum_k p_k exp(tilt v_k / n), which is exact for whole n: the generating function of a
    sum of independent draws is the product of theirs (Cramér 1938; Dembo and Zeitouni 1998, 2.2).
    Few levels are skewed as rare events are, and d^2/2 alarms more often than it promises. For
    z = sign (x - mean) / deviation give ``sign * SHIFTS / deviation`` as tilt and the values less
    their mean.

    Args:
        probabilities: of the levels, last axis.
        values: of the levels.
        n: draws a day.
        tilt: any shape that broadcasts with n.

    Returns:
        The broadcast shape of n, tilt and the leading axes of the probabilities.

    Raises:
        ValueError: the probabilities are negative, do not add up to 1, or are of other levels.
    """
    probabilities, values = (np.asarray(part, dtype=float) for part in (probabilities, values))
    if probabilities.shape[-1:] != values.shape:
        raise ValueError(f"{probabilities.shape} probabilities of {values.shape} levels")
    if (probabilities < 0).any() or not np.allclose(probabilities.sum(axis=-1), 1):
        raise ValueError("probabilities are not negative and add up to 1")
    n, tilt = np.asarray(n, dtype=float), np.asarray(tilt, dtype=float)
    per_draw = (tilt / n)[..., None] * values
    return np.asarray(n * logsumexp(per_draw, b=probabilities, axis=-1))


def step(
    log_components: Floats,
    z: ArrayLike,
    log_mgf: Floats,
    log_threshold: ArrayLike,
    log_mass: ArrayLike = 0.0,
) -> Floats:
    """One day's step of each component: M <- (M + g) exp(d z - psi), in logs, capped.

    Args:
        log_components: log M by shift, last axis; minus infinity to begin with.
        z: the day's standardised deviation.
        log_mgf: its ``null_log_mgf``.
        log_threshold: log of the alarm threshold; one, or one for each component.
        log_mass: log of g, the day's start mass, known before z; see ``start_mass``.
    """
    grown = np.logaddexp(log_components, log_mass) + SHIFTS * np.asarray(z)[..., None] - log_mgf
    return np.minimum(grown, np.asarray(log_threshold) + CAP)


def log_statistic(log_components: Floats) -> Floats:
    """Log of the mixture: the mean over shifts."""
    return logsumexp(log_components, axis=-1) - np.log(len(SHIFTS))
