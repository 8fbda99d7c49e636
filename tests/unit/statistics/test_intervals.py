import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from alignment_monitor.statistics.intervals import (
    difference,
    effective_n,
    smoothed,
    t_quantile,
    wilson,
)

RATES = st.floats(0, 1)
SIZES = st.floats(1, 1e6)


@given(RATES, SIZES, st.floats(1, 20))
def test_wilson_holds_the_rate_and_stays_within_zero_and_one(rate, n, quantile):
    lower, upper = wilson(rate, n, quantile)
    assert 0 <= lower <= rate <= upper <= 1
    assert upper - lower > 0


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5, 0.85])
@pytest.mark.parametrize("n", [20, 60, 500])
def test_wilson_covers_a_binomial_rate_about_as_often_as_it_says(n, rate):
    seen = np.arange(n + 1)
    lower, upper = wilson(seen / n, n, t_quantile(n))
    covered = binom.pmf(seen, n, rate)[(lower <= rate) & (rate <= upper)].sum()
    assert 0.92 < covered < 0.995


@given(RATES, SIZES)
def test_a_rate_without_visible_variance_is_known_as_well_as_its_design_allows(rate, size):
    edge = round(rate)
    assert effective_n(edge, 0.0, size) == pytest.approx(size)


def test_effective_n_of_a_simple_random_sample_is_its_size():
    assert effective_n(0.3, 0.3 * 0.7 / 200, 200) == pytest.approx(200)
    assert effective_n(0.3, 0.3 * 0.7 / 50, 200) == pytest.approx(50, rel=0.02)


def test_smoothing_keeps_rates_off_the_edges():
    assert smoothed(0, 8) == pytest.approx(0.1)
    assert smoothed(1, 8) == pytest.approx(0.9)


def test_one_cluster_is_no_better_than_two():
    assert t_quantile(1) == t_quantile(2) == pytest.approx(12.7, abs=0.01)


@given(RATES, RATES, SIZES, SIZES)
def test_a_difference_lies_within_its_interval(after, before, n_after, n_before):
    bounds = [
        tuple(float(bound) for bound in wilson(rate, n, 1.96))
        for rate, n in ((after, n_after), (before, n_before))
    ]
    lower, upper = difference(after, bounds[0], before, bounds[1])
    assert -1 <= lower <= after - before <= upper <= 1


def test_a_difference_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(1000):
        rates = rng.binomial([60, 400], [0.25, 0.1]) / [60, 400]
        bounds = [
            tuple(float(bound) for bound in wilson(rate, n, 1.96))
            for rate, n in zip(rates, (60, 400), strict=True)
        ]
        lower, upper = difference(rates[0], bounds[0], rates[1], bounds[1])
        covered += lower <= 0.15 <= upper
    assert binom.ppf(0.001, 1000, 0.94) <= covered <= binom.ppf(0.999, 1000, 0.965)
