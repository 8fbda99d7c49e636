from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.estimate_rows import GONE, latest, revised
from alignment_monitor.statistics.estimation import window_estimates
from alignment_monitor.statistics.intervals import detectable_change
from tests.unit.statistics.conftest import FIRST, message
from tests.unit.statistics.test_estimation import MESSAGES, RELAXED, summed

END = FIRST + timedelta(days=6)
MANY = st.lists(MESSAGES, min_size=1, max_size=20)


@pytest.fixture
def estimated(frame):
    """The estimates of some messages, as a day of the lake holds them."""

    def of(messages):
        found = window_estimates(frame(summed(messages)), day=END, window_days=7)
        return ESTIMATES.from_frame(found)

    return of


def figures(table):
    return [
        {name: value for name, value in row.items() if name != "version"}
        for row in table.to_pylist()
        if row["reason"] != GONE
    ]


def test_each_rate_says_which_change_could_be_found(estimated):
    [row] = [
        row
        for row in estimated([message(i % 2, user_key=f"u{i}") for i in range(100)]).to_pylist()
        if row["segment"] == row["deployment"] == "all"
    ]
    # 1.96 + 0.84 standard errors of a difference of two rates of one half in n each
    expected = (1.959964 + 0.841621) * (2 * 0.25 / row["effective_n"]) ** 0.5
    assert row["detectable_change"] == pytest.approx(expected, rel=1e-6)
    assert detectable_change(0.0, 50) == pytest.approx(2.801585 * (2 * 51 / 52**2 / 50) ** 0.5)
    assert detectable_change(0.5, 1) == 1.0


def test_the_same_input_again_adds_no_version(estimated):
    rows = estimated([message(1), message(0, user_key="v")])
    assert revised(ESTIMATES.empty(), rows).equals(rows)
    assert revised(rows, rows).equals(rows)


def test_late_data_makes_a_new_version_and_keeps_the_old(estimated):
    before = estimated([message(1), message(0, user_key="v", segment="learning")])
    after = estimated([message(1), *(message(0, user_key=f"w{i}") for i in range(3)),
                       message(0, user_key="v", segment="learning")])  # fmt: skip
    found = revised(before, after)
    kept = [row for row in found.to_pylist() if row["version"] == 1]
    assert kept == before.to_pylist()
    newer = {row["segment"] for row in found.to_pylist() if row["version"] == 2}
    assert newer == {"all", "coding"}  # nothing changed in the other segment
    assert figures(latest(found)) == figures(after)


def test_a_cell_that_is_no_longer_there_says_so(estimated):
    before = estimated([message(1), message(0, segment="learning", user_key="v")])
    after = estimated([message(1)])
    found = revised(before, after)
    gone = [row for row in latest(found).to_pylist() if row["segment"] == "learning"]
    assert len(gone) == 2
    for row in gone:
        assert (row["version"], row["n"], row["prevalence"], row["reason"]) == (2, 0, None, GONE)
    assert revised(found, after).equals(found)
    back = revised(found, before)
    assert figures(latest(back)) == figures(before)
    assert {row["version"] for row in back.to_pylist() if row["segment"] == "learning"} == {1, 2, 3}


def test_rounding_is_no_change(estimated):
    rows = estimated([message(1), message(0, user_key="v")])
    frame = rows.to_pandas()
    frame["prevalence"] *= 1 + 1e-13
    assert revised(rows, ESTIMATES.from_frame(frame)).equals(rows)


@RELAXED
@given(st.lists(MANY, min_size=1, max_size=4))
def test_what_was_told_stays_and_what_is_told_is_what_is_so(estimated, histories):
    kept = ESTIMATES.empty()
    for messages in histories:
        now = estimated(messages)
        found = revised(kept, now)
        rows = found.to_pylist()
        assert all(row in rows for row in kept.to_pylist())
        assert figures(latest(found)) == figures(now)
        assert not found.to_pandas().duplicated(list(ESTIMATES.key)).any()
        kept = found
