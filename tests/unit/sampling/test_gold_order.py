import itertools
import math
from collections import Counter
from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.sampling.gold import JudgedMessage, Verdict, draw_gold, number_of
from alignment_monitor.sampling.gold_order import Drawn, by_gain, cell_weights, deviations
from alignment_monitor.statistics.two_phase import two_phase

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


def test_who_stops_half_way_has_an_estimate_without_bias():
    """Events grow more frequent by the day: labelled day after day, half a queue is biased."""
    random = np.random.default_rng(11)
    bad, good = Verdict(frozenset({"caving"}), True), Verdict(frozenset(), True)
    messages = [
        JudgedMessage(DAY + timedelta(days=n % 4), f"c{n}", 1, 1 + n % 3, (bad if n % 5 else good,))
        for n in range(400)
    ]
    share = {"positive|agreed": 0.4, "negative|agreed": 0.05}
    event = np.array([
        random.random() < share[m.stratum] + 0.15 * (m.day - DAY).days for m in messages
    ], dtype=float)  # fmt: skip
    weight = np.array([m.weight for m in messages])
    truth = weight @ event / weight.sum()
    weights = cell_weights(messages)
    errors = {"gain": [], "day": []}
    for key in map(str, range(150)):
        drawn = {item.message for item in draw_gold(messages, 100, key=key)}
        queue = [
            Drawn((m.day, m.stratum), number_of(m, key), False, n)
            for n, m in enumerate(messages) if m in drawn
        ]  # fmt: skip
        orders = {
            "gain": by_gain(queue, weights, deviations(weights, {})),
            "day": sorted(queue, key=lambda one: one.cell[0]),
        }
        for name, order in orders.items():
            labelled = [one.row for one in order[:50]]
            errors[name].append(estimate(messages, event, labelled) - truth)
    assert abs(np.mean(errors["gain"])) < 3 * np.std(errors["gain"]) / math.sqrt(150)
    assert np.mean(errors["day"]) < -0.05
    assert np.std(errors["gain"]) < 0.09


def estimate(messages, event, labelled):
    """The two-phase rate from the labels of some messages, with shares as realised."""
    cells = [(m.day, m.stratum) for m in messages]
    all_, mine = Counter(cells), Counter(cells[n] for n in labelled)
    seen = np.full(len(messages), np.nan)
    seen[labelled] = event[labelled]
    return two_phase(
        weight=[m.weight for m in messages],
        stratum=[m.stratum.startswith("positive") for m in messages],
        user=range(len(messages)),
        event=seen,
        gold_probability=[max(mine[cell], 1) / all_[cell] for cell in cells],
    ).rate[0]
