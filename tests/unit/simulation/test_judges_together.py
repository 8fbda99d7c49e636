"""Votes of a panel have the chances that its judges and their dependence imply."""

import hashlib
import math
from dataclasses import replace
from itertools import pairwise, permutations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from alignment_monitor.detection.sentinel_days import sentinel_days
from alignment_monitor.simulation.daily import figures
from alignment_monitor.simulation.panel import (
    Panel,
    PanelJudge,
    chances,
    half,
    precision,
    ramped,
    shares,
)
from alignment_monitor.simulation.scenario import Scenario, paths, told_precision
from alignment_monitor.simulation.years import Years, batch_rng, budget, run_years

RATE = st.floats(0, 1)
RATES = st.lists(RATE, min_size=1, max_size=5)
NOBODY = (np.zeros(200, dtype=bool), np.full(200, -1))

LONE = {
    "94ac92f791495662": Scenario(effect_deviation=0.0054),
    "498e9f34270fb3d7": Scenario(change_day=60, rise=0.05, masked=True, sentinels_see=False),
    "f5e2288ddf0e984a": Scenario(
        change_day=60, false_positives_shift=0.15, late_share=0.05, late_days=2
    ),
}
"""By the digest of what these drew before there were panels."""


def years_of(scenario, days=20, replicates=200):
    return Years(scenario, replicates, days, np.random.default_rng(1))


def panel_of(*judges, dependence=0.3, **others):
    return Scenario(panel=Panel(judges, dependence), **others)


def plausible(hits, count, probability):
    """Whether a count lies where one in a billion does not."""
    tail = binom.cdf(hits, count, probability), binom.sf(hits - 1, count, probability)
    return min(tail) > 1e-9


def enumerated(rates, dependence):
    """Chances of all votes down to none, by going through all that can happen."""
    found = [0.0] * (len(rates) + 1)
    for said in product([True, False], repeat=len(rates)):
        each = [rate if yes else 1 - rate for rate, yes in zip(rates, said, strict=True)]
        found[said.count(False)] += (1 - dependence) * math.prod(each)
    for low, high in pairwise([0.0, *sorted(rates), 1.0]):
        flag = sum(rate >= high for rate in rates) if high > low else 0
        found[len(rates) - flag] += dependence * (high - low)
    return found


@pytest.mark.parametrize("digest", LONE)
def test_a_single_judge_draws_bit_for_bit_what_it_drew_before_there_were_panels(digest):
    years, found = Years(LONE[digest], 40, 70, batch_rng((20265, 3), 0)), hashlib.sha256()
    for day in range(70):
        whole = years.next_day()
        seen = years.on_time(whole)
        gold = years.label(seen, np.full(40, day % 2 == 1), np.full(40, -1))
        drawn = (whole.n, whole.flagged, whole.sentinels_flagged, seen.flagged, gold.n, gold.y)
        for counts in drawn:
            found.update(np.ascontiguousarray(counts, dtype="<i8").tobytes())
    assert found.hexdigest()[:16] == digest


@given(rate=RATE, false=RATE, dependence=RATE)
def test_a_panel_of_one_judge_says_what_the_judge_says(rate, false, dependence):
    traffic, seen = Panel((PanelJudge(rate, false),), dependence).votes(np.arange(-1, 2))
    assert (traffic == seen).all()
    for day in traffic:
        assert day == pytest.approx(np.array([[rate, 1 - rate], [false, 1 - false]]), abs=1e-12)


def test_a_panel_of_one_judge_draws_the_same_days_as_the_judge_alone():
    changes = {"sensitivity_shift": -0.1, "false_positives_shift": 0.15}
    alone = Scenario(change_day=3, sentinels_see=False, **changes)
    one = panel_of(PanelJudge(sentinels_see=False, **changes), dependence=0.0, change_day=3)
    both = years_of(alone, 6), years_of(one, 6)
    for _ in range(6):
        days = [years.next_day() for years in both]
        told = [
            figures(scenario, day, years.label(day, *NOBODY), *NOBODY[:1] * 2)
            for scenario, day, years in zip((alone, one), days, both, strict=True)
        ]
        for name in ("rate", "n", "flagged"):
            assert np.array_equal(*(getattr(day, name) for day in told), equal_nan=True)
        assert np.array_equal(*(day.labels.scale for day in told))


