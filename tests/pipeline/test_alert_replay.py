"""Alerts of every type are raised by the graph and replayed; late data and other settings show.

The days of the lake are made here, with their sentinels; everything after that is production.
"""

import json
import shutil
from datetime import UTC, datetime, timedelta
from unittest import mock

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest

from alignment_monitor.alerting.lifecycle import Policy
from alignment_monitor.alerting.service import raise_pipeline_alert
from alignment_monitor.contracts import JUDGE_QUALITY
from alignment_monitor.resources.lake import Lake
from alignment_monitor.settings import load
from alignment_monitor.store import open_store
from tests.pipeline import homes
from tests.pipeline.drifting import MADE_HERE, YAML, chatter, run_graph, talks
from tests.pipeline.lake_factory import FIRST, write_day

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("alerting")]

DRIFT, SHIFT, EMPTY, DAYS = 16, 18, 22, 25


def day(number):
    return FIRST + timedelta(days=number)


def quality(number):
    """A judge that loses its sensitivity, and that text under judgement begins to talk round."""
    late = number >= SHIFT
    counts = [
        ("sensitivity", "substance", 40, 20 if late else 36, None),
        ("specificity", "substance", 40, 39, None),
        ("sensitivity", "claim", 40, 38, None),
        ("specificity", "claim", 40, 38, None),
        ("injection", "praise", 20, 9 if late else 0, 0),
    ]
    common = {
        "day": day(number),
        "judge": "judge",
        "fingerprint": "test/judge",
        "rubric_version": "sycophancy-1",
        "known_version": "k1",
    }
    return [
        {**common, "measure": measure, "question": question, "n": n, "hits": hits, "against": back}
        for measure, question, n, hits, back in counts
    ]


@pytest.fixture(scope="module")
def alarmed(tmp_path_factory):
    """A home in which everything went wrong that can."""
    home = tmp_path_factory.mktemp("replay") / "home"
    home.mkdir()
    (home / "monitor.yaml").write_text(YAML)
    lake = Lake(load(home).lake)
    for number in range(DAYS):
        late = number >= DRIFT
        of_day = talks(number, drifted=late) + chatter(number) * late
        write_day(lake.root, day(number), [] if number == EMPTY else of_day)
        lake.write(JUDGE_QUALITY, day(number), JUDGE_QUALITY.table(quality(number)))
    marked = ("annotate", str(day(DRIFT - 2)), "incident", "Search was down")
    assert homes.invoke(*marked, home=home).exit_code == 0
    run_graph(home, day(0), day(DAYS - 1), MADE_HERE | {"judge_quality", "label_requests"})
    return home


@pytest.fixture
def spoilt(alarmed, tmp_path):
    """A copy that one may tamper with."""
    return shutil.copytree(alarmed, tmp_path / "home")


def replayed(home, *words):
    result = homes.invoke("alert", "replay", *(words or ("--all",)), "--json", home=home)
    assert result.exit_code in (0, 1), result.output + result.stderr
    found = {row["series"]: row for row in json.loads(result.stdout)}
    assert result.exit_code == any(row["result"] == "different" for row in found.values())
    return found


def differing(home):
    return {series for series, row in replayed(home).items() if row["result"] == "different"}


def change(home, sql):
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        (count,) = connection.execute(sql).fetchone()
        assert count > 0


MODEL = "MODEL/model/unwarranted_agreement/up"
JUDGE = "JUDGE/judge/substance.sensitivity/down"
CANARIES = "JUDGE/judge/injection/up"
COVERAGE = "PIPELINE/all/coverage/down"
TRAFFIC = "TRAFFIC/model/claim/down"


def test_alerts_of_every_type_replay_in_every_digit(alarmed):
    found = replayed(alarmed)
    assert {MODEL, JUDGE, CANARIES, COVERAGE, TRAFFIC} <= set(found)
    assert {row["result"] for row in found.values()} == {"equal"}
    kept = {row["series"]: json.loads(row["evidence"]) for row in homes.mart(alarmed, "alerts")}
    for series, row in found.items():
        assert kept[series]["decided"]["day"] == row["day"]
        assert len(kept[series]["evidence_hash"]) == 32
    # The decision that raised it stays the alert's, while its figures go on.
    assert kept[MODEL]["day"] == str(day(DAYS - 1)) > kept[MODEL]["decided"]["day"]


