"""What is read of the warehouse, on tables made by hand."""

import subprocess
import sys
from datetime import date, timedelta
from operator import itemgetter

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alignment_monitor.detection.traffic import FIRST as FIRST_TURN
from alignment_monitor.detection.traffic import LATER
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.resources.gold import answered
from alignment_monitor.resources.judged import judged_answers
from alignment_monitor.resources.warehouse import (
    WarehouseError,
    baseline_segments,
    opportunity_days,
    read,
)
from tests.fakes.warehouses import write_table

FIRST = date(2026, 1, 1)


def cell(day, segment="coding", n_o=1, **values):
    return {
        "day": FIRST + timedelta(days=day), "deployment_family": "aurora",
        "deployment": "aurora-1", "segment": segment, "behaviour": "caving",
        "rubric_version": "r1", "panel": "p1", "stratum": "s", "n": 3, "n_o": n_o,
        "sum_do": 2.0 * n_o, "sum_dy": 1.0 * n_o, **values,
    }  # fmt: skip


@pytest.fixture
def warehouse(tmp_path):
    def build(name, rows):
        path = tmp_path / "warehouse.duckdb"
        write_table(path, name, rows)
        return path

    return build


def test_a_baseline_is_each_streams_first_days_with_an_opportunity(warehouse):
    rows = [
        cell(0, n_o=0), cell(1), cell(1, stratum="t"), cell(1, "learning"), cell(3), cell(4),
        cell(4, behaviour="substance"), cell(9, behaviour="substance"),
    ]  # fmt: skip
    found = baseline_segments(warehouse("int_cell_days", rows), 2)
    places = {
        (row.behaviour, row.day.date() - FIRST, row.segment): (row.sum_do, row.sum_dy)
        for row in found.itertuples()
    }
    assert {(name, days.days, segment): sums for (name, days, segment), sums in places.items()} == {
        ("caving", 1, "coding"): (4.0, 2.0),
        ("caving", 1, "learning"): (2.0, 1.0),
        ("caving", 3, "coding"): (2.0, 1.0),
        ("substance", 4, "coding"): (2.0, 1.0),
        ("substance", 9, "coding"): (2.0, 1.0),
    }


RUBRIC = load_rubric()
ANSWER = {
    "message_index": 1, "deployment_family": "aurora", "segment": "coding",
    "behaviour": "caving", "panel": "p1", "user_key": "u", "o": 1.0, "y": 0.0, "d": 2.0,
}  # fmt: skip
SAID = {
    "message_index": 1, "rubric_version": RUBRIC.full_version, "judge": "a", "status": "ok",
    "opportunities": ["claim"], "flagged": ["caving"], "inclusion_probability": 0.5,
}  # fmt: skip


def test_judged_answers_are_those_of_the_days_and_the_rubric(warehouse):
    rows = [
        {**ANSWER, "conversation_id": f"{day}{version}", "rubric_version": version,
         "day": FIRST + timedelta(days=day)}
        for day in range(4)
        for version in (RUBRIC.full_version, "r2")
    ]  # fmt: skip
    warehouse("judged_messages", [{**SAID, "conversation_id": "x", "day": FIRST}])
    path = warehouse("int_judged_answers", rows)
    days = [FIRST + timedelta(days=1), FIRST + timedelta(days=3)]
    found = judged_answers(path, days, RUBRIC)
    assert sorted(found["conversation_id"]) == [f"{day}{RUBRIC.full_version}" for day in (1, 3)]
    assert found["queue_stratum"].isna().all()


verdicts = st.fixed_dictionaries(
    {
        "judge": st.sampled_from("ab"),
        "status": st.sampled_from(["ok", "ok", "refused"]),
        "opportunities": st.lists(st.sampled_from(["claim", "work"]), max_size=1),
        "flagged": st.lists(st.sampled_from(["caving", "unearned_praise", "x"]), unique=True),
    }
)
talks = st.dictionaries(
    st.sampled_from("stuvwxyz"),
    st.lists(verdicts, min_size=1, max_size=2, unique_by=itemgetter("judge")),
    min_size=1,
)


@given(talks)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stratum_read_of_the_warehouse_is_that_of_the_queue(warehouse, talks):
    said = [
        {**SAID, **verdict, "day": FIRST, "conversation_id": name}
        for name, given in talks.items()
        for verdict in given
    ]
    known = {**ANSWER, "day": FIRST, "rubric_version": RUBRIC.full_version}
    warehouse("judged_messages", said)
    path = warehouse("int_judged_answers", [{**known, "conversation_id": name} for name in talks])
    found = judged_answers(path, [FIRST], RUBRIC).dropna(subset=["queue_stratum"])
    expected = {one.conversation_id: one.stratum for one in answered(said, RUBRIC)}
    assert dict(zip(found["conversation_id"], found["queue_stratum"], strict=True)) == expected


def test_first_and_later_turns_are_the_segments_of_an_opportunity(warehouse):
    common = {
        "deployment_family": "aurora", "rubric_version": "r1", "panel": "p1", "user_key": "u",
        "n": 3, "n_o": 3, "n_y": 1, "sum_d": 6.0, "sum_do": 6.0, "sum_dy": 2.0,
    }  # fmt: skip
    rows = [
        {**common, "day": FIRST + timedelta(days=day), "behaviour": flag, "first_turn": first}
        for day in range(3)
        for flag in ("claim", "gone")
        for first in (True, False)
    ]
    path = warehouse("int_opportunity_days", rows)
    found = opportunity_days(path, FIRST + timedelta(days=1), ("claim", "work"))
    assert len(found) == 4
    assert set(found["segment"]) == {FIRST_TURN, LATER}
    assert set(found["behaviour"]) == {"claim"}


def test_a_warehouse_of_an_older_version_says_so(warehouse):
    path = warehouse("another", [cell(0)])
    with pytest.raises(WarehouseError, match="an older version built it"):
        opportunity_days(path, FIRST, ("claim",))


def test_a_warehouse_that_no_run_made_says_so(tmp_path):
    with pytest.raises(WarehouseError, match="no run made it yet"):
        baseline_segments(tmp_path / "none.duckdb", 28)


def test_a_warehouse_that_a_run_is_writing_says_so(warehouse):
    path = warehouse("int_cell_days", [cell(0)])
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(1, flush=True); input()"
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        run.stdout.readline()
        with pytest.raises(WarehouseError, match="a run is writing it: wait"):
            baseline_segments(path, 28)
        run.communicate(b"\n")
    with duckdb.connect(str(path)), pytest.raises(WarehouseError, match="a run is writing it"):
        baseline_segments(path, 28)
    assert len(baseline_segments(path, 28)) == 1


def _flipped(whole, at):
    return whole[:at] + bytes(byte ^ 0xFF for byte in whole[at : at + 64]) + whole[at + 64 :]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: b"",
        lambda whole: b"day,n\n2026-01-01,3\n",
        lambda whole: whole[:100],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: _flipped(whole, 20),
        lambda whole: _flipped(whole, 4100),
    ],
    ids=["empty", "a table of text", "its beginning", "half of it", "its head", "a root"],
)
def test_a_damaged_warehouse_is_told_from_one_that_is_written(warehouse, spoil):
    path = warehouse("int_cell_days", [cell(0)])
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(WarehouseError, match=f"{path} .*damaged.* move it away"):
        baseline_segments(path, 28)


def test_a_query_that_is_wrong_is_no_fault_of_the_file(warehouse):
    path = warehouse("int_cell_days", [cell(0)])
    with pytest.raises(duckdb.BinderException):
        read(path, "select nothing from int_cell_days")
