from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from alignment_monitor.detection.gold import BETS, Bets, GoldChart, grid_values
from alignment_monitor.detection.gold import LEAN_BETS as SIZES
from alignment_monitor.detection.gold_baseline import Expected, GoldBaseline, in_segment
from alignment_monitor.detection.labels import FEW, Labels
from benchmarks import label_strata
from tests.unit.detection.judged_labels import (
    BEFORE,
    BURST,
    CHANGED,
    ROUTINE,
    Judge,
    expected,
    labels,
    mean_value,
)

TRUTH, FORGIVEN = 0.1, 0.006
MANY = settings(max_examples=100, derandomize=True)
judges = pytest.mark.parametrize("judge", CHANGED, ids=lambda j: f"{j.sensitivity}-{j.false}")
both = pytest.mark.parametrize("sign", [1.0, -1.0])


def unit(bets, truth=TRUTH):
    return np.sqrt(truth * (1 - truth)) / bets.variance


def mean_over_days(judge, n, judged, sign, size, forgiven=0.0, truth=TRUTH):
    """Exact mean of a day's bet over both its verdicts and its labels."""
    flagged = np.arange(1, judged)
    chance = binom.pmf(flagged, judged, judge.flags(truth))
    flagged, chance = flagged[chance > 1e-14], chance[chance > 1e-14]
    drawn = labels(flagged / judged, n, 0.0)
    made = expected(len(flagged), truth, judged=judged)
    bet = size * unit(Bets(drawn, made), truth)
    target = np.full(len(flagged), truth + sign * forgiven)
    return chance @ mean_value(made, drawn, bet, target, sign, judge.by_verdict(truth))


def test_what_is_flagged_is_as_far_above_the_judged_rate_as_it_was_on_the_days_learned():
    baseline, judged = GoldBaseline(2), np.array([[0.2, 0.3, 0.1], [0.2, 0.3, 0.1]])
    assert np.array_equal(baseline.flagged(judged), judged)
    day = labels(np.array([0.2, 0.2]), 20, 0.0)
    for gap in (-0.02, -0.04):
        above = np.array([[gap, gap - 0.02, np.nan]] * 2)
        baseline.learn(replace(day, above=above), np.array([True, False]))
    found = baseline.flagged(judged) - judged
    # A segment without a label is as the whole; a series that learned nothing, as judged.
    assert found[0] == pytest.approx([-0.03, -0.05, -0.03])
    assert found[1] == pytest.approx([0, 0, 0])


@MANY
@given(
    st.floats(0.02, 0.98), st.floats(0.01, 0.99), st.floats(0.01, 0.99),
    st.tuples(st.integers(1, 90), st.integers(1, 90)), st.floats(0.03, 0.6),
)  # fmt: skip
def test_a_label_is_worth_the_days_rate_whatever_the_judge_does(share, flagged, passed, n, truth):
    made, drawn = expected(1, truth), labels(share, n, 0.0)
    bets, chances = Bets(drawn, made), np.array([flagged, passed])
    worth = chances * bets._events[0] + (1 - chances) * bets._others[0]
    mean = np.array(n) @ worth / sum(n)
    assert mean == pytest.approx(share * flagged + (1 - share) * passed)


@MANY
@given(
    st.floats(0.02, 0.98), st.floats(0.01, 0.99), st.floats(0.01, 0.99),
    st.tuples(st.integers(1, 60), st.integers(1, 60)), st.floats(0.03, 0.6),
    st.floats(0.001, 5), st.floats(0, 0.2), st.sampled_from([1.0, -1.0]),
)  # fmt: skip
def test_no_bet_gains_on_a_day_whose_rate_is_within_the_target(
    share, flagged, passed, n, truth, size, slack, sign
):
    """For any judge: given the day's verdicts, exactly, whatever was expected of the labels."""
    rate = share * flagged + (1 - share) * passed
    made, drawn = expected(1, truth), labels(share, n, 0.0)
    bet = size * unit(Bets(drawn, made), truth)
    target = np.array([rate + sign * slack])
    mean = mean_value(made, drawn, bet, target, sign, np.array([flagged, passed]))
    assert mean[0] <= 1 + 1e-9


