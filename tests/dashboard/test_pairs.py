"""Two deployments compared, from rows as the marts have them."""

from datetime import date, timedelta

import heat
import heat_words
import numpy as np
import pair_charts
import pair_words
import pairs
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.statistics.change_parts import Errors
from alignment_monitor.statistics.intervals import wilson

DAY = date(2026, 6, 1)
NAMES = ("m-1", "m-2")


def row(segment, n, rate, *, offered=None, behaviour="caving", version="r1", **changes):
    """An estimate."""
    lower, upper = wilson(rate, n, 1.96)
    return {
        "day": DAY, "segment": segment, "behaviour": behaviour, "rubric_version": version,
        "panel": "p1 + p2", "n": n, "effective_n": float(n), "offered": offered or 3.0 * n,
        "prevalence": rate, "lower": float(lower), "upper": float(upper), **changes,
    }  # fmt: skip


def deployment(cells, **changes):
    """Estimates of segments and their whole, from (n, rate, offered) by segment."""
    offered = sum(cell[2] for cell in cells.values())
    rate = sum(cell[1] * cell[2] for cell in cells.values()) / offered
    whole = row("all", sum(cell[0] for cell in cells.values()), rate, offered=offered, **changes)
    parts = [row(name, n, r, offered=o, **changes) for name, (n, r, o) in cells.items()]
    return [whole, *parts]


def title(name):
    return name.capitalize()


def told(*compared):
    return pair_words.told(pairs.marked(list(compared)), NAMES, title)


CELL = st.tuples(st.integers(1, 400), st.floats(0, 1), st.floats(0.5, 900))
TRAFFIC = st.dictionaries(st.sampled_from("abcde"), CELL, min_size=1)
ERRORS = st.none() | st.just(
    {"before": Errors(0.9, 0.05, 1e-4, 1e-4), "after": Errors(0.8, 0.1, 1e-4, 1e-4)}
)


@settings(max_examples=100)
@given(TRAFFIC, TRAFFIC, ERRORS)
def test_all_parts_and_all_segments_add_up_to_the_difference(before, after, errors):
    one = pairs.compare("caving", deployment(before), deployment(after), errors)
    change = one.plain.change
    assert sum(part.total for part in one.segments) == pytest.approx(change, abs=1e-12)
    assert one.mix + one.rate.change + (one.judge or 0) == pytest.approx(change, abs=1e-12)
    assert {part.segment for part in one.segments} == before.keys() | after.keys()
    sizes = [abs(part.total) for part in one.segments]
    assert sizes == sorted(sizes, reverse=True)
    for part in one.segments:
        assert (part.within is None) == (part.segment not in before.keys() & after.keys())
        assert part.within is None or part.within.lower <= part.within.change <= part.within.upper
    if errors is None:
        assert vars(one.rate) == pytest.approx(vars(one.standardised), abs=1e-12, nan_ok=True)
        assert one.judge is None


def test_other_traffic_alone_is_said_to_be_that():
    before = {"easy": (400, 0.1, 900.0), "hard": (100, 0.5, 100.0)}
    after = {"easy": (100, 0.1, 100.0), "hard": (400, 0.5, 900.0)}
    one = pairs.compare("caving", deployment(before), deployment(after))
    assert one.standardised.change == pytest.approx(0, abs=1e-12)
    assert "nearly all of it comes from other traffic" in told(one).headline


def test_a_rise_that_other_traffic_hides_is_told_to_be_larger():
    before = {"easy": (400, 0.1, 300.0), "hard": (400, 0.5, 600.0)}
    after = {"easy": (400, 0.4, 600.0), "hard": (400, 0.8, 300.0)}
    one = pairs.compare("caving", deployment(before), deployment(after))
    text = told(one).headline
    assert "Caving is more frequent in m-2 than in m-1: 53 % against 37 %" in text.replace(
        "\u00a0", " "
    )
    assert "at the same traffic it would be larger, +30 points" in text.replace("\u00a0", " ")


def test_a_judge_that_changed_is_named():
    before, after = ({"a": (900, rate, 900.0)} for rate in (0.1, 0.3))
    errors = {"before": Errors(0.9, 0.02, 1e-5, 1e-5), "after": Errors(0.9, 0.2, 1e-5, 1e-5)}
    one = pairs.compare("caving", deployment(before), deployment(after), errors)
    assert one.judge == pytest.approx(0.16, abs=0.02)
    assert "but the judge changed too" in told(one).headline


def test_a_judge_known_from_few_sentinels_leaves_the_models_part_in_doubt():
    before, after = ({"a": (900, rate, 900.0)} for rate in (0.1, 0.3))

    def width(variance):
        errors = {side: Errors(0.9, 0.02, variance, variance) for side in ("before", "after")}
        part = pairs.compare("caving", deployment(before), deployment(after), errors).rate
        assert part.lower <= part.change <= part.upper
        return part.upper - part.lower

    plain = pairs.compare("caving", deployment(before), deployment(after)).rate
    assert width(0.0) == pytest.approx(plain.upper - plain.lower)
    assert width(1e-5) < width(1e-3)


