"""With known parameters the e-detector less the days seen is a supermartingale."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import binom, binomtest, norm

from alignment_monitor.detection.edetector import (
    SHIFTS,
    log_statistic,
    null_log_mgf,
    ordinal_log_mgf,
    step,
)

NEVER = 1e9
WORLDS, DAYS = 4000, 60
LEVELS = np.arange(1.0, 6.0)
SKEWED = np.array([0.62, 0.2, 0.1, 0.05, 0.03])
RATE = 0.08


def sums(probabilities, n):
    """Exact distribution of the sum of n levels that begin at 0."""
    found = np.ones(1)
    for _ in range(n):
        found = np.convolve(found, probabilities)
    return found


def binary(n, sign=1):
    """Probabilities of a day's outcomes, their z, and the generating function of z."""
    seen, deviation = np.arange(n + 1), np.sqrt(RATE * (1 - RATE) / n)
    log_mgf = null_log_mgf(RATE, n, 0.0, deviation, sign)
    return binom.pmf(seen, n, RATE), sign * (seen / n - RATE) / deviation, log_mgf


def ordinal(n, sign=1):
    mean = SKEWED @ LEVELS
    deviation = np.sqrt(SKEWED @ (LEVELS - mean) ** 2 / n)
    log_mgf = ordinal_log_mgf(SKEWED, LEVELS - mean, n, sign * SHIFTS / deviation)
    chance = sums(SKEWED, n)
    return chance, sign * (1 + np.arange(len(chance)) / n - mean) / deviation, log_mgf


def normal(_, sign=1):
    """On a lattice so fine that its generating function is the Normal's to ten digits."""
    z = np.linspace(-12, 12, 4801)
    return norm.pdf(z) * (z[1] - z[0]), sign * z, SHIFTS**2 / 2


CASES = [(binary, n) for n in (20, 100, 500)] + [(ordinal, n) for n in (20, 100, 500)]
NAMES = [f"{kind.__name__}-{n}" for kind, n in CASES]
everything = pytest.mark.parametrize(("kind", "n"), [*CASES, (normal, 0)], ids=[*NAMES, "normal"])


def paths(kind, n, seed, days=DAYS, sign=1):
    """Log components, world by world, day by day."""
    rng = np.random.default_rng(seed)
    chance, z, log_mgf = kind(n, sign)
    below = chance.cumsum() / chance.sum()
    components = np.full((WORLDS, len(SHIFTS)), -np.inf)
    for _ in range(days):
        drawn = z[np.minimum(below.searchsorted(rng.random(WORLDS), "right"), len(z) - 1)]
        components = step(components, drawn, log_mgf, NEVER)
        yield components


@pytest.mark.parametrize("sign", [1, -1])
@everything
def test_a_day_grows_by_a_factor_of_mean_one(kind, n, sign):
    chance, z, log_mgf = kind(n, sign)
    growth = chance @ np.exp(z[:, None] * SHIFTS - log_mgf)
    assert growth == pytest.approx(np.ones(len(SHIFTS)), rel=1e-9)


@pytest.mark.parametrize(("kind", "n"), [(binary, 20), (ordinal, 20), (ordinal, 100)])
def test_taken_as_normal_the_same_data_would_break_it(kind, n):
    chance, z, _ = kind(n)
    assert (chance @ np.exp(z[:, None] * SHIFTS - SHIFTS**2 / 2) > 1.0005).all()


@everything
def test_the_statistic_less_the_days_gains_nothing(kind, n):
    for day, components in enumerate(paths(kind, n, seed=1), start=1):
        if day not in (1, 5, 20, DAYS):
            continue
        gained = np.exp(log_statistic(components)) - day
        assert gained.mean() <= 4 * gained.std() / np.sqrt(WORLDS)
        # The mildest shift has no rare, huge values: there it is a martingale, and that shows.
        mildest = np.exp(components[:, 0]) - day
        assert abs(mildest.mean()) <= 4.5 * mildest.std() / np.sqrt(WORLDS)


@pytest.mark.parametrize("sign", [1, -1])
@everything
def test_no_more_than_its_share_of_runs_reaches_a_threshold(kind, n, sign):
    highest = np.full(WORLDS, -np.inf)
    for components in paths(kind, n, seed=2, sign=sign):
        highest = np.maximum(highest, log_statistic(components))
    for threshold in (100.0, 300.0, 1200.0):
        reached = int((highest >= np.log(threshold)).sum())
        limits = binomtest(reached, WORLDS).proportion_ci(0.999)
        assert limits.low <= DAYS / threshold
    # The bound is no empty one: some runs come far.
    assert (highest >= np.log(100.0)).mean() > 0.05 * DAYS / 100


def test_two_directions_and_their_mean_are_bounded_too():
    highest = np.full(WORLDS, -np.inf)
    for up, down in zip(paths(binary, 20, seed=3), paths(binary, 20, seed=3, sign=-1), strict=True):
        both = np.logaddexp(log_statistic(up), log_statistic(down)) - np.log(2)
        highest = np.maximum(highest, both)
    reached = int((highest >= np.log(300.0)).sum())
    assert binomtest(reached, WORLDS).proportion_ci(0.999).low <= DAYS / 300


def test_levels_of_two_kinds_are_a_share():
    n, rate = 37, 0.23
    tilt = np.array([-3.0, 0.0, 0.4, 8.0])
    expected = logsumexp(
        binom.logpmf(np.arange(n + 1), n, rate) + tilt[:, None] * np.arange(n + 1) / n, axis=1
    )
    assert ordinal_log_mgf([1 - rate, rate], [0, 1], n, tilt) == pytest.approx(expected)
