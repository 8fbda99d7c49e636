import csv
import io
import json
import shutil
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.operations.labelling import queue
from alignment_monitor.operations.labelling.files import export_labels, import_labels
from alignment_monitor.operations.labelling.given import events_so_far, overview
from alignment_monitor.operations.labelling.queue import (
    LabellingError,
    judged_messages,
    queue_days,
    queue_labels,
    queue_more,
)
from alignment_monitor.resources.marts import Marts
from alignment_monitor.settings import Settings
from alignment_monitor.sources.files import SourceFileError
from alignment_monitor.sources.gold import GoldFileError, read_gold
from alignment_monitor.store import open_store
from alignment_monitor.store.labels import enqueue, queued
from alignment_monitor.store.schema import labels as label_table
from tests.dashboard import sample_marts

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
RUBRIC = load_rubric()
DAYS = 7


@pytest.fixture(scope="module")
def marts(tmp_path_factory):
    """A home with marts of a week; one text says what only a secret may say."""
    sample = sample_marts.Sample(days=DAYS, talks_per_day=8)
    return sample_marts.write(tmp_path_factory.mktemp("marts"), sample)


@pytest.fixture
def desk(marts, tmp_path):
    return Desk(marts, tmp_path)


class Desk:
    """A home whose store is new, and what a person does there."""

    def __init__(self, marts, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.settings = Settings(home=marts)
        self.store = open_store(f"sqlite:///{folder / 'store.sqlite'}")

    def queue(self, n=20, first=None, last=None):
        return queue_labels(self.settings, RUBRIC, self.store, n, first=first, last=last, now=NOW)

    def export(self, form="jsonl", **options):
        return export_labels(self.settings, RUBRIC, self.store, form, **options)

    def bring(self, text, name="in.jsonl", annotator="ann", now=NOW):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return import_labels(path, self.settings, RUBRIC, self.store, annotator=annotator, now=now)

    def lines(self, **options):
        text = self.export(queue=True, **options).text
        return [json.loads(line) for line in text.splitlines()]

    def table(self):
        return list(csv.DictReader(io.StringIO(self.export("csv", queue=True).text)))

    def stored(self):
        with self.store.connect() as connection:
            return list(connection.execute(select(label_table)).mappings())


def filled(line, **changes):
    """The line as an annotator gives it back: a wrong claim, agreed with."""
    label = line["labels"][0] | {
        "stance": 2,
        "opportunities": {"claim": {"status": "wrong"}},
        "levels": {"unwarranted_agreement": 3, "substance": 1},
        "choices": {"no_position": "no"},
        "notes": {"unwarranted_agreement": "-1 would be mild; ask a.person@example.com"},
    }
    return line | {"labels": [label | changes]}


def text_of(lines):
    return "".join(json.dumps(line) + "\n" for line in lines)


def written(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


ANSWERS = {
    "stance": "2",
    "claim": "Yes",
    "claim.status": "wrong",
    "work": "no",
    "conflict": "no",
    "pushback": "no",
    "vulnerable": "no",
    "unwarranted_agreement": "3",
    "substance": "1",
    "no_position": "no",
}


def answered(rows, name, **changes):
    """The rows of one message filled in."""
    answers = ANSWERS | changes
    return [
        row | {"answer": answers.get(row["question"], "")} if row["id"] == name else row
        for row in rows
    ]


def test_the_queue_holds_what_was_drawn_with_its_probability(desk):
    made = desk.queue()
    rows = queued(desk.store)
    assert made.new == len(rows) == sum(made.drawn.values()) > 0
    judged = judged_messages(desk.settings, RUBRIC, None, None)
    assert len(judged) == 8 * DAYS == sum(made.judged.values())
    assert made.first == sample_marts.FIRST_DAY
    assert made.last == made.first + timedelta(days=DAYS - 1)
    shares = {}
    for row in rows:
        assert row["blind_id"].startswith("talk-")
        assert (row["purpose"], row["batch"]) == ("estimate", f"{made.first}..{made.last}")
        shares[row["stratum"]] = row["inclusion_probability"]
    expected = sum(made.judged[name] * share for name, share in shares.items())
    assert shares.keys() == made.judged.keys()
    assert expected == pytest.approx(20)


def test_the_same_draw_adds_nothing_and_a_larger_one_adds_to_it(desk):
    desk.queue(15)
    before = {row["blind_id"]: row["inclusion_probability"] for row in queued(desk.store)}
    assert desk.queue(15).new == 0
    assert {r["blind_id"]: r["inclusion_probability"] for r in queued(desk.store)} == before
    assert desk.queue(40).new > 0
    after = {row["blind_id"]: row["inclusion_probability"] for row in queued(desk.store)}
    assert before.keys() < after.keys()
    assert all(after[name] >= chance for name, chance in before.items())


def test_more_is_drawn_beside_what_is_there_until_all_is(desk):
    def more(n):
        return queue_more(desk.settings, RUBRIC, desk.store, n, now=NOW)

    first = more(10)
    whole = [row["blind_id"] for row in queued(desk.store)]
    assert first == len(whole) > 0
    second = more(10)
    assert 0 < second == len(queued(desk.store)) - first
    assert {row["blind_id"] for row in queued(desk.store)} > set(whole)
    assert more(100) == 8 * DAYS - first - second
    assert more(10) == 0


WEEK = [sample_marts.FIRST_DAY + timedelta(days=number) for number in range(DAYS)]


@pytest.fixture
def asking(desk):
    """A home whose settings ask for five messages of each day, which has eight."""
    wanted = desk.settings.labelling.model_copy(update={"messages_per_day": 5})
    desk.settings = desk.settings.model_copy(update={"labelling": wanted})
    return desk


def drawn(desk):
    return {row["blind_id"]: (row["day"], row["inclusion_probability"], row["batch"])
            for row in queued(desk.store)}  # fmt: skip


def daily(desk, days):
    return queue_days(desk.settings, RUBRIC, desk.store, days, now=NOW)


def test_each_day_is_asked_for_alike_however_days_are_run(asking, marts, tmp_path):
    made = daily(asking, WEEK)
    assert list(made) == WEEK
    assert sum(made.values()) == len(drawn(asking))
    assert 5 * DAYS - 15 < sum(made.values()) < 5 * DAYS + 15
    assert {batch for _, _, batch in drawn(asking).values()} == {f"{day}..{day}" for day in WEEK}
    assert set(daily(asking, WEEK).values()) == {0}, "the same days again ask nothing"
    other = Desk(marts, tmp_path / "other")
    other.settings = asking.settings
    for day in reversed(WEEK):
        daily(other, [day])
    assert drawn(other) == drawn(asking)


def test_days_run_together_share_out_by_the_labels_before_each(asking, monkeypatch):
    """As when each runs alone: labels of one day have a part in the draw of the next."""
    seen = []
    monkeypatch.setattr(queue, "events_so_far", lambda *_, before: seen.append(before) or {})
    daily(asking, WEEK)
    assert seen == WEEK


def test_nobody_is_asked_unless_the_settings_say_so(desk):
    assert daily(desk, WEEK) == dict.fromkeys(WEEK, 0)
    assert not drawn(desk)


def test_days_without_verdicts_or_texts_ask_nobody(asking, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(asking.settings.home, home)
    asking.settings = asking.settings.model_copy(update={"home": home})
    (home / "marts" / "transcripts" / f"day={WEEK[2]}.parquet").unlink()
    before, after = WEEK[0] - timedelta(days=30), WEEK[-1] + timedelta(days=1)
    made = daily(asking, [before, *WEEK, after])
    assert [day for day, count in made.items() if not count] == [before, WEEK[2], after]
    assert daily(asking, [before]) == {before: 0}


def test_what_lies_four_weeks_before_the_newest_day_asks_nobody(asking, monkeypatch):
    monkeypatch.setattr(queue, "WINDOW_DAYS", 3)
    made = daily(asking, WEEK)
    assert [day for day, count in made.items() if count] == WEEK[-3:]


def test_days_without_verdicts_are_told(desk):
    with pytest.raises(LabellingError, match="no message of those days was judged"):
        desk.queue(first=date(2020, 1, 1), last=date(2020, 1, 7))
    assert desk.queue(first=sample_marts.FIRST_DAY, last=sample_marts.FIRST_DAY).judged.total() == 8


def test_an_export_is_blind(desk):
    desk.queue(50)
    lines = desk.lines()
    text = text_of(lines)
    for told in ("aurora", "2026-", "c-0925", "Aurora", "rationale", "positive", "day", "api"):
        assert told not in text, told
    for line in lines:
        assert line["messages"][0] == {"role": "system", "content": "[withheld]"}
        assert len(line["messages"]) == 5  # what the user said afterwards is cut off
        (label,) = line["labels"]
        assert label["message_index"] == 4
        assert label["opportunities"] is None
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)


def test_what_is_still_blank_is_no_label_for_anybody(desk):
    desk.queue()
    text = desk.export(queue=True).text
    made = desk.bring(text)
    assert (made.counts.total(), made.problems, made.blank) == (0, (), text.count("\n"))
    with pytest.raises(GoldFileError, match=r"labels.0.opportunities: not labelled yet"):
        read_gold(desk.folder / "in.jsonl", RUBRIC, desk.settings)


def test_labels_come_back_as_they_were_given_and_an_audit_reads_them(desk):
    desk.queue()
    lines = desk.lines()
    made = desk.bring(text_of([filled(lines[0]), *lines[1:]]))
    assert made.counts == {"new": 1}
    assert made.blank == len(lines) - 1
    path = desk.folder / "labels.jsonl"
    path.write_text(desk.export(queue=False).text)
    (line,) = map(json.loads, path.read_text().splitlines())
    given = filled(lines[0])["labels"][0] | {"annotator": "ann"}
    given["notes"] = {"unwarranted_agreement": "-1 would be mild; ask [EMAIL]"}
    assert line == lines[0] | {"labels": [given]}
    gold = read_gold(path, RUBRIC, desk.settings)
    (reference,) = gold.references
    assert reference.levels == {"unwarranted_agreement": 3, "substance": 1}
    assert reference.opportunities == {"claim": {"status": "wrong"}}
    assert reference.stance == 2
    assert desk.bring(path.read_text()).counts == {"unchanged": 1}


def test_a_stored_label_says_of_every_opportunity_whether_it_was_there(desk):
    desk.queue()
    desk.bring(text_of([filled(desk.lines()[0])]))
    rows = {row["question"]: row for row in desk.stored()}
    assert {name: rows[name]["value"] for name in RUBRIC.opportunities} == {
        "claim": "yes", "work": "no", "conflict": "no", "pushback": "no", "vulnerable": "no"
    }  # fmt: skip
    assert rows["claim.status"]["value"] == "wrong"
    assert rows["no_position"]["kind"] == "outcome"
    assert {row["rubric_version"] for row in rows.values()} == {RUBRIC.full_version}
    hashes = {row["content_hash"] for row in queued(desk.store)}
    assert {row["content_hash"] for row in rows.values()} <= hashes
    assert "caving" not in rows


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"levels": {"substance": 7}}, "labels.0.levels.substance: Input should be 0, 1, 2 or 3"),
        (
            {"levels": {"caving": 1}, "notes": {}},
            "labels.0.levels.caving: given, but no opportunity for it",
        ),
        ({"opportunities": {"claim": {"status": "odd"}}}, "labels.0.opportunities.claim.status"),
        ({"opportunities": None}, "labels.0.opportunities: Input should be a valid dictionary"),
        ({"message_index": 2}, "message 2 of 'talk-"),
        ({"notes": {"caving": "why"}}, "labels.0.notes.caving: given, but this question is not"),
    ],
)
def test_a_wrong_label_is_named_by_line_and_the_others_are_kept(desk, changes, problem):
    desk.queue()
    first, second, third = desk.lines()[:3]
    bad = filled(second, **changes)
    made = desk.bring(text_of([filled(first), bad, filled(third)]))
    assert made.counts == {"new": 2}
    (told,) = made.problems
    assert told.startswith("in.jsonl:2: ")
    assert problem in told
    assert first["messages"][3]["content"] not in told


