from datetime import UTC, date, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from alignment_monitor.store import open_store
from alignment_monitor.store.resets import keep_resets, kept_resets

NOW = datetime(2026, 11, 6, 12, tzinfo=UTC)


def reset(**changes):
    row = {
        "deployment_family": "aurora",
        "behaviour": "caving",
        "from_day": date(2026, 11, 2),
        "recorded_on": NOW.date(),
        "recorded_at": NOW,
        "author": "ann",
        "reason": "planned",
        "alert_id": None,
    }
    return {**row, **changes}


@pytest.fixture
def store(store_url):
    store = open_store(store_url)
    yield store
    store.dispose()


def kept(store):
    with store.connect() as connection:
        return kept_resets(connection)


def test_resets_come_back_in_the_order_of_recording(store):
    assert kept(store) == []
    keep_resets(store, [reset(behaviour=None), reset(from_day=NOW.date())])
    keep_resets(store, [reset(from_day=date(2026, 1, 1))])
    rows = kept(store)
    assert [row["from_day"].day for row in rows] == [2, 6, 1]
    assert {name: rows[0][name] for name in reset()} == reset(behaviour=None)
    assert [row["reset_id"] for row in rows] == sorted(row["reset_id"] for row in rows)


@pytest.mark.parametrize(
    "wrong",
    [
        {"from_day": date(2026, 11, 7)},
        {"reason": ""},
        {"reason": "x" * 501},
        {"alert_id": "no such alert"},
        {"author": None},
    ],
)
def test_what_makes_no_sense_is_refused_whole(store, wrong):
    with pytest.raises(IntegrityError):
        keep_resets(store, [reset(), reset(**wrong)])
    assert kept(store) == []
