import numpy as np
import pytest

from alignment_monitor.detection.baseline import LAG_DAYS
from alignment_monitor.detection.margin import (
    FACTOR,
    FEWEST,
    LAGS,
    LEAST,
    MOST,
    Persistence,
    margin,
)

RATE, N = 0.1, 500


def world(seed, *, streams=400, days=400, spread=0.0, phi=0.95):
    """Daily shares of 500 about 10 %, with AR(1) day effects of a standard deviation."""
    rng = np.random.default_rng(seed)
    effect, rate = rng.normal(0, spread, streams), []
    for _ in range(days):
        rate.append(rng.binomial(N, np.clip(RATE + effect, 0, 1)) / N)
        effect = phi * effect + np.sqrt(1 - phi**2) * rng.normal(0, spread, streams)
    return np.array(rate)


def learned(rates):
    """All days young, so that each is learned at once."""
    streams = rates.shape[1]
    persistence, all_of_them = Persistence(streams), np.ones(streams, bool)
    for rate in rates:
        persistence.step(rate, all_of_them, ~all_of_them)
    return persistence


def found(rates):
    return learned(rates).standard_deviation(np.nanmean(rates, axis=0))


@pytest.mark.parametrize(("spread", "phi"), [(0.011, 0.95), (0.02, 0.95), (0.02, 0.8)])
def test_what_persists_of_a_planted_wander_is_recovered_on_average(spread, phi):
    persisting = spread * np.sqrt(np.mean(phi ** np.arange(1, LAGS + 1)))
    at_known_mean = learned(world(1, spread=spread, phi=phi)).standard_deviation(np.full(400, RATE))
    assert np.sqrt(np.mean(at_known_mean**2)) == pytest.approx(persisting, rel=0.1)
    # A mean of the same days takes some of the wander with it: never more than is there.
    at_own_mean = np.sqrt(np.mean(found(world(1, spread=spread, phi=phi)) ** 2))
    assert 0.85 * persisting < at_own_mean < 1.05 * persisting


def test_a_larger_wander_is_found_larger():
    means = [found(world(2, days=56, spread=spread)).mean() for spread in (0, 0.011, 0.03)]
    assert means[0] < 0.6 * means[1] < 0.6 * means[2]


def test_where_nothing_persists_little_is_found_and_less_with_time():
    short, long = (found(world(3, days=days)) for days in (56, 400))
    noise = np.sqrt(RATE * (1 - RATE) / N)
    assert long.mean() < 0.15 * noise
    assert long.mean() < 0.7 * short.mean()
    assert (margin(long, np.ones(400), np.full(400, RATE)) < MOST).mean() > 0.99


def test_day_effects_that_do_not_persist_are_no_wander():
    rng = np.random.default_rng(4)
    noisy = rng.binomial(N, np.clip(RATE + rng.normal(0, 0.02, (400, 400)), 0, 1)) / N
    assert found(noisy).mean() < 0.2 * 0.02


@pytest.mark.parametrize("seed", range(3))
def test_days_of_a_mean_of_their_own_do_not_hide_what_persists(seed):
    """Adding back variance/days: without it, thirty quiet days would look less than independent."""
    rates = world(10 + seed, days=30, streams=3000)
    persistence = learned(rates)
    products, own, before, squares, days = persistence._sums
    mean = rates.mean(axis=0)
    covariance = products / days - mean * (own + before) / days + mean**2
    variance = squares / days - 2 * mean * own / days + mean**2
    error = covariance.std() / np.sqrt(3000)
    assert covariance.mean() < -4 * error
    assert abs((covariance + variance / days).mean()) < abs(covariance.mean()) / 2


def test_the_margin_is_a_factor_of_it_between_two_limits():
    gain = np.array([0.8, 0.8, 0.8, 1.0, 0.5])
    given = margin(np.array([0.0, 0.002, 0.5, 0.002, 0.002]), gain, np.full(5, 0.3))
    wanted = FACTOR * 0.002 * np.array([1 / 0.8, 1, 2])
    assert given == pytest.approx([LEAST, wanted[0], MOST, *wanted[1:]])


@pytest.mark.parametrize("unknown", [np.nan, np.inf])
def test_what_is_not_known_is_forgiven_most(unknown):
    assert margin(np.array([unknown]), np.ones(1), np.full(1, np.nan)) == MOST
    fresh = Persistence(1)
    with np.errstate(all="ignore"):
        found = fresh.standard_deviation(np.array([0.1]))
    assert margin(found, np.ones(1), np.full(1, 0.3)) == MOST


@pytest.mark.parametrize(
    ("rate", "most"), [(0.03, 0.005), (0.97, 0.005), (0.5, MOST), (0.0, LEAST), (1.0, LEAST)]
)
def test_of_what_is_rare_or_rarely_absent_less_is_forgiven(rate, most):
    assert margin(np.ones(1), np.ones(1), np.array([rate])) == pytest.approx(most)


def test_a_missing_day_teaches_nothing_and_is_no_neighbour():
    rates = world(5, streams=2, days=60)
    rates[20:40, 1] = np.nan
    persistence = learned(rates)
    before = [np.isfinite(rates[max(day - LAGS, 0) : day, 1]).sum() for day in range(60)]
    usable = np.isfinite(rates[:, 1]) & (np.array(before) >= FEWEST)
    assert persistence._sums[4].tolist() == [60 - FEWEST, usable.sum()]
    assert 0 < usable.sum() < 60 - FEWEST - 20
    alone = learned(rates[:, :1])
    assert np.array_equal(persistence._sums[:, 0], alone._sums[:, 0])


def test_a_watched_day_is_learned_when_it_joins_the_baseline():
    rates = world(6, streams=2, days=20 + LAG_DAYS)
    persistence, counted = Persistence(2), []
    for day, rate in enumerate(rates):
        persistence.step(rate, np.full(2, day < 20), np.array([True, False]))
        counted.append(persistence._sums[4].tolist())
    assert counted[19] == [20 - FEWEST] * 2
    assert counted[LAG_DAYS - 1] == [20 - FEWEST] * 2
    # The days of 28 days ago are in order from the first, of which seven have too few before them.
    assert counted[-1] == [20 - FEWEST + 20 - FEWEST, 20 - FEWEST]
