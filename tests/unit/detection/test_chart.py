from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.detection.baseline import LAG_DAYS
from alignment_monitor.detection.chart import Baseline, Chart, Reading
from alignment_monitor.detection.edetector import CAP

QUICK = settings(max_examples=25, derandomize=True)
NEVER = 1e9
YOUNG = 28


def weekends(days):
    return [day % 7 >= 5 for day in range(days)]


def run(rate, n, *, young=YOUNG, calm=None, cap=NEVER):
    """Charts of day x stream, and what each day was seen as."""
    days, streams = rate.shape
    chart, seen = Chart((streams,)), []
    calm = np.ones((days, streams), bool) if calm is None else calm
    for day, weekend in enumerate(weekends(days)):
        made = np.full(streams, day < young)
        seen.append(
            chart.step(
                Reading(rate[day], n[day], weekend),
                young=made,
                watched=~made,
                calm=calm[day],
                log_threshold=np.full(streams, cap - CAP),
            )
        )
    return chart, seen


def world(seed, days=90, streams=4, n=200, rate=0.1, weekend=0.0):
    rng = np.random.default_rng(seed)
    truth = rate + weekend * np.array(weekends(days))[:, None]
    size = rng.poisson(n, (days, streams)).astype(float)
    return rng.binomial(size.astype(int), truth) / size, size


def learned(seed, weekend, streams=400, days=56):
    rate, n = world(seed, days, streams, weekend=weekend)
    baseline = Baseline((streams,))
    for day, saturday in enumerate(weekends(days)):
        baseline.learn(np.ones(streams, bool), n[day], rate[day], weekend=saturday)
    return baseline


def gap(baseline):
    return baseline.moments(weekend=True).mean - baseline.moments(weekend=False).mean


def test_a_weekend_that_differs_has_a_mean_of_its_own():
    found = gap(learned(1, weekend=0.05))
    assert found.mean() == pytest.approx(0.05, abs=0.003)
    assert np.mean(found > 0.02) > 0.98


def test_a_weekend_like_the_others_mostly_shares_their_mean():
    found = gap(learned(2, weekend=0.0))
    # Kept is what passes twice the variance: P(chi2 > 2) = 15.7 % of streams, with its error.
    assert np.mean(found == 0) == pytest.approx(0.843, abs=4 * np.sqrt(0.843 * 0.157 / 400))
    assert abs(found.mean()) < 0.001
    own = learned(2, weekend=0.0)._sums
    free = own[1, 3] / own[1, 1] - own[0, 3] / own[0, 1]
    assert (found**2).mean() < 0.6 * (free**2).mean()
    assert (np.abs(found) <= np.abs(free) + 1e-12).all()


def test_shrinking_a_weekend_leaves_the_mean_of_all_days_alone():
    baseline = learned(3, weekend=0.03, streams=50)
    both = np.stack([baseline.moments(weekend=w).mean for w in (False, True)])
    weight = baseline._sums[:, 1]
    assert (both * weight).sum(axis=0) / weight.sum(axis=0) == pytest.approx(baseline.mean())


def test_without_weekends_there_is_one_mean_and_its_variance_is_that_of_the_days():
    rng = np.random.default_rng(4)
    baseline, n = Baseline((3000,)), np.full(3000, 400.0)
    for _ in range(30):
        truth = 0.2 + rng.normal(0, 0.02, 3000)
        share = rng.binomial(400, truth) / 400
        baseline.learn(np.ones(3000, bool), n, share, weekend=False)
    found = baseline.moments(weekend=False)
    assert found.mean == pytest.approx(baseline.mean())
    assert np.median(found.between) == pytest.approx(0.02**2, rel=0.1)
    assert found.mean.var() == pytest.approx(found.mean_variance.mean(), rel=0.1)
    day = 0.02**2 + 0.2 * 0.8 / 400
    assert np.mean(found.deviation(n) ** 2) == pytest.approx(day, rel=0.05)


def test_a_day_without_data_carries_the_statistic_and_teaches_nothing():
    rate, n = world(5, days=70)
    rate[40, 1], n[50, 1] = np.nan, np.nan
    _, seen = run(rate, n)
    for day in (40, 50):
        assert np.array_equal(seen[day].statistic[1], seen[day - 1].statistic[1])
        assert np.isnan(seen[day].z[1]).all()
        assert (seen[day].statistic[0] != seen[day - 1].statistic[0]).all()
    chart, _ = run(rate, n)
    days = chart.baseline._sums[:, 0].sum(axis=0)
    assert days.tolist() == [42, 41, 42, 42]  # of days 0 to 41 one had no rate; 50 is not due yet


def test_a_young_day_joins_at_once_and_a_watched_one_28_days_on():
    rate, n = world(6, days=YOUNG + LAG_DAYS + 1, streams=1)
    counted = [run(rate[:days], n[:days])[0].baseline._sums[:, 0].sum() for days in range(1, 58)]
    assert counted == [*range(1, 29), *[28] * 28, 29]


def test_a_day_on_which_something_stood_never_joins_the_baseline():
    rate, n = world(7, days=100)
    wild = rate.copy()
    wild[40, 0] = 0.9
    calm = np.ones(rate.shape, bool)
    calm[40, 0] = False
    chart, _ = run(rate, n, calm=calm)
    other, _ = run(wild, n, calm=calm)
    assert np.array_equal(chart.baseline._sums, other.baseline._sums)
    taught, _ = run(wild, n)
    assert taught.baseline.mean()[0] > other.baseline.mean()[0]


