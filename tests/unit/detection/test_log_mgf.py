"""exp(psi) is the exact moment-generating function: by summing over all outcomes."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from alignment_monitor.detection.edetector import SHIFTS, null_log_mgf, ordinal_log_mgf

MANY = settings(max_examples=150, derandomize=True)


@st.composite
def distributions(draw):
    weights = np.array(draw(st.lists(st.integers(0, 50), min_size=2, max_size=5)), dtype=float)
    weights[draw(st.integers(0, len(weights) - 1))] += 1
    values = draw(
        st.lists(st.floats(-5, 5), min_size=len(weights), max_size=len(weights)).map(np.array)
    )
    return weights / weights.sum(), values


def summed(probabilities, values, n, tilt):
    """E exp(tilt x) over every sequence of n draws."""
    sequences = np.array(list(itertools.product(range(len(values)), repeat=n)))
    chance = probabilities[sequences].prod(axis=1)
    return chance @ np.exp(tilt * values[sequences].mean(axis=1))


@MANY
@given(st.integers(1, 40), st.floats(0.005, 0.995), st.sampled_from([1, -1]), st.floats(0, 0.01))
def test_of_a_daily_rate(n, rate, sign, between):
    deviation = np.sqrt(rate * (1 - rate) / n + between)
    seen = np.arange(n + 1)
    z = sign * (seen / n - rate) / deviation
    share = binom.pmf(seen, n, rate) @ np.exp(z[:, None] * SHIFTS)
    effect = np.exp((SHIFTS / deviation) ** 2 * between / 2)
    found = np.exp(null_log_mgf(rate, n, between, deviation, sign))
    assert found == pytest.approx(share * effect, rel=1e-9)


@MANY
@given(distributions(), st.integers(1, 4), st.floats(-4, 4))
def test_of_a_mean_of_levels(distribution, n, tilt):
    found = np.exp(ordinal_log_mgf(*distribution, n, tilt))
    assert found == pytest.approx(summed(*distribution, n, tilt), rel=1e-9)


@MANY
@given(distributions(), st.floats(-20, 20), st.floats(-5, 5))
def test_moving_the_levels_moves_the_mean_alone(distribution, tilt, by):
    probabilities, values = distribution
    moved = ordinal_log_mgf(probabilities, values + by, 7, tilt)
    assert moved == pytest.approx(ordinal_log_mgf(probabilities, values, 7, tilt) + tilt * by)


def test_many_draws_are_normal():
    probabilities, values = np.array([0.7, 0.2, 0.1]), np.array([1.0, 2.0, 3.0])
    values = values - probabilities @ values
    deviation = np.sqrt(probabilities @ values**2 / 1e9)
    found = ordinal_log_mgf(probabilities, values, 1e9, SHIFTS / deviation)
    assert found == pytest.approx(SHIFTS**2 / 2, rel=1e-3)


def test_distributions_sizes_and_tilts_broadcast():
    probabilities = np.array([[0.5, 0.5], [0.9, 0.1]])
    found = ordinal_log_mgf(probabilities, [0, 1], np.array([[4], [9]]), np.array([1.0, 2.0]))
    assert found.shape == (2, 2)
    for row, n in enumerate((4, 9)):
        for column, tilt in enumerate((1.0, 2.0)):
            alone = ordinal_log_mgf(probabilities[column], [0, 1], n, tilt)
            assert found[row, column] == pytest.approx(alone)


@pytest.mark.parametrize(
    ("probabilities", "values", "message"),
    [
        ([0.5, 0.4], [0, 1], "add up to 1"),
        ([1.2, -0.2], [0, 1], "not negative"),
        ([0.5, 0.5], [0, 1, 2], "levels"),
    ],
)
def test_what_is_no_distribution_is_refused(probabilities, values, message):
    with pytest.raises(ValueError, match=message):
        ordinal_log_mgf(probabilities, values, 10, 1.0)
