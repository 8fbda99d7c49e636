"""Simulated years show what their scenario says, and the detector finds gross things in them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from alignment_monitor.detection.engine import Engine
from alignment_monitor.detection.tiers import BURST
from alignment_monitor.simulation.daily import figures
from alignment_monitor.simulation.rebuilding import Rebuilding
from alignment_monitor.simulation.scenario import (
    MIX_TILT,
    SHARES,
    Scenario,
    day_effects,
    paths,
)
from alignment_monitor.simulation.years import Years, budget, run_years

NOBODY = (np.zeros(400, dtype=bool), np.full(400, -1))


def years_of(scenario, seed=1, replicates=400, days=20):
    return Years(scenario, replicates, days, np.random.default_rng(seed))


def plausible(hits, count, probability):
    """Whether a count lies where one in a billion does not."""
    tail = binom.cdf(hits, count, probability), binom.sf(hits - 1, count, probability)
    return min(tail) > 1e-9


def pooled(paths, day):
    """Judged rate of all traffic of a day."""
    hit, false = paths.errors[day]
    return paths.shares[day] @ (paths.truth[day] * hit + (1 - paths.truth[day]) * false)


def test_segments_have_the_shares_and_the_rates_of_the_scenario():
    scenario = Scenario(weekend_effect=0, design_effect=1)
    years, n, flagged = years_of(scenario), 0, 0
    for _ in range(20):
        day = years.next_day()
        n, flagged = n + day.n.sum(axis=0), flagged + day.flagged.sum(axis=0)
    truth = years.paths.truth[0]
    assert np.array(SHARES) @ truth == pytest.approx(scenario.prevalence)
    judged = truth * scenario.sensitivity + (1 - truth) * scenario.false_positives
    for index, share in enumerate(SHARES):
        assert plausible(n[index], n.sum(), share)
        assert plausible(flagged[index], n[index], judged[index])


def test_traffic_is_as_much_as_said_over_a_week_and_less_at_the_weekend():
    found = paths(Scenario(judged=700), 7)
    assert found.judged.mean() == pytest.approx(700)
    assert found.weekend.tolist() == [False] * 5 + [True] * 2
    assert found.judged[:5].min() > found.judged[5:].max()
    assert found.truth.mean(axis=0) == pytest.approx(paths(Scenario(weekend_effect=0), 7).truth[0])


def test_users_who_send_several_leave_fewer_effective_messages():
    alone, several = (years_of(Scenario(design_effect=d)).next_day().n.sum() for d in (1, 2))
    assert several == pytest.approx(alone / 2, rel=0.01)


def test_the_same_seed_draws_the_same_and_another_does_not():
    days = [years_of(Scenario(effect_deviation=0.01), seed).next_day() for seed in (1, 1, 2)]
    assert (days[0].flagged == days[1].flagged).all()
    assert (days[0].flagged != days[2].flagged).any()


def test_what_is_labelled_does_not_change_what_is_judged():
    shy, eager = years_of(Scenario()), years_of(Scenario())
    for day in range(3):
        traffic = [years.next_day() for years in (shy, eager)]
        assert (traffic[0].flagged == traffic[1].flagged).all(), day
        eager.label(traffic[1], np.ones(400, dtype=bool), np.full(400, -1))


def test_replicates_are_independent_and_day_effects_are_too():
    scenario = Scenario(effect_deviation=0.02)
    effects = day_effects(scenario, np.random.default_rng(1), 2000, 60)
    assert effects.std() == pytest.approx(0.02, rel=0.05)
    assert effects[:, -1].std() == pytest.approx(effects[:, 0].std(), rel=0.1)
    lagged = np.corrcoef(effects[:, :-1].ravel(), effects[:, 1:].ravel())[0, 1]
    assert lagged == pytest.approx(scenario.effect_correlation, abs=0.01)
    neighbours = np.corrcoef(effects[::2, 30], effects[1::2, 30])[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(1000)
    day = years_of(replace(scenario, effect_deviation=0.0)).next_day()
    rate = day.flagged.sum(axis=1) / day.n.sum(axis=1)
    assert abs(np.corrcoef(rate[::2], rate[1::2])[0, 1]) < 5 / np.sqrt(200)


def test_labels_are_drawn_from_what_was_judged_with_the_probability_that_is_told():
    years = years_of(Scenario())
    n, expected = np.zeros(2), np.zeros(2)
    events, hoped = np.zeros(2), np.zeros(2)
    for _ in range(20):
        day = years.next_day()
        gold = years.label(day, *NOBODY)
        assert (gold.n <= day.strata).all()
        assert (gold.n.sum(axis=1) == years.scenario.gold).all()
        assert not gold.burst.any()
        n += gold.n[:, 0].sum(axis=0)
        expected += (gold.probability * day.strata)[:, 0].sum(axis=0)
        events += gold.y.sum(axis=(0, 1))
        hoped += (gold.n * day.by_verdict).sum(axis=(0, 1))
    assert np.abs(n - expected).max() < 6 * np.sqrt(expected).max()
    labels = 400 * 20 * np.array(years.scenario.gold)
    for verdict in (0, 1):
        assert plausible(events[verdict], labels[verdict], hoped[verdict] / labels[verdict])


def test_a_burst_is_of_messages_without_a_label_and_stays_in_its_segment():
    years = years_of(Scenario())
    day = years.next_day()
    asked, where = np.arange(400) % 2 == 0, np.where(np.arange(400) % 4 == 0, 4, -1)
    gold = years.label(day, asked, where)
    assert (gold.n <= day.strata).all()
    local, everywhere = asked & (where == 4), asked & (where < 0)
    assert not gold.burst[~asked].any()
    # Of so many flagged there are fewer left than a burst wants: all of them are in it.
    left = day.strata.sum(axis=1)[everywhere] - years.scenario.gold
    assert np.array_equal(gold.burst[everywhere], np.minimum(left, BURST).sum(axis=1))
    # A segment of 8 % has fewer messages than a burst wants: all are labelled, each with certainty.
    small = day.strata[local, 4, 0] < BURST[0]
    assert small.any()
    assert (gold.n[local, 4, 0] == day.strata[local, 4, 0])[small].all()
    assert (gold.probability[local, 4, 0] == 1)[small].all()
    assert (gold.n[local, 3].sum(axis=1) < 20).all()


def test_where_nobody_labels_nobody_labels_a_burst():
    years = years_of(Scenario(gold=(0, 0)))
    gold = years.label(years.next_day(), np.ones(400, dtype=bool), np.full(400, -1))
    assert not gold.n.any()
    assert not gold.burst.any()


@pytest.mark.parametrize("segment", [-1, 6])
def test_labels_weighted_as_the_detector_has_them_estimate_the_true_rate(segment):
    scenario = Scenario(weekend_effect=0)
    years = years_of(scenario, replicates=2000, days=3)
    asked, where = np.ones(2000, dtype=bool), np.full(2000, segment)
    found = []
    for _ in range(3):
        traffic = years.next_day()
        gold = years.label(traffic, asked, where)
        labels = figures(scenario, traffic, gold, ~asked, asked).labels
        found.append((labels.y * labels.scale).sum(axis=1) / labels.total)
    error = np.std(found) / np.sqrt(np.size(found))
    assert np.mean(found) == pytest.approx(scenario.prevalence, abs=5 * error)


def test_a_mask_keeps_the_judged_rate_while_the_true_one_rises():
    scenario = Scenario(change_day=10, rise=0.05, ramp=5, masked=True, weekend_effect=0)
    found = paths(scenario, 20)
    judged = [pooled(found, day) for day in range(20)]
    assert judged == pytest.approx([judged[0]] * 20)
    truth = found.truth @ np.array(SHARES)
    assert truth[[9, 10, 14, 19]] == pytest.approx([0.10, 0.11, 0.15, 0.15])
    assert found.errors[19, 0] < scenario.sensitivity
    assert (found.seen_errors == found.errors).all()
    blind = paths(replace(scenario, sentinels_see=False), 20)
    assert (blind.seen_errors[:, 0] == scenario.sensitivity).all()
    assert (blind.errors == found.errors).all()


def test_traffic_moves_the_judged_rate_and_no_rate_of_a_segment():
    found = paths(Scenario(change_day=7, mix_tilt=MIX_TILT, weekend_effect=0), 14)
    assert (found.truth[13] == found.truth[0]).all()
    assert pooled(found, 13) > pooled(found, 0) + 0.01
    assert found.shares.sum(axis=1) == pytest.approx(np.ones(14))


def test_a_change_is_where_it_is_said_to_be():
    found = paths(Scenario(change_day=7, segment=4, segment_rise=0.15, weekend_effect=0), 14)
    moved = found.truth[13] - found.truth[6]
    assert moved == pytest.approx([0, 0, 0, 0, 0.15, 0, 0, 0])
    down = paths(Scenario(change_day=7, rise=-0.05, weekend_effect=0), 14)
    assert (down.truth[13] - down.truth[6]) @ np.array(SHARES) == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("prevalence", {"prevalence": 0.0}),
        ("prevalence", {"rise": -0.10}),
        ("shares", {"shares": (0.5, 0.6), "relative_rates": (1.0, 1.0)}),
        ("relative_rates", {"shares": (0.5, 0.5)}),
        ("mix_tilt", {"mix_tilt": (1.0,)}),
        ("design_effect", {"design_effect": 0.9}),
        ("effect_correlation", {"effect_correlation": 1.0}),
        ("weekday_volume", {"weekday_volume": 1.5}),
        ("false_positives", {"false_positives_shift": 0.96}),
        ("sensitivity", {"sensitivity_shift": 0.2}),
        ("sensitivity", {"rise": -0.05, "masked": True}),
        ("masked", {"masked": True, "sensitivity_shift": -0.1}),
        ("segment", {"segment": 8}),
        ("segment_rise", {"segment_rise": 0.1}),
        ("change_day", {"change_day": -1}),
        ("gold", {"gold": (-1, 5)}),
        ("late_share", {"late_share": 0.1}),
        ("late_days", {"late_share": 0.1, "late_days": -1}),
    ],
)
def test_an_impossible_scenario_is_refused_by_the_name_of_its_field(field, changes):
    with pytest.raises(ValueError, match=field):
        Scenario(**changes)


@given(
    prevalence=st.floats(0.02, 0.4),
    rise=st.floats(-0.015, 0.5),
    effect=st.floats(0, 0.05),
    masked=st.booleans(),
    tilt=st.sampled_from([(), MIX_TILT]),
)
@settings(max_examples=40)
def test_no_scenario_that_is_accepted_draws_an_impossible_day(
    prevalence, rise, effect, masked, tilt
):
    try:
        scenario = Scenario(
            prevalence=prevalence, change_day=2, rise=rise, masked=masked, mix_tilt=tilt,
            effect_deviation=effect,
        )  # fmt: skip
    except ValueError:
        return
    years = years_of(scenario, replicates=20, days=4)
    for _ in range(4):
        day = years.next_day()
        gold = years.label(day, np.ones(20, dtype=bool), np.full(20, -1))
        assert ((day.truth > 0) & (day.truth < 1)).all()
        assert (day.flagged <= day.n).all()
        assert (gold.y <= gold.n).all()
        assert ((gold.probability >= 0) & (gold.probability <= 1)).all()


def test_an_empty_segment_has_no_rate_and_the_others_stand_for_it():
    shares = (0.989, 0.01, 0.001)
    scenario = Scenario(shares=shares, relative_rates=(1.0,) * 3)
    years = years_of(scenario)
    traffic = years.next_day()
    gold = years.label(traffic, *NOBODY)
    day = figures(scenario, traffic, gold, np.ones(400, dtype=bool), NOBODY[0])
    empty = traffic.n[:, 2] == 0
    assert empty.any()
    assert (np.isnan(day.rate[:, 3]) == empty).all()
    assert np.isfinite(day.rate[:, 0]).all()
    assert np.isfinite(day.labels.scale).all()


def test_most_large_changes_are_found_in_days_and_few_quiet_years_page():
    changed = run_years(Scenario(change_day=70, rise=0.10), 80, budget(40, 20.0), seed=3)
    assert changed.page[:, 70:, 0].any(axis=1).mean() > 0.9
    assert not changed.page[:, :56].any()
    quiet = run_years(Scenario(), 150, budget(40, 20.0), seed=3)
    assert quiet.page.any(axis=(1, 2)).mean() < 0.2
    assert quiet.watched_years == pytest.approx(40 * (150 - 56) / 365.25)
    assert (quiet.labels == 20).all()
    again = run_years(Scenario(), 150, budget(40, 20.0), seed=3)
    assert (again.opened == quiet.opened).all()
    assert (again.burst_labels == quiet.burst_labels).all()


def test_a_judge_that_changes_in_sight_of_sentinels_is_found_and_its_labels_asked_for():
    scenario = Scenario(change_day=70, false_positives_shift=0.15)
    found = run_years(scenario, 80, budget(40, 20.0), seed=3)
    assert found.judge[:, 70:].any(axis=1).mean() > 0.9
    assert found.burst[:, 71:].any(axis=1).mean() > 0.9
    assert (found.burst == (found.burst_labels > 0)).all()


def test_a_budget_is_shared_by_directions_and_series():
    alone, many = budget(1, 5.0), budget(3, 5.0, together=96)
    assert np.exp(alone.log_page) == pytest.approx(365.25 * 5 * 2)
    assert np.exp(many.log_page - alone.log_page) == pytest.approx([96] * 3)


def test_what_comes_late_is_late_whatever_it_says_and_nothing_else_is_drawn_otherwise():
    years, plain = years_of(Scenario(late_share=0.3, late_days=2)), years_of(Scenario())
    lost, of = np.zeros(2), np.zeros(2)
    for _ in range(20):
        whole = years.next_day()
        assert (whole.flagged == plain.next_day().flagged).all()
        seen = years.on_time(whole)
        late = whole.strata - seen.strata
        assert (late >= 0).all()
        assert (seen.sentinels_flagged == whole.sentinels_flagged).all()
        assert (years.label(seen, *NOBODY).n <= seen.strata).all()
        lost, of = lost + late.sum(axis=(0, 1)), of + whole.strata.sum(axis=(0, 1))
    for verdict in (0, 1):
        assert plausible(lost[verdict], of[verdict], 0.3)


@pytest.fixture
def known_days():
    """Days of twenty series with a rise, as they are known at last."""
    scenario = Scenario(change_day=35, rise=0.15)
    years, quiet = years_of(scenario, replicates=20, days=42), np.zeros(20, dtype=bool)
    found = []
    for day in range(42):
        traffic = years.next_day()
        gold = years.label(traffic, quiet, np.full(20, -1))
        found.append(figures(scenario, traffic, gold, np.full(20, day < 28), quiet))
    return found


@pytest.mark.parametrize("late_days", [0, 2])
def test_where_nothing_is_lacking_building_again_changes_no_decision(known_days, late_days):
    plain = Engine(20, len(SHARES), budget(20, 20.0))
    rebuilding = Rebuilding(Engine(20, len(SHARES), budget(20, 20.0)), late_days)
    pages = np.zeros((2, 20, 2), dtype=int)
    for day in known_days:
        told, (again, paged) = plain.step(day), rebuilding.step(day, day, plain.budget)
        assert np.array_equal(told.judged, again.judged)
        assert np.array_equal(told.verdict.page, again.verdict.page)
        pages += [told.verdict.page, paged]
    assert pages[0, :, 0].mean() > 0.8
    assert np.array_equal(*pages)


def test_what_was_lacking_shows_on_its_days_and_leaves_no_trace_when_it_has_come(known_days):
    plain = Engine(20, len(SHARES), budget(20, 20.0))
    rebuilding = Rebuilding(Engine(20, len(SHARES), budget(20, 20.0)), 2)
    for number, day in enumerate(known_days):
        lacking = replace(day, rate=day.rate + 0.2) if number in (33, 34) else day
        told, (again, _) = plain.step(day), rebuilding.step(lacking, day, plain.budget)
        same = np.array_equal(told.judged, again.judged)
        # The day after its two days of lateness has all data of both.
        assert same == (number not in (33, 34, 35)), number
