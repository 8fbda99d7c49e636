import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from alignment_monitor.sampling.design import (
    Candidate,
    conversation_rates,
    draw_sample,
    message_probabilities,
    systematic,
    uniform,
)
from alignment_monitor.settings import Sampling

weights = st.lists(st.floats(0.1, 20), min_size=1, max_size=30)


def candidates(count, day="d"):
    cycle = [
        {1: "plain"},
        {1: "cued", 3: "pushback"},
        {1: "vulnerable"},
        {1: "cued", 3: "plain", 5: "pushback"},
    ]
    return [
        Candidate(f"{day}-{i}", "m", "m-1", f"s{i % 3}", f"user-{i}", cycle[i % 4])
        for i in range(count)
    ]


LEARNED = {("m", "s0", "plain"): 2.0, ("m", "s1", "cued"): 0.4, ("m", "s1", "pushback"): 9.0}


def crowded(count=240):
    """A user with a quarter of all conversations, all long, and others with few each."""
    return [
        Candidate(
            candidate.conversation_id,
            "m",
            "m-1",
            candidate.segment,
            "loud" if i % 4 == 3 else f"user-{i % 60}",
            candidate.buckets,
        )
        for i, candidate in enumerate(candidates(count))
    ]


@given(weights, st.integers(1, 5))
def test_message_probabilities_sum_to_the_count(w, count):
    p = message_probabilities(w, count)
    assert math.isclose(sum(p), min(count, len(w)), rel_tol=1e-9)
    assert all(0 < x <= 1 for x in p)


@given(weights, st.integers(1, 5), st.floats(0, 0.999999))
def test_systematic_sampling_draws_exactly_the_count(w, count, start):
    p = message_probabilities(w, count)
    assert abs(len(systematic(p, start)) - min(count, len(w))) <= 0


def test_systematic_sampling_keeps_each_probability():
    p = message_probabilities([3, 1, 0.5, 0.5], 2)
    starts = [(i + 0.5) / 2000 for i in range(2000)]
    drawn = Counter(position for start in starts for position in systematic(p, start))
    for position, probability in enumerate(p):
        assert drawn[position] / 2000 == pytest.approx(probability, abs=2e-3)


@settings(max_examples=40)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 3))
def test_samples_are_nested(low, more, per_conversation):
    pool = candidates(400)

    def chosen(target):
        design = Sampling(messages_per_day=target, messages_per_conversation=per_conversation)
        draws = draw_sample(pool, design, calls=10_000, key="k")
        return {(d.candidate.conversation_id, d.message_index) for d in draws}

    assert chosen(low) <= chosen(low + more)


def test_the_sample_has_the_size_asked_for_and_honest_probabilities():
    design = Sampling(messages_per_day=120)
    sizes, weighted = [], []
    for day in range(200):
        draws = draw_sample(candidates(400, f"d{day}"), design, calls=10_000, key="k")
        sizes.append(len(draws))
        weighted.append(
            sum(1 / (d.conversation_probability * d.message_probability) for d in draws)
        )
    messages = sum(len(c.buckets) for c in candidates(400))
    assert sum(sizes) / 200 == pytest.approx(120, rel=0.03)
    assert sum(weighted) / 200 == pytest.approx(messages, rel=0.03)


def test_pressure_is_sampled_more_but_nothing_has_no_chance():
    draws = draw_sample(candidates(4000), Sampling(), calls=10_000, key="k")
    rates = {d.candidate.bucket: d.conversation_probability for d in draws}
    assert rates["vulnerable"] > rates["plain"] > 0


