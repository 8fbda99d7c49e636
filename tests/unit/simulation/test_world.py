from collections import Counter
from datetime import timedelta
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.simulation.behaviours import (
    DEPLOYMENTS,
    event_rate,
    scenario_of,
    truth_of_days,
)
from alignment_monitor.simulation.scenario import Scenario, paths
from alignment_monitor.simulation.world import (
    FAMILY,
    deployment_of,
    simulate,
    simulate_day,
    simulated_days,
    true_rates,
)

RUBRIC = load_rubric()
DRIFTED = {"unwarranted_agreement", "caving", "warranted_challenge"}


@pytest.fixture(scope="module")
def messages(world) -> pd.DataFrame:
    """One row per assistant message: deployment, surface, the opportunity and every level."""
    return pd.DataFrame(
        {
            "deployment": conversation.raw.deployment,
            "surface": conversation.raw.segments["surface"],
            "position": position,
            "flag": next(iter(labels["opportunities"]), "none"),
            "status": labels["opportunities"].get("claim", {}).get("status"),
            **labels["levels"],
        }
        for conversation in world
        for position, labels in enumerate(conversation.labels)
    )


def same_distribution(messages: pd.DataFrame, column: str) -> float:
    return chi2_contingency(pd.crosstab(messages["deployment"], messages[column])).pvalue


def event(messages: pd.DataFrame, name: str) -> pd.Series:
    if name == "warranted_challenge":
        wrong = messages[messages["status"] == "wrong"]
        return wrong["unwarranted_agreement"] == 0
    return messages[name].dropna() >= 2


@pytest.mark.parametrize("name", [*RUBRIC.graded, *RUBRIC.derived])
@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_each_deployment_has_the_rates_that_are_stated(config, messages, name, deployment) -> None:
    stated = true_rates(config).set_index(["deployment", "behaviour"])["rate"]
    rate = stated[deployment, name]
    happened = event(messages[messages["deployment"] == deployment], name)
    assert len(happened) > 500
    assert abs(happened.mean() - rate) < 4 * sqrt(rate * (1 - rate) / len(happened))


def test_the_last_third_agrees_and_caves_more_and_challenges_less(config) -> None:
    rates = true_rates(config).pivot(index="behaviour", columns="deployment", values="rate")
    first, second, third = (rates[name] for name in DEPLOYMENTS)
    assert first.equals(second)
    assert third["unwarranted_agreement"] == pytest.approx(0.22)
    assert first["unwarranted_agreement"] == pytest.approx(0.08)
    assert (first["caving"], third["caving"]) == pytest.approx((0.10, 0.28))
    assert (first["warranted_challenge"], third["warranted_challenge"]) == pytest.approx(
        (0.75, 0.5)
    )
    assert set(rates.index[first != third]) == DRIFTED


@pytest.mark.parametrize("name", sorted(set(RUBRIC.graded) - DRIFTED))
def test_untouched_levels_keep_their_distribution_under_every_opportunity(messages, name) -> None:
    for _flag, group in messages.dropna(subset=[name]).groupby("flag"):
        assert same_distribution(group, name) > 1e-3


@pytest.mark.parametrize("column", ["flag", "surface", "position", "status"])
def test_the_mix_of_traffic_does_not_change(messages, column) -> None:
    assert same_distribution(messages, column) > 1e-3


def test_rates_hold_in_every_surface(config, messages) -> None:
    rate = true_rates(config).set_index(["deployment", "behaviour"])["rate"]
    for (deployment, _surface), group in messages.groupby(["deployment", "surface"]):
        happened = event(group, "unwarranted_agreement")
        p = rate[deployment, "unwarranted_agreement"]
        assert abs(happened.mean() - p) < 4 * sqrt(p * (1 - p) / len(happened))


def test_there_are_opportunities_enough(messages) -> None:
    share = messages["flag"].value_counts(normalize=True)
    expected = {"claim": 0.35, "work": 0.2, "pushback": 0.18, "conflict": 0.12, "vulnerable": 0.1}
    for flag, about in expected.items():
        assert share[flag] == pytest.approx(about, abs=0.02)
    assert 0.02 < share["none"] < 0.1
    assert (messages["status"].dropna() == "wrong").mean() == pytest.approx(0.5, abs=0.02)
    assert messages.loc[messages["flag"] == "pushback", "position"].min() == 1
    surfaces = pd.crosstab(messages["surface"], messages["flag"], normalize="index")
    assert surfaces.loc["coding", "work"] > 3 * surfaces.loc["wellbeing", "work"]


def test_labels_speak_the_language_of_the_rubric(world) -> None:
    for labels in (labels for conversation in world for labels in conversation.labels):
        present = labels["opportunities"]
        for flag, sides in present.items():
            assert sides.keys() == RUBRIC.opportunities[flag].side.keys()
            assert all(v in RUBRIC.opportunities[flag].side[side] for side, v in sides.items())
        applicable = {n for n, q in RUBRIC.behaviours.items() if present.keys() & set(q.needs)}
        assert labels["levels"].keys() == applicable | RUBRIC.guards.keys()
        assert labels["choices"].keys() == {
            name
            for name, c in RUBRIC.choices.items()
            if not c.needs or present.keys() & set(c.needs)
        }
        assert all(v in RUBRIC.choices[name].options for name, v in labels["choices"].items())
        assert labels["stance"] in RUBRIC.stance.levels


def test_every_reply_is_unique_and_most_questions_are(world) -> None:
    replies = [text for conversation in world for text, _ in conversation.labelled()]
    asked = [m.content for c in world for m in c.raw.messages if m.role == "user"]
    assert len(set(replies)) == len(replies)
    assert len(set(asked)) > 0.8 * len(asked)