def test_an_alert_brings_what_it_takes_to_judge_it(alarmed):
    kept = {row["series"]: json.loads(row["evidence"]) for row in homes.mart(alarmed, "alerts")}
    told = kept[MODEL]
    assert told["nearest_annotation"]["label"] == "Search was down"
    assert len(told["exemplars"]) == 5
    assert {(row["level"], row["flagged"]) for row in told["exemplars"]} == {(3.0, True)}
    assert {row["day"] for row in told["exemplars"]} == {str(day(DAYS - 1))}
    assert not any("excerpt" in row for row in told["exemplars"])
    (moved, *_) = told["moved"]["behaviours"]
    assert moved["question"] in ("unwarranted_agreement", "warranted_challenge")
    assert abs(moved["difference"]) == pytest.approx(0.7, abs=0.01)
    assert [row["question"] for row in told["moved"]["opportunities"]] == ["claim"]
    (judge,) = kept[JUDGE]["judges"]
    assert judge["sensitivity"]["recent"]["rate"] < judge["sensitivity"]["baseline"]["rate"] == 0.9
    assert judge["injection"]["rate"] > 0.1
    assert kept[COVERAGE]["exemplars"] is None
    assert kept[COVERAGE]["judged_share"] == 1.0


def test_rarer_claims_are_put_down_to_users_and_are_no_page(alarmed):
    (alert,) = [row for row in homes.mart(alarmed, "alerts") if row["behaviour"] == "claim"]
    assert (alert["series"], alert["type"]) == (TRAFFIC, "TRAFFIC")
    assert (alert["severity"], alert["state"], alert["told_at"]) == ("warn", "pending", None)
    told = json.loads(alert["evidence"])
    assert told["start_day"] == str(day(DRIFT))
    assert told["effect"] == pytest.approx(-1 / 3, abs=0.01)
    assert "The traffic of model: Claim fell from 100 % to 67 %" in told["statement"]
    assert "first turns, which owe nothing to the model, moved too" in told["statement"]
    (model,) = [row for row in homes.mart(alarmed, "alerts") if row["series"] == MODEL]
    assert model["severity"] == "page"
    assert model["held_by"] is None


def test_what_a_moved_opportunity_is_put_down_to_is_explained(alarmed):
    said = homes.invoke("explain", TRAFFIC, str(day(DAYS - 1)), home=alarmed)
    assert said.exit_code == 0, said.output
    words = " ".join(said.output.split())
    assert "first turn: weight 1, n 60, rate 0.666667, baseline 1" in words
    assert "40 that have it and 40 that have not were judged this day" in words
    assert "first turns moved, the judge is cleared: TRAFFIC" in words
    assert "identical in every digit" in words
    other = homes.invoke("explain", TRAFFIC.replace("down", "up"), str(day(9)), home=alarmed)
    assert "the baseline learns" in other.output


def test_late_opportunities_show_in_their_series_and_in_no_other(spoilt):
    change(spoilt, f"update int_opportunity_days set sum_dy = 0 where day = '{day(3)}'")
    assert differing(spoilt) == {TRAFFIC}


def test_one_alert_is_named_by_the_beginning_of_its_identifier(alarmed):
    row = replayed(alarmed)[MODEL]
    said = homes.invoke("alert", "replay", row["alert_id"][:6], home=alarmed)
    assert said.exit_code == 0
    *told, decision = said.stdout.split()
    assert told == f"equal {row['alert_id']} {MODEL} on {row['day']}:".split()
    assert decision in ("PAGE", "INDETERMINATE")  # four weeks of few sentinels clear no judge
    wrong = homes.invoke("alert", "replay", "none", home=alarmed)
    assert wrong.exit_code == 2
    assert MODEL in wrong.stderr
    assert homes.invoke("alert", "replay", home=alarmed).exit_code == 2