def test_the_budget_lowers_rates_and_what_it_costs_is_named():
    design = Sampling(messages_per_day=200)
    pool = candidates(800)
    free = draw_sample(pool, design, calls=10_000, key="k")
    capped = draw_sample(pool, design, calls=60, key="k")
    kept = [d for d in capped if d.selected]
    assert {d.candidate.conversation_id for d in capped} == {
        d.candidate.conversation_id for d in free
    }
    assert len(kept) == 60
    assert all(not d.selected for d in capped if d not in kept)
    # Not a truncation by order: what is kept is spread over the whole day.
    positions = sorted(int(d.candidate.conversation_id.split("-")[1]) for d in kept)
    assert positions[-1] > 600


@settings(max_examples=40)
@given(st.integers(1, 300), st.integers(0, 300), st.integers(1, 3))
def test_a_budget_is_never_exceeded_and_a_lower_one_draws_a_part_of_it(low, more, per_conversation):
    design = Sampling(messages_per_day=200, messages_per_conversation=per_conversation)

    def chosen(calls):
        draws = draw_sample(candidates(400), design, calls=calls, key="k")
        kept = {(d.candidate.conversation_id, d.message_index) for d in draws if d.selected}
        assert len(kept) <= calls
        return kept

    assert chosen(low) <= chosen(low + more)


def test_weights_stay_right_under_a_budget_of_a_third_of_the_need():
    design, events = Sampling(messages_per_day=120), []
    for day in range(300):
        draws = draw_sample(candidates(400, f"d{day}"), design, calls=36, key="k")
        kept = [d for d in draws if d.selected]
        assert len(kept) <= 36
        weights = [1 / (d.conversation_probability * d.message_probability) for d in kept]
        segment = sum(w for w, d in zip(weights, kept, strict=True) if d.candidate.segment == "s1")
        events.append((sum(weights), segment))
    pool = candidates(400)
    messages = sum(len(c.buckets) for c in pool)
    of_segment = sum(len(c.buckets) for c in pool if c.segment == "s1")
    total, part = (sum(column) / 300 for column in zip(*events, strict=True))
    spread = (sum((e[0] - total) ** 2 for e in events) / 299) ** 0.5
    assert abs(total - messages) < 4 * spread / 300**0.5
    assert part == pytest.approx(of_segment, rel=0.05)


def total_of(draws, values):
    """The Horvitz-Thompson total of what was selected."""
    return sum(
        values[d.candidate.conversation_id, d.message_index]
        / (d.conversation_probability * d.message_probability)
        for d in draws
        if d.selected
    )


@pytest.fixture(scope="module")
def events():
    """A value of each message: rare, more frequent with the loud user, where drawn least too."""
    rng = np.random.default_rng(5)
    return {
        (c.conversation_id, index): float(rng.random() < (0.5 if c.user_key == "loud" else 0.1))
        for c in crowded()
        for index in c.buckets
    }


@pytest.mark.parametrize(("calls", "per_conversation"), [(10_000, 1), (25, 1), (25, 2)])
def test_totals_are_unbiased_under_cap_learned_boosts_and_budget(events, calls, per_conversation):
    design = Sampling(
        messages_per_day=60,
        messages_per_user_per_day=4,
        messages_per_conversation=per_conversation,
    )
    totals, users = [], []
    for key in range(400):
        draws = draw_sample(crowded(), design, calls=calls, key=str(key), boosts=LEARNED)
        totals.append(total_of(draws, events))
        users.append(sum(d.candidate.user_key == "loud" for d in draws if d.selected))
    z = (np.mean(totals) - sum(events.values())) / (np.std(totals, ddof=1) / 20)
    assert abs(z) < 3.9
    assert np.mean(users) < 4.3


def test_weights_that_forget_the_cap_are_wrong(events):
    design, pool = Sampling(messages_per_day=60, messages_per_user_per_day=4), crowded()
    free = design.model_copy(update={"messages_per_user_per_day": None})
    rates = conversation_rates(pool, [c.weights({}, free) for c in pool], free)
    rate_of = {c.conversation_id: rate for c, rate in zip(pool, rates, strict=True)}
    totals = [
        sum(
            events[d.candidate.conversation_id, d.message_index]
            / (rate_of[d.candidate.conversation_id] * d.message_probability)
            for d in draw_sample(pool, design, calls=10_000, key=str(key))
        )
        for key in range(100)
    ]
    z = (np.mean(totals) - sum(events.values())) / (np.std(totals, ddof=1) / 10)
    assert z < -4


