import numpy as np
import pytest
from scipy.stats import poisson

from alignment_monitor.detection.calibration import (
    FEWEST_ALARMS,
    RESOLUTION,
    calibrated_threshold,
    null_paths,
)
from alignment_monitor.detection.edetector import SHIFTS, null_log_mgf
from benchmarks.run_lengths import Alarms, alarms, binary, kinds

RUN_LENGTH = 60


def coins(chance, chains, days, seed=1):
    """A statistic that jumps to 5 for a day with that chance, and to 9 with a tenth of it."""
    rng = np.random.default_rng(seed)
    for _ in range(days):
        drawn = rng.random(chains)
        yield np.where(drawn < chance / 10, 9.0, np.where(drawn < chance, 5.0, -np.inf))


def test_the_smallest_threshold_that_is_rare_enough():
    # Anything up to 5 is reached every 20 days, anything up to 9 every 200.
    assert calibrated_threshold(coins(1 / 20, 2000, 100), 15) == pytest.approx(RESOLUTION)
    assert calibrated_threshold(coins(1 / 20, 2000, 100), 25) == pytest.approx(5 + RESOLUTION)
    assert calibrated_threshold(coins(1 / 20, 2000, 400), 150) == pytest.approx(5 + RESOLUTION)


def test_the_end_of_the_simulation_censors_without_bias():
    # The mean time to 9 is 200 days, and three quarters of the chains are cut off after 50.
    found = calibrated_threshold(coins(1 / 20, 4000, 50, seed=2), 170)
    assert found == pytest.approx(5 + RESOLUTION)
    with pytest.raises(ValueError, match="watch more"):
        calibrated_threshold(coins(1 / 20, 4000, 50, seed=2), 230)


def test_a_calibrated_threshold_meets_its_run_length_with_another_seed():
    draw = binary(20)
    paths = null_paths(draw, chains=2000, days=2 * RUN_LENGTH, seed=3)
    threshold = calibrated_threshold(paths, RUN_LENGTH)
    assert threshold < np.log(RUN_LENGTH)
    found = alarms(draw, threshold, chains=2000, days=4 * RUN_LENGTH, seed=4)
    assert found.relative(RUN_LENGTH)[0] == pytest.approx(1, abs=0.2)
    promised = alarms(draw, np.log(RUN_LENGTH), chains=2000, days=4 * RUN_LENGTH, seed=4)
    assert promised.relative(RUN_LENGTH)[2] < 1


def test_the_paths_are_those_of_the_seed():
    log_mgf = null_log_mgf(0.1, 50, 0.0, np.sqrt(0.09 / 50), 1)

    def draw(rng, chains):
        return (rng.binomial(50, 0.1, chains) / 50 - 0.1) / np.sqrt(0.09 / 50), log_mgf

    first, second, other = (
        np.array(list(null_paths(draw, chains=7, days=9, seed=seed))) for seed in (5, 5, 6)
    )
    assert first.shape == (9, 7)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert len(SHIFTS) == log_mgf.shape[-1]


@pytest.mark.parametrize(
    ("paths", "run_length", "message"),
    [
        ([], 100, "no day"),
        ([np.zeros(500)], 1, "above one day"),
        ([np.zeros(500)], np.nan, "above one day"),
        ([np.full(FEWEST_ALARMS - 1, 3.0)] * 50, 40, "watch more"),
    ],
)
def test_what_tells_too_little_is_refused(paths, run_length, message):
    with pytest.raises(ValueError, match=message):
        calibrated_threshold(paths, run_length)


def test_limits_of_a_rate_are_exact():
    ratio, low, high = Alarms(7, 1000).relative(100.0)
    assert ratio == pytest.approx(0.7)
    assert poisson.sf(6, low * 10) == pytest.approx(0.025)
    assert poisson.cdf(7, high * 10) == pytest.approx(0.025)
    assert Alarms(0, 1000).relative(100.0)[:2] == (0.0, 0.0)


@pytest.mark.parametrize("name", kinds())
def test_what_is_simulated_is_standardised_and_skewed_where_it_is_said_to_be(name):
    drawn, log_mgf = kinds()[name](np.random.default_rng(7), 200_000)
    assert drawn.mean() == pytest.approx(0, abs=0.01)
    assert drawn.var() == pytest.approx(1, abs=0.02)
    assert ((log_mgf > SHIFTS**2 / 2) == ("Normal" not in name)).all()
