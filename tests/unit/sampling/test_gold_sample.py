import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from alignment_monitor.sampling.gold import (
    FLOOR,
    JudgedMessage,
    Verdict,
    allocate,
    draw_gold,
    number_of,
)

DAY = date(2026, 11, 6)
POSITIVE = Verdict(frozenset({"caving"}), opportunity=True)
NEGATIVE = Verdict(frozenset(), opportunity=True)
NOTHING = Verdict(frozenset(), opportunity=False)
SINGLE = st.sampled_from([(POSITIVE,), (NEGATIVE,), (NOTHING,)])
PAIRS = st.tuples(*[st.sampled_from([POSITIVE, NEGATIVE, NOTHING])] * 2)


@st.composite
def samples(draw):
    """A judged sample of one or two judges, with any weights."""
    panel = draw(st.sampled_from([SINGLE, PAIRS]))
    given = draw(st.lists(st.tuples(panel, st.floats(1, 200)), min_size=1, max_size=150))
    return [message(number, verdicts, weight) for number, (verdicts, weight) in enumerate(given)]


def message(number, verdicts, weight=2.0, day=DAY):
    return JudgedMessage(day, f"c{number}", 1, weight, tuple(verdicts))


def ordinary(count=600, day=DAY):
    """Few messages that judges flag, more without a finding, most without an opportunity."""
    cycle = [(POSITIVE,), (NEGATIVE,), (NEGATIVE,), (NOTHING,), (NOTHING,), (NOTHING,)]
    return [message(n, cycle[n % 6], (1.5, 4.0, 9.0)[n // 6 % 3], day) for n in range(count)]


def sizes_of(messages):
    found = {}
    for one in messages:
        found[one.stratum] = found.get(one.stratum, 0) + 1
    return found


@pytest.mark.parametrize(
    ("verdicts", "stratum"),
    [
        ((POSITIVE,), "positive|agreed"),
        ((NEGATIVE, NEGATIVE), "negative|agreed"),
        ((NEGATIVE, NOTHING), "negative|split"),
        ((POSITIVE, NOTHING), "positive|split"),
        ((POSITIVE, Verdict(frozenset({"caving", "x"}), opportunity=True)), "positive|split"),
        ((NOTHING, NOTHING), "no_opportunity|agreed"),
    ],
)
def test_a_stratum_is_what_was_seen_and_whether_the_judges_agree(verdicts, stratum):
    assert message(0, verdicts).stratum == stratum


@given(samples(), st.integers(1, 200))
def test_every_message_has_a_chance_and_all_chances_sum_to_what_was_asked(judged, n):
    expected, sizes = allocate(judged, n), sizes_of(judged)
    assert expected.keys() == sizes.keys()
    assert all(0 < expected[name] / size <= 1 + 1e-12 for name, size in sizes.items())
    assert math.isclose(sum(expected.values()), min(n, len(judged)), rel_tol=1e-9)


@given(samples(), st.integers(1, 200))
def test_a_floor_holds_wherever_it_can(judged, n):
    expected, sizes = allocate(judged, n), sizes_of(judged)
    floors = {name: min(FLOOR, size) for name, size in sizes.items()}
    if n >= sum(floors.values()):
        assert all(expected[name] >= floor - 1e-9 for name, floor in floors.items())


@given(samples(), st.integers(1, 150), st.integers(0, 100))
def test_more_labels_are_a_superset(judged, n, more):
    fewer = {item.message: item for item in draw_gold(judged, n, key="k")}
    all_of_them = {item.message: item for item in draw_gold(judged, n + more, key="k")}
    assert fewer.keys() <= all_of_them.keys()
    for one, item in fewer.items():
        larger = all_of_them[one].inclusion_probability
        assert 0 < item.inclusion_probability <= larger + 1e-9
        assert larger <= 1


@given(samples())
def test_asking_for_all_of_them_draws_all_of_them(judged):
    items = draw_gold(judged, len(judged), key="k")
    assert [item.message for item in items] == judged
    assert {item.inclusion_probability for item in items} == {1.0}


@given(st.data(), st.integers(20, 80))
def test_no_allocation_has_a_smaller_variance(data, n):
    """Moving a label from one stratum to another, within the limits, never helps."""
    weight = data.draw(st.floats(1, 200))
    judged = ordinary(120) + [
        message(1000 + number, (verdict,), data.draw(st.sampled_from([1.0, weight])))
        for number in range(60)
        for verdict in [(POSITIVE, NEGATIVE, NOTHING)[number % 3]]
    ]
    expected, sizes = allocate(judged, n), sizes_of(judged)
    gain = {name: gain_of(judged, name) ** 2 / expected[name] ** 2 for name in sizes}
    giving = [name for name in sizes if expected[name] > min(FLOOR, sizes[name]) + 1e-6]
    taking = [name for name in sizes if expected[name] < sizes[name] - 1e-6]
    assert giving
    assert taking
    for giver in giving:
        for taker in taking:
            assert gain[taker] <= gain[giver] * (1 + 1e-6)


def gain_of(judged, stratum):
    """W S with the weights' spread, up to a factor: the formula of the source, written out."""
    weights = np.array([one.weight for one in judged if one.stratum == stratum])
    prior = {"positive": 0.5, "negative": 0.1, "no_opportunity": 0.05}[stratum.split("|")[0]]
    spread = 1 + weights.var() / weights.mean() ** 2
    boost = 2.0 if stratum.endswith("split") else 1.0
    return weights.sum() * math.sqrt(prior * (1 - prior) * spread) * boost


def test_disagreement_draws_labels():
    judged = [message(n, (POSITIVE, (POSITIVE, NEGATIVE)[n % 2])) for n in range(400)]
    expected = allocate(judged, 60)
    assert expected["positive|split"] == pytest.approx(2 * expected["positive|agreed"])


def test_labels_so_far_move_labels_to_where_the_judge_errs():
    judged = ordinary()
    before = allocate(judged, 60)
    sure = {"positive|agreed": (40, 40), "negative|agreed": (20, 40)}
    after = allocate(judged, 60, sure)
    assert after["positive|agreed"] < before["positive|agreed"]
    assert after["negative|agreed"] > before["negative|agreed"]


def test_each_message_is_drawn_as_often_as_its_probability_says():
    judged = ordinary(300)
    expected, sizes = allocate(judged, 40), sizes_of(judged)
    drawn = dict.fromkeys(sizes, 0)
    keys = 120
    for key in range(keys):
        for item in draw_gold(judged, 40, key=str(key)):
            drawn[item.stratum] += 1
    for name, size in sizes.items():
        test = binomtest(drawn[name], keys * size, expected[name] / size)
        assert test.pvalue > 1e-4, name


def estimates(judged, truth, keys, *, n=60, ignore=False):
    """The two-phase total (Horvitz and Thompson) and rate (Hájek) for each key."""
    totals, rates = [], []
    for key in range(keys):
        items = draw_gold(judged, n, key=str(key))
        w = np.array(
            [i.message.weight / (1.0 if ignore else i.inclusion_probability) for i in items]
        )
        y = np.array([truth[i.message.conversation_id] for i in items])
        totals.append((w * y).sum())
        rates.append((w * y).sum() / w.sum())
    return np.array(totals), np.array(rates)


@pytest.fixture(scope="module")
def world():
    """A judge that errs both ways, more often on messages of a heavy weight."""
    judged, rng = ordinary(), np.random.default_rng(4)
    chance = {"positive|agreed": 0.6, "negative|agreed": 0.08, "no_opportunity|agreed": 0.02}
    truth = {
        one.conversation_id: float(
            rng.random() < min(1.0, chance[one.stratum] * (1 + one.weight / 9))
        )
        for one in judged
    }
    weight = np.array([one.weight for one in judged])
    y = np.array([truth[one.conversation_id] for one in judged])
    return judged, truth, (weight * y).sum(), (weight * y).sum() / weight.sum()


def z_of(values, true):
    return (values.mean() - true) / (values.std(ddof=1) / math.sqrt(len(values)))


def test_the_two_phase_estimate_is_unbiased_and_needs_its_probabilities(world):
    judged, truth, total, rate = world
    totals, rates = estimates(judged, truth, keys=400)
    assert abs(z_of(totals, total)) < 3.9
    assert rates.mean() == pytest.approx(rate, abs=0.02 * rate + 0.003)  # a ratio: O(1/n) bias
    _, naive = estimates(judged, truth, keys=200, ignore=True)
    assert z_of(naive, rate) > 4


def test_samples_that_overlap_stay_unbiased_with_the_larger_probability(world):
    """A week that was drawn from, and half of it again for more: as the queue keeps them."""
    judged, truth, total, _ = world
    totals = []
    for key in map(str, range(300)):
        queue = {}
        for part, n in ((judged, 40), (judged[:300], 60)):
            sizes, expected = sizes_of(part), allocate(part, n)
            shares = {name: expected[name] / size for name, size in sizes.items()}
            chosen = {item.message for item in draw_gold(part, n, key=key)}
            for one in part:
                if one in chosen or one in queue:
                    queue[one] = max(queue.get(one, 0.0), shares[one.stratum])
        totals.append(sum(one.weight * truth[one.conversation_id] / p for one, p in queue.items()))
    assert abs(z_of(np.array(totals), total)) < 3.9


@settings(max_examples=50)
@given(st.text(max_size=8))
def test_the_number_of_a_message_depends_on_its_day_too(key):
    other = message(0, (NOTHING,), day=date(2026, 11, 7))
    assert number_of(message(0, (NOTHING,)), key) != number_of(other, key)


def test_nothing_judged_gives_nothing_and_no_labels_are_refused():
    assert draw_gold([], 5, key="k") == []
    with pytest.raises(ValueError, match="ask for 1 or more"):
        draw_gold(ordinary(12), 0, key="k")