def test_each_message_is_drawn_as_often_as_its_probability_says():
    """Conversations are drawn each on its own, so that counts over keys are binomial."""
    design, pool, keys = Sampling(messages_per_day=60), crowded(), 300
    drawn, chances = defaultdict(int), {}
    for key in range(keys):
        for d in draw_sample(pool, design, calls=10_000, key=str(key), boosts=LEARNED):
            kind = d.candidate.stratum, d.candidate.user_key == "loud", d.message_index
            chance = d.conversation_probability * d.message_probability
            drawn[kind, chance] += 1
            chances.setdefault(d.candidate.conversation_id, {})[d.message_index] = kind, chance
    assert len(chances) == len(pool)
    sizes = Counter(found for of_one in chances.values() for found in of_one.values())
    assert sum(sizes[kind, p] * p for kind, p in sizes) == pytest.approx(60, rel=0.02)
    for (kind, chance), count in drawn.items():
        test = binomtest(count, keys * sizes[kind, chance], chance)
        assert test.pvalue > 1e-5, kind


@settings(max_examples=30)
@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 3), st.none() | st.integers(1, 9))
def test_samples_are_nested_under_cap_and_learned_boosts(low, more, per_conversation, cap):
    def chosen(target):
        design = Sampling(
            messages_per_day=target,
            messages_per_conversation=per_conversation,
            messages_per_user_per_day=cap,
        )
        draws = draw_sample(crowded(), design, calls=10_000, key="k", boosts=LEARNED)
        return {(d.candidate.conversation_id, d.message_index) for d in draws}

    assert chosen(low) <= chosen(low + more)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(1, 300), st.integers(0, 100))
def test_the_order_in_which_conversations_come_does_not_matter(random, target, calls):
    pool, design = crowded(), Sampling(messages_per_day=target)
    first = draw_sample(pool, design, calls=calls, key="k", boosts=LEARNED)
    again = draw_sample(
        random.sample(pool, len(pool)), design, calls=calls, key="k", boosts=LEARNED
    )
    assert first == again


def test_equal_messages_have_equal_chances_in_short_and_long_conversations():
    pool = [
        Candidate(f"c{i}", "m", "m-1", "s", f"u{i}", {2 * n + 1: "cued" for n in range(i % 5 + 1)})
        for i in range(600)
    ]
    draws = draw_sample(pool, Sampling(messages_per_day=150), calls=10_000, key="k")
    chances = [d.conversation_probability * d.message_probability for d in draws]
    assert chances == pytest.approx([150 / 1800] * len(draws))


def test_a_place_that_no_design_knows_has_the_boost_of_its_bucket():
    pool = [
        Candidate(f"c{i}", "m", f"m-{i % 2}", f"s{i // 2 % 2}", f"u{i}", {1: "plain"})
        for i in range(400)
    ]
    draws = draw_sample(
        pool,
        Sampling(messages_per_day=100),
        calls=10_000,
        key="k",
        boosts={("m", "s0", "plain"): 1.5},
    )
    rates = {d.candidate.stratum: d.conversation_probability for d in draws}
    assert rates["m-0|s0|plain"] == rates["m-1|s0|plain"]  # a new deployment of a known family
    assert rates["m-0|s0|plain"] == pytest.approx(3 * rates["m-0|s1|plain"])


@given(st.text(), st.text())
def test_the_hash_is_a_number_in_the_unit_interval(key, name):
    assert 0 <= uniform(key, name) < 1
    assert uniform(key, name) == uniform(key, name)


def test_nothing_to_sample_gives_nothing():
    assert draw_sample([], Sampling(), calls=5, key="k") == []