def test_nor_does_any_day_join_while_something_stands():
    rate, n = world(8, days=100)
    calm = np.ones(rate.shape, bool)
    calm[60:, 2] = False
    chart, _ = run(rate, n, calm=calm)
    days = chart.baseline._sums[:, 0].sum(axis=0)
    assert days.tolist() == [72, 72, 60 - LAG_DAYS, 72]


def test_a_restart_forgets_the_evidence_and_not_the_baseline():
    rate, n = world(9, days=60)
    chart, seen = run(rate, n)
    sums = chart.baseline._sums.copy()
    which = np.array([True, False, False, True])
    chart.restart(which)
    assert np.isneginf(chart.components[which]).all()
    assert np.isfinite(chart.components[~which]).all()
    assert np.array_equal(chart.baseline._sums, sums)
    assert np.isfinite(seen[-1].statistic).all()


@QUICK
@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
def test_the_order_of_streams_changes_no_digit(order, seed):
    rate, n = world(seed, days=65, streams=6)
    rate[np.random.default_rng(seed).random(rate.shape) < 0.1] = np.nan
    _, seen = run(rate, n)
    _, moved = run(rate[:, order], n[:, order])
    assert np.array_equal(seen[-1].statistic[order], moved[-1].statistic)


@QUICK
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, 0.5, np.nan]))
def test_another_stream_changes_no_digit_of_the_others(seed, strange):
    rate, n = world(seed, days=65, streams=3)
    _, alone = run(rate, n)
    extra = np.full((65, 1), strange)
    _, beside = run(np.hstack([rate, extra]), np.hstack([n, np.full((65, 1), 1.0)]))
    for day, more in zip(alone, beside, strict=True):
        assert np.array_equal(day.statistic, more.statistic[:3])


def test_evidence_is_capped_and_wears_off():
    rate, n = world(10, days=120, streams=2)
    rate[60:90, 0] = 0.6
    calm = np.ones(rate.shape, bool)
    calm[60:] = False
    _, seen = run(rate, n, cap=12.0, calm=calm)
    up = np.array([day.statistic[0, 0] for day in seen])
    assert up.max() == pytest.approx(12.0)
    assert up[89] > 10
    assert up[-1] < 10


@pytest.mark.parametrize("rate", [0.0, 1.0, 0.37])
@pytest.mark.parametrize("n", [1.0, 500.0, 1e9, 1e12])
def test_extreme_rates_and_sizes_stay_numbers(rate, n):
    shares = np.full((80, 2), rate)
    shares[50, 1] = 1 - rate
    _, seen = run(shares, np.full((80, 2), n), cap=20.0)
    for day in seen[YOUNG:]:
        for figures in (day.statistic, day.z, day.deviation, day.log_mgf):
            assert np.isfinite(figures).all()
        assert (day.statistic <= 20.0 + 1e-9).all()
    assert (seen[-1].statistic[0] < np.log(80)).all()


def test_a_single_message_a_day_is_no_evidence():
    rng = np.random.default_rng(11)
    rate = rng.binomial(1, 0.3, (120, 300)).astype(float)
    _, seen = run(rate, np.ones_like(rate))
    highest = np.max([day.statistic for day in seen[YOUNG:]], axis=0)
    assert np.isfinite(highest).all()
    assert np.mean(highest >= np.log(92 * 20)) <= 0.05


@pytest.mark.parametrize("n", [1.0, 3.0, 7.0, 60.0, 1e9])
@pytest.mark.parametrize("first", [0.0, 0.1, 1 / 3, 1.0])
def test_a_baseline_of_one_day_says_nothing(first, n):
    rate = np.array([[first], [0.9], [0.9], [0.9]])
    _, seen = run(rate, np.full((4, 1), n), young=1)
    # No variance between days can be known from one: evidence for a change there is none.
    assert (seen[-1].statistic <= np.log(4)).all()


def test_forgiving_a_margin_and_adding_variance_only_weaken_the_evidence():
    rate, n = world(12, days=60, streams=3)
    chart, _ = run(rate[:-1], n[:-1])
    moments = chart.baseline.moments(weekend=False)
    plain = chart._standardise(Reading(rate[-1] + 0.1, n[-1]), moments).z
    forgiving = chart._standardise(Reading(rate[-1] + 0.1, n[-1], margin=0.01), moments)
    noisy = chart._standardise(Reading(rate[-1] + 0.1, n[-1], extra_variance=1e-3), moments)
    assert (forgiving.z < plain).all()
    assert (noisy.z[:, 0] < plain[:, 0]).all()
    assert (noisy.deviation > np.sqrt(1e-3)).all()


@pytest.mark.parametrize(("n", "forgiven"), [(20_000, 0.01), (100, 0.01 - 0.005), (9, 0.002)])
def test_rough_days_forgive_part_of_a_margin_by_themselves(n, forgiven):
    """By half of what is beyond two points a day; a fifth stays."""
    rate, sizes = world(12, days=60, streams=3)
    chart, _ = run(rate[:-1], sizes[:-1])
    moments = chart.baseline.moments(weekend=False)
    moments = replace(moments, rate=np.full(3, 0.1), between=np.zeros(3))
    day = Reading(rate[-1], np.full(3, float(n)), margin=0.01, rough=0.02)
    assert chart._standardise(day, moments).margin == pytest.approx(np.full(3, forgiven))