def test_late_data_shows_in_the_series_it_came_to_and_in_no_other(spoilt):
    change(
        spoilt,
        f"update int_user_days set sum_dy = 0 where day = '{day(3)}' "
        "and behaviour = 'unwarranted_agreement'",
    )
    assert differing(spoilt) == {MODEL}
    row = replayed(spoilt)[MODEL]
    assert {"statistic", "evidence_hash"} <= set(row["differences"])
    assert "late data" in row["reason"]


def test_data_of_later_days_does_not_show(spoilt):
    found = replayed(spoilt)
    assert found.pop(TRAFFIC)["day"] == str(day(DAYS - 1))  # a warning: its latest day decides
    last = max(row["day"] for row in found.values())
    assert last < str(day(DAYS - 1))
    change(spoilt, f"update int_user_days set sum_dy = 0 where day > '{last}'")
    assert differing(spoilt) == set()


def test_inputs_may_change_though_the_decision_stays(spoilt):
    change(
        spoilt,
        f"update int_user_days set n_y = n_y + 1 where day = '{day(3)}' "
        "and behaviour = 'unwarranted_agreement'",
    )
    row = replayed(spoilt)[MODEL]
    assert set(row["differences"]) == {"evidence_hash"}
    assert "the decision is the same" in row["reason"]


@pytest.mark.parametrize(
    ("measure", "series"), [("sensitivity", {JUDGE}), ("injection", {CANARIES})]
)
def test_other_sentinels_and_canaries_show(spoilt, measure, series):
    lake = Lake(load(spoilt).lake)
    rows = pq.ParquetFile(lake.path(JUDGE_QUALITY, day(SHIFT))).read().to_pylist()
    for row in rows:
        row["hits"] -= row["measure"] == measure
    lake.write(JUDGE_QUALITY, day(SHIFT), JUDGE_QUALITY.table(rows))
    assert differing(spoilt) >= series
    assert not differing(spoilt) & ({JUDGE, CANARIES, COVERAGE, MODEL} - series)


def test_an_outage_that_was_none_shows(spoilt):
    change(
        spoilt,
        f"insert into ledger_daily values ('{day(EMPTY)}', 'message', 'judged', 9), "
        f"('{day(EMPTY)}', 'conversation', 'accepted', 9)",
    )
    row = replayed(spoilt)[COVERAGE]
    assert row["differences"]["decision"] == {"kept": "PAGE", "now": "NONE"}
    assert differing(spoilt) == {COVERAGE}


def test_another_setting_shows(spoilt):
    (spoilt / "monitor.yaml").write_text(YAML.replace("baseline_days: 14", "baseline_days: 15"))
    assert {MODEL, JUDGE} <= differing(spoilt)
    assert COVERAGE not in differing(spoilt)


def test_a_failed_run_is_looked_up_in_dagsters_own_record(spoilt):
    settings, now = load(spoilt), datetime.now(UTC)
    variables = homes.environment(DAGSTER_HOME=str(settings.dagster_home))
    settings.dagster_home.mkdir(exist_ok=True)
    with mock.patch.dict("os.environ", variables), dg.DagsterInstance.get() as instance:

        @dg.op
        def break_down():
            raise RuntimeError

        @dg.job
        def broken():
            break_down()

        run_id = broken.execute_in_process(instance=instance, raise_on_error=False).run_id
    store = open_store(settings.store_url)
    raise_pipeline_alert(
        store,
        day=now.date(),
        reason="It failed.",
        channels=[],
        policy=Policy(),
        now=now,
        dashboard_url="http://d",
        inputs={"kind": "failed_run", "run_id": run_id, "job": "broken"},
    )
    store.dispose()
    series = "PIPELINE/all/run/down"
    assert replayed(spoilt)[series]["result"] == "equal"
    shutil.rmtree(settings.dagster_home)
    row = replayed(spoilt)[series]
    assert row["result"] == "different"
    assert "no record" in row["reason"]


def test_a_home_without_alerts_has_nothing_to_replay(tmp_path):
    result = homes.invoke("alert", "replay", "--all", home=tmp_path)
    assert result.exit_code == 2
    assert "nothing was run there yet" in result.stderr
    assert list(tmp_path.iterdir()) == []
