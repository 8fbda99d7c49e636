import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, t

from alignment_monitor.statistics.adjusted import (
    BLIND,
    CONTRADICTION,
    FEW,
    UNKNOWN,
    Measured,
    adjusted_outcomes,
    adjusted_rate,
    sentinel_effect,
    sentinel_rate,
)

QUICK = settings(max_examples=80)
SHARE = st.floats(0, 1)
SURE = 1e-12


def known(value, variance=SURE, degrees=1000):
    return Measured(value, variance, degrees)


def measured(rng, rate, size, cells):
    """A share seen in so many cells, each with its smoothed binomial variance."""
    seen = rng.binomial(size, rate, cells)
    smooth = (seen + 1) / (size + 2)
    return Measured(seen / size, smooth * (1 - smooth) / size, size - 1)


def test_rate_and_interval_are_those_of_the_delta_method():
    p, se, fpr = (0.15, 1e-4, 200), (0.8, 2e-3, 30), (0.06, 5e-4, 40)
    found = adjusted_rate(Measured(*p), Measured(*se), Measured(*fpr))
    theta, gain = (0.15 - 0.06) / 0.74, 0.74
    terms = np.array([1e-4, theta**2 * 2e-3, (1 - theta) ** 2 * 5e-4]) / gain**2
    degrees = terms.sum() ** 2 / (terms**2 / [200, 30, 40]).sum()
    half = t.ppf(0.975, degrees) * np.sqrt(terms.sum())
    assert found.rate == pytest.approx(theta)
    assert found.variance == pytest.approx(terms.sum())
    assert [found.lower, found.upper] == pytest.approx([theta - half, theta + half])


@QUICK
@given(SHARE, st.floats(0.6, 1), st.floats(0, 0.4))
def test_what_the_judge_adds_is_removed(theta, se, fpr):
    judged = theta * se + (1 - theta) * fpr
    found = adjusted_rate(known(judged), known(se), known(fpr))
    assert found.rate == pytest.approx(theta, abs=1e-9)
    assert 0 <= found.lower <= found.rate <= found.upper <= 1


@QUICK
@given(SHARE, st.floats(0.6, 1), st.floats(0, 0.4), st.floats(0.6, 1), st.floats(0, 0.4))
def test_either_correction_removes_a_judge_shift_at_the_baseline_rate(theta, se, fpr, se_0, fpr_0):
    before = theta * se_0 + (1 - theta) * fpr_0
    now = theta * se + (1 - theta) * fpr
    effect = sentinel_effect(theta, (se, fpr), (se_0, fpr_0))
    assert now - effect == pytest.approx(before)
    by_effect = adjusted_rate(known(now - effect), known(se_0), known(fpr_0))
    by_errors = adjusted_rate(known(now), known(se), known(fpr))
    assert by_effect.rate == pytest.approx(float(by_errors.rate), abs=1e-9)


def test_a_judge_that_tells_nothing_apart_corrects_nothing():
    same = adjusted_rate(known(0.3), known(0.3), known(0.3))
    unsure = adjusted_rate(known(0.3), known(0.5, 0.04), known(0.2, 0.01))
    for found in (same, unsure, adjusted_rate(known(0.3), known(0.2), known(0.6))):
        assert (np.isnan(found.rate), str(found.reason)) == (True, BLIND)
        assert np.isnan([found.lower, found.upper, found.variance]).all()


def test_fewer_flags_than_false_positives_are_clipped_or_called_a_contradiction():
    near = adjusted_rate(known(0.04, 1e-4), known(0.8), known(0.05))
    assert (float(near.rate), float(near.lower), str(near.reason)) == (0, 0, "")
    assert near.upper > 0
    far = adjusted_rate(known(0.01), known(0.8), known(0.05))
    assert (np.isnan(far.rate), str(far.reason)) == (True, CONTRADICTION)
    assert str(adjusted_rate(known(0.95), known(0.8), known(0.05)).reason) == CONTRADICTION


def test_unknown_parts_leave_the_rate_unknown_in_their_cell_only():
    judged = known(np.array([0.2, np.nan, 0.2]))
    found = adjusted_rate(judged, known(np.array([0.8, 0.8, 0.8])), known(0.05))
    assert np.isfinite(found.rate).tolist() == [True, False, True]
    assert found.reason.tolist() == ["", UNKNOWN, ""]
    nothing = adjusted_rate(known(0.2), sentinel_rate([], []), known(0.05))
    assert (np.isnan(nothing.rate), str(nothing.reason)) == (True, UNKNOWN)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.6])
def test_the_interval_covers_about_as_often_as_it_says(rate):
    rng, cells = np.random.default_rng(5), 3000
    se, fpr = 0.8, 0.06
    found = adjusted_rate(
        measured(rng, rate * se + (1 - rate) * fpr, 500, cells),
        measured(rng, se, 100, cells),
        measured(rng, fpr, 150, cells),
    )
    covered = int(((found.lower <= rate) & (rate <= found.upper)).sum())
    assert binom.ppf(0.001, cells, 0.93) <= covered <= binom.ppf(0.999, cells, 0.985)


