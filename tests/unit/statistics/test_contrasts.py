import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from alignment_monitor.statistics.change_parts import Errors, judge_error
from alignment_monitor.statistics.contrasts import (
    Estimated,
    added,
    contrast,
    discoveries,
    p_value,
    part_of_rates,
    standardised_contrast,
)
from alignment_monitor.statistics.decomposition import (
    Period,
    decompose,
    decompose_segments,
    kitagawa,
)
from alignment_monitor.statistics.intervals import wilson

QUICK = settings(max_examples=80)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)
Z = 1.96


def seen(rate, n):
    lower, upper = wilson(rate, n, Z)
    return Estimated(float(rate), float(lower), float(upper), float(n))


@QUICK
@given(st.integers(0, 40), st.integers(0, 40))
def test_a_difference_lies_in_its_interval_and_turns_round_with_time(a, b):
    one, two = seen(a / 40, 40), seen(b / 40, 40)
    there, back = contrast(two, one), contrast(one, two)
    assert there.lower - 1e-12 <= there.change <= there.upper + 1e-12
    assert (there.change, there.lower) == pytest.approx((-back.change, -back.upper))
    assert there.p_value == pytest.approx(back.p_value)
    assert 0 <= there.p_value <= 1


@pytest.mark.parametrize(("before", "after"), [(0.02, 0.02), (0.1, 0.2), (0.6, 0.5)])
def test_the_interval_covers_and_the_test_holds_its_level(before, after):
    """2,000 simulated pairs: coverage of 95 % within three standard errors below, or more."""
    rng = np.random.default_rng(4)
    n, m = 150, 300
    pairs = zip(rng.binomial(n, before, 2000) / n, rng.binomial(m, after, 2000) / m, strict=True)
    found = [contrast(seen(new, m), seen(old, n)) for old, new in pairs]
    covered = np.mean([one.lower <= after - before <= one.upper for one in found])
    assert 0.935 <= covered <= 0.985
    if before == after:
        assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.065


def test_no_effective_size_gives_no_p_value_and_no_mark():
    unknown = Estimated(0.2, 0.1, 0.3)
    assert np.isnan(p_value(unknown, seen(0.5, 50)))
    assert discoveries([np.nan, 1e-9]).tolist() == [False, True]
    assert discoveries([np.nan]).tolist() == [False]


SEGMENTS = 4
SHARES = st.lists(st.floats(0.01, 1), min_size=SEGMENTS, max_size=SEGMENTS)


@QUICK
@given(SHARES, SHARES, SHARES, SHARES)
def test_the_same_mix_leaves_the_part_of_rates(w0, r0, w1, r1):
    mix = (np.array(w0) / sum(w0) + np.array(w1) / sum(w1)) / 2
    before, after = ((rate, *wilson(rate, 60, Z)) for rate in (r0, r1))
    found = standardised_contrast(mix, after, before)
    assert found.change == pytest.approx(kitagawa(w0, r0, w1, r1).rate.sum(), abs=1e-12)
    assert found.lower - 1e-12 <= found.change <= found.upper + 1e-12


def test_a_segment_that_one_side_lacks_differs_by_nothing():
    before = ([0.2, np.nan], [0.1, np.nan], [0.3, np.nan])
    after = ([0.4, 0.9], [0.3, 0.8], [0.5, 1.0])
    found = standardised_contrast([0.5, 0.5], after, before)
    assert found.change == pytest.approx(0.1)
    assert (found.lower, found.upper) == pytest.approx((0.1 - 0.0707, 0.1 + 0.0707), abs=1e-4)


def test_the_interval_at_the_same_mix_covers():
    rng = np.random.default_rng(5)
    n, mix = np.array([60, 200, 400]), np.array([0.5, 0.3, 0.2])
    old, new = np.array([0.05, 0.2, 0.3]), np.array([0.1, 0.2, 0.5])
    covered = 0
    for _ in range(1500):
        periods = [(rate := rng.binomial(n, true) / n, *wilson(rate, n, Z)) for true in (new, old)]
        found = standardised_contrast(mix, *periods)
        covered += found.lower <= mix @ (new - old) <= found.upper
    assert 0.935 <= covered / 1500 <= 0.985