@both
def test_a_bet_gains_where_the_rate_is_beyond_the_target(sign):
    truth = TRUTH + sign * 0.06
    drawn, made = labels(BEFORE.flags(truth), ROUTINE, 0.0), expected(1, TRUTH)
    bet = 0.1 * unit(Bets(drawn, made))
    target = np.array([TRUTH + sign * FORGIVEN])
    mean = mean_value(made, drawn, bet, target, sign, BEFORE.by_verdict(truth))
    assert mean[0] > 1.05


@both
@judges
def test_nor_over_days_whose_verdicts_vary(judge, sign):
    for size in (*BETS, 0.3):
        for judged in (500, 2000):
            assert mean_over_days(judge, ROUTINE, judged, sign, size, FORGIVEN) <= 1
    # Of very many verdicts the day's rate is the rate, and nothing has to be forgiven.
    assert mean_over_days(judge, ROUTINE, 100_000, sign, 0.3) <= 1.001


@both
@pytest.mark.parametrize("judged", [200, 500, 2000])
def test_nor_does_a_burst_gain_over_days_whose_verdicts_vary(sign, judged):
    for size in SIZES:
        assert mean_over_days(BEFORE, BURST, judged, sign, size) <= 1


def mixture(judge, sign, seed, *, worlds, days, n, judged, forgiven):
    """Highest value of the mixture of bets over days without a change of the rate."""
    rng, total = np.random.default_rng(seed), np.zeros((worlds, len(SIZES)))
    highest = np.full(worlds, -np.inf)
    made, target = expected(worlds, TRUTH, judged=judged), np.full(worlds, TRUTH + sign * forgiven)
    for _ in range(days):
        share = rng.binomial(judged, judge.flags(TRUTH), worlds) / judged
        y = rng.binomial(np.array(n, int), judge.by_verdict(TRUTH), (worlds, 2))
        bets = Bets(labels(share, n, y), made)
        total += np.stack(
            [bets.log_value(size * unit(bets), target, sign) for size in SIZES], axis=1
        )
        highest = np.maximum(highest, np.logaddexp.reduce(total, axis=1) - np.log(len(SIZES)))
    return highest


@both
@judges
def test_no_more_than_alpha_of_all_sequences_ever_reach_one_over_alpha(judge, sign):
    shape = {"worlds": 1500, "days": 120, "n": ROUTINE, "judged": 500}
    highest = mixture(judge, sign, 1, **shape, forgiven=FORGIVEN)
    for alpha in (0.5, 0.1, 0.02):
        reached = int((highest >= np.log(1 / alpha)).sum())
        assert binomtest(reached, 1500).proportion_ci(0.999).low <= alpha


@both
@pytest.mark.parametrize("judged", [200, 500])
def test_an_episode_of_eight_bursts_reaches_its_lean_by_chance_within_its_share(sign, judged):
    shape = {"worlds": 4000, "days": 8, "n": BURST, "judged": judged}
    highest = mixture(BEFORE, sign, 2, **shape, forgiven=0.0)
    reached = int((highest >= np.log(10)).sum())
    assert binomtest(reached, 4000).proportion_ci(0.999).low <= 0.1
    assert reached > 0


@both
def test_a_bet_never_loses_more_than_it_has(sign):
    share = np.array([0.001, 0.5, 0.999])
    for y in (0.0, (0, 13), (7, 0), ROUTINE):
        bets = Bets(labels(share, ROUTINE, y), expected(3, 0.01))
        assert np.isfinite(bets.log_value(np.full(3, 1e6), np.full(3, 0.011), sign)).all()