def test_sentinels_judged_often_do_not_count_more():
    often = sentinel_rate(np.repeat([0, 1, 2, 3], [50, 1, 1, 1]), [1] * 50 + [0, 0, 1])
    once = sentinel_rate([0, 1, 2, 3], [1, 0, 0, 1])
    assert often == pytest.approx(once)
    assert often.value == pytest.approx(0.5)
    assert often.degrees == 3


@pytest.mark.parametrize("flag", [0, 1])
def test_sentinels_that_all_agree_leave_some_doubt(flag):
    many, single = sentinel_rate(range(40), [flag] * 40), sentinel_rate([7] * 9, [flag] * 9)
    assert many.value == single.value == flag
    assert 0.0004 < many.variance < 0.001
    assert single.variance > 0.2
    assert np.isnan(sentinel_rate([], [])).all()


CONFUSION = np.array([[180.0, 14, 6], [10, 130, 10], [4, 16, 80]])
TRUTH = np.array([0.5, 0.42, 0.08])


def outcomes(shares, confusion=CONFUSION, covariance=None, degrees=1000):
    none = np.zeros((3, 3)) if covariance is None else covariance
    return adjusted_outcomes(shares, none, confusion, degrees)


@QUICK
@given(st.lists(st.floats(0.05, 1), min_size=3, max_size=3))
def test_true_shares_come_back_through_any_known_confusion(raw):
    pi = np.array(raw) / sum(raw)
    matrix = CONFUSION / CONFUSION.sum(axis=1, keepdims=True)
    found = outcomes(pi @ matrix)
    assert found.opportunity.rate == pytest.approx(pi[1] + pi[2])
    assert found.joint.rate == pytest.approx(pi[2])
    assert found.conditional.rate == pytest.approx(pi[2] / (pi[1] + pi[2]))
    for figure in found:
        assert 0 <= figure.lower <= figure.rate <= figure.upper <= 1


def test_a_binary_correction_is_wrong_where_opportunities_are_missed():
    matrix = CONFUSION / CONFUSION.sum(axis=1, keepdims=True)
    q = TRUTH @ matrix
    conditional = TRUTH[2] / (TRUTH[1] + TRUTH[2])
    se, fpr = matrix[2, 2] / matrix[2, 1:].sum(), matrix[1, 2] / matrix[1, 1:].sum()
    binary = adjusted_rate(known(q[2] / (q[1] + q[2])), known(se), known(fpr))
    assert abs(binary.rate - conditional) > 0.005
    assert outcomes(q).conditional.rate == pytest.approx(conditional)


def test_flags_that_never_err_need_the_binary_correction_only():
    confusion = np.array([[200.0, 0, 0], [0, 140, 10], [0, 20, 80]])
    q = TRUTH @ (confusion / confusion.sum(axis=1, keepdims=True))
    binary = adjusted_rate(known(q[2] / (q[1] + q[2])), known(0.8), known(10 / 150))
    assert outcomes(q, confusion).conditional.rate == pytest.approx(float(binary.rate))


def test_a_confusion_that_cannot_be_undone_is_refused():
    q = [0.5, 0.4, 0.1]
    same = np.array([[100.0, 50, 50], [20, 40, 40], [20, 40, 40]])
    for figure in outcomes(q, same):
        assert (np.isnan(figure.rate), str(figure.reason)) == (True, BLIND)
    for figure in outcomes(q, np.array([[100.0, 10, 5], [0, 0, 0], [5, 5, 50]])):
        assert (np.isnan(figure.rate), str(figure.reason)) == (True, UNKNOWN)
    for figure in outcomes([np.nan] * 3):
        assert (np.isnan(figure.rate), str(figure.reason)) == (True, UNKNOWN)


def test_without_opportunities_there_is_no_conditional_rate():
    matrix = CONFUSION / CONFUSION.sum(axis=1, keepdims=True)
    for share in (0.0, 0.01):
        found = outcomes((1 - share) * matrix[0] + share * matrix[1])
        assert found.opportunity.rate == pytest.approx(share, abs=1e-12)
        assert (np.isnan(found.conditional.rate), str(found.conditional.reason)) == (True, FEW)


def test_intervals_of_outcomes_cover_about_as_often_as_they_say():
    rng, cells, size = np.random.default_rng(6), 2000, 700
    matrix = CONFUSION / CONFUSION.sum(axis=1, keepdims=True)
    q = rng.multinomial(size, TRUTH @ matrix, cells) / size
    covariance = (q[:, :, None] * np.eye(3) - q[:, :, None] * q[:, None, :]) / size
    confusion = np.stack(
        [rng.multinomial(n, row, cells) for n, row in zip((200, 150, 100), matrix, strict=True)],
        axis=1,
    )
    found = adjusted_outcomes(q, covariance, confusion, size - 1)
    for figure, true in zip(
        found, (TRUTH[1] + TRUTH[2], TRUTH[2], TRUTH[2] / (TRUTH[1] + TRUTH[2])), strict=True
    ):
        assert (figure.reason == "").all()
        covered = int(((figure.lower <= true) & (true <= figure.upper)).sum())
        assert binom.ppf(0.001, cells, 0.93) <= covered <= binom.ppf(0.999, cells, 0.985)
