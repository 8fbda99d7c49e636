"""The stream of alerts: real detector, lifecycle, store and outbox, for a few months."""

from collections import Counter
from itertools import pairwise

import pytest

from benchmarks import common
from benchmarks.alert_stories import Drift, drifts, watch
from benchmarks.alert_stream import Heard, calls, drift_rows, heard_of, pages
from benchmarks.detection_cases import BASELINE_DAYS

SERIES, DAYS, FROM = 3, BASELINE_DAYS + 60, BASELINE_DAYS + 12
SEEN = [Drift("+12 points, for 6 days", BASELINE_DAYS + 14, BASELINE_DAYS + 19, 0.12)]
TAKEN_BACK = {"deployed": [SEEN[0].last + 1]}


@pytest.fixture(scope="module")
def told():
    return watch(SERIES, DAYS, SEEN, (4,))


def test_a_drift_that_nobody_acknowledges_is_told_three_times(told):
    heard = heard_of(told, first=FROM, **TAKEN_BACK)
    (found,) = calls(heard, SERIES, SEEN).values()
    once = {"alert.firing": 1, "alert.escalated": 1, "alert.resolved": 1}
    assert [one.events for one in found] == [once] * SERIES
    assert [one.own for one in found] == [3] * SERIES
    assert pages(heard, SERIES, DAYS).events == SERIES
    firing = {one.family: one.day for one in heard if one.event == "alert.firing"}
    assert all(0 <= day - SEEN[0].first <= 5 for day in firing.values())
    ended = [one.day for one in heard if one.event == "alert.resolved"]
    assert min(ended) > SEEN[0].last


def test_one_that_somebody_acknowledges_is_told_twice_and_behaviours_of_a_family_are_counted(told):
    heard = heard_of(told, first=FROM, acknowledges=True, together=SERIES, **TAKEN_BACK)
    (found,) = calls(heard, 1, SEEN).values()
    assert found[0].events == {"alert.firing": SERIES, "alert.resolved": SERIES}
    assert found[0].messages <= found[0].total


def test_what_is_heard_counts_for_the_drift_before_it_and_many_at_once_are_one_message():
    def heard(day, event="alert.firing", kind="MODEL", severity="page"):
        return Heard(day, event, kind, severity, "f000", "a")

    first, second = Drift("one", 10, 20, 0.1), Drift("two", 40, 50, 0.1)
    everything = [
        heard(9), *[heard(10)] * 4, heard(39, "alert.reopened"), heard(40), heard(41, kind="JUDGE"),
        heard(44, "alert.resolved"), heard(60, severity="warn"),
    ]  # fmt: skip
    found = calls(everything, 1, [first, second])
    assert found["one"][0].events == Counter({"alert.firing": 4, "alert.reopened": 1})
    assert (found["one"][0].total, found["one"][0].messages) == (5, 2)
    assert found["two"][0].total == 3
    assert (found["one"][0].own, found["two"][0].own) == (5, 3)
    assert pages(everything, 1, BASELINE_DAYS + 365).events == 7
    mixed = [*[heard(10)] * 3, *[heard(10, "alert.resolved")] * 3]
    assert calls(mixed, 1, [first])["one"][0].messages == 6, "one message tells one kind of event"
    lines = drift_rows("nobody", found)
    assert [line[0] for line in lines] == ["nobody: one", "nobody: two", "nobody: all of them"]
    assert lines[-1][1:4] == (2, "4.00", 5)


def test_the_drifts_of_five_years_follow_each_other_and_the_page_has_a_place_for_them():
    told = drifts()
    assert all(one.last < other.first for one, other in pairwise(told))
    assert {one.rise > 0 for one in told} == {True, False}
    text = common.PAGE.read_text()
    for name in ("alert_stream_quiet", "alert_stream_drifts", "detection_deployed"):
        assert text.index(f"<!-- {name} -->") < text.index(f"<!-- /{name} -->")
