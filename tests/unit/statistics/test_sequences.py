import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from alignment_monitor.statistics.sequences import (
    RunningVariance,
    daily_figures,
    half_width,
    mean_sequence,
    ratio_sequence,
    tuning,
)

QUICK = settings(max_examples=40)
DAYS = 60
VARIANCE = 0.09 / 500
RATES = st.lists(st.floats(0, 1), min_size=DAYS, max_size=DAYS)


def running(numerator, both=None, denominator=None):
    """The same variance however it is reckoned."""
    rows = (numerator, np.zeros_like(numerator) if both is None else both)
    rows = (*rows, np.zeros_like(numerator) if denominator is None else denominator)
    return RunningVariance(*(np.stack([row, row]) for row in rows))


def misses(found, truth):
    return ((found.lower > truth) | (found.upper < truth)).any(axis=-1)


def test_the_width_is_that_of_the_formula():
    alpha, v, t = 0.05, 0.013, 40
    r2 = (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / 0.01
    expected = np.sqrt(2 * (v * r2 + 1) / (t**2 * r2) * np.log(np.sqrt(v * r2 + 1) / alpha))
    assert tuning(0.01) == pytest.approx(r2)
    assert half_width(v, t, r2) == pytest.approx(expected)
    daily = np.full(60, 0.3)
    found = mean_sequence(daily, 0.013 / 40 * np.arange(1, 61), 0.0001)
    assert found.upper[39] - 0.3 == pytest.approx(half_width(0.013, 40, tuning(0.0001)))


def test_tuning_makes_it_about_as_narrow_as_can_be_at_the_expected_variance():
    factors = np.geomspace(0.1, 10, 200)
    widths = half_width(VARIANCE * 28, 28, tuning(VARIANCE * 28) * factors)
    assert half_width(VARIANCE * 28, 28, tuning(VARIANCE * 28)) < 1.001 * widths.min()


def test_it_hardly_ever_misses_in_a_year_while_an_ordinary_interval_often_does():
    rng, years, t = np.random.default_rng(3), 1500, np.arange(1, 366)
    daily = 0.2 + rng.normal(0, np.sqrt(VARIANCE), (years, 365))
    found = mean_sequence(daily, VARIANCE * t, VARIANCE * 28)
    assert misses(found, 0.2).sum() <= binom.ppf(0.999, years, 0.05)
    ordinary = np.abs(found.estimate - 0.2) > 1.96 * np.sqrt(VARIANCE / t)
    assert ordinary[:, 13:].any(axis=1).sum() >= binom.ppf(0.001, years, 0.3)


def test_the_truth_is_the_equal_day_mean_even_when_rates_move():
    rng, years, t = np.random.default_rng(4), 1000, np.arange(1, 201)
    rate = 0.1 + 0.1 * (t > 60)
    size = np.where(t % 7 < 2, 150, 600)  # quiet weekends weigh as much as other days
    daily = rng.binomial(size, rate, (years, 200)) / size
    variance = np.cumsum(daily * (1 - daily) / size, axis=1)
    found = mean_sequence(daily, variance, 28 * 0.09 / 400)
    assert misses(found, np.cumsum(rate) / t).sum() <= binom.ppf(0.999, years, 0.05)


@QUICK
@given(RATES, st.floats(1e-6, 1e-2))
def test_bounds_hold_the_estimate_and_start_on_time(daily, variance):
    found = mean_sequence(daily, variance * np.arange(1, DAYS + 1), 28 * variance)
    assert np.isnan(found.lower[:13]).all()
    assert np.isnan(found.upper[:13]).all()
    seen = slice(13, None)
    assert (found.lower[seen] <= found.estimate[seen] + 1e-12).all()
    assert (found.upper[seen] >= found.estimate[seen] - 1e-12).all()
    assert (found.upper[seen] > found.lower[seen]).all()
    assert ((found.lower[seen] >= 0) & (found.upper[seen] <= 1)).all()


@QUICK
@given(RATES, st.sets(st.integers(0, DAYS - 1), max_size=30))
def test_a_day_without_data_is_left_out_not_zero(daily, absent):
    kept = np.array([day for day in range(DAYS) if day not in absent])
    gaps = np.full(DAYS, np.nan)
    gaps[kept] = np.array(daily)[kept]
    added = np.where(np.isfinite(gaps), VARIANCE, 0)
    found = mean_sequence(gaps, np.cumsum(added), 28 * VARIANCE)
    alone = mean_sequence(gaps[kept], VARIANCE * np.arange(1, len(kept) + 1), 28 * VARIANCE)
    for whole, part in zip(found, alone, strict=True):
        np.testing.assert_allclose(whole[kept], part, atol=1e-12)


def test_early_days_are_no_surer_than_expected_and_later_ones_speak_for_themselves():
    found = mean_sequence(np.full(60, 0.5), np.zeros(60), 28 * VARIANCE)
    r2 = tuning(28 * VARIANCE)
    assert found.upper[19] - 0.5 == pytest.approx(half_width(20 * VARIANCE, 20, r2))
    assert found.upper[59] - 0.5 == pytest.approx(half_width(28 * VARIANCE, 60, r2))


def test_without_any_data_there_is_no_figure():
    found = mean_sequence(np.full(30, np.nan), np.zeros(30), 1.0)
    assert np.isnan(found).all()
    nothing = np.zeros(30)
    found = ratio_sequence(nothing, nothing, running(nothing), 1.0)
    assert np.isnan(found).all()


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_a_rate_at_the_edge_is_not_certain(edge):
    daily, nothing = np.full(30, edge), np.zeros(30)
    for found in (
        mean_sequence(daily, nothing, 28 * VARIANCE),
        ratio_sequence(daily, np.ones(30), running(nothing), 28 * VARIANCE),
    ):
        assert found.estimate[-1] == edge
        assert 0.002 < found.upper[-1] - found.lower[-1] < 0.5


@pytest.mark.parametrize("expected", [0.0, -1.0, np.nan])
def test_an_expected_variance_is_needed(expected):
    with pytest.raises(ValueError, match="must be positive"):
        mean_sequence([0.1], [0.1], expected)


@QUICK
@given(RATES)
def test_a_ratio_to_one_is_a_mean(daily):
    variance = VARIANCE * np.arange(1, DAYS + 1)
    ratio = ratio_sequence(daily, np.ones(DAYS), running(variance), 28 * VARIANCE)
    mean = mean_sequence(daily, variance, 28 * VARIANCE)
    np.testing.assert_allclose(np.array(ratio), np.array(mean), atol=1e-9)


def test_the_bounds_of_a_ratio_are_where_its_linear_form_is_just_not_rejected():
    rng, t = np.random.default_rng(8), np.arange(1, DAYS + 1)
    offered = rng.binomial(500, 0.4, DAYS) / 500
    events = rng.binomial(500, 0.06, DAYS) / 500
    variance = running(
        *(np.cumsum(np.full(DAYS, v / 500)) for v in (0.06 * 0.94, 0.06 * 0.6, 0.24))
    )
    expected = 28 * 0.05 / 500
    found = ratio_sequence(events, offered, variance, expected)
    n, d = np.cumsum(events) / t, np.cumsum(offered) / t
    for bound in (found.lower, found.upper):
        half = half_width(variance.at(bound), t, tuning(expected))
        assert np.abs(n - bound * d)[27:] == pytest.approx(half[27:], rel=1e-6)
    assert (found.lower[27:] < 0.15).all()
    assert (found.upper[27:] > 0.15).all()


def test_daily_shares_and_variances_are_those_of_the_formula():
    found = daily_figures(
        day=[0, 0, 0, 1, 1, 3],
        user=[5, 5, 9, 5, 2, 9],
        sum_d=[1, 1, 2, 3, 1, 4],
        sum_dy=[1, 0, 1, 0, 1, 4],
        sum_do=[1, 1, 1, 3, 1, 4],
        days=4,
    )
    assert found.numerator[0] == pytest.approx([0.5, 0.25, np.nan, np.nan], nan_ok=True)
    assert found.denominator[0] == pytest.approx([0.75, 1, np.nan, np.nan], nan_ok=True)
    # Day 0: residuals of N are 0 for both users; day 1: -3/4 /4 and 3/4 /4.
    apart = np.array([0, 2, 2, 2]) * 2 * 0.1875**2 / 2
    assert found.variance.numerator[0, 0] == pytest.approx(2 * apart)
    together = np.array([0, 2, 2, 2]) * 0.1875**2 * 3 / 2
    assert found.variance.numerator[1, 0] == pytest.approx(together)
    d5, d9 = 0.5 / 4, -0.5 / 4
    assert found.variance.denominator[0, 0] == pytest.approx([2 * (d5**2 + d9**2)] * 4)
    assert found.variance.both[0, 0] == pytest.approx([0] * 4)


@QUICK
@given(st.integers(0, 2**32 - 1))
def test_neither_order_nor_names_of_users_matter_and_series_are_apart(seed):
    rng = np.random.default_rng(seed)
    size = 80
    rows = {
        "day": rng.integers(0, 10, size),
        "user": rng.integers(0, 12, size),
        "series": rng.integers(0, 2, size),
        "sum_d": rng.choice([1.0, 2.5], size),
    }
    rows["sum_do"] = rows["sum_d"] * rng.integers(0, 2, size)
    rows["sum_dy"] = rows["sum_do"] * rng.integers(0, 2, size)
    found = daily_figures(**rows, days=10)
    order, names = rng.permutation(size), rng.permutation(40)
    moved = {name: values[order] for name, values in rows.items()}
    moved["user"] = names[moved["user"]]
    again = daily_figures(**moved, days=10)
    mine = {name: values[rows["series"] == 1] for name, values in rows.items()}
    alone = daily_figures(**{**mine, "series": 0 * mine["day"]}, days=10)
    for whole, other, part in zip(
        (found.numerator, *found.variance),
        (again.numerator, *again.variance),
        (alone.numerator, *alone.variance),
        strict=True,
    ):
        np.testing.assert_allclose(whole, other, atol=1e-12)
        np.testing.assert_allclose(whole[..., 1, :], part[..., 0, :], atol=1e-12)


def test_users_who_come_back_need_their_days_taken_together():
    rng, series, days, users = np.random.default_rng(9), 300, 90, 40
    shape = (series, users, days)
    habit = np.where(rng.random((series, users, 1)) < 0.5, 0.02, 0.38)
    present = rng.random(shape) < 0.5
    event = (rng.random(shape) < habit) & present
    code, user, day = np.nonzero(present)
    ones = np.ones(len(day))
    found = daily_figures(
        day=day,
        user=user,
        series=code,
        sum_d=ones,
        sum_dy=event[present].astype(float),
        sum_do=ones,
        days=days,
    )
    # Reckoned for the users there are, the habit of each is theirs; the truth is that of all.
    expected = 28 * 0.16 / 20
    together = mean_sequence(found.numerator, found.variance.at(0.0), expected)
    apart = mean_sequence(found.numerator, found.variance.numerator[0], expected)
    assert misses(together, 0.2).sum() <= binom.ppf(0.999, series, 0.05)
    assert misses(apart, 0.2).sum() > 3 * misses(together, 0.2).sum()