def test_the_rates_parts_are_covered_though_shares_and_the_judge_are_only_estimated():
    rng, trials, sentinels = np.random.default_rng(6), 800, 120
    weights = np.array([[0.6, 0.3, 0.1], [0.3, 0.4, 0.3]])
    truth = np.array([[0.1, 0.3, 0.2], [0.2, 0.4, 0.2]])
    judges = ((0.85, 0.06), (0.75, 0.12))
    periods = [Period(w, t, *j) for w, t, j in zip(weights, truth, judges, strict=True)]
    exact, by_segment = decompose(*periods), decompose_segments(*periods)
    alone = by_segment.rate + by_segment.judge
    covered = np.zeros(4)
    for _ in range(trials):
        seen, bounds, known, shares = [], [], [], []
        for weight, theta, errors in zip(weights, truth, judges, strict=True):
            n = rng.multinomial(600, weight)
            rate = rng.binomial(n, theta * errors[0] + (1 - theta) * errors[1]) / n
            found = rng.binomial(sentinels, errors) / sentinels
            known.append(Errors(*found, *(found * (1 - found) / sentinels)))
            shares.append(n / 600)
            seen.append(Period(n, (rate - found[1]) / (found[0] - found[1]), *found))
            bounds.append(np.array((rate, *wilson(rate, n, Z))))
        found, places = decompose(*seen), decompose_segments(*seen)
        mix = sum(shares) / 2
        error = judge_error((found.before + found.after) / 2, *known)
        whole = part_of_rates(found.rate, standardised_contrast(mix, *bounds[::-1]), error)
        told = [
            part_of_rates(
                places.rate[at] + places.judge[at],
                standardised_contrast(mix[at], bounds[1][:, at], bounds[0][:, at]),
            )
            for at in range(3)
        ]
        together = added(told)
        assert together.change == pytest.approx(found.rate + found.judge)
        same = standardised_contrast(mix, *bounds[::-1])
        assert together.upper - together.lower == pytest.approx(same.upper - same.lower)
        for at, (part, right) in enumerate(zip((whole, *told), (exact.rate, *alone), strict=True)):
            covered[at] += part.lower <= right <= part.upper
    # True coverage is taken to lie within 93 and 97.5 per cent.
    assert (binom.ppf(0.001, trials, 0.93) <= covered).all(), covered / trials
    assert (covered <= binom.ppf(0.999, trials, 0.975)).all(), covered / trials


@QUICK
@given(P_VALUES, st.randoms())
def test_marks_do_not_depend_on_the_order(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    marks = discoveries(p_values)
    assert discoveries(np.array(p_values)[order]).tolist() == marks[order].tolist()


@QUICK
@given(P_VALUES, st.integers(0, 29), st.floats(0, 1))
def test_a_smaller_p_value_takes_no_mark_away(p_values, place, factor):
    place %= len(p_values)
    smaller = list(p_values)
    smaller[place] *= factor
    assert (discoveries(smaller) >= discoveries(p_values)).all()


@QUICK
@given(P_VALUES)
def test_whoever_is_marked_so_are_all_with_smaller_p_values(p_values):
    p, marks = np.array(p_values), discoveries(p_values)
    assert not marks.any() or (p[~marks] > p[marks].max()).all()


def test_false_marks_are_few_whatever_hangs_together():
    """Half the cells move; all null cells share one source of noise."""
    rng = np.random.default_rng(6)
    shares = []
    for _ in range(1000):
        null = np.full(10, rng.uniform())
        real = rng.uniform(0, 1e-4, 10)
        marks = discoveries([*null, *real])
        shares.append(marks[:10].sum() / max(marks.sum(), 1))
    assert np.mean(shares) <= 0.05
