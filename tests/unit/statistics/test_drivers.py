from datetime import timedelta

import pytest

from alignment_monitor.statistics.drivers import drivers
from alignment_monitor.statistics.intervals import t_quantile, wilson
from tests.unit.statistics.conftest import FIRST, message


def days_of(segment, rates, *, n=20, d=1.0, **values):
    return [
        message(int(i < round(n * rate)), day=day, segment=segment, user_key=f"u{i}", d=d, **values)
        for day, rate in enumerate(rates)
        for i in range(n)
    ]


def found(frame, rows, change=2, day=3):
    return drivers(
        frame(rows),
        family="aurora",
        behaviour="caving",
        change_day=FIRST + timedelta(days=change),
        day=FIRST + timedelta(days=day),
    )


def test_the_segment_that_moved_the_total_most_comes_first(frame):
    rows = days_of("small", [0.1, 0.1, 0.6, 0.6], n=10)
    rows += days_of("large", [0.1, 0.1, 0.4, 0.4], n=40) + days_of("calm", [0.3] * 4)
    segments = found(frame, rows)
    assert [item["segment"] for item in segments] == ["large", "small", "calm"]
    shown = {name: segments[0][name] for name in ("before", "after", "n", "difference")}
    assert shown == pytest.approx({"before": 0.1, "after": 0.4, "n": 80, "difference": 0.3})


def test_rates_have_the_interval_of_their_users_and_not_of_their_messages(frame):
    def width(users):
        rows = [
            message(int(i % users < users / 2), day=day, user_key=f"u{i % users}", segment="coding")
            for day in range(4)
            for i in range(48)
        ]
        (row,) = found(frame, rows)
        assert row["before_lower"] < row["before"] < row["before_upper"]
        return row["lower"], row["upper"]

    (low, high), (lower, upper) = width(48), width(6)
    expected = wilson(0.5, 48 * 47 / 48, t_quantile(48))
    assert (low, high) == pytest.approx(expected, abs=0.01)
    assert upper - lower > 2 * (high - low)


def test_days_after_the_last_and_other_series_do_not_count(frame):
    rows = days_of("coding", [0.1, 0.1, 0.5, 0.5, 1.0])
    rows += days_of("coding", [1.0] * 4, behaviour="substance")
    rows += days_of("coding", [1.0] * 4, deployment_family="borealis")
    rows += days_of("coding", [1.0] * 2, panel="p0")
    assert found(frame, rows)[0]["after"] == pytest.approx(0.5)
    assert found(frame, rows)[0]["before"] == pytest.approx(0.1)


def test_a_new_segment_has_no_before_and_comes_last(frame):
    rows = days_of("coding", [0.1, 0.1, 0.2, 0.2])
    rows += [message(1, day=3, segment="new", user_key=f"u{i}") for i in range(9)]
    new = found(frame, rows)[-1]
    assert 0.5 < new.pop("lower") < new.pop("upper") == 1.0
    assert new == {
        "segment": "new", "before": None, "before_lower": None, "before_upper": None,
        "after": 1.0, "n": 9, "difference": None,
    }  # fmt: skip


def test_without_data_since_the_change_there_are_no_drivers(frame):
    assert found(frame, days_of("coding", [0.1, 0.1])) == []
    assert found(frame, []) == []
