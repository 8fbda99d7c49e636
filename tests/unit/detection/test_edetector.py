import numpy as np
import pytest
from scipy.stats import binom

from alignment_monitor.detection.edetector import CAP, SHIFTS, log_statistic, null_log_mgf, step

NEVER = 1e9


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("n", "rate"), [(20, 0.08), (60, 0.1), (30, 0.75), (500, 0.02)])
def test_the_null_is_that_of_a_binomial_to_the_last_digit(n, rate, sign):
    deviation = np.sqrt(rate * (1 - rate) / n)
    seen = np.arange(n + 1)
    z = sign * (seen / n - rate) / deviation
    growth = np.exp(z[:, None] * SHIFTS - null_log_mgf(rate, n, 0.0, deviation, sign))
    assert binom.pmf(seen, n, rate) @ growth == pytest.approx(np.ones(len(SHIFTS)))


def test_the_null_of_large_samples_is_normal():
    rate, n = 0.3, 1e9
    found = null_log_mgf(rate, n, 0.0, np.sqrt(rate * (1 - rate) / n), 1)
    assert found == pytest.approx(SHIFTS**2 / 2, rel=1e-3)


def test_a_day_effect_counts_as_normal():
    rate, n, between = 0.3, 1e9, 0.02**2
    deviation = np.sqrt(between + rate * (1 - rate) / n)
    assert null_log_mgf(rate, n, between, deviation, -1) == pytest.approx(SHIFTS**2 / 2, rel=1e-3)


def test_a_rare_rate_leans_upwards():
    deviation = np.sqrt(0.08 * 0.92 / 20)
    up, down = null_log_mgf(0.08, 20, 0.0, deviation, np.array([1, -1]))
    assert (up > SHIFTS**2 / 2).all()
    assert (down < SHIFTS**2 / 2).all()


@pytest.mark.parametrize("kind", ["bernoulli", "binomial", "normal"])
def test_with_known_parameters_the_statistic_gains_at_most_one_a_day(kind):
    rng = np.random.default_rng(5)
    worlds, days, rate, n = 40_000, 12, 0.1, {"bernoulli": 1, "binomial": 60, "normal": 1e9}[kind]
    deviation = np.sqrt(rate * (1 - rate) / n)
    log_mgf = null_log_mgf(rate, n, 0.0, deviation, 1)
    components = np.full((worlds, len(SHIFTS)), -np.inf)
    for _ in range(days):
        z = rng.standard_normal(worlds)
        if kind != "normal":
            z = (rng.binomial(n, rate, worlds) / n - rate) / deviation
        components = step(components, z, log_mgf, NEVER)
    gained = np.exp(log_statistic(components)) - days
    assert gained.mean() < 4 * gained.std() / np.sqrt(worlds)
    # Means of large shifts are made of rare, huge values that no sample shows.
    mildest = np.exp(components[:, 0]) - days
    assert abs(mildest.mean()) < 4 * mildest.std() / np.sqrt(worlds)


def test_the_mean_time_to_reach_a_threshold_is_at_least_that():
    rng = np.random.default_rng(6)
    worlds, rate, n, threshold = 1500, 0.1, 40, 60.0
    deviation = np.sqrt(rate * (1 - rate) / n)
    log_mgf = null_log_mgf(rate, n, 0.0, deviation, 1)
    components = np.full((worlds, len(SHIFTS)), -np.inf)
    reached = np.full(worlds, np.inf)
    for day in range(1, 700):
        z = (rng.binomial(n, rate, worlds) / n - rate) / deviation
        components = step(components, z, log_mgf, NEVER)
        hit = log_statistic(components) >= np.log(threshold)
        reached = np.minimum(reached, np.where(hit, day, np.inf))
    assert np.minimum(reached, 700).mean() >= threshold


def test_the_statistic_is_the_mean_over_shifts():
    assert log_statistic(np.log([[1.0, 2, 3, 4, 5]])) == pytest.approx(np.log(3))


def test_an_ended_drift_wears_off():
    threshold = np.log(30_000)
    log_mgf = SHIFTS**2 / 2
    components = np.full(len(SHIFTS), -np.inf)
    for _ in range(200):
        components = step(components, 5.0, log_mgf, threshold)
    assert log_statistic(components) == pytest.approx(threshold + CAP)
    for _ in range(14):
        components = step(components, -0.2, log_mgf, threshold)
    assert log_statistic(components) < threshold