def test_a_day_alone_is_the_day_within_the_whole(small_config) -> None:
    whole = list(simulate(small_config))
    for day in reversed(simulated_days(small_config)):
        within = [c for c in whole if c.raw.started_at.date() == day]
        assert simulate_day(small_config, day) == within


def test_the_seed_decides_everything(small_config) -> None:
    day = small_config.first_day
    other = small_config.model_copy(update={"seed": 8})
    assert simulate_day(small_config, day) == simulate_day(small_config, day)
    assert simulate_day(other, day) != simulate_day(small_config, day)


def test_the_same_seed_shows_the_same_on_any_date(small_config) -> None:
    later = timedelta(days=33)  # another day of the week
    moved = small_config.model_copy(update={"first_day": small_config.first_day + later})
    for day in simulated_days(small_config)[::5]:
        here, there = simulate_day(small_config, day), simulate_day(moved, day + later)
        assert [c.labels for c in here] == [c.labels for c in there]
        for one, other in zip(here, there, strict=True):
            assert other.raw.started_at - one.raw.started_at == later
            assert [m.content for m in one.raw.messages] == [m.content for m in other.raw.messages]
            same = ("conversation_id", "user_id", "deployment", "segments", "feedback")
            assert all(getattr(one.raw, name) == getattr(other.raw, name) for name in same)


def test_weekends_bring_as_much_less_as_the_scenario_says(world, config) -> None:
    per_day = Counter((c.raw.ended_at.date() - config.first_day).days for c in world)
    scenario = Scenario()
    known = paths(scenario, config.days)
    for weekend in (False, True):
        counts = [per_day[day] for day in range(config.days) if known.weekend[day] == weekend]
        mean = 300 * known.judged[known.weekend == weekend][0] / scenario.judged
        assert abs(sum(counts) - mean * len(counts)) < 5 * sqrt(mean * len(counts))


@pytest.mark.parametrize("name", ["substance", "coldness"])
def test_messages_of_a_user_are_alike_as_far_as_the_design_effect_says(world, name) -> None:
    sizes = Counter(len(c.labels) for c in world)
    events = [[labels["levels"][name] >= 2 for labels in c.labels] for c in world]
    rate = sum(map(sum, events)) / sum(map(len, events))
    between = sum((sum(each) - rate * len(each)) ** 2 for each in events)
    effect = between / (rate * (1 - rate) * sum(map(len, events)))
    assert effect == pytest.approx(Scenario().design_effect, abs=0.06)
    assert sizes[3] > 0.15 * len(world)


def test_rates_of_days_are_those_of_the_scenario_with_one_day_effect_for_all_surfaces() -> None:
    days = truth_of_days(7, 60, 300.0)
    scenario = scenario_of("caving", 60, 300.0)
    moved = [
        [event_rate(day.levels[surface]["caving"]) - true for surface in day.surfaces]
        for day, true in zip(days, paths(scenario, 60).truth[:, 0], strict=True)
    ]
    assert np.ptp(moved, axis=1).max() < 1e-12
    assert 0.001 < np.std([first for first, *_ in moved]) < 3 * scenario.effect_deviation
    assert all(sum(day.levels["coding"]["caving"]) == pytest.approx(1) for day in days)
    other = truth_of_days(8, 60, 300.0)
    assert days[3].levels != other[3].levels


def test_nothing_happens_outside_the_days_of_the_world(small_config) -> None:
    assert simulate_day(small_config, small_config.first_day - timedelta(days=1)) == []
    assert simulate_day(small_config, small_config.first_day + timedelta(days=12)) == []


@pytest.mark.parametrize(("days", "begins"), [(60, 40), (90, 60), (30, 20), (3, 2)])
def test_the_third_deployment_begins_after_two_thirds(config, days, begins) -> None:
    world = config.model_copy(update={"days": days})
    served = [deployment_of(world, day) for day in simulated_days(world)]
    assert served.index(DEPLOYMENTS[2]) == begins
    assert served == sorted(served)


def test_conversations_are_complete_and_end_on_their_day(world, config) -> None:
    per_day = Counter(c.raw.ended_at.date() for c in world)
    assert sorted(per_day) == simulated_days(config)
    assert sum(per_day.values()) / len(per_day) == pytest.approx(300, rel=0.03)
    assert len({c.raw.conversation_id for c in world}) == len(world)
    for conversation in world:
        raw = conversation.raw
        times = [message.created_at for message in raw.messages]
        assert times == sorted(times)
        assert (times[0], times[-1]) == (raw.started_at, raw.ended_at)
        assert [m.role for m in raw.messages] == ["user", "assistant"] * len(conversation.labels)
        assert 1 <= len(conversation.labels) <= 3
        assert raw.deployment_family == FAMILY


def test_some_users_return_often_and_keep_their_locale(world) -> None:
    visits = Counter(c.raw.user_id for c in world)
    locales = {(c.raw.user_id, c.raw.segments["locale"]) for c in world}
    assert max(visits.values()) > 20
    assert sum(n == 1 for n in visits.values()) > 500
    assert len(locales) == len(visits)


def test_agreement_and_praise_earn_thumbs_up(world) -> None:
    def ups(pleased: bool) -> float:
        chosen = [
            c.raw.feedback == "up"
            for c in world
            if pleased
            == any(
                labels["levels"].get(name, 0) >= 2
                for labels in c.labels
                for name in ("unwarranted_agreement", "caving", "unearned_praise")
            )
        ]
        return sum(chosen) / len(chosen)

    assert ups(True) > 2 * ups(False) > 0
