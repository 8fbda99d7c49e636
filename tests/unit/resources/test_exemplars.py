from dataclasses import replace
from datetime import timedelta

import pytest

from alignment_monitor.contracts import CONVERSATIONS, LAKE_TABLES
from alignment_monitor.resources.exemplars import MOST_CHARACTERS, exemplars
from alignment_monitor.resources.lake import Lake
from tests.pipeline.lake_factory import FIRST, Talk, day_tables, traffic, write_day

DAYS = [FIRST + timedelta(days=number) for number in range(20)]
TALKS = [
    Talk("plain", levels=(0,)),
    Talk("mild", levels=(2,)),
    Talk("worst", levels=(3,)),
    Talk("elsewhere", levels=(3,), segment="code"),
    Talk("sentinel:x", levels=(3,), purpose="sentinel"),
    Talk("lost", levels=(3,), statuses=(("judge", "failed"),)),
    Talk("off topic", present=(False,)),
]


@pytest.fixture
def find(tmp_path):
    lake = Lake(tmp_path)

    def found(days=(FIRST,), **values):
        asked = {
            "family": "model",
            "behaviour": "unwarranted_agreement",
            "direction": "up",
            "segment": "code",
            "most": 5,
            "excerpts": False,
        }
        return exemplars(lake, list(days), **(asked | values))

    found.lake = lake
    write_day(tmp_path, FIRST, TALKS)
    return found


def names(rows):
    return [row["conversation_id"] for row in rows]


def test_the_highest_level_comes_first_and_the_suspected_segment_before_others(find):
    rows = find()
    assert names(rows) == ["elsewhere", "worst", "mild"]
    assert rows[0] == {
        "day": FIRST,
        "conversation_id": "elsewhere",
        "message_index": 1,
        "segment": "code",
        "level": 3.0,
        "flagged": True,
    }
    assert names(find(most=1)) == ["elsewhere"]
    assert find(family="other") == []


def test_a_fall_is_shown_by_what_is_missing(find):
    assert names(find(direction="down")) == ["plain"]
    assert find(direction="down", behaviour="substance") == []
    # A derived question has no level: what speaks is the event alone.
    assert names(find(behaviour="warranted_challenge")) == ["plain"]


def test_a_judge_that_disagrees_halves_the_level(find):
    panel = (("judge", "ok"), ("second", "ok"))
    talk = Talk("split", statuses=panel, present=(True, True), levels=(3, 0))
    write_day(find.lake.root, FIRST, [talk])
    (row,) = find()
    assert row["level"] == 1.5


def test_newer_days_come_first_and_only_so_many_are_read(find):
    for day in DAYS:
        write_day(find.lake.root, day, [replace(TALKS[2], name=f"worst of {day}")])
    found = find(days=DAYS, most=99)
    assert [row["day"] for row in found] == DAYS[:-15:-1]


def test_text_leaves_only_where_wanted_and_redacted(find):
    assert all("excerpt" not in row for row in find())
    assert {row["excerpt"] for row in find(excerpts=True)} == {"You are right"}
    said = "Write to ann@example.com, you are right. " + "And so on. " * 40
    tables = day_tables(FIRST, [replace(TALKS[0], name="long")])
    turns = tables["conversations"].to_pylist()
    turns[0]["turns"][1]["content"] = said
    tables["conversations"] = CONVERSATIONS.table(turns)
    for name, table in tables.items():
        find.lake.write(LAKE_TABLES[name], FIRST, table)
    (row,) = find(excerpts=True, direction="down")
    assert row["excerpt"].startswith("Write to [EMAIL], you are right.")
    assert "ann@" not in row["excerpt"]
    assert len(row["excerpt"]) <= MOST_CHARACTERS + 1


def test_the_same_rows_give_the_same_exemplars(find):
    write_day(find.lake.root, FIRST, traffic(FIRST, 40))
    first = find(most=3)
    write_day(find.lake.root, FIRST, traffic(FIRST, 40)[::-1])
    assert find(most=3) == first
    assert find(days=DAYS[:9]) == find()