@given(rates=RATES, dependence=RATE)
def test_chances_are_those_of_going_through_all_that_can_happen(rates, dependence):
    found = chances(np.array(rates), dependence)
    assert found == pytest.approx(enumerated(rates, dependence), abs=1e-12)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    assert found @ shares(len(found)) == pytest.approx(np.mean(rates))


@given(rates=st.lists(RATE, min_size=2, max_size=4), dependence=RATE)
@settings(max_examples=30)
def test_the_order_of_judges_changes_nothing(rates, dependence):
    found = {chances(np.array(each), dependence).tobytes() for each in permutations(rates)}
    assert len(found) == 1


@given(rate=RATE, count=st.integers(1, 6))
def test_equal_judges_who_always_err_together_are_one_judge(rate, count):
    found = chances(np.full(count, rate), 1.0)
    assert found[[0, -1]] == pytest.approx([rate, 1 - rate])
    assert (found[1:-1] == 0).all()
    assert half(found) == pytest.approx(rate)


@given(rate=st.floats(0.01, 0.99), dependence=RATE, count=st.integers(2, 5))
def test_dependence_is_the_correlation_of_equal_judges(rate, dependence, count):
    found, share = chances(np.full(count, rate), dependence), shares(count + 1)
    variance = found @ (share - rate) ** 2
    expected = rate * (1 - rate) * (1 + (count - 1) * dependence) / count
    assert variance == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("votes", "flagged"),
    [([5, 7], 5), ([1, 2, 4], 3), ([1, 2, 4, 8], 3), ([1, 2, 4, 8, 16], 7)],
)
def test_a_message_is_flagged_if_at_least_half_of_its_judges_flag_it(votes, flagged):
    assert half(np.array(votes)) == flagged


def test_messages_labelled_one_by_one_have_the_votes_of_the_simulated_years():
    judges = (PanelJudge(0.9, 0.02), PanelJudge(0.7, 0.10), PanelJudge(0.85, 0.05))
    scenario = panel_of(*judges, dependence=0.4, weekend_effect=0)
    rng, size = np.random.default_rng(2), 100_000
    event = rng.random(size) < scenario.prevalence
    own, common = rng.random((size, 3)), rng.random((size, 1))
    number = np.where(rng.random((size, 1)) < 0.4, common, own)
    rates = np.array([(judge.false_positives, judge.sensitivity) for judge in judges]).T
    said = (number < rates[event.astype(int)]).sum(axis=1)

    years, drawn, events, n = years_of(scenario), np.zeros(4), np.zeros(2), np.zeros(2)
    sentinels = np.zeros((2, 4))
    for _ in range(20):
        day = years.next_day()
        gold = years.label(day, *NOBODY)
        drawn += day.votes.sum(axis=(0, 1))
        sentinels += day.sentinel_votes.sum(axis=0)
        # Per segment the share differs: a segment at the mean rate stands for the messages above.
        events, n = events + gold.y[:, 4].sum(axis=0), n + gold.n[:, 4].sum(axis=0)
    truth, flagged = years.paths.truth[0, 4], said >= 1.5
    assert truth == pytest.approx(scenario.prevalence, abs=0.005)
    votes = years.paths.votes[0]
    of_all = scenario.prevalence * votes[0] + (1 - scenario.prevalence) * votes[1]
    for place, chance in enumerate(of_all):
        assert plausible((said == 3 - place).sum(), size, chance)
        assert plausible(drawn[place], drawn.sum(), chance)
        for kind in (0, 1):
            assert plausible(sentinels[kind, place], sentinels[kind].sum(), votes[kind, place])
    for verdict, mask in enumerate((flagged, ~flagged)):
        assert events[verdict] / n[verdict] == pytest.approx(event[mask].mean(), abs=0.06)


