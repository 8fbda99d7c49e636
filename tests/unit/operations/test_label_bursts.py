"""Bursts of labels for a suspected change: from a decision into the queue and back as evidence."""

import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pytest

from alignment_monitor.detection.tiers import BURST as SIZE
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.operations.labelling.bursts import asked_for, queue_bursts
from alignment_monitor.operations.labelling.files import export_labels, import_labels
from alignment_monitor.operations.labelling.queue import queue_labels
from alignment_monitor.resources import gold
from alignment_monitor.resources.gold import (
    BURST,
    PURPOSE,
    batch_name,
    label_evidence,
    labelled_days,
    segment_of,
    suspected,
)
from alignment_monitor.resources.marts import Marts
from alignment_monitor.settings import load
from alignment_monitor.statistics.row_hashes import row_hashes
from alignment_monitor.store import open_store
from alignment_monitor.store.labels import enqueue, queued
from tests.dashboard import sample_marts
from tests.unit.operations import judged_warehouse

RUBRIC = load_rubric()
LAST = sample_marts.FIRST_DAY + timedelta(days=6)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EVERY = "unwarranted_agreement"
ASKED = [(sample_marts.FAMILY, EVERY, "all")]


@pytest.fixture(scope="module")
def marts(tmp_path_factory):
    home = sample_marts.write(
        tmp_path_factory.mktemp("bursts"), sample_marts.Sample(days=7, talks_per_day=200)
    )
    judged_warehouse.write(home)
    return load(home)


@pytest.fixture
def store(tmp_path):
    return open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")


def burst(marts, store, asked=tuple(ASKED), day=LAST):
    return queue_bursts(marts, RUBRIC, store, asked, day=day, now=NOW)


def label(marts, store, tmp_path, *, now=NOW, level=3, most=None):
    text = export_labels(marts, RUBRIC, store, "jsonl", queue=True).text
    lines = [json.loads(line) for line in text.splitlines()][:most]
    for line in lines:
        line["labels"][0] |= {
            "opportunities": {"claim": {"status": "wrong"}},
            "levels": {EVERY: level},
        }
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert not import_labels(path, marts, RUBRIC, store, annotator="ann", now=now).problems
    return len(lines)


def signal(day, *, wanted=True, segment="all", decision="WARN", direction="up"):
    return {
        "day": day, "deployment_family": "aurora", "behaviour": EVERY, "direction": direction,
        "decision": decision, "segment": segment, "labels_wanted": wanted,
    }  # fmt: skip


def test_only_an_episode_that_stood_the_day_before_asks():
    before, day = LAST - timedelta(days=1), LAST
    assert asked_for([signal(day)], day) == []
    assert asked_for([signal(before), signal(day, wanted=False)], day) == []
    both = [
        signal(before),
        signal(day, segment="coding"),
        signal(day, decision="NONE", segment=None),
    ]
    assert asked_for(both, day) == [("aurora", EVERY, "coding")]
    # Beside what lasts of an earlier verdict the episode that stands still names its segment.
    for decision in ("UNRESOLVED", "NONE"):
        rest = [signal(before), signal(day, segment="coding", decision=decision)]
        assert asked_for(rest, day) == [("aurora", EVERY, "coding")]
        assert asked_for([*rest, signal(day, segment="learning")], day)[0][2] == "learning"
        assert asked_for([signal(day, segment="learning"), *rest], day)[0][2] == "learning"
    assert asked_for([signal(before), signal(day, segment="coding", decision="PAGE")], day) == [
        ("aurora", EVERY, "all")
    ]
    audit = [signal(one, decision="NONE", segment=None) for one in (before, day)]
    assert asked_for(audit, day) == [("aurora", EVERY, "all")]


def test_a_burst_is_drawn_by_verdict_once_and_again_when_half_is_labelled(marts, store, tmp_path):
    new = burst(marts, store)
    rows = queued(store)
    assert new == len(rows) > 20
    counts = Counter(row["stratum"] for row in rows)
    assert counts[f"positive|{EVERY}"] <= SIZE[0]
    assert counts[f"negative|{EVERY}"] <= SIZE[1]
    assert {(row["purpose"], row["day"]) for row in rows} == {(BURST, LAST)}
    assert all(0 < row["inclusion_probability"] <= 1 for row in rows)
    assert {row["batch"] for row in rows} == {batch_name(sample_marts.FAMILY, EVERY, None, LAST)}
    earlier = LAST - timedelta(days=1)
    waits = burst(marts, store, day=earlier) == 0
    assert waits == (new > sum(SIZE) / 2)
    label(marts, store, tmp_path)
    assert burst(marts, store, day=earlier - timedelta(days=1)) > 0
    # What is queued already is not fresh.
    assert burst(marts, store) == 0


def test_a_burst_of_a_segment_holds_nothing_else(marts, store):

    table = Marts(marts.marts).select("judged_messages").to_pylist()
    segment = {row["conversation_id"]: row["segment"] for row in table if row["day"] == LAST}
    name = sorted(set(segment.values()))[0]
    burst(marts, store, [(sample_marts.FAMILY, EVERY, name)])
    assert {segment[row["conversation_id"]] for row in queued(store)} == {name}
    assert {segment_of(row["batch"]) for row in queued(store)} == {name}