def test_a_label_needs_a_name_and_a_message_of_the_queue(desk):
    desk.queue()
    line = filled(desk.lines()[0])
    assert "nobody is named" in desk.bring(text_of([line]), annotator="").problems[0]
    stranger = text_of([line | {"id": "talk-17"}])
    assert "is not in the queue" in desk.bring(stranger).problems[0]
    own = text_of([filled(line, annotator="ben")])
    assert desk.bring(own, annotator="").counts == {"new": 1}
    assert {row["annotator"] for row in desk.stored()} == {"ben"}


def test_text_that_no_database_can_hold_is_marked_and_costs_no_label(desk):
    desk.queue()
    first, second, third, fourth = desk.lines()[:4]
    odd = filled(second, annotator="b\ud800n", notes={"substance": "half \udc00 and \0"})
    wrong = filled(third, notes={"\ud800": "why"})
    made = desk.bring(text_of([filled(first), odd, wrong, filled(fourth)]), annotator="a\udcffnn")
    assert made.counts == {"new": 3}
    (problem,) = made.problems
    assert problem.encode().startswith(b"in.jsonl:3: labels.0.notes.")
    assert {row["annotator"] for row in desk.stored()} == {"a\ufffdnn", "b\ufffdn"}
    assert "half \ufffd and \ufffd" in {row["note"] for row in desk.stored()}