def test_no_labels_are_worth_nothing():
    drawn = labels([0.13, 0.13, np.nan], [ROUTINE] * 3, [[2, 1]] * 3)
    drawn.n[0] = drawn.y[0] = 0
    made = expected(3, TRUTH)
    bets = Bets(drawn, made)
    assert bets.any.tolist() == [False, True, False]
    value = bets.log_value(np.ones(3), np.full(3, TRUTH), 1.0)
    assert value[[0, 2]].tolist() == [0, 0]
    assert value[1] != 0
    nan, none = np.array([np.nan]), np.zeros(1)
    unknown = Expected(nan, none, np.array([[np.nan, 0.1]]), none, none)
    assert Bets(labels(0.1, ROUTINE, 1.0), unknown).log_value(np.ones(1), np.ones(1), 1.0)[0] == 0


def test_what_the_baseline_leads_to_expect_is_the_true_rate():
    rng, baseline = np.random.default_rng(3), GoldBaseline(2000)
    for _ in range(28):
        share = rng.binomial(500, BEFORE.flags(TRUTH), 2000) / 500
        y = rng.binomial(np.array(ROUTINE, int), BEFORE.by_verdict(TRUTH), (2000, 2))
        baseline.learn(labels(share, ROUTINE, y), np.arange(2000) < 1000)
    made = baseline.expected(np.full(2000, BEFORE.flags(TRUTH)), np.zeros(2000))
    assert np.isfinite(made.rate).tolist() == [True] * 1000 + [False] * 1000
    assert made.rate[:1000].mean() == pytest.approx(TRUTH, abs=0.003)
    assert made.error[:1000].mean() == pytest.approx(made.rate[:1000].std(), rel=0.15)


@pytest.mark.parametrize("rate", [0.1, 0.01])
def test_a_baseline_by_strata_expects_the_true_rate_however_labels_were_drawn(rate):
    """By verdict alone it expects half a point too much of the rate of 10 %."""
    rng = np.random.default_rng(7)
    known = label_strata.known_of(rng, rate)
    _, made = label_strata.expected_by(rng, 40, rate, 20, known)
    off = made.rate - rate
    assert abs(off.mean()) < 0.002
    # The error allows for what a stratum without an event may hide, so it may be too large.
    assert off.std() < made.error.mean()
    assert (np.abs(off) < 2 * made.error).mean() > 0.95


def test_a_verdict_whose_strata_have_no_label_yet_is_not_known():
    baseline, day = GoldBaseline(2), labels(np.array([0.2, 0.2]), 20, 1.0)
    day = replace(day, kind=np.zeros(day.n.shape, np.int64), among=np.ones(day.n.shape))
    baseline.learn(day, np.array([True, False]))
    made = baseline.expected(np.full(2, 0.2), np.zeros(2))
    assert np.isfinite(made.by_verdict).tolist() == [[True, True], [False, False]]
    assert np.isfinite(made.rate).tolist() == np.isfinite(made.error).tolist() == [True, False]


def segments():
    """Two series with labels of two segments by verdict."""
    n = np.array([[4, 6, 3, 7], [4, 6, 0, 7]], dtype=float)
    stratum, segment = np.tile([0, 1, 0, 1], (2, 1)), np.tile([0, 0, 1, 1], (2, 1))
    shares = np.array([[0.3, 0.4, 0.2], [0.3, 0.4, 0.2]])
    return Labels(n, n / 2, np.array([[0.5, 1.5, 0.8, 1.2]] * 2), stratum, segment, shares)


def test_within_a_segment_only_its_labels_count_at_its_own_weights_and_shares():
    inside = segments().within(np.array([0, 1]))
    assert inside.n.tolist() == [[4, 6, 0, 0], [0, 0, 0, 0]]
    assert inside.y.tolist() == [[2, 3, 0, 0], [0, 0, 0, 0]]
    assert inside.shares.ravel().tolist() == [0.4, 0.2]
    assert (inside.n[0] * inside.scale[0]).sum() / inside.n[0].sum() == pytest.approx(1)
    other = segments().within(np.array([1, 0]))
    assert other.n.tolist() == [[0, 0, 3, 7], [4, 6, 0, 0]]


