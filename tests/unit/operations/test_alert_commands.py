"""The commands ``alert ...``: what they print, do and refuse."""

import json
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from alignment_monitor.alerting.channels import BrokenChannel
from alignment_monitor.alerting.service import process_days
from alignment_monitor.cli import app
from alignment_monitor.cli.common import console
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.settings import load
from alignment_monitor.store import open_store
from alignment_monitor.store.schema import deliveries
from tests.fakes.signals import signal_row

NOW = datetime.now(UTC)
DAY = NOW.date() - timedelta(days=1)
CONFIGURED = """
alerts:
  channels:
    - {kind: webhook, name: on-call, url: "http://127.0.0.1:1/", secret_variable: UNSET_SECRET}
"""
JUDGE = "JUDGE/judge/caving.sensitivity/up"


@pytest.fixture
def settings(home):
    """A home in which caving and praise page, substance warns, and a judge changed."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "monitor.yaml").write_text(CONFIGURED)
    settings = load(home)
    store = open_store(settings.store_url)
    rows = [
        signal_row("MODEL/aurora/caving/up", DAY),
        signal_row("MODEL/aurora/praise/up", DAY, effective_n=9.0),
        signal_row("MODEL/aurora/substance/down", DAY, "UNRESOLVED"),
        signal_row(JUDGE, DAY),
    ]
    process_days(
        store,
        DRIFT_SIGNALS.table(rows),
        evidence_for=lambda row: {"statement": f"{row['behaviour']} [x] moved."},
        channels=[BrokenChannel("on-call", "-")],
        now=NOW,
    )
    store.dispose()
    return settings


@pytest.fixture
def cli(settings, monkeypatch):
    monkeypatch.setattr(console, "width", 300)

    def type_in(*words, code=0):
        result = CliRunner().invoke(app, ["alert", *words, "--home", str(settings.home)])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert result.exit_code == code, result.output
        return result.output

    return type_in


@pytest.fixture
def listed(cli):
    def read(*words):
        found = json.loads(cli("list", "--json", *words))
        return {row["series"]: row for row in found["alerts"]}

    return read


def test_the_list_says_what_needs_somebody_first(cli, listed):
    found = list(listed().values())
    assert [row["series"] for row in found] == [
        "MODEL/aurora/caving/up", JUDGE, "MODEL/aurora/substance/down", "MODEL/aurora/praise/up",
    ] or [row["series"] for row in found] == [
        JUDGE, "MODEL/aurora/caving/up", "MODEL/aurora/substance/down", "MODEL/aurora/praise/up",
    ]  # fmt: skip
    text = cli("list")
    assert "held by" in text
    assert "caving [x] moved." in text
    assert "rests on 9" in text


def test_what_no_channel_takes_is_not_said_to_be_told(cli, listed, settings):
    store, series = open_store(settings.store_url), "MODEL/aurora/coldness/up"
    known = {"evidence_for": lambda row: {"statement": "It moved."}, "channels": [], "now": NOW}
    process_days(store, DRIFT_SIGNALS.table([signal_row(series, DAY)]), **known)
    store.dispose()
    row = listed()[series]
    assert (row["deliveries"], row["told_at"]) == ({}, None)
    shown = cli("show", row["alert_id"])
    assert "firing; nobody is told: no channel takes it" in shown
    assert "told: firing" not in shown
    assert "told: firing" in cli("show", listed()[JUDGE]["alert_id"])


def test_the_json_of_the_list_has_the_documented_fields(cli):
    found = json.loads(cli("list", "--json"))
    assert list(found) == ["alerts", "silences", "precision"]
    row = {row["series"]: row for row in found["alerts"]}["MODEL/aurora/caving/up"]
    assert list(row) == [
        "alert_id", "type", "severity", "state", "deployment_family", "behaviour", "direction",
        "series", "opened_on", "returned_on", "returns", "updated_on", "resolved_on", "resolution",
        "told_at", "held_by", "reason", "statement", "silenced_by", "deliveries", "if_expected",
    ]  # fmt: skip
    assert row["opened_on"] == DAY.isoformat()
    assert row["deliveries"] == {}
    assert row["if_expected"].startswith("alignment-monitor rebaseline --alert")


def test_an_alert_goes_through_the_hands_of_a_person(cli, listed, settings):
    name = listed()[JUDGE]["alert_id"]
    short = name[:6]
    assert f"Acknowledged {name}" in cli("ack", short, "--who", "ann", "--note", "on it")
    cli("comment", short, "prompt [v2] was shipped", "--who", "bob")
    assert "Resolved" in cli("resolve", short, "--as", "true_drift", "--who", "ann")
    shown = cli("show", short)
    for told in (
        "ann: acknowledged; on it",
        "bob: comment; prompt [v2] was shipped",
        "ann: resolved; told: resolved; true_drift",
        "on-call: pending",
    ):
        assert told in shown
    whole = json.loads(cli("show", short, "--json"))
    assert [step["who"] for step in whole["history"]] == ["monitor", "ann", "bob", "ann"]
    assert [row["event"] for row in whole["deliveries_made"]] == ["alert.resolved", "alert.firing"]
    assert whole["evidence"]["ended"] == "true_drift"
    # What it held is sent now, and pages see all of it.
    assert listed()["MODEL/aurora/caving/up"]["deliveries"] == {"pending": 1}
    marts = {
        row["series"]: row for row in pq.read_table(settings.marts / "alerts.parquet").to_pylist()
    }
    assert marts[JUDGE]["resolution"] == "true_drift"
    assert marts["MODEL/aurora/caving/up"]["held_by"] is None
    (precision,) = [
        row
        for row in pq.read_table(settings.marts / "alert_precision.parquet").to_pylist()
        if row["type"] == "all"
    ]
    assert (precision["n"], precision["precision"]) == (1, 1.0)
    assert "that people judged: 100 % [3, 100], n = 1" in cli("list")


def test_a_note_with_a_control_character_is_refused_and_changes_nothing(cli, listed):
    name = listed()[JUDGE]["alert_id"]
    assert "The note holds the control character" in cli("ack", name, "--note", "a\0b", code=2)
    assert listed()[JUDGE]["state"] == "firing"
    assert "Noted on" in cli("comment", name, "two\nlines, \tand a tab: größer 🙂")


def test_an_expected_change_says_how_it_becomes_the_new_normal(cli, listed):
    name = listed()["MODEL/aurora/caving/up"]["alert_id"]
    assert f"rebaseline --alert {name}" in cli("resolve", name, "--as", "expected_change")
    assert "rebaseline" not in cli("resolve", name, "--as", "false_alarm")


def test_a_silence_and_its_early_end(cli, listed):
    said = cli(
        "silence", "--family", "aur*", "--for", "2d", "--reason", "load test", "--who", "ann"
    )
    name = said.split()[1]
    assert listed()["MODEL/aurora/caving/up"]["silenced_by"] == [name]
    assert listed()["MODEL/aurora/caving/up"]["state"] == "silenced"
    assert listed()[JUDGE]["silenced_by"] == []
    assert f"Silence {name}: family aur*" in cli("list")
    assert "has ended" in cli("unsilence", name[:4])
    assert listed()["MODEL/aurora/caving/up"]["state"] == "firing"


def test_a_silence_says_how_much_it_covers(cli):
    words = ("--for", "2d", "--reason", "load test")
    assert "covers now: 3." in cli("silence", "--family", "aurora", *words)
    said = cli("silence", "--family", "arora", *words)
    assert "covers now: none, so look whether the names are right." in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["silence", "--reason", "x", "--type", "*"], "either --for"),
        (["silence", "--reason", "x", "--type", "*", "--for", "2y"], "'2y' is no duration"),
        (["silence", "--reason", "x", "--type", "*", "--for", "-3d"], "is no duration"),
        (["silence", "--reason", "x", "--for", "2d"], "Say which alerts"),
        (["silence", "--reason", "x", "--type", "*", "--until", "2020-01-01"], "ends after now"),
        (["ack", "nope"], "No alert is called or begins with 'nope'"),
        (["show", "nope"], "alert list --state all"),
        (["unsilence", "nope"], "No silence"),
        (["redeliver", "nope"], "alert deliveries"),
        (["redeliver", "msg_"], "Several delivery names begin with"),
        (["redeliver", "--channel", "typo"], "no channel 'typo'; there are: on-call."),
        (["list", "--state", "open"], "No state is called 'open': pending, firing"),
        (["comment", "nope", "x"], "No alert"),
        (["comment", "nope", "a\0b"], "The comment holds the control character U+0000"),
        (["comment", "a\udc80", "x"], "No alert"),
        (["ack", "nope", "--who", "a\x1b[2Jb"], "holds the control character U+001B"),
        (["silence", "--family", "a\0", "--for", "2d", "--reason", "x"], "The family holds"),
        (["silence", "--type", "*", "--for", "2d", "--reason", "a\0b"], "The reason holds"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(cli, words, message):
    assert message in cli(*words, code=2)


def test_dead_letters_of_a_channel_that_was_taken_out_are_still_known_by_its_name(cli, settings):
    store = open_store(settings.store_url)
    with store.begin() as connection:
        connection.execute(update(deliveries).values(channel="old", status="dead"))
    store.dispose()
    said = cli("redeliver", "--channel", "typo", code=2)
    assert "there are: on-call, old." in " ".join(said.split())
    assert "0 dead deliveries wait" in cli("redeliver", "--channel", "on-call")
    assert "2 dead deliveries wait" in cli("redeliver", "--channel", "old")


def test_what_an_older_version_kept_nothing_of_is_not_comparable_in_plain_words(cli, listed):
    said = cli("replay", "--all", code=1)
    assert said.count("not comparable") == 4
    assert "The version that raised it did not keep what it decided" in said
    assert "None" not in said
    (row, *_) = json.loads(cli("replay", "--all", "--json", code=1))
    assert row["differences"] == {"decided": {"kept": None, "now": None}}


@pytest.mark.parametrize("words", [["list"], ["replay", "--all"], ["replay", "5f0c"]])
def test_a_home_without_a_store_says_so_and_gets_none(tmp_path, words):
    result = CliRunner().invoke(app, ["alert", *words, "--home", str(tmp_path / "empty")])
    assert result.exit_code == 2
    assert "nothing was run there yet" in " ".join(result.output.split())
    assert not (tmp_path / "empty").exists()


def test_deliveries_are_listed(cli, listed):
    said = cli("deliveries")
    found = json.loads(cli("deliveries", "--json"))["deliveries"]
    assert all(row["delivery_id"] in said and row["alert_id"] in said for row in found)
    assert "to on-call, pending" in said
    assert {row["status"] for row in found} == {"pending"}
    assert set(found[0]) == {
        "delivery_id", "alert_id", "event", "channel", "status", "attempts", "created_at",
        "next_attempt_at", "delivered_at", "last_error", "message_id",
    }  # fmt: skip


def test_nothing_in_a_state_says_so(cli):
    assert "No alert is in that state." in cli("list", "--state", "resolved")
