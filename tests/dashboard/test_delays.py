"""Latencies and kinds of errors of a judge."""

from datetime import UTC, datetime, timedelta

import pytest
from delays import KIND_LENGTH, delays, kind_of, kinds, overall, seconds
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.store import open_store
from alignment_monitor.store.database import insert_new
from alignment_monitor.store.journal_times import latencies
from alignment_monitor.store.schema import verdict_journal

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


@given(st.lists(st.floats(0.01, 500), min_size=1, max_size=40))
def test_percentiles_lie_among_what_was_measured(taken):
    (day,) = delays((NOW, one) for one in taken)
    assert (day.day, day.n) == (NOW.date(), len(taken))
    assert min(taken) <= day.median <= day.slow <= max(taken)
    assert sum(one <= day.median for one in taken) >= len(taken) / 2
    assert overall([(NOW, one) for one in taken]) == day


def test_days_are_told_apart_and_in_order():
    found = delays([(NOW, 3.0), (NOW - timedelta(days=1), 1.0), (NOW, 5.0)])
    assert [(one.day.day, one.n, one.median) for one in found] == [(2, 1, 1.0), (3, 2, 4.0)]
    assert overall([]) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("429 rate limited, retry in 12.5 s", "429 rate limited, retry in n s"),
        ("Error code: 500 - request req_8f3a2", "Error code: 500 - request …"),
        ('quote "you are right" is not in the message', "quote … is not in the message"),
        ("level 7 of caving", "level n of caving"),
        ("  \n", "no reason given"),
        ("", "no reason given"),
    ],
)
def test_errors_of_one_kind_are_one(error, kind):
    assert kind_of(error) == kind


@given(st.text())
def test_a_kind_is_one_short_line(error):
    found = kind_of(error)
    assert found
    assert len(found) <= KIND_LENGTH + 1
    assert "\n" not in found


def test_kinds_are_counted_the_most_frequent_first():
    rows = [
        {"status": "invalid", "error": "level 7", "calls": 2},
        {"status": "failed", "error": "timeout", "calls": 4},
        {"status": "invalid", "error": "level 9", "calls": 3},
    ]
    assert kinds(rows) == [("invalid", "level n", 5), ("failed", "timeout", 4)]


def test_times_are_written_as_precisely_as_they_matter():
    assert [seconds(one).replace("\u00a0", " ") for one in (0.0421, 3.14, 42.4, 200)] == [
        "0.042 s", "3.1 s", "42 s", "3 min",
    ]  # fmt: skip


def test_the_journal_tells_the_newest_answers_of_one_judge(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    common = {"rubric_version": "r", "occasion": "", "status": "ok", "returned_model": "m"}
    insert_new(
        store, verdict_journal,
        [
            {**common, "unit_hash": f"{key}{n}", "judge_key": key, "latency_seconds": float(n),
             "received_at": NOW - timedelta(hours=n)}
            for key in ("mine", "other")
            for n in range(5)
        ],
    )  # fmt: skip
    found = latencies(store, "mine", NOW - timedelta(hours=3), most=2)
    assert found == [(NOW - timedelta(hours=n), float(n)) for n in (0, 1)]
    store.dispose()