def test_without_a_segment_labels_stay_as_they_are():
    drawn, whole = segments(), segments().within(np.array([-1, -1]))
    for name in ("n", "y", "scale"):
        assert np.array_equal(getattr(drawn, name), getattr(whole, name))
    assert whole.shares.ravel().tolist() == [0.3, 0.3]


def test_a_verdict_that_did_not_occur_needs_no_label():
    drawn = segments()
    drawn.shares[1, 2] = 0.0
    assert drawn.within(np.array([1, 1])).n[1].tolist() == [0, 0, 0, 7]
    few = segments()
    few.n[:, 2:] = [[1, FEW - 2]] * 2
    assert few.within(np.array([1, 1])).n.sum() == 0


def test_a_segment_is_expected_to_meet_the_same_judge():
    of_segment = 0.3
    judged, flags = np.array([BEFORE.flags(TRUTH)]), np.array([BEFORE.flags(of_segment)])
    gain = np.array([0.8])
    made = in_segment(expected(1, TRUTH), judged, flags, np.array([0.01]), gain, np.zeros(1))
    assert made.rate[0] == pytest.approx(of_segment)
    assert made.by_verdict[0] == pytest.approx(BEFORE.by_verdict(of_segment))
    assert made.error[0] == pytest.approx(0.01 / 0.8)


def test_the_running_detector_carries_on_over_days_without_labels():
    chart, values = GoldChart(2), np.full((2, 2, len(BETS)), 0.5)
    first = chart.step(values, np.array([True, True]), np.full(2, 9.0))
    second = chart.step(values, np.array([True, False]), np.full(2, 9.0))
    assert first == pytest.approx(np.full((2, 2), 0.5))
    assert second[0] == pytest.approx(np.full(2, np.logaddexp(0.5, 0) + 0.5))
    assert second[1] == pytest.approx(first[1])


def test_the_running_detector_finds_a_change_whatever_the_judge_says():
    rng, worlds = np.random.default_rng(5), 100
    chart, made, hidden = GoldChart(worlds), expected(worlds, TRUTH), Judge(0.35, 0.05)
    threshold, truth = np.full(worlds, np.log(3650.0)), 0.25
    for _ in range(60):
        share = rng.binomial(500, hidden.flags(truth), worlds) / 500
        y = rng.binomial(np.array(ROUTINE, int), hidden.by_verdict(truth), (worlds, 2))
        target = made.rate + FORGIVEN, made.rate - FORGIVEN
        values = grid_values(Bets(labels(share, ROUTINE, y), made), made, target, BETS)
        statistic = chart.step(values, np.ones(worlds, bool), threshold)
    assert hidden.flags(truth) == pytest.approx(BEFORE.flags(TRUTH), abs=0.01)
    assert (statistic[:, 0] >= threshold).mean() > 0.9
    assert (statistic[:, 1] < np.log(60)).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_bet_on_labels_of_the_queue_gains_nothing_where_nothing_changed(sign):
    """By verdict alone the mean of the first is 1.3: each day would win a third."""
    rng = np.random.default_rng(5)
    many = label_strata.traffic(rng, 300, label_strata.RATE)
    events = [many.event[many.flagged == seen].mean() for seen in (True, False)]
    replicates, flagged = 2000, many.flagged.mean()
    rate = np.full(replicates, label_strata.RATE)
    variance = np.full(replicates, flagged * (1 - flagged) / label_strata.JUDGED)
    against = Expected(
        rate, 0 * rate, np.tile(events, (replicates, 1)), 0 * rate + flagged, variance
    )
    known = label_strata.known_of(rng, label_strata.RATE)
    days = label_strata.traffic(rng, replicates, label_strata.RATE)
    chosen = label_strata.routine(rng, days, 60, known)
    bets = Bets(days.labels(chosen, by_stratum=True), against)
    unit = np.sqrt(rate * (1 - rate)) / bets.variance
    value = np.exp(bets.log_value(SIZES[0] * unit, rate, sign))
    assert value.mean() <= 1 + 3 * value.std() / np.sqrt(replicates)
