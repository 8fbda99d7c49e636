"""Rates from labels: what was queued and labelled, against what the judges said."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow.compute as pc
import pytest

from alignment_monitor.contracts import JUDGED_MESSAGES
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.operations.labelling.estimate import estimate_from_labels
from alignment_monitor.operations.labelling.files import export_labels, import_labels
from alignment_monitor.operations.labelling.queue import LabellingError, queue_labels
from alignment_monitor.resources.gold import judged_messages, labelled_days
from alignment_monitor.resources.marts import Marts
from alignment_monitor.resources.warehouse import WarehouseError
from alignment_monitor.settings import load
from alignment_monitor.store import open_store
from alignment_monitor.store.labels import queued
from tests.dashboard import sample_marts
from tests.unit.operations import judged_warehouse

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
RUBRIC = load_rubric()
LAST = sample_marts.FIRST_DAY + timedelta(days=6)
EVERY = "unwarranted_agreement"


@pytest.fixture(scope="module")
def marts(tmp_path_factory):
    home = sample_marts.write(
        tmp_path_factory.mktemp("judged"), sample_marts.Sample(days=7, talks_per_day=12)
    )
    judged_warehouse.write(home)
    return home


@pytest.fixture
def desk(marts, tmp_path):
    return Desk(marts, tmp_path)


class Desk:
    """A home whose store is new, and a person who labels whatever is open."""

    def __init__(self, home, folder):
        self.folder, self.settings = folder, load(home)
        self.store = open_store(f"sqlite:///{folder / 'store.sqlite'}")

    def queue(self, n, first=None):
        return queue_labels(self.settings, RUBRIC, self.store, n, first=first, last=None, now=NOW)

    def label(self, annotator="ann", level=lambda number: 3 if number % 4 == 0 else 0):
        """Label all that is open to someone: a claim, agreed with at a level."""
        text = export_labels(
            self.settings, RUBRIC, self.store, "jsonl", queue=True, annotator=annotator
        ).text
        lines = [json.loads(line) for line in text.splitlines()]
        for number, line in enumerate(lines):
            line["labels"][0] |= {
                "opportunities": {"claim": {"status": "wrong"}},
                "levels": {EVERY: level(number)},
            }
        path = self.folder / f"{annotator}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        made = import_labels(path, self.settings, RUBRIC, self.store, now=NOW)
        assert not made.problems
        return len(lines)

    def estimate(self, question=EVERY, last=None, window_days=7):
        rows = estimate_from_labels(
            self.settings, RUBRIC, self.store, last=last, window_days=window_days
        )
        return next(row for row in rows if row["behaviour"] == question)


def test_what_people_say_of_a_sample_becomes_a_rate(desk):
    desk.queue(60)
    count = desk.label()
    found = desk.estimate()
    assert (found["mode"], found["day"], found["window_days"]) == ("two-phase", LAST, 7)
    assert found["labels"] == count
    assert found["judged"] == len(judged_messages(desk.settings, RUBRIC, None, None))
    assert 0.1 < found["prevalence"] < 0.45
    assert found["lower"] < found["prevalence"] < found["upper"]
    assert found["opportunity_rate"] == 1
    assert desk.estimate("substance")["reason"] == "no gold label"
    # What these people saw to be absent everywhere has no rate among its opportunities.
    assert desk.estimate("caving")["reason"] == "no opportunity among the gold labels"


def test_a_second_draw_changes_nothing_before_its_messages_are_labelled(desk):
    desk.queue(20)
    desk.label()
    before = desk.estimate()
    chances = {row["blind_id"]: row["inclusion_probability"] for row in queued(desk.store)}
    assert desk.queue(30, first=LAST - timedelta(days=2)).new > 0
    after = {row["blind_id"]: row["inclusion_probability"] for row in queued(desk.store)}
    assert any(after[name] > chance for name, chance in chances.items())
    assert desk.estimate() == before
    desk.label()
    assert desk.estimate()["labels"] > before["labels"]


def test_several_annotators_count_by_their_mean(desk):
    desk.queue(60)
    desk.label("ann", level=lambda _: 3)
    one = desk.estimate()
    desk.label("ben", level=lambda _: 0)
    both = desk.estimate()
    assert both["labels"] == one["labels"]
    assert (one["prevalence"], both["prevalence"]) == (1, pytest.approx(0.5))


def test_labels_of_messages_drawn_for_another_reason_do_not_count(desk):
    from sqlalchemy import update

    from alignment_monitor.store.schema import gold_queue

    desk.queue(30)
    desk.label()
    with desk.store.begin() as connection:
        connection.execute(update(gold_queue).values(purpose="burst"))
    assert labelled_days(desk.settings, RUBRIC, desk.store, sample_marts.FIRST_DAY, LAST) is None


def test_a_mart_cut_to_the_last_days_changes_no_rate(marts, tmp_path):
    whole = Desk(marts, tmp_path)
    whole.queue(60)
    whole.label()
    found = labelled_days(whole.settings, RUBRIC, whole.store, sample_marts.FIRST_DAY, LAST)
    before = found.estimates(LAST, (7,))
    home = Marts(whole.settings.marts)
    table = home.select("judged_messages")
    late = pc.greater(table["day"], LAST - timedelta(days=3))
    try:
        home.replace_month(JUDGED_MESSAGES, LAST, table.filter(late))
        found = labelled_days(whole.settings, RUBRIC, whole.store, sample_marts.FIRST_DAY, LAST)
        assert found.estimates(LAST, (7,)).equals(before)
    finally:
        home.replace_month(JUDGED_MESSAGES, LAST, table)


def test_labels_of_messages_that_are_no_longer_judged_give_no_rate(marts, tmp_path):
    desk = Desk(marts, tmp_path)
    desk.queue(20)
    desk.label()
    desk.settings = desk.settings.model_copy(update={"home": tmp_path / "again"})
    shutil.copytree(marts, tmp_path / "again")
    with duckdb.connect(str(desk.settings.warehouse)) as connection:
        connection.execute("delete from int_judged_answers")
    assert labelled_days(desk.settings, RUBRIC, desk.store, sample_marts.FIRST_DAY, LAST) is None
    with pytest.raises(LabellingError, match="was labelled: draw by `labels queue`"):
        desk.estimate()


def test_what_is_missing_is_told(desk, tmp_path):
    with pytest.raises(LabellingError, match="was labelled: draw by `labels queue`"):
        desk.estimate()
    with pytest.raises(LabellingError, match="run the days first"):
        desk.estimate(last=LAST + timedelta(days=50))
    desk.queue(20)
    desk.label()
    desk.settings = load(sample_marts.write(tmp_path / "bare", sample_marts.Sample(days=7)))
    with pytest.raises(WarehouseError, match="no run made it yet"):
        desk.estimate()
