import itertools
import math
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.sampling.gold import JudgedMessage, Verdict
from alignment_monitor.sampling.gold_order import Drawn, by_gain, cell_weights, deviations

DAY = date(2026, 11, 2)
STRATA = ("positive|agreed", "negative|agreed", "no_opportunity|split")
CELLS = [(DAY + timedelta(days=n), stratum) for n in range(2) for stratum in STRATA]


@st.composite
def queues(draw):
    """A queue with what its order rests on: drawn messages, weights of cells, deviations."""
    cells = draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=12))
    drawn = [
        Drawn(cell, draw(st.floats(0, 0.999)), draw(st.booleans()), row)
        for row, cell in enumerate(cells)
    ]
    weights = {cell: draw(st.floats(0.5, 50)) for cell in CELLS}
    return drawn, weights, {stratum: draw(st.floats(0.05, 1)) for stratum in STRATA}


def variance(labels, weights, deviation):
    """Of the two-phase rate, up to a factor, with so many labels in each cell."""
    return math.fsum(
        weights[cell] ** 2 * deviation[cell[1]] ** 2 / (labels.get(cell, 0) + 1) for cell in weights
    )


def counts(drawn):
    found = {}
    for one in drawn:
        found[one.cell] = found.get(one.cell, 0) + 1
    return found


@given(queues())
def test_an_order_adds_nobody_and_leaves_nobody_out(queue):
    drawn, *worth = queue
    assert sorted(one.row for one in by_gain(drawn, *worth)) == list(range(len(drawn)))


@given(queues())
@settings(deadline=None)
def test_the_first_n_are_for_each_n_the_best_n_to_label(queue):
    drawn, weights, deviation = queue
    ordered = by_gain(drawn, weights, deviation)
    for n in range(len(ordered) + 1):
        reached = variance(counts(ordered[:n]), weights, deviation)
        allocations = {
            tuple(sorted(one.cell for one in chosen))
            for chosen in itertools.combinations(drawn, n)
        } if n in (1, 2, 3) else set()  # fmt: skip
        for cells in allocations:
            other = {cell: cells.count(cell) for cell in cells}
            assert reached <= variance(other, weights, deviation) * (1 + 1e-9)


@given(queues())
def test_within_a_cell_the_labelled_come_first_and_then_chance_decides(queue):
    drawn, *worth = queue
    ordered = by_gain(drawn, *worth)
    for cell in CELLS:
        mine = [(not one.labelled, one.number) for one in ordered if one.cell == cell]
        assert mine == sorted(mine)


def test_what_no_window_reaches_comes_last_and_newest_first():
    old = [Drawn((DAY - timedelta(days=40 + n), STRATA[0]), 0.1, False, n) for n in (5, 1)]
    new = Drawn(CELLS[0], 0.9, False, "new")
    ordered = by_gain([*old, new], {CELLS[0]: 1.0}, {STRATA[0]: 0.3})
    assert [one.row for one in ordered] == ["new", 1, 5]


def test_weights_and_deviations_are_those_of_the_judged_messages():
    seen = Verdict(frozenset({"caving"}), True)
    messages = [JudgedMessage(DAY, f"c{n}", 1, 1.5 + n, (seen,)) for n in range(2)]
    weights = cell_weights(messages)
    assert weights == {(DAY, "positive|agreed"): 4.0}
    fresh = deviations(weights, {})["positive|agreed"]
    assert fresh == 0.5
    assert deviations(weights, {"positive|agreed": (0.0, 50)})["positive|agreed"] < fresh