def test_only_the_judge_that_changes_changes_and_sentinels_see_it_where_they_are_said_to():
    drifting = PanelJudge(sensitivity_shift=-0.3, ramp=6, sentinels_see=False)
    laxer = PanelJudge(false_positives_shift=0.15)
    found = paths(panel_of(drifting, laxer, PanelJudge(), change_day=4), 14)
    before = np.array([0.85, 0.05])
    assert found.errors[:4] == pytest.approx(np.tile(before, (4, 1)))
    grown = ramped(np.arange(14) - 3, 6)
    assert grown[[3, 4, 6, 9, 13]] == pytest.approx([0, 1 / 6, 0.5, 1, 1])
    assert found.errors[:, 0] == pytest.approx(0.85 - 0.1 * grown)
    assert found.errors[4:, 1] == pytest.approx(np.full(10, 0.10))
    assert found.seen_errors[:, 0] == pytest.approx(np.full(14, 0.85))
    assert found.seen_errors[:, 1] == pytest.approx(found.errors[:, 1])
    never = paths(panel_of(drifting, laxer, PanelJudge()), 14)
    assert never.errors == pytest.approx(np.tile(before, (14, 1)))


def test_sentinels_of_a_panel_count_as_in_production():
    scenario = panel_of(PanelJudge(), PanelJudge(0.6, 0.2), PanelJudge(0.9, 0.1))
    day = years_of(scenario).next_day()
    # Hits by judge with the same sum as the votes of one replicate.
    sums = (day.sentinel_votes[0] * np.array([3, 2, 1, 0])).sum(axis=1)
    hits = np.array([np.array_split(np.ones(total, dtype=int), 3) for total in sums], dtype=object)
    rows = [
        {
            "day": "2026-01-05", "rubric_version": "r", "question": "q", "fingerprint": judge,
            "known_version": "k", "measure": measure, "n": 100,
            "hits": len(part) if kind == 0 else 100 - len(part),
        }
        for kind, measure in enumerate(("sensitivity", "specificity"))
        for judge, part in zip("abc", hits[kind], strict=True)
    ]  # fmt: skip
    labels = pd.DataFrame([{"behaviour": "q", "rubric_version": "r", "panel": "a + b + c"}])
    found = sentinel_days(
        labels, pd.DataFrame(rows), begins=np.zeros(1, dtype=int),
        first=pd.Timestamp("2026-01-05"), days=1,
    )  # fmt: skip
    assert found.judged[0, 0] == pytest.approx(day.sentinels[0])
    assert found.flagged[0, 0] == pytest.approx(day.sentinels_flagged[0])


def test_rates_are_means_and_labels_of_a_verdict_stand_for_as_much_as_has_it():
    scenario = panel_of(
        PanelJudge(0.9, 0.3), PanelJudge(), PanelJudge(), shares=(1.0,), relative_rates=(1.0,)
    )
    years = years_of(scenario)
    traffic = years.next_day()
    told = figures(scenario, traffic, years.label(traffic, *NOBODY), *NOBODY[:1] * 2)
    mean = traffic.votes[:, 0] @ [1, 2 / 3, 1 / 3, 0] / traffic.n[:, 0]
    assert told.rate[:, 0] == pytest.approx(mean)
    flagged = traffic.flagged[:, 0] / traffic.n[:, 0]
    labels = told.labels
    assert labels.shares[:, 0] == pytest.approx(flagged)
    assert labels.above[:, 0] == pytest.approx(flagged - mean)
    for verdict, share in enumerate((flagged, 1 - flagged)):
        weight = np.where(labels.stratum == verdict, labels.n * labels.scale, 0).sum(axis=1)
        assert weight / labels.total == pytest.approx(share)


@pytest.mark.parametrize("dependence", [0.0, 0.6])
def test_a_judge_of_a_panel_that_changes_in_sight_of_sentinels_does_not_page(dependence):
    laxer = PanelJudge(false_positives_shift=0.15)
    judges = (laxer, PanelJudge(), PanelJudge())
    scenario = panel_of(*judges, dependence=dependence, change_day=60)
    found = run_years(scenario, 120, budget(40, 20.0), seed=3)
    assert found.judge[:, 60:].any(axis=1).all()
    assert found.page.any(axis=(1, 2)).mean() < 0.1


