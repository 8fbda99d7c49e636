import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alignment_monitor.sampling.allocation import share_out

BOUND = st.floats(0, 500)
PART = st.tuples(BOUND, BOUND, st.floats(0.01, 100)).map(
    lambda p: (min(p[:2]), max(p[:2]) + 1e-3, p[2])
)
PARTS = st.lists(PART, min_size=1, max_size=25)
TOTAL = st.floats(0.1, 5000)


def shared(total, parts):
    return share_out(total, *map(list, zip(*parts, strict=True)))


@given(PARTS, TOTAL)
def test_parts_stay_within_their_bounds_and_sum_to_the_total(parts, total):
    found, least = shared(total, parts), math.fsum(low for low, _, _ in parts)
    most = math.fsum(high for _, high, _ in parts)
    assert math.isclose(math.fsum(found), min(total, most), rel_tol=1e-9)
    for x, (low, high, _) in zip(found, parts, strict=True):
        assert x <= high
        assert x >= low or total <= least


@given(PARTS, TOTAL, st.floats(0, 100))
def test_no_part_falls_as_the_total_grows(parts, total, more):
    for low, high in zip(shared(total, parts), shared(total + more, parts), strict=True):
        assert low <= high


@given(PARTS, TOTAL, st.randoms(use_true_random=False))
def test_order_is_of_no_account_to_the_last_digit(parts, total, random):
    order = random.sample(range(len(parts)), len(parts))
    found = shared(total, parts)
    assert shared(total, [parts[place] for place in order]) == [found[place] for place in order]


@given(PARTS, TOTAL)
def test_no_other_parts_have_a_smaller_variance(parts, total):
    """Neyman: sum of w^2/x is least where no exchange between two parts lowers it."""
    assume(total > math.fsum(low for low, _, _ in parts))
    found = shared(total, parts)
    giving = [w / x for x, (low, _, w) in zip(found, parts, strict=True) if x > low + 1e-6]
    taking = [w / x for x, (_, high, w) in zip(found, parts, strict=True) if x < high - 1e-6 and x]
    if giving and taking:
        assert max(taking) <= min(giving) * (1 + 1e-6)


@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=10), st.floats(0.01, 1))
def test_too_little_for_the_floors_shrinks_all_alike(least, part):
    given_out = share_out(part * math.fsum(least), least, [100.0] * len(least), [1.0] * len(least))
    assert given_out == pytest.approx([part * low for low in least])
