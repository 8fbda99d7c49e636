"""The annotator's desk: what is given to whom, what is kept, and how differences are settled."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest

from alignment_monitor.contracts import MARTS
from alignment_monitor.judging.audit.annotators import consensus, decisive, ratings_of
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.operations.labelling.desk import Desk, DeskError, annotator_name, key_of
from alignment_monitor.operations.labelling.files import WITHHELD, export_labels
from alignment_monitor.operations.labelling.given import events_so_far, overview
from alignment_monitor.operations.labelling.order import in_order, worth
from alignment_monitor.operations.labelling.review import (
    agreed,
    disputes,
    progress,
    settle,
)
from alignment_monitor.settings import Labelling, load
from alignment_monitor.store import open_store
from alignment_monitor.store.labels import (
    Label,
    current_labels,
    keep_label,
    label_history,
    message_of,
    queued,
)
from tests.dashboard.sample_marts import FAMILY, Sample, write
from tests.dashboard.sample_store import write_queue
from tests.fakes.signals import signal_row

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
RUBRIC = load_rubric()
VERSION = RUBRIC.full_version
SAMPLE = Sample(days=3, talks_per_day=4, text="aurora-secret", drift=False)


@pytest.fixture(scope="module")
def marts(tmp_path_factory):
    return write(tmp_path_factory.mktemp("desk"), SAMPLE)


@pytest.fixture
def home(marts, monkeypatch, tmp_path):
    """The marts with a new queue of nine messages and a burst of three."""
    monkeypatch.setenv("ALIGNMENT_MONITOR_STORE_URL", f"sqlite:///{tmp_path / 'store.sqlite'}")
    write_queue(marts, 12, bursts=3)
    return marts


@pytest.fixture
def desk(home):
    settings = load(home)
    return Desk(settings, RUBRIC, open_store(settings.store_url), "ann", NOW)


def with_several(desk, share=1.0, labels=2):
    wanted = Labelling(double_label_share=share, labels_per_message=labels)
    return replace(desk, settings=desk.settings.model_copy(update={"labelling": wanted}))


def said(level=3, **changes):
    return {
        "stance": 2,
        "opportunities": {"claim": {"status": "wrong"}},
        "levels": {"unwarranted_agreement": level, "substance": 1},
        "choices": {"no_position": "no"},
        "notes": {},
    } | changes


def todays(desk):
    return worth(desk.settings, RUBRIC, desk.store)


def test_a_message_is_shown_blind_up_to_the_judged_one(desk):
    item = desk.next(todays(desk))
    roles = [turn["role"] for turn in item.turns]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    assert item.turns[0]["content"] == WITHHELD
    assert {turn["created_at"] for turn in item.turns} == {None}
    shown = json.dumps([item.key, [turn | {"content": ""} for turn in item.turns]])
    assert "c-" not in shown
    assert "2026" not in shown


def test_the_order_holds_all_that_was_drawn_and_nothing_else(desk):
    rows = queued(desk.store)
    ordered = in_order(rows, todays(desk), labelled=(), key="any")
    assert Counter(map(key_of, ordered)) == Counter(map(key_of, rows))
    assert {row["inclusion_probability"] for row in rows} == {1.0}


@pytest.mark.parametrize("wanted", [True, False])
def test_a_burst_comes_first_while_its_suspicion_stands_and_last_after(desk, wanted, monkeypatch):
    series = f"MODEL/{FAMILY}/caving/up"
    signals = MARTS["drift_signals"].table(
        [signal_row(series, SAMPLE.last, "WARN") | {"labels_wanted": wanted}]
    )
    path = desk.settings.marts / "drift_signals.parquet"
    before = path.read_bytes()
    try:
        pq.write_table(signals, path)
        ordered = in_order(queued(desk.store), todays(desk), labelled=(), key="any")
    finally:
        path.write_bytes(before)
    purposes = [row["purpose"] for row in ordered]
    burst, estimate = ["burst"] * 3, ["estimate"] * 9
    assert purposes == (burst + estimate if wanted else estimate + burst)


def test_of_a_conversation_the_earlier_message_comes_first(desk):
    rows = queued(desk.store)
    later = rows[0] | {"message_index": 9}
    ordered = in_order([*rows, later], todays(desk), labelled=(), key="any")
    mine = [row["message_index"] for row in ordered if row["blind_id"] == later["blind_id"]]
    assert mine == [4, 9]


def test_what_is_saved_is_kept_once_however_often_it_is_sent(desk):
    item = desk.next(todays(desk))
    assert desk.save(item.key, said(), VERSION) == "new"
    later = replace(desk, now=NOW + timedelta(minutes=1))
    assert later.save(item.key, said(), VERSION) == "unchanged"
    rows = label_history(desk.store, VERSION)
    assert len({row["question"] for row in rows}) == len(rows)
    assert {row["labelled_at"] for row in rows} == {NOW}
    assert desk.next(todays(desk)).key != item.key


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (said(stance=3), "stance"),
        (said(opportunities={}), "levels.unwarranted_agreement: given, but no opportunity"),
        (said(opportunities=None), "opportunities"),
        (said(notes={"caving": "why"}), "notes.caving"),
        (said(levels={"made_up": 1}), "levels.made_up"),
    ],
)
def test_what_an_import_would_refuse_is_refused_and_nothing_is_kept(desk, wrong, told):
    key = desk.next(todays(desk)).key
    with pytest.raises(DeskError, match=told):
        desk.save(key, wrong, VERSION)
    assert current_labels(desk.store, VERSION) == []


def test_a_label_given_by_other_guidelines_or_about_no_queued_message_is_refused(desk):
    key = desk.next(todays(desk)).key
    with pytest.raises(DeskError, match="guidelines have changed"):
        desk.save(key, said(), "sycophancy-0-older")
    for other in ("talk-x/4", key.partition("/")[0] + "/2", "", "4"):
        with pytest.raises(DeskError, match="no longer in the queue"):
            desk.save(other, said(), VERSION)


def test_notes_are_redacted_as_in_an_import(desk):
    key = desk.next(todays(desk)).key
    desk.save(key, said(notes={"stance": "asks a.person@example.com"}), VERSION)
    (note,) = [row["note"] for row in current_labels(desk.store, VERSION) if row["note"]]
    assert "a.person" not in note


def test_two_are_given_different_messages_until_none_is_left(desk):
    ben, today = replace(desk, annotator="ben"), todays(desk)
    only_once = with_several(desk, share=0.0)
    ben = with_several(ben, share=0.0)
    seen = []
    for _ in range(6):
        seen += [only_once.next(today).key, ben.next(today).key]
        only_once.save(seen[-2], said(), VERSION)
        ben.save(seen[-1], said(), VERSION)
    assert len(set(seen)) == 12
    assert only_once.next(today) is None
    assert ben.next(today) is None


def test_what_was_skipped_comes_again_when_all_else_is_done(desk):
    today = todays(desk)
    first = desk.next(today).key
    desk.skip(first)
    seen = []
    while (item := desk.next(today)) and not item.skipped:
        seen.append(item.key)
        desk.save(item.key, said(), VERSION)
    assert first not in seen
    assert len(seen) == 11
    assert item.key == first


def test_back_opens_label_after_label_with_what_was_said(desk):
    today, keys = todays(desk), []
    for minute in range(3):
        now = replace(desk, now=NOW + timedelta(minutes=minute))
        keys.append(now.next(today).key)
        now.save(keys[-1], said(level=minute), VERSION)
    assert desk.before(None).key == keys[2]
    again = desk.before(keys[2])
    assert again.key == keys[1]
    assert again.label["levels"]["unwarranted_agreement"] == 1
    assert desk.before(keys[0]) is None
    assert replace(desk, annotator="ben").before(None) is None


def test_a_message_whose_text_is_gone_is_passed_over(desk, marts):
    gone = marts / "marts" / "transcripts" / f"day={SAMPLE.last}.parquet"
    text = gone.read_bytes()
    gone.unlink()
    try:
        seen = set()
        while item := desk.next(todays(desk)):
            seen.add(item.key)
            desk.save(item.key, said(), VERSION)
    finally:
        gone.write_bytes(text)
    kept_days = {row["day"] for row in queued(desk.store) if key_of(row) in seen}
    assert SAMPLE.last not in kept_days
    assert len(seen) == 8


def test_the_share_labelled_twice_is_chosen_by_chance_and_stays(desk):
    rows = [{**queued(desk.store)[0], "conversation_id": f"c{n}"} for n in range(2000)]
    rooms = Counter(with_several(desk, share=0.2, labels=3).room(row) for row in rows)
    assert set(rooms) == {1, 3}
    assert 330 < rooms[3] < 470
    assert {with_several(desk, share=1.0, labels=1).room(row) for row in rows} == {1}


@pytest.fixture
def differing(desk):
    """Ann's and Ben's desks, and the message on which they differ."""
    ann = with_several(desk)
    ben, today = replace(ann, annotator="ben"), todays(desk)
    key = ann.next(today).key
    ann.save(key, said(level=3), VERSION)
    assert disputes(ann) == [], "who has yet to label must not see it"
    assert ben.next(today).key == key
    ben.save(key, said(level=0, stance=-1), VERSION)
    return ann, ben, key


def test_who_differ_stand_side_by_side_once_both_are_done(differing):
    ann, _, key = differing
    (found,) = disputes(ann)
    assert (found.key, found.differing, found.charted) == (
        key, ("stance", "unwarranted_agreement"), True,
    )  # fmt: skip
    assert found.answers["unwarranted_agreement"] == {"ann": 3, "ben": 0}
    same = agreed(found)
    assert (same["claim"], same["claim.status"], same["work"]) == ("yes", "wrong", "no")
    assert "stance" not in same


def test_a_final_label_counts_in_place_of_those_that_differ(differing):
    ann, _, key = differing
    later = SAMPLE.last + timedelta(days=1)

    def events():
        return sum(seen for seen, _ in events_so_far(ann.store, RUBRIC, before=later).values())

    assert events() == 0.5
    settle(replace(ann, annotator="cy"), key, said(level=2), VERSION)
    assert events() == 1.0
    (found,) = disputes(ann)
    assert found.final == "cy"
    settle(replace(ann, annotator="di"), key, said(level=0), VERSION)
    assert events() == 0.0
    assert disputes(ann)[0].final == "di"
    told = overview(RUBRIC, ann.store)
    assert set(told.annotators) == {"ann", "ben", "adjudicated/di"}
    assert told.agreement["unwarranted_agreement"].n == 1
    kept = [r for r in current_labels(ann.store, VERSION) if r["question"] == "stance"]
    assert {row["annotator"]: row["level"] for row in kept} == {
        "ann": 2, "ben": -1, "adjudicated/di": 2,
    }  # fmt: skip


def test_labels_of_two_versions_of_a_text_are_not_compared(differing):
    """Ann labelled it again after it had changed; Cy only saw what it was before."""
    ann, *_ = differing
    (message,) = {message_of(row) for row in current_labels(ann.store, VERSION)}
    earlier = message._replace(content_hash="of an earlier version")
    answers = [{"question": "substance", "kind": "guard", "level": 2, "value": None, "note": ""}]
    assert overview(RUBRIC, ann.store).agreement["substance"].n == 1
    for who in ("ann", "cy"):
        keep_label(
            ann.store, Label(earlier, who, answers), rubric=RUBRIC.name, rubric_version=VERSION,
            now=NOW,
        )  # fmt: skip
    assert overview(RUBRIC, ann.store).agreement["substance"].n == 2
    alone = earlier._replace(content_hash="of the earliest version")
    keep_label(
        ann.store, Label(alone, "di", answers), rubric=RUBRIC.name, rubric_version=VERSION, now=NOW
    )
    assert overview(RUBRIC, ann.store).agreement["substance"].n == 2


def test_an_exported_final_label_stands_for_all_and_is_no_rating(differing):
    ann, _, key = differing
    settle(ann, key, said(level=2), VERSION)
    (line,) = export_labels(ann.settings, RUBRIC, ann.store, "jsonl", queue=False).text.splitlines()
    labels = json.loads(line)["labels"]
    (reference,), split = consensus("x", (), labels, RUBRIC)
    assert (reference.levels["unwarranted_agreement"], split) == (2, 0)
    assert {row["annotator"] for row in ratings_of("x", labels)} == {"ann", "ben"}


def test_without_a_final_label_all_count():
    assert decisive({"ann": 1, "ben": 2}) == {"ann": 1, "ben": 2}
    assert decisive({"ann": 1, "adjudicated/cy": 2}) == {"adjudicated/cy": 2}


def test_progress_counts_labels_wanted_given_and_bursts(differing):
    ann, *_ = differing
    rows = queued(ann.store)
    first = next(row for row in rows if row["purpose"] == "burst")
    given = {message_of(first): {"ann": NOW, "adjudicated/cy": NOW}}
    found = progress(rows, given, [2] * len(rows), todays(ann))
    assert (found.wanted, found.given, found.messages, found.labelled) == (24, 1, 12, 1)
    ((family, behaviour, segment, _, waiting, size, stands),) = found.bursts
    assert (family, behaviour, segment, waiting, size, stands) == (
        FAMILY, "caving", "", 2, 3, False,
    )  # fmt: skip


@pytest.mark.parametrize("typed", ["", "  ", "x" * 101, "adjudicated/ann"])
def test_some_names_are_no_names(typed):
    with pytest.raises(DeskError):
        annotator_name(typed)
    assert annotator_name(" Ann ") == "Ann"


def test_a_home_without_judged_messages_has_no_worth_and_an_empty_queue(tmp_path):
    settings = load(tmp_path)
    desk = Desk(settings, RUBRIC, open_store(settings.store_url), "ann", NOW)
    assert desk.next(todays(desk)) is None
