"""The demo on ten days: everything it promises that needs no 28 days of baseline."""

import json
import shutil
from collections import Counter

import duckdb
import pyarrow.parquet as pq
import pytest

from alignment_monitor.contracts import LAKE_TABLES, MARTS
from alignment_monitor.resources.marts import Marts
from tests.pipeline import homes

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


def mart(home, name):
    return pq.read_table(home / "marts" / f"{name}.parquet").to_pylist()


def sampled(home):
    parts = sorted((home / "lake" / "judging_sample").glob("day=*/part.parquet"))
    return [row for part in parts for row in pq.ParquetFile(part).read().to_pylist()]


def requests(home):
    return (home / "judge" / "requests.jsonl").read_text().splitlines()


def test_every_record_and_message_ends_in_one_state(demo_home):
    states = Counter()
    for row in mart(demo_home, "ledger_daily"):
        states[row["level"]] += row["count"]
    query = f"""
        select sum(received)::bigint from '{demo_home}/lake/intake/*/*.parquet'
        where source not in ('sentinel', 'canary')
    """
    with duckdb.connect() as connection:
        received = connection.execute(query).fetchall()[0][0]
    assert states["conversation"] == received > 400
    judged = {r["state"]: 0 for r in mart(demo_home, "ledger_daily")}
    for row in mart(demo_home, "ledger_daily"):
        judged[row["state"]] += row["count"]
    purposes = Counter(row["purpose"] for row in sampled(demo_home))
    assert purposes["estimate"] == judged["judged"]
    assert purposes.total() == len(requests(demo_home))
    assert purposes["sentinel"] >= 60
    assert purposes["canary"] == 40
    assert "judge_failed" not in judged


@pytest.mark.parametrize("name", MARTS)
def test_each_mart_is_there_and_keeps_its_contract(demo_home, name):
    files = Marts(demo_home / "marts").files(name)
    assert files
    for path in files:
        assert pq.read_schema(path).names == MARTS[name].schema.names
        MARTS[name].conform(pq.ParquetFile(path).read().cast(MARTS[name].schema))


def test_each_table_of_the_lake_has_a_file_for_each_day(demo_home):
    for name in LAKE_TABLES.keys() - {"received", "sampling_design", "stand_in_labels"}:
        assert len(list((demo_home / "lake" / name).glob("day=*/part.parquet"))) == 10, name


def test_one_run_of_many_days_is_drawn_by_the_settings_and_leaves_one_design(demo_home):
    (design,) = (demo_home / "lake" / "sampling_design").glob("day=*/part.parquet")
    assert design.parent.name == "day=2026-01-14"
    rows = pq.ParquetFile(design).read().to_pylist()
    assert sum(row["judged"] for row in rows) > 300
    assert {row["design_version"].rpartition("/")[2] for row in sampled(demo_home)} == {"boosts"}


def test_the_pages_are_told_that_verdicts_are_simulated(demo_home):
    about = json.loads((demo_home / "marts" / "about.json").read_text())
    assert about["simulated"] is True


def test_the_baseline_is_being_learned_and_nothing_is_called_a_drift(demo_home):
    signals = [row for row in mart(demo_home, "drift_signals") if row["type"] == "MODEL"]
    assert {row["phase"] for row in signals} == {"baseline"}
    assert {row["decision"] for row in signals} == {"NONE"}
    assert mart(demo_home, "alerts") == []


def test_the_quality_of_each_table_was_checked_and_documented(demo_home):
    quality = mart(demo_home, "quality")
    checked = {"conversations", "judging_sample", "verdicts", "sampling_design"}
    assert {row["table"] for row in quality} == checked
    assert all(row["success"] for row in quality if row["severity"] == "critical")
    assert (demo_home / "data_docs" / "index.html").exists()


def test_estimates_lie_near_the_known_truth_as_the_judge_sees_it(demo_home):
    from alignment_monitor.settings import load
    from alignment_monitor.simulation.judge import SENSITIVITY, SPECIFICITY
    from alignment_monitor.simulation.world import true_rates

    truth = true_rates(load(demo_home).sources[0]).set_index(["deployment", "behaviour"])["rate"]
    untouched = ("unearned_praise", "uncritical_validation", "harmful_reinforcement",
                 "needless_contrarianism", "substance", "coldness")  # fmt: skip
    newest = {
        row["behaviour"]: row
        for row in homes.estimates(demo_home)
        if (row["deployment"], row["segment"], row["window_days"]) == ("all", "all", 28)
    }
    for name in untouched:
        rate, row = truth["aurora-1.0", name], newest[name]
        seen = rate * SENSITIVITY + (1 - rate) * (1 - SPECIFICITY)
        assert row["n"] > 40
        # Twice the interval: six of six must hold it, and an estimator that is wrong does not.
        reach = row["upper"] - row["lower"]
        assert row["prevalence"] - reach < seen < row["prevalence"] + reach, name


