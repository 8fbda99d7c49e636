import math
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.sampling.strata import Unit, inclusion_probabilities, user_ceilings

UNITS = st.lists(
    st.builds(
        Unit,
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["ann", "bob", "cem", "dee", "eve"]),
        st.integers(1, 3),
        st.sampled_from([0.05, 0.5, 1.5, 3.0, 40.0]),
    ),
    min_size=1,
    max_size=80,
)
TARGET = st.floats(0.5, 300)
CAP = st.none() | st.integers(1, 20)
MINIMUM = st.integers(0, 6)


def expected(units, probabilities, by):
    found = defaultdict(float)
    for unit, p in zip(units, probabilities, strict=True):
        found[by(unit)] += unit.messages * p
    return found


@given(UNITS, TARGET, MINIMUM, CAP)
def test_every_conversation_has_a_chance_and_the_expected_sample_is_the_target(
    units, target, minimum, cap
):
    found = inclusion_probabilities(units, target, minimum=minimum, per_user=cap)
    assert all(0 < p <= 1 for p in found)
    ceilings = user_ceilings(units, cap)
    possible = sum(unit.messages * c for unit, c in zip(units, ceilings, strict=True))
    drawn = sum(unit.messages * p for unit, p in zip(units, found, strict=True))
    assert drawn == pytest.approx(min(target, possible), rel=1e-9)


@given(UNITS, TARGET, MINIMUM, st.integers(1, 20))
def test_no_user_is_expected_above_the_cap_and_who_stays_below_is_not_touched(
    units, target, minimum, cap
):
    found = inclusion_probabilities(units, target, minimum=minimum, per_user=cap)
    drawn = expected(units, found, lambda unit: unit.user)
    assert all(messages <= cap * (1 + 1e-9) for messages in drawn.values())
    offered = expected(units, [1.0] * len(units), lambda unit: unit.user)
    for unit, ceiling in zip(units, user_ceilings(units, cap), strict=True):
        assert ceiling == 1.0 or offered[unit.user] > cap
        assert ceiling > 0


@given(UNITS, TARGET, st.floats(0, 100), MINIMUM, CAP)
def test_no_probability_falls_as_the_target_grows(units, target, more, minimum, cap):
    low, high = (
        inclusion_probabilities(units, t, minimum=minimum, per_user=cap)
        for t in (target, target + more)
    )
    assert all(a <= b for a, b in zip(low, high, strict=True))


@given(UNITS, TARGET, MINIMUM, CAP)
def test_each_stratum_has_its_floor_where_users_let_it(units, target, minimum, cap):
    found = inclusion_probabilities(units, target, minimum=minimum, per_user=cap)
    possible = expected(units, user_ceilings(units, cap), lambda unit: unit.stratum)
    floors = {name: min(minimum, most) for name, most in possible.items()}
    if target >= math.fsum(floors.values()):
        drawn = expected(units, found, lambda unit: unit.stratum)
        assert all(drawn[name] >= floor * (1 - 1e-9) for name, floor in floors.items())


@settings(max_examples=60)
@given(UNITS, TARGET, MINIMUM, CAP, st.randoms(use_true_random=False))
def test_neither_order_nor_names_of_strata_and_users_matter(units, target, minimum, cap, random):
    strata = dict(zip("abcd", random.sample("wxyz", 4), strict=True))
    renamed = [replace(u, stratum=strata[u.stratum], user=f"{u.user}!") for u in units]
    order = random.sample(range(len(units)), len(units))
    found = inclusion_probabilities(units, target, minimum=minimum, per_user=cap)
    again = inclusion_probabilities(
        [renamed[place] for place in order], target, minimum=minimum, per_user=cap
    )
    assert again == [found[place] for place in order]


@given(UNITS, TARGET)
def test_without_floor_and_cap_probabilities_are_proportional_to_boosts(units, target):
    found = inclusion_probabilities(units, target, minimum=0, per_user=None)
    free = [p / unit.boost for unit, p in zip(units, found, strict=True) if p < 1 - 1e-9]
    assert free == pytest.approx([max(free, default=0)] * len(free))


def test_a_user_with_500_conversations_has_three_and_leaves_the_rest_to_others():
    loud = [Unit("a", "loud", 1, 3.0 if n % 5 else 0.5) for n in range(500)]
    others = [Unit("ab"[n % 2], f"user-{n}", 1, 1.0) for n in range(400)]
    units = loud + others
    capped = inclusion_probabilities(units, 100, minimum=2, per_user=3)
    free = inclusion_probabilities(units, 100, minimum=2, per_user=None)
    assert sum(free[:500]) > 70
    assert sum(capped[:500]) == pytest.approx(3)
    assert sum(capped) == pytest.approx(100)
    assert capped[500:] == pytest.approx([97 / 400] * 400)
    assert min(capped) > 0
    assert capped[1] / capped[0] == pytest.approx(6)  # what presses is still drawn more often
