from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.statistics.decomposition import (
    Period,
    decompose,
    decompose_segments,
    kitagawa,
    standardised_rate,
)

QUICK = settings(max_examples=80)
SEGMENTS = 4
SHARES = st.lists(st.floats(0.01, 1), min_size=SEGMENTS, max_size=SEGMENTS)
PERIODS = st.builds(Period, SHARES, SHARES, SHARES, SHARES)


def judged(period):
    w, theta, se, fpr = (np.broadcast_to(part, SEGMENTS) for part in vars(period).values())
    return float(w @ (theta * se + (1 - theta) * fpr) / w.sum())


def parts(found):
    return np.array([found.mix, found.rate, found.judge])


@QUICK
@given(PERIODS, PERIODS)
def test_parts_add_up_to_the_change(before, after):
    found = decompose(before, after)
    assert found.before == pytest.approx(judged(before))
    assert found.after == pytest.approx(judged(after))
    assert parts(found).sum() == pytest.approx(found.after - found.before, abs=1e-14)


@QUICK
@given(PERIODS, PERIODS)
def test_segments_add_up_factor_by_factor(before, after):
    found, whole = decompose_segments(before, after), decompose(before, after)
    sums = [found.mix.sum(), found.rate.sum(), found.judge.sum()]
    assert sums == pytest.approx([whole.mix, whole.rate, whole.judge], abs=1e-13)
    assert sum(sums) == pytest.approx(judged(after) - judged(before), abs=1e-13)


@QUICK
@given(SHARES, SHARES, SHARES, SHARES)
def test_with_a_perfect_judge_segments_are_as_kitagawa_has_them(w0, r0, w1, r1):
    found, known = decompose_segments(Period(w0, r0), Period(w1, r1)), kitagawa(w0, r0, w1, r1)
    assert found.mix == pytest.approx(known.mix, abs=1e-13)
    assert found.rate == pytest.approx(known.rate, abs=1e-13)
    assert found.judge == pytest.approx(0, abs=1e-13)


@QUICK
@given(PERIODS, PERIODS)
def test_parts_are_the_average_over_the_six_orders(before, after):
    names = (("weights",), ("rate",), ("sensitivity", "false_positive_rate"))
    expected = np.zeros(3)
    for order in permutations(range(3)):
        state = dict(vars(before))
        for factor in order:
            old = judged(Period(**state))
            state.update({name: vars(after)[name] for name in names[factor]})
            expected[factor] += (judged(Period(**state)) - old) / 6
    assert parts(decompose(before, after)) == pytest.approx(expected, abs=1e-13)


@QUICK
@given(PERIODS, PERIODS, st.permutations(range(SEGMENTS)))
def test_neither_order_of_segments_nor_direction_of_time_matters(before, after, order):
    found = parts(decompose(before, after))
    moved = [
        Period(*(np.asarray(part)[order] for part in vars(period).values()))
        for period in (before, after)
    ]
    assert parts(decompose(*moved)) == pytest.approx(found, abs=1e-14)
    assert parts(decompose(after, before)) == pytest.approx(-found, abs=1e-14)


@QUICK
@given(PERIODS, PERIODS)
def test_a_segment_told_in_two_halves_changes_nothing(before, after):
    def halved(period):
        w, *rest = (np.asarray(part) for part in vars(period).values())
        w = np.r_[w[0] / 2, w[0] / 2, w[1:]]
        return Period(w, *(np.r_[part[0], part] for part in rest))

    expected = parts(decompose(before, after))
    assert parts(decompose(halved(before), halved(after))) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("mix", {"weights": [1, 3]}),
        ("rate", {"rate": [0.2, 0.25]}),
        ("judge", {"sensitivity": 0.6}),
    ],
)
def test_what_alone_has_changed_has_the_whole_part(name, values):
    before = Period([2, 2], [0.1, 0.3], 0.8, 0.05)
    found = decompose(before, Period(**{**vars(before), **values}))
    for part in ("mix", "rate", "judge"):
        expected = found.after - found.before if part == name else 0.0
        assert getattr(found, part) == pytest.approx(expected, abs=1e-15)
    assert found.after != pytest.approx(found.before)


def test_a_new_segment_is_mix():
    found = decompose(Period([1, 0], [0.1, np.nan]), Period([1, 1], [0.1, 0.5]))
    assert parts(found) == pytest.approx([0.2, 0, 0])
    gone = decompose(Period([1, 1], [0.1, 0.5]), Period([1, 0], [0.1, np.nan]))
    assert parts(gone) == pytest.approx([-0.2, 0, 0])
    never = decompose(Period([1, 0], [0.1, np.nan]), Period([1, 0], [0.3, np.nan]))
    assert parts(never) == pytest.approx([0, 0.2, 0])


def test_what_is_unknown_gives_a_reason_and_no_number():
    unknown = decompose(Period([1, 1], [0.1, np.nan]), Period([1, 1], [0.1, 0.2]))
    assert np.isnan(parts(unknown)).all()
    assert unknown.reason == "a segment with traffic has no rate"
    empty = decompose(Period([0, 0], [0.1, 0.2]), Period([1, 1], [0.1, 0.2]))
    assert np.isnan(parts(empty)).all()
    assert empty.reason == "a period has no traffic"
    assert np.isnan(kitagawa([0, 0], [0.1, 0.2], [1, 1], [0.1, 0.2]).mix).all()


def test_impossible_weights_and_other_segments_are_refused():
    with pytest.raises(ValueError, match="not negative"):
        decompose(Period([-1, 2], 0.1), Period([1, 1], 0.1))
    with pytest.raises(ValueError, match="same segments"):
        decompose(Period([1, 2], 0.1), Period([1, 1, 1], 0.1))


@QUICK
@given(SHARES, SHARES, SHARES, SHARES)
def test_kitagawa_adds_up_and_agrees_with_a_judge_who_never_errs(w0, r0, w1, r1):
    found = kitagawa(w0, r0, w1, r1)
    w0, w1 = np.divide(w0, sum(w0)), np.divide(w1, sum(w1))
    assert (found.mix + found.rate).sum() == pytest.approx(w1 @ r1 - w0 @ r0, abs=1e-14)
    perfect = decompose(Period(w0, r0), Period(w1, r1))
    assert [found.mix.sum(), found.rate.sum(), 0] == pytest.approx(list(parts(perfect)), abs=1e-13)


def test_standardising_weights_by_the_reference_and_invents_nothing():
    assert standardised_rate([0.1, 0.5, np.nan], [3, 1, 0]) == pytest.approx(0.2)
    assert np.isnan(standardised_rate([0.1, np.nan], [3, 1]))
    assert np.isnan(standardised_rate([0.1, 0.2], [0, 0]))