def test_what_comes_late_is_late_whatever_the_judges_say():
    scenario = panel_of(*[PanelJudge(0.7, 0.2)] * 3, late_share=0.3, late_days=2)
    years, lost, of = years_of(scenario), np.zeros(4), np.zeros(4)
    for _ in range(20):
        whole = years.next_day()
        seen = years.on_time(whole)
        assert (seen.votes >= 0).all()
        lost += (whole.votes - seen.votes).sum(axis=(0, 1))
        of += whole.votes.sum(axis=(0, 1))
    for place in range(4):
        assert plausible(lost[place], of[place], 0.3)


@given(
    rates=st.lists(st.tuples(RATE, RATE), min_size=1, max_size=4),
    dependence=RATE,
    prevalence=st.floats(0.01, 0.5),
    effect=st.floats(1, 3),
)
def test_no_more_messages_are_told_than_there_are_and_no_fewer_than_of_one_judge(
    rates, dependence, prevalence, effect
):
    votes, _ = Panel(tuple(PanelJudge(*each) for each in rates), dependence).votes(np.zeros(1))
    found = precision(votes[0], prevalence, effect)
    assert 1 - 1e-9 <= found <= effect + 1e-9
    if len(rates) == 1:
        assert found == pytest.approx(1)


def test_a_panel_that_errs_apart_is_told_with_its_own_variance():
    scenario = panel_of(*[PanelJudge()] * 3, dependence=0.0, weekend_effect=0, design_effect=3.0)
    years, found = years_of(scenario, 60), []
    for _ in range(60):
        day = years.next_day()
        own = (day.rate[:, 4] - 0.13) ** 2 * day.n[:, 4]
        found.append(own.mean())
    assert np.mean(found) / (0.13 * 0.87) == pytest.approx(1 / told_precision(scenario), rel=0.05)
    told = figures(scenario, day, years.label(day, *NOBODY), *NOBODY[:1] * 2)
    assert told.n[:, 5] == pytest.approx(day.n[:, 4] * told_precision(scenario))
    assert told_precision(Scenario(design_effect=3.0)) == 1


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("sensitivity", lambda: PanelJudge(sensitivity=1.1)),
        ("sensitivity", lambda: PanelJudge(sensitivity_shift=0.2)),
        ("false_positives", lambda: PanelJudge(false_positives=-0.1)),
        ("false_positives", lambda: PanelJudge(false_positives_shift=0.96)),
        ("false_positives", lambda: PanelJudge(false_positives=math.nan)),
        ("ramp", lambda: PanelJudge(ramp=-1)),
        ("judges", lambda: Panel(())),
        ("dependence", lambda: Panel((PanelJudge(),), 1.1)),
        ("masked", lambda: panel_of(PanelJudge(), masked=True)),
        ("sensitivity", lambda: panel_of(PanelJudge(), sensitivity=0.9)),
        ("false_positives_shift", lambda: panel_of(PanelJudge(), false_positives_shift=0.1)),
        ("sentinels_see", lambda: panel_of(PanelJudge(), sentinels_see=False)),
    ],
)
def test_an_impossible_panel_is_refused_by_the_name_of_its_field(field, make):
    with pytest.raises(ValueError, match=field):
        make()


@given(
    rates=st.lists(st.tuples(RATE, RATE), min_size=1, max_size=3),
    dependence=RATE,
    effect=st.floats(0, 0.05),
)
@settings(max_examples=30)
def test_no_panel_that_is_accepted_draws_an_impossible_day(rates, dependence, effect):
    panel = Panel(tuple(PanelJudge(*each) for each in rates), dependence)
    years = years_of(replace(Scenario(effect_deviation=effect), panel=panel), 2, replicates=20)
    with np.errstate(invalid="ignore", divide="ignore"):
        day = years.next_day()
    assert (day.votes >= 0).all()
    assert ((day.rate >= 0) & (day.rate <= 1)).all()
    assert (day.flagged <= day.n).all()