def test_a_table_gives_the_same_labels_as_lines_do(desk):
    desk.queue()
    rows = desk.table()
    name = rows[0]["id"]
    assert [row["question"] for row in rows if row["text"]] == ["stance"] * (len(rows) // 22)
    made = desk.bring(written(answered(rows, name)), name="in.csv")
    assert made.counts == {"new": 1}
    assert made.blank == len({row["id"] for row in rows}) - 1
    line = next(line for line in desk.lines(annotator="ben") if line["id"] == name)
    as_line = filled(line, annotator="ann", notes={})
    assert desk.bring(text_of([as_line])).counts == {"unchanged": 1}
    (again,) = map(json.loads, desk.export(queue=False).text.splitlines())
    assert again["id"] == name


def test_of_final_labels_brought_in_the_last_one_stands(desk):
    desk.queue()
    (line, *_) = desk.lines()
    for name in ("adjudicated/cy", "ben", "adjudicated/di"):
        assert desk.bring(text_of([filled(line, annotator=name)])).counts == {"new": 1}
    standing = {row["annotator"] for row in desk.stored() if row["replaced_at"] is None}
    assert standing == {"ben", "adjudicated/di"}


def test_a_table_of_labels_given_is_read_back_unchanged(desk):
    desk.queue()
    desk.bring(text_of([filled(desk.lines()[0], notes={"substance": "=1+1"})]))
    text = desk.export("csv", queue=False).text
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert "'=1+1" in cells  # no formula for a spreadsheet
    assert {c for c in cells if c.startswith(("=", "+", "@"))} == set()
    assert desk.bring(text, name="in.csv").counts == {"unchanged": 1}
    semicolons = io.StringIO()
    csv.writer(semicolons, delimiter=";").writerows(csv.reader(io.StringIO(text)))
    assert desk.bring("\ufeff" + semicolons.getvalue(), name="in.csv").counts == {"unchanged": 1}


@pytest.mark.parametrize(
    ("changes", "question", "problem"),
    [
        ({"substance": "7"}, "substance", "substance: the answer is none of 0, 1, 2, 3"),
        ({"claim": "perhaps"}, "claim", "claim: the answer is none of yes, no"),
        ({"pushback": ""}, "pushback", "pushback: needs its yes or no"),
        ({"caving": "1"}, "caving", "caving: given, but no opportunity for it (pushback)"),
        ({"work.merit": "weak"}, "work.merit", "work.merit: given, but work is not present"),
    ],
)
def test_a_wrong_row_refuses_its_message_and_no_other(desk, changes, question, problem):
    desk.queue()
    rows = desk.table()
    for row in rows:
        row["text"] = ""  # one line a row, so that lines can be counted here
    good, bad = rows[0]["id"], rows[-1]["id"]
    text = written(answered(answered(rows, good), bad, **changes))
    made = desk.bring(text, name="in.csv")
    assert made.counts == {"new": 1}
    line = next(
        n for n, row in enumerate(rows, 2) if row["id"] == bad and row["question"] == question
    )
    assert made.problems[0] == f"in.csv:{line}: {problem}"


def test_a_table_without_its_columns_or_with_an_unknown_question_is_told(desk):
    desk.queue()
    with pytest.raises(SourceFileError, match="lacks the columns message_index, answer"):
        desk.bring("id,question\n", name="in.csv")
    rows = answered(desk.table(), desk.table()[0]["id"])
    rows[7]["question"] = "cavving"
    assert any("'cavving' is none" in p for p in desk.bring(written(rows), name="in.csv").problems)


def test_another_annotator_gets_what_the_first_has_labelled(desk):
    desk.queue()
    lines = desk.lines()
    desk.bring(text_of(map(filled, lines)))
    assert desk.export(queue=True).conversations == 0
    for_ben = desk.lines(annotator="ben")
    assert [line["id"] for line in for_ben] == [line["id"] for line in lines]
    assert {line["labels"][0]["annotator"] for line in for_ben} == {"ben"}
    part = [
        filled(line, levels={"unwarranted_agreement": n % 2 * 3}, notes={})
        for n, line in enumerate(for_ben[:6])
    ]
    later = NOW + timedelta(hours=3)
    desk.bring(text_of(part), now=later)
    found = overview(RUBRIC, desk.store)
    assert found.annotators == {"ann": (len(lines), NOW), "ben": (6, later)}
    assert sum(done for _, done in found.queue.values()) == len(lines)
    assert sum(waiting for waiting, _ in found.queue.values()) == 0
    assert found.agreement["unwarranted_agreement"].n == 6
    assert found.agreement["unwarranted_agreement"].value < 0.5
    assert "substance" not in found.agreement  # ben did not say


def test_nobody_sees_what_followed_a_message_though_it_is_to_be_labelled_too(desk):
    desk.queue()
    first = queued(desk.store)[0]
    second = first | {"message_index": 2, "content_hash": "of the earlier message"}
    enqueue(desk.store, [{k: v for k, v in second.items() if k != "item_id"}])
    made = desk.export(queue=True)
    lines = desk.lines()
    assert made.messages == len(lines) == made.conversations + 1
    mine = [line for line in lines if line["id"] == first["blind_id"]]
    assert [(len(line["messages"]), line["labels"][0]["message_index"]) for line in mine] == [
        (3, 2),
        (5, 4),
    ]
    assert mine[0]["messages"] == mine[1]["messages"][:3]
    assert desk.bring(text_of(map(filled, lines))).counts == {"new": len(lines)}
    path = desk.folder / "labels.jsonl"
    path.write_text(desk.export(queue=False).text)
    gold = read_gold(path, RUBRIC, desk.settings)
    places = [(one.item_id, one.message_index) for one in gold.references]
    assert len(set(places)) == len(places) == len(lines)
    assert {(f"gold:{first['blind_id']}", index) for index in (2, 4)} <= set(places)
    assert desk.bring(path.read_text()).counts == {"unchanged": len(lines)}
    # Files of several messages a line, as they were written before, are read as ever.
    both = mine[1] | {"labels": [filled(line, annotator="ben")["labels"][0] for line in mine]}
    assert desk.bring(text_of([both])).counts == {"new": 2}


def test_only_labels_of_earlier_days_guide_a_draw(desk):
    first = sample_marts.FIRST_DAY
    desk.queue(56)
    desk.bring(text_of(map(filled, desk.lines())))
    assert events_so_far(desk.store, RUBRIC, before=first) == {}
    later = events_so_far(desk.store, RUBRIC, before=first + timedelta(days=2))
    assert sum(labels for _, labels in later.values()) == 16
    assert all(events == labels for events, labels in later.values())


def test_a_message_that_one_judge_did_not_answer_is_not_judged(tmp_path, marts):
    import pyarrow.parquet as pq

    from alignment_monitor.contracts import JUDGED_MESSAGES

    rows = Marts(marts / "marts").select("judged_messages").to_pylist()[:3]
    second = [row | {"judge": "second", "flagged": []} for row in rows]
    second[0]["status"], second[2]["flagged"] = "refused", ["caving"]
    rows[2]["flagged"] = ["caving"]
    (tmp_path / "marts").mkdir()
    path = tmp_path / "marts" / "judged_messages.parquet"
    pq.write_table(JUDGED_MESSAGES.table([*rows, *second]), path)
    found = judged_messages(Settings(home=tmp_path), RUBRIC, None, None)
    assert [one.conversation_id for one in found] == [row["conversation_id"] for row in rows[1:]]
    assert [len(one.verdicts) for one in found] == [2, 2]
    assert found[1].weight == pytest.approx(1 / rows[2]["inclusion_probability"])
