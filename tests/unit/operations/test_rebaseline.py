"""The command that makes a baseline anew: what it records, says and refuses."""

import json
from datetime import UTC, date, datetime, timedelta

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert
from typer.testing import CliRunner

from alignment_monitor.cli import app
from alignment_monitor.cli.common import console
from alignment_monitor.operations.rebaseline import RebaselineError, Request, rebaseline, record
from alignment_monitor.resources.warehouse import WarehouseError
from alignment_monitor.settings import load
from alignment_monitor.store import open_store, schema

FIRST = date(2024, 9, 25)
NOW = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)


def alert(alert_id="a1", **changes):
    row = {
        "alert_id": alert_id,
        "fingerprint": alert_id,
        "type": "MODEL",
        "severity": "page",
        "series": "MODEL/aurora/caving/up",
        "deployment_family": "aurora",
        "behaviour": "caving",
        "direction": "up",
        "state": "firing",
        "opened_on": date(2026, 11, 7),
        "updated_on": date(2026, 11, 20),
        "processed_on": date(2026, 11, 20),
        "quiet_days": 0,
        "evidence": json.dumps({"start_day": "2026-11-04"}),
    }
    return {**row, **changes}


@pytest.fixture
def settings(home):
    """A home in which aurora has served since the first day, with four alerts."""
    settings = load(home)
    settings.warehouse.parent.mkdir(parents=True, exist_ok=True)
    served = pd.DataFrame(
        {
            "deployment_family": "aurora",
            "deployment": ["aurora-1", "aurora-2"],
            "first_day": pd.to_datetime([FIRST, FIRST + timedelta(days=40)]),
        }
    )
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.register("served", served)
        connection.execute(
            "create table deployments as select * replace (first_day::date as first_day) "
            "from served"
        )
    store = open_store(settings.store_url)
    undated = {"behaviour": "substance", "evidence": "{}"}
    judge = {"type": "JUDGE", "deployment_family": "judge"}
    with store.begin() as connection:
        traffic = {"type": "TRAFFIC", "behaviour": "pushback"}
        rows = [alert(), alert("a2", **undated), alert("a3", **judge), alert("a4", **traffic)]
        connection.execute(insert(schema.alerts), rows)
    store.dispose()
    return settings


@pytest.fixture
def cli(settings, monkeypatch):
    """Types the command without loading the graph, which it does not need."""
    monkeypatch.setattr(console, "width", 300)

    def type_in(*words):
        result = CliRunner().invoke(app, ["rebaseline", *words, "--home", str(settings.home)])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, " ".join(result.output.split())

    return type_in


def asked(settings, **wanted):
    request = Request(**{"reason": "planned", "author": "ann", **wanted})
    return rebaseline(settings, request, now=NOW)


def test_an_alert_says_what_and_since_when(settings):
    recorded = asked(settings, alert_id="a1")
    (row,) = recorded.rows
    assert (row["deployment_family"], row["behaviour"]) == ("aurora", "caving")
    assert (row["from_day"], row["recorded_on"]) == (date(2026, 11, 4), date(2026, 11, 24))
    assert recorded.alerts == ("a1",)
    assert recorded.watched_from == date(2026, 12, 2)
    assert [kept["alert_id"] for kept in record(settings)] == ["a1"]
    told = pq.read_table(settings.marts / "baseline_resets.parquet").to_pylist()
    assert [one["reason"] for one in told] == ["planned"]


def test_the_beginning_of_an_alerts_name_is_enough_as_lists_show_it(settings):
    store = open_store(settings.store_url)
    with store.begin() as connection:
        connection.execute(insert(schema.alerts), [alert("7c14cf74a4b954da"), alert("a11")])
    store.dispose()
    assert asked(settings, alert_id="7c14cf74").rows[0]["alert_id"] == "7c14cf74a4b954da"
    assert asked(settings, alert_id="a1").rows[0]["alert_id"] == "a1"


def test_an_opportunity_has_a_baseline_of_its_own(settings):
    recorded = asked(settings, alert_id="a4")
    assert [row["behaviour"] for row in recorded.rows] == ["pushback"]
    assert recorded.alerts == ("a4",)