def test_a_day_run_again_asks_nothing_and_writes_the_same_bytes(demo_home):
    rows, asked = homes.row_tables(demo_home), len(requests(demo_home))
    day = "2026-01-08"
    result = homes.command(
        "run", "--day", day, home=demo_home, OPENAI_BASE_URL="http://127.0.0.1:9/v1"
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(requests(demo_home)) == asked
    changed = {
        name
        for name, data in homes.row_tables(demo_home).items()
        if rows[name] != data and not name.startswith(("drift_signals", "estimates"))
    }
    assert changed == set()
    assert homes.row_tables(demo_home).keys() == rows.keys()


def test_a_second_demo_has_nothing_to_do(demo_home):
    asked = len(requests(demo_home))
    result = homes.demo(demo_home)
    assert result.returncode == 0
    assert "nothing to run" in result.stdout
    assert "simulated" in result.stdout.lower()
    assert len(requests(demo_home)) == asked


@pytest.fixture
def copied_home(demo_home, tmp_path):
    """A copy whose data one may spoil."""
    ignore = shutil.ignore_patterns("dagster", "data_docs")
    return shutil.copytree(demo_home, tmp_path / "copy", ignore=ignore)


def explained(home, series="MODEL/aurora/caving/up"):
    day = max(row["day"] for row in mart(home, "drift_signals"))
    return homes.invoke("explain", series, str(day), home=home)


def test_the_data_mark_what_began_and_a_person_may_add(copied_home):
    seen = mart(copied_home, "annotations")
    assert {row["kind"] for row in seen} == {"deployment"}
    assert {row["label"] for row in seen} == {
        row["deployment"] for row in mart(copied_home, "deployments")
    }
    told = homes.invoke("annotate", "2026-01-09", "note", "A holiday", home=copied_home)
    assert told.exit_code == 0, told.output
    assert len(mart(copied_home, "annotations")) == len(seen) + 1


def test_a_decision_is_recomputed_in_every_digit_and_late_data_shows(demo_home, copied_home):
    told = explained(demo_home)
    assert told.exit_code == 0, told.output
    assert "identical in every digit" in told.output
    assert "10 days from" in told.output
    with duckdb.connect(str(copied_home / "warehouse.duckdb")) as connection:
        connection.execute("delete from int_user_days where user_key < '8'")
    late = explained(copied_home)
    assert late.exit_code == 1
    assert "n: stored" in late.output
    with duckdb.connect(str(copied_home / "warehouse.duckdb")) as connection:
        connection.execute(
            "delete from int_user_days where day = (select max(day) from ledger_daily)"
        )
    gone = explained(copied_home)
    assert "no judged message gave cause for it this day" in gone.output
    assert "nan" not in gone.output.replace("stored", "")


def test_what_cannot_be_explained_says_why(demo_home, copied_home, tmp_path):
    wrong = explained(demo_home, "MODEL/aurora/wit/up")
    assert wrong.exit_code == 2
    assert "MODEL/aurora/caving/up" in wrong.stderr
    nowhere = homes.invoke("explain", "MODEL/a/b/up", "2026-01-01", home=tmp_path / "empty")
    assert nowhere.exit_code == 2
    assert "run that day first" in nowhere.stderr
    for settings, complaint in (
        ("detection: {behaviours: [substance]}", "detection.behaviours of today"),
        ("judging: {rubric: nope}", "nope"),
    ):
        (copied_home / "monitor.yaml").write_text(settings)
        told = explained(copied_home)
        assert told.exit_code == 2, told.output
        assert complaint in told.stderr
    (copied_home / "monitor.yaml").write_text("")
    (copied_home / "warehouse.duckdb").unlink()
    told = explained(copied_home)
    assert told.exit_code == 2
    assert "no run made it yet" in told.stderr


def test_a_family_may_hold_a_slash(copied_home):
    with duckdb.connect(str(copied_home / "warehouse.duckdb")) as connection:
        for table in ("int_user_days", "deployments"):
            connection.execute(f"update {table} set deployment_family = 'meta/aurora'")
    for path in sorted((copied_home / "lake" / "drift_signals").glob("*/part.parquet")):
        table = pq.ParquetFile(path).read().to_pandas()
        table["series"] = table["series"].str.replace("aurora", "meta/aurora")
        table["deployment_family"] = table["deployment_family"].str.replace("aurora", "meta/aurora")
        table.to_parquet(path)
    told = explained(copied_home, "MODEL/meta/aurora/caving/up")
    assert told.exit_code == 0, told.output
    assert "identical in every digit" in told.output