def test_too_little_data_is_said_and_is_never_no_difference():
    before, after = ({"a": (n, 0.3, 30.0)} for n in (12, 300))
    one = pairs.compare("caving", deployment(before), deployment(after))
    assert not one.is_told
    text = told(one)
    assert text.status == "few"
    assert "too little data: n = 12 and 300" in " ".join(text.details)
    assert "No difference" not in text.headline
    none = pairs.compare("caving", [], deployment(after))
    assert told(none).status == "few"
    assert "n = 0 and 300" in " ".join(told(none).details)


def test_what_is_not_told_apart_keeps_its_interval():
    before, after = ({"a": (200, rate, 30.0)} for rate in (0.30, 0.31))
    text = told(pairs.compare("caving", deployment(before), deployment(after)))
    assert text.status == "unknown"
    assert "differences of up to 10 points remain possible" in text.details[0].replace(
        "\u00a0", " "
    )
    assert "not to say that they are alike" in text.assurance


def test_other_rubrics_or_judges_are_not_compared():
    cells = {"a": (200, 0.2, 30.0)}
    one = pairs.compare("caving", deployment(cells), deployment(cells, version="r2"))
    assert one.plain is None
    assert "another rubric" in " ".join(told(one).details)
    both = [*deployment(cells, version="r2"), *deployment({"a": (90, 0.4, 30.0)})]
    assert pairs.compare("caving", deployment(cells), both).after["n"] == 90


def test_figures_of_an_older_version_have_no_segments_but_a_difference():
    cells = {"a": (200, 0.2, 30.0)}
    old = [{**one, "offered": None} for one in deployment(cells)]
    one = pairs.compare("caving", old, deployment(cells))
    assert one.plain is not None
    assert (one.mix, one.segments, one.reason) == (None, (), pairs.OLD)


def test_judges_errors_are_those_of_the_window():
    def known(day, judge, measure, hits):
        return {
            "day": day, "question": "caving", "rubric_version": "r1", "known_version": "k",
            "fingerprint": judge, "measure": measure, "n": 100, "hits": hits,
        }  # fmt: skip

    quality = pd.DataFrame(
        [
            known(DAY - timedelta(days=back), judge, measure, hits)
            for judge in ("p1", "p2")
            for back, measure, hits in (
                (0, "sensitivity", 90), (0, "specificity", 96), (40, "sensitivity", 10),
            )
        ]
    )  # fmt: skip
    items = {("outcome_none", "caving"): 50, ("outcome_absent", "caving"): 50,
             ("outcome_present", "caving"): 100}  # fmt: skip
    found = pairs.judge_errors(quality, row("all", 100, 0.2), items)
    assert (found.sensitivity, found.false_positive) == pytest.approx((0.9, 0.04))
    assert pairs.judge_errors(quality, row("all", 100, 0.2, panel="p3"), items) is None
    assert pairs.judge_errors(quality.iloc[:0], row("all", 100, 0.2), items) is None


def test_a_segment_is_held_against_the_others_and_not_against_itself():
    cells = {"a": (300, 0.5, 100.0), "b": (300, 0.1, 100.0), "c": (300, 0.1, 200.0)}
    found = {cell.segment: cell for cell in heat.against_others(deployment(cells), ["caving"])}
    assert found["a"].change.change == pytest.approx(0.4)
    assert found["a"].is_marked
    assert found["all"].change is None
    assert heat.largest(list(found.values()))[0].segment == "a"


def test_the_map_marks_what_moved_and_says_where_it_cannot_tell():
    now = deployment({"a": (300, 0.5, 100.0), "b": (9, 0.9, 5.0), "new": (90, 0.2, 9.0)})
    before = deployment({"a": (300, 0.2, 100.0), "b": (9, 0.1, 5.0), "gone": (90, 0.2, 9.0)})
    cells = heat.changes(now, before, ["caving"])
    found = {cell.segment: cell for cell in cells}
    assert [found[name].is_marked for name in ("a", "b", "new", "gone")] == [True, False] + [
        False
    ] * 2
    assert not found["b"].is_told
    assert found["new"].change is None
    assert [cell.segment for cell in cells][-1] == "all"
    assert heat.tested(cells) == 1
    order = np.random.default_rng(1).permutation(len(now))
    again = heat.changes([now[place] for place in order], before, ["caving"])
    assert [(c.segment, c.is_marked) for c in again] == [(c.segment, c.is_marked) for c in cells]


@pytest.mark.parametrize(("side", "rows"), [("now", (True, False)), ("before", (False, True))])
def test_a_segment_that_is_in_one_period_only_is_told_with_its_interval(side, rows):
    """A handful of messages would else pass for a rate."""
    found = [[row("new", 3, 1 / 3)] if there else [] for there in rows]
    (cell,) = heat.changes(*found, ["caving"])
    markup, style = heat_words.change_cell(cell, 0.1)
    assert f"{side} 33 % [6, 79], n 3" in markup.replace("\u00a0", " ")
    assert not style


def test_what_segments_add_is_said_with_intervals_and_n_where_the_chart_has_no_room():
    before, after = ({"a": (300, rate, 300.0), "b": (200, 0.1, 200.0)} for rate in (0.1, 0.3))
    after["c"] = (40, 0.5, 40.0)
    one = pairs.compare("caving", deployment(before), deployment(after))
    said = pair_charts.contributions_alt(one, "caving").replace("\u00a0", " ")
    assert "a +11.4 points (by its rate +12 points [8, 15]; n 300 and 300)" in said
    assert "(by its rate not in both; n 0 and 40)" in said
