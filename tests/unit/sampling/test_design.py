import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.sampling.design import (
    Candidate,
    draw_sample,
    message_probabilities,
    stratum_rates,
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
    return [Candidate(f"{day}-{i}", "m-1", f"s{i % 3}", cycle[i % 4]) for i in range(count)]


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


@given(st.dictionaries(st.sampled_from([f"m|s|{b}" for b in ("vulnerable", "pushback", "cued",
       "plain")]), st.integers(1, 5000), min_size=1), st.floats(0.5, 3000))  # fmt: skip
def test_rates_are_probabilities_and_reach_the_target(sizes, target):
    rates = stratum_rates(sizes, target, Sampling())
    assert all(0 < rate <= 1 for rate in rates.values())
    expected = sum(rates[name] * n for name, n in sizes.items())
    assert expected == pytest.approx(min(target, sum(sizes.values())), rel=1e-6)


@given(st.text(), st.text())
def test_the_hash_is_a_number_in_the_unit_interval(key, name):
    assert 0 <= uniform(key, name) < 1
    assert uniform(key, name) == uniform(key, name)


def test_nothing_to_sample_gives_nothing():
    assert draw_sample([], Sampling(), calls=5, key="k") == []