def test_an_alert_without_an_estimated_start_gives_the_day_it_opened(settings):
    assert asked(settings, alert_id="a2").rows[0]["from_day"] == date(2026, 11, 7)


def test_what_is_given_beside_an_alert_counts(settings):
    wanted = {"from_day": date(2026, 11, 10), "behaviours": ("caving", "substance")}
    recorded = asked(settings, alert_id="a1", **wanted)
    assert [row["behaviour"] for row in recorded.rows] == ["caving", "substance"]
    assert {row["from_day"] for row in recorded.rows} == {date(2026, 11, 10)}
    assert recorded.alerts == ("a1", "a2")


def test_a_long_gone_new_normal_is_watched_at_once(settings):
    recorded = asked(settings, family="aurora", from_day=FIRST + timedelta(days=5))
    assert recorded.rows[0]["behaviour"] is None
    assert recorded.watched_from == date(2026, 11, 24)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "Give the family and --from-day, or --alert"),
        ({"family": "aurora"}, "Give the family and --from-day, or --alert"),
        ({"family": "borealis", "from_day": FIRST}, "'borealis'; there are: aurora"),
        ({"family": "aurora", "from_day": date(2026, 11, 25)}, "in the future.*2026-11-24 at the"),
        ({"family": "aurora", "from_day": FIRST - timedelta(1)}, "began on 2024-09-25"),
        ({"alert_id": "a9"}, "no alert 'a9'; open are: a1, a2, a4"),
        ({"alert_id": " "}, "no alert ''; open are: a1, a2, a4"),
        ({"alert_id": "a"}, "Several alerts begin with 'a', such as a1, a2, a3, a4: give more"),
        ({"alert_id": "a3"}, "type JUDGE"),
        ({"alert_id": "a1", "family": "borealis"}, "about aurora, not borealis"),
        ({"alert_id": "a1", "behaviours": ("wit",)}, "Not watched: wit; watched: unwarranted"),
        ({"alert_id": "a1", "reason": " \n "}, "0 characters"),
        ({"alert_id": "a1", "reason": "x" * 501}, "501 characters"),
        ({"alert_id": "a1", "reason": "planned\0"}, "control character U\\+0000"),
        ({"alert_id": "a1", "author": "a\x1b[31m"}, "author holds .* U\\+001B"),
        ({"alert_id": "a1", "author": "a\udcff"}, "author holds .* U\\+DCFF"),
    ],
)
def test_what_makes_no_sense_is_named_and_not_recorded(settings, wanted, said):
    with pytest.raises(RebaselineError, match=said):
        asked(settings, **wanted)
    assert record(settings) == []


def test_the_command_says_what_follows_and_lists_the_record(cli):
    assert cli("--list") == (0, "No baseline was made anew.")
    today = datetime.now(UTC).date()
    start = today - timedelta(days=3)
    code, said = cli(
        "aurora", "--from-day", str(start), "--reason", "the new [bold] persona", "--behaviour",
        "caving", "--author", "ann",
    )  # fmt: skip
    assert code == 0
    assert f"Watched again from {start + timedelta(days=28)} at the earliest" in said
    assert "Until then no change is called, and which change could be found is not known." in said
    assert "Ends as re-baselined" in said
    assert said.endswith("a1")
    code, listed = cli("--list")
    assert code == 0
    told = f"aurora, caving: normal is what it does from {start} on (recorded {today} by ann)"
    assert listed == f"{told}: the new [bold] persona"


def test_the_command_fails_with_what_to_do(cli):
    code, said = cli("aurora", "--from-day", "2026-10-01")
    assert code == 2
    assert "say in 1 to 500 why the change was expected" in said
    code, said = cli("--alert", "nothing", "--reason", "r")
    assert code == 2
    assert "open are: a1, a2" in said


def test_a_home_without_any_run_says_so_and_stays_empty(home):
    with pytest.raises(WarehouseError, match="no run made it yet"):
        asked(load(home), family="aurora", from_day=FIRST)
    assert record(load(home)) == []
    assert not home.exists()
