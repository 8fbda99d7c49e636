from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from alignment_monitor.store import open_store
from alignment_monitor.store.labels import (
    Label,
    Message,
    current_labels,
    enqueue,
    keep_label,
    queued,
)
from alignment_monitor.store.schema import labels

NOW = datetime(2026, 11, 6, 12, tzinfo=UTC)
MESSAGE = Message("c1", 1, "hash")
DAY = date(2026, 11, 6)


def answer(question, **values):
    return {"question": question, "kind": "behaviour"} | values


@pytest.fixture
def store(store_url):
    return open_store(store_url)


@pytest.fixture
def keep(store):
    """Keeps a label; each is an hour later than the one before."""
    hours = iter(range(1000))

    def give(*answers, annotator="ann", message=MESSAGE, version="v1", only=""):
        label = Label(message, annotator, answers, only)
        now = NOW + timedelta(hours=next(hours))
        return keep_label(store, label, rubric="sycophancy", rubric_version=version, now=now)

    return give


def standing(store, version="v1"):
    return {
        (row["annotator"], row["question"]): row["level"] for row in current_labels(store, version)
    }


def history(store):
    with store.connect() as connection:
        wanted = select(labels).where(labels.c.replaced_at.is_not(None)).order_by("label_id")
        return [(row["question"], row["level"]) for row in connection.execute(wanted).mappings()]


def test_of_labels_of_a_kind_the_last_one_stands_and_no_other_label_ends(keep, store):
    other = MESSAGE._replace(message_index=3)
    keep(answer("caving", level=0))
    keep(answer("caving", level=1), annotator="final/ben", only="final/")
    keep(answer("caving", level=1), annotator="final/ben", only="final/", message=other)
    keep(answer("caving", level=1), annotator="final/ben", only="final/", version="v2")
    assert keep(answer("caving", level=2), annotator="final/cy", only="final/") == "new"
    about = [row for row in current_labels(store, "v1") if row["message_index"] == 1]
    assert {row["annotator"]: row["level"] for row in about} == {"ann": 0, "final/cy": 2}
    assert history(store) == [("caving", 1)]
    assert len(current_labels(store, "v1")) == 3
    assert len(current_labels(store, "v2")) == 1


def test_a_label_is_kept_with_everything_that_was_said(keep, store):
    assert keep(answer("caving", level=2, note="gives in")) == "new"
    (row,) = current_labels(store, "v1")
    del row["label_id"]
    assert row == {
        "conversation_id": "c1",
        "message_index": 1,
        "content_hash": "hash",
        "annotator": "ann",
        "rubric": "sycophancy",
        "rubric_version": "v1",
        "question": "caving",
        "kind": "behaviour",
        "value": None,
        "level": 2,
        "note": "gives in",
        "labelled_at": NOW,
        "replaced_at": None,
    }


def test_the_same_label_again_changes_nothing(keep, store):
    keep(answer("caving", level=2), answer("substance", level=3))
    before = current_labels(store, "v1")
    assert keep(answer("substance", level=3), answer("caving", level=2)) == "unchanged"
    assert current_labels(store, "v1") == before
    assert history(store) == []


def test_a_later_label_replaces_and_the_earlier_one_stays_as_history(keep, store):
    keep(answer("caving", level=2), answer("praise", level=1), answer("substance", level=3))
    assert keep(answer("caving", level=0), answer("substance", level=3)) == "changed"
    assert standing(store) == {("ann", "caving"): 0, ("ann", "substance"): 3}
    assert history(store) == [("caving", 2), ("praise", 1)]
    assert keep(answer("caving", level=2), answer("substance", level=3)) == "changed"
    assert history(store) == [("caving", 2), ("praise", 1), ("caving", 0)]


@pytest.mark.parametrize(
    "other",
    [
        {"annotator": "ben"},
        {"version": "v2"},
        {"message": Message("c1", 3, "hash")},
        {"message": Message("c1", 1, "another text")},
    ],
)
def test_another_annotator_version_or_message_is_another_label(keep, store, other):
    keep(answer("caving", level=2))
    assert keep(answer("caving", level=0), **other) == "new"
    assert history(store) == []
    rows = [row for version in ("v1", "v2") for row in current_labels(store, version)]
    assert sorted(row["level"] for row in rows) == [0, 2]


def test_at_most_one_answer_stands_however_many_write_at_once(store):
    def write(level):
        label = Label(MESSAGE, "ann", [answer("caving", level=level)])
        keep_label(store, label, rubric="r", rubric_version="v1", now=NOW)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, [n % 4 for n in range(24)]))
    assert len(current_labels(store, "v1")) == 1
    with store.connect() as connection:
        assert connection.execute(select(func.count()).select_from(labels)).scalar() > 1


def item(number, chance=0.2, **changes):
    return {
        "day": DAY,
        "conversation_id": f"c{number}",
        "message_index": 1,
        "content_hash": "hash",
        "blind_id": f"talk-{number}",
        "stratum": "positive|agreed",
        "inclusion_probability": chance,
        "purpose": "estimate",
        "batch": "first",
        "queued_at": NOW,
    } | changes


def test_the_queue_keeps_one_row_for_a_message_and_the_larger_probability(store):
    assert enqueue(store, [item(1), item(2)]) == 2
    again = [
        item(1, 0.5, batch="second", stratum="positive|split"),
        item(2, 0.1, batch="second"),
        item(3),
    ]
    assert enqueue(store, again) == 1
    rows = {row["conversation_id"]: row for row in queued(store)}
    assert {name: row["inclusion_probability"] for name, row in rows.items()} == {
        "c1": 0.5,
        "c2": 0.2,
        "c3": 0.2,
    }
    assert rows["c1"]["batch"] == "first"
    assert rows["c1"]["stratum"] == "positive|split"


def test_the_text_that_was_labelled_stays_the_one_queued(keep, store):
    enqueue(store, [item(1), item(2)])
    keep(answer("caving", level=2))
    enqueue(store, [item(1, content_hash="newer"), item(2, content_hash="newer")])
    assert [row["content_hash"] for row in queued(store)] == ["hash", "newer"]


def test_the_queue_of_earlier_days_leaves_out_the_day_itself(store):
    yesterday = DAY - timedelta(days=1)
    enqueue(store, [item(1), item(1, day=yesterday)])
    assert [row["day"] for row in queued(store)] == [yesterday, DAY]
    assert [row["day"] for row in queued(store, before=DAY)] == [yesterday]