@pytest.mark.parametrize("family", ["aurora", "lab/aurora-4"])
@pytest.mark.parametrize("segment", [None, "code", "code/review"])
def test_a_burst_tells_what_it_was_drawn_for_whatever_names_hold(family, segment):
    row = {"batch": batch_name(family, EVERY, segment, LAST), "stratum": f"negative|{EVERY}"}
    assert suspected(row) == (family, EVERY, segment or "")
    assert (segment_of(row["batch"]) is None) == (segment is None)


def test_a_message_of_a_burst_that_is_drawn_for_estimates_counts_there(marts, store, tmp_path):
    burst(marts, store)
    label(marts, store, tmp_path)
    before = {row["conversation_id"] for row in queued(store)}
    evidence = label_evidence(marts, RUBRIC, store, NOW.date())
    queue_labels(marts, RUBRIC, store, 400, first=LAST, last=LAST, now=NOW)
    # What was decided on stays as it was.
    assert label_evidence(marts, RUBRIC, store, NOW.date()).equals(evidence)
    rows = {row["conversation_id"]: row for row in queued(store)}
    both = [rows[name] for name in before if rows[name]["purpose"] == PURPOSE]
    assert len(both) > 10
    assert not any(EVERY in row["stratum"] for row in both)
    found = labelled_days(marts, RUBRIC, store, LAST, LAST)
    assert found is not None


def test_labels_come_back_as_evidence_of_the_day_on_which_they_were_given(marts, store, tmp_path):
    burst(marts, store)
    count = label(marts, store, tmp_path, now=NOW)
    given = NOW.date()
    assert label_evidence(marts, RUBRIC, store, given - timedelta(days=1)).empty
    found = label_evidence(marts, RUBRIC, store, given)
    # What was drawn by one behaviour's verdict says nothing of another's.
    assert set(found["behaviour"]) == {EVERY}
    assert len(found) == count
    assert set(found["labelled_on"]) == {given}
    assert set(found["event"]) == {1}
    assert set(found["batch"]) == {batch_name(sample_marts.FAMILY, EVERY, None, LAST)}
    assert set(found["batch_size"]) == {count}
    assert not found["local"].any()
    assert (found["d"] >= 1).all()
    assert 0 < found["flagged"].mean() < 1
    # A correction comes too late to count, and what was decided on stays as it was.
    later = NOW + timedelta(days=2)
    label_again(marts, store, tmp_path, later)
    again = label_evidence(marts, RUBRIC, store, later.date())
    again = again[again["behaviour"] == EVERY]
    assert again.reset_index(drop=True).equals(found.reset_index(drop=True))


def test_the_same_text_of_a_day_queued_after_its_label_takes_none_of_it(marts, store, tmp_path):
    queue_labels(marts, RUBRIC, store, 40, first=LAST, last=LAST, now=NOW)
    label(marts, store, tmp_path)
    evidence = label_evidence(marts, RUBRIC, store, NOW.date())
    late = {"day": LAST - timedelta(days=1), "queued_at": NOW + timedelta(hours=1)}
    enqueue(store, [row | late for row in queued(store)])
    assert len(evidence) > 20
    assert label_evidence(marts, RUBRIC, store, NOW.date()).equals(evidence)
    label_again(marts, store, tmp_path, NOW + timedelta(hours=2))
    assert set(label_evidence(marts, RUBRIC, store, NOW.date())["day"].dt.date) == {LAST}


def test_evidence_of_a_day_is_the_same_whatever_is_judged_labelled_and_drawn_later(
    marts, store, tmp_path, monkeypatch
):
    """Also beside later days on which judges differ, and however many days are read at once."""
    marts = load(shutil.copytree(marts.home, tmp_path / "home"))
    with duckdb.connect(str(marts.warehouse)) as connection:
        connection.execute(f"update int_judged_answers set y = 0.4 where day = '{LAST}' and y = 0")
    before = LAST - timedelta(days=1)
    queue_labels(marts, RUBRIC, store, 40, first=before, last=before, now=NOW)
    label(marts, store, tmp_path)
    evidence = label_evidence(marts, RUBRIC, store, NOW.date())
    assert (evidence["above"] == 0).all()
    later = NOW + timedelta(days=1)
    queue_labels(marts, RUBRIC, store, 200, first=before, last=LAST, now=later)
    burst(marts, store)
    label(marts, store, tmp_path, now=later)
    for at_once in (1, 28):
        monkeypatch.setattr(gold, "DAYS_AT_ONCE", at_once)
        found = label_evidence(marts, RUBRIC, store, later.date())
        assert (found["above"] != 0).any()
        old = found[found["labelled_on"] == NOW.date()]
        assert np.array_equal(np.sort(row_hashes(old)), np.sort(row_hashes(evidence)))


def label_again(marts, store, tmp_path, now):
    text = export_labels(marts, RUBRIC, store, "jsonl", queue=False).text
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        line["labels"][0]["levels"] = {EVERY: 0}
    path = tmp_path / "again.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    made = import_labels(path, marts, RUBRIC, store, now=now)
    assert made.counts["changed"] == len(lines)
