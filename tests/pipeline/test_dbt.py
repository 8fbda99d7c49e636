"""dbt builds real days of a real lake, in this process, into a warehouse of its own."""

import os
import re
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from alignment_monitor.contracts import CONVERSATION_STATES, MARTS, MESSAGE_STATES
from alignment_monitor.resources.marts import Marts
from tests.pipeline.lake_factory import FIRST, Talk, traffic, write_day

PROJECT = Path(__file__).parents[2] / "dbt_project"
EXPORTED = ("ledger_daily", "deployments", "judged_messages", "cost_daily", "quarantine")
NEXT = FIRST + timedelta(days=1)


class Warehouse:
    """A home with a lake, and dbt to build from it."""

    def __init__(self, home: Path) -> None:
        self.lake, self.marts, self.file = home / "lake", home / "marts", home / "warehouse.duckdb"
        self.target = home.parent / "target"
        (self.marts / "judged_messages").mkdir(parents=True)

    def dbt(self, command: str, first: date, last: date, *arguments: str) -> Any:
        """Run a dbt command for a range of days."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        os.environ.update(
            ALIGNMENT_MONITOR_LAKE=str(self.lake),
            ALIGNMENT_MONITOR_MARTS=str(self.marts),
            ALIGNMENT_MONITOR_WAREHOUSE=str(self.file),
            ALIGNMENT_MONITOR_FROM_DAY=first.isoformat(),
            ALIGNMENT_MONITOR_TO_DAY=last.isoformat(),
        )
        places = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)]
        places += ["--target-path", str(self.target), "--log-path", str(self.target)]
        result = dbtRunner().invoke(["--quiet", command, *places, *arguments])
        DuckDBConnectionManager.close_all_connections()  # as the end of its process does
        return result

    def build(self, first: date, last: date | None = None) -> None:
        """What the pipeline runs."""
        result = self.dbt("build", first, last or first, "--exclude-resource-type", "unit_test")
        assert result.success, failed(result)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with duckdb.connect(str(self.file)) as connection:
            return connection.execute(sql).fetchall()

    def states(self, day: date) -> dict[str, int]:
        """The ledger of a day."""
        return dict(self.query(f"select state, count from ledger_daily where day = '{day}'"))


def failed(result: Any) -> set[str]:
    """Names of what failed."""
    bad = {"error", "fail", "runtime error"}
    return {row.node.name for row in result.result.results if row.status in bad}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture
def warehouse(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    for name in ("LAKE", "MARTS", "WAREHOUSE", "FROM_DAY", "TO_DAY"):
        monkeypatch.setenv(f"ALIGNMENT_MONITOR_{name}", "")  # put back after the test
    # The same place for all tests: another one would have dbt parse the project anew.
    shutil.rmtree(folder / "home", ignore_errors=True)
    return Warehouse(folder / "home")


def test_marts_are_what_their_contracts_say(warehouse):
    write_day(warehouse.lake, FIRST, traffic(FIRST), refused=1)
    warehouse.build(FIRST)
    for name in EXPORTED:
        (file,) = Marts(warehouse.marts).files(name)
        agreed = [(field.name, field.type) for field in MARTS[name].schema]
        assert [(field.name, field.type) for field in pq.read_schema(file)] == agreed, name
        assert pq.read_metadata(file).num_rows, name


def test_messages_lie_by_month_and_a_day_rewrites_its_own(warehouse):
    day = FIRST.replace(day=1) - timedelta(days=1)
    for one in (day, FIRST):
        write_day(warehouse.lake, one, traffic(one))
    warehouse.build(day, FIRST)
    home = Marts(warehouse.marts)
    first, second = home.files("judged_messages")
    assert first.name == f"month={day:%Y-%m}.parquet"
    before = home.select("judged_messages")
    assert home.span("judged_messages") == (day, FIRST)
    written = second.stat().st_mtime_ns
    first.unlink()
    warehouse.build(day)
    assert second.stat().st_mtime_ns == written
    second.unlink()  # as in a home of before, where no month was written yet
    write_day(warehouse.lake, day, [])
    warehouse.build(day)
    assert home.select("judged_messages").equals(before.filter(pc.field("day") == FIRST))


def test_unit_tests_of_the_models_pass(warehouse):
    write_day(warehouse.lake, FIRST, traffic(FIRST))
    warehouse.build(FIRST)
    result = warehouse.dbt("test", FIRST, FIRST, "--select", "test_type:unit")
    assert result.success, failed(result)
    assert len(result.result.results) == 4


def test_a_day_with_nothing_in_it_builds_and_exports_no_rows(warehouse):
    write_day(warehouse.lake, FIRST, [])
    warehouse.build(FIRST)
    files = list(warehouse.marts.rglob("*.parquet"))
    assert all(pq.read_metadata(file).num_rows == 0 for file in files)
    assert {file.stem for file in files} == {*EXPORTED} - {"judged_messages"}


def test_a_day_materialised_again_replaces_its_rows_even_by_none(warehouse):
    write_day(warehouse.lake, FIRST, traffic(FIRST), refused=1)
    write_day(warehouse.lake, NEXT, traffic(NEXT), refused=1)
    warehouse.build(FIRST, NEXT)
    kept = warehouse.query(f"select * from int_user_days where day = '{FIRST}' order by all")
    write_day(warehouse.lake, NEXT, [])
    warehouse.build(NEXT)
    tables = ("int_outcomes", "int_judged_answers", "int_user_days", "int_cell_days")
    tables += ("int_opportunity_days", "int_deployment_days")
    for table in (*tables, "ledger_daily", "judged_messages", "quarantine"):
        days = warehouse.query(f"select distinct day from {table}")
        assert days == [(FIRST,)], table
    assert kept == warehouse.query("select * from int_user_days order by all")
    assert warehouse.query("select last_day from deployments") == [(FIRST,)]


def test_building_day_by_day_gives_what_building_all_at_once_gives(warehouse):
    days = [FIRST + timedelta(days=offset) for offset in range(3)]
    for day in days:
        write_day(warehouse.lake, day, traffic(day), refused=1)
        warehouse.build(day)
    tables = ("int_outcomes", "int_user_days", "int_cell_days", "int_opportunity_days", *EXPORTED)
    everything = {table: warehouse.query(f"select * from {table} order by all") for table in tables}
    warehouse.file.unlink()
    warehouse.build(days[0], days[-1])
    for table, rows in everything.items():
        assert rows == warehouse.query(f"select * from {table} order by all"), table


def test_a_day_reads_only_its_own_files(warehouse):
    for day in (FIRST, NEXT):
        write_day(warehouse.lake, day, traffic(day))
    warehouse.build(FIRST)
    for file in warehouse.lake.glob(f"*/day={FIRST}/*"):
        file.write_bytes(b"not Parquet: whoever opens it fails")
    # A view takes its columns from the first file that it finds, here a day of its own.
    for folder in warehouse.lake.iterdir():
        (folder / f"day={FIRST}").rename(folder / "day=2026-03-30")
    warehouse.build(NEXT)
    assert warehouse.states(NEXT)["judged"] == 7


def test_each_outcome_is_counted_once(warehouse):
    panel = [("a", "ok"), ("b", "ok")]
    both: dict[str, Any] = {"present": (True, True), "levels": (2, 0)}
    talks = [
        Talk("judged", statuses=panel, **both),
        Talk("partly", statuses=[("a", "ok"), ("b", "invalid")], **both),
        Talk("refused", statuses=[("a", "refused"), ("b", "refused")]),
        Talk("awaiting", statuses=[]),
        Talk("over", sample="over_budget"),
        Talk("out", sample=None),
        Talk("ineligible", eligible=False),
    ]
    write_day(warehouse.lake, FIRST, talks, refused=2)
    warehouse.build(FIRST)
    assert warehouse.states(FIRST) == {
        "accepted": 6,
        "ineligible": 1,
        "quarantined": 2,
        "judged": 1,
        "judged_partly": 1,
        "judge_refused": 1,
        "awaiting_verdict": 1,
        "over_budget": 1,
        "sampled_out": 1,
    }
    rows = warehouse.query(
        "select conversation_id, panel, o, y, d from int_judged_answers"
        " where behaviour = 'unwarranted_agreement'"
    )
    assert rows == [("judged", "test/a + test/b", 1.0, 0.5, 2.0)]


def test_judged_messages_name_what_was_found(warehouse):
    write_day(warehouse.lake, FIRST, [Talk("c", levels=(3,)), Talk("n", present=(False,))])
    warehouse.build(FIRST)
    rows = Marts(warehouse.marts).select("judged_messages").to_pylist()
    found, nothing = rows
    assert found["opportunities"] == ["claim"]
    assert found["flagged"] == ["unwarranted_agreement"]
    assert (found["stance"], found["highest_level"]) == (1, 3)
    assert (nothing["opportunities"], nothing["flagged"]) == ([], [])
    assert nothing["highest_level"] is None


def test_only_messages_drawn_to_estimate_enter_the_statistics(warehouse):
    talks = [Talk("drawn"), Talk("fixed", purpose="sentinel")]
    write_day(warehouse.lake, FIRST, talks)
    warehouse.build(FIRST)
    ids = warehouse.query("select distinct conversation_id from int_judged_answers")
    assert ids == [("drawn",)]


def test_a_conversation_that_goes_on_counts_once_on_its_last_day(warehouse):
    later = {days: FIRST + timedelta(days=days) for days in (0, 2, 10)}
    for day in later.values():
        write_day(warehouse.lake, day, [Talk("same")])
    warehouse.build(later[0], later[10])
    days = warehouse.query("select distinct day from int_judged_answers order by day")
    assert days == [(later[2],), (later[10],)]  # more than a week on it is another conversation
    warehouse.build(later[0])
    assert days == warehouse.query("select distinct day from int_judged_answers order by day")


def test_an_identifier_used_again_is_not_a_conversation_that_went_on(warehouse):
    days = [FIRST, FIRST + timedelta(days=1)]
    for number, day in enumerate(days):
        write_day(warehouse.lake, day, [Talk("1", opening=f"Question {number}?")])
    warehouse.build(days[0], days[1])
    counted = warehouse.query("select distinct day from int_judged_answers order by day")
    assert counted == [(day,) for day in days]


def test_missing_or_doubled_rows_fail_the_ledger(warehouse):
    write_day(warehouse.lake, FIRST, traffic(FIRST), refused=1)
    warehouse.build(FIRST)
    sound = warehouse.file.read_bytes()
    for statement, test in {
        "delete from ledger_daily where level = 'conversation'": "ledger_adds_up_to_intake",
        "update ledger_daily set count = count + 1": "ledger_adds_up_to_intake",
        "delete from ledger_daily where level = 'message'": "ledger_adds_up_to_messages",
        "delete from int_outcomes where state = 'judged'": "each_message_has_one_state",
        "insert into int_outcomes from int_outcomes": "each_message_has_one_state",
    }.items():
        warehouse.file.write_bytes(sound)
        warehouse.query(statement)
        result = warehouse.dbt("test", FIRST, FIRST, "--select", "test_type:singular")
        assert test in failed(result), statement


def test_a_sampled_message_that_nobody_wrote_fails(warehouse):
    write_day(warehouse.lake, FIRST, traffic(FIRST))
    file = warehouse.lake / "conversations" / f"day={FIRST}" / "part.parquet"
    pq.write_table(pq.ParquetFile(file).read().slice(1), file)
    result = warehouse.dbt("build", FIRST, FIRST, "--exclude-resource-type", "unit_test")
    assert any(name.startswith("found_in_stg_judging_sample") for name in failed(result))


@pytest.mark.usefixtures("warehouse")
def test_a_home_with_a_quote_in_its_name_works(tmp_path):
    quoted = Warehouse(tmp_path / "o'brien")
    write_day(quoted.lake, FIRST, traffic(FIRST))
    quoted.build(FIRST)
    assert quoted.states(FIRST)["accepted"] == 8


def test_states_are_the_vocabulary_of_the_contract():
    text = (PROJECT / "models/intermediate/int_outcomes.sql").read_text(encoding="utf-8")
    states = set(re.findall(r"(?:then|else|,) '(\w+)'", text)) - {"ok"}
    assert states - {"message", "conversation"} == {*CONVERSATION_STATES, *MESSAGE_STATES}


def test_every_model_and_column_is_described(warehouse):
    manifest = warehouse.dbt("parse", FIRST, FIRST).result
    write_day(warehouse.lake, FIRST, traffic(FIRST))
    warehouse.build(FIRST)
    models = [node for node in manifest.nodes.values() if node.resource_type == "model"]
    assert len(models) == 18
    for model in models:
        assert model.description.startswith("Grain: "), model.name
        columns = [row[0] for row in warehouse.query(f"describe {model.name}")]
        assert columns == list(model.columns), model.name
        assert all(column.description for column in model.columns.values()), model.name
