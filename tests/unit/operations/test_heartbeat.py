import json
import os
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from alignment_monitor.alerting.service import process_days
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.operations.freshness import Freshness
from alignment_monitor.operations.heartbeat import heartbeat
from alignment_monitor.parquet import write_parquet
from alignment_monitor.resources.completed import FILE, completed, note_completed
from alignment_monitor.store import open_store
from tests.fakes.signals import signal_row
from tests.fakes.webhook_receiver import SECRET, WebhookReceiver
from tests.pipeline import homes

YAML = """\
alerts:
  channels:
    - {kind: webhook, name: on-call, url_variable: HOOK_URL, secret_variable: HOOK_SECRET,
       allow_private_addresses: true}
"""
DAY = date(2026, 3, 2)
NIGHT = datetime(2026, 3, 3, 2, 15, tzinfo=UTC)


@pytest.fixture
def settings(configured, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("HOOK_URL", "http://127.0.0.1:9/hook")
    return configured(YAML)


def alerts(settings):
    return homes.mart(settings.home, "alerts")


@pytest.mark.parametrize(
    ("hours", "stale"),
    [(0, False), (24, False), (27.7, False), (27.8, True), (100, True)],
)
def test_a_day_may_be_thirty_hours_past_its_end(hours, stale):
    # At 02:15 the day has been over for 2.25 hours.
    found = Freshness(DAY, NIGHT + timedelta(hours=hours), 30.0)
    assert found.age_hours == pytest.approx(2.25 + hours)
    assert found.stale is stale
    assert ("may be dead" in found.statement) is stale


def test_a_schedule_that_is_kept_never_is_stale():
    """Right before the next night's run the newest day is oldest."""
    assert not Freshness(DAY, NIGHT + timedelta(days=1), 30.0).stale
    assert Freshness(DAY, NIGHT + timedelta(days=2), 30.0).stale


def old(settings, since=NIGHT - timedelta(days=2)):
    """The home was made then."""
    os.utime(settings.home / "monitor.yaml", (since.timestamp(),) * 2)


def test_a_new_home_has_until_its_first_day_was_due(settings):
    old(settings, NIGHT)
    night = NIGHT + timedelta(days=1)
    found = heartbeat(settings, night)
    assert (found.stale, "not due yet" in found.statement) == (False, True)
    assert not (settings.home / "store.sqlite").exists()
    assert heartbeat(settings, night + timedelta(hours=4)).stale


def test_a_home_without_a_note_of_its_days_has_those_of_its_signals(settings):
    old(settings)
    row = {name: None for name in DRIFT_SIGNALS.schema.names} | {
        "day": DAY, "series": "MODEL/aurora/caving/up", "deployment_family": "aurora",
        "behaviour": "caving", "direction": "up", "type": "MODEL", "phase": "watching",
        "decision": "NONE", "n": 60, "version": 1,
    }  # fmt: skip
    write_parquet(DRIFT_SIGNALS.table([row]), settings.marts / "drift_signals.parquet")
    assert heartbeat(settings, NIGHT).last_day == DAY
    assert heartbeat(settings, NIGHT + timedelta(days=2)).stale


def test_a_home_that_does_not_exist_is_refused_and_not_made(cli, home):
    code, said = cli("heartbeat")
    assert (code, "There is no home" in said) == (2, True)
    assert not home.exists()


def test_an_old_home_is_stale_for_nothing_was_ever_monitored(settings):
    old(settings)
    assert heartbeat(settings, NIGHT).stale
    (alert,) = alerts(settings)
    assert (alert["type"], alert["behaviour"], alert["state"]) == ("PIPELINE", "run", "firing")
    assert "No day was ever completed" in json.loads(alert["evidence"])["statement"]


def test_the_newest_completed_day_counts_and_older_ones_change_nothing(settings):
    note_completed(settings, DAY, NIGHT)
    note_completed(settings, DAY - timedelta(days=9), NIGHT + timedelta(hours=1))
    assert completed(settings) == (DAY, NIGHT + timedelta(hours=1))
    assert not heartbeat(settings, NIGHT).stale
    assert not (settings.marts / "alerts.parquet").exists()
    assert (settings.marts / FILE).exists()


def test_silence_is_told_once_though_it_is_checked_each_hour(settings, monkeypatch):
    receiver = WebhookReceiver()
    note_completed(settings, DAY, NIGHT)
    with receiver.running() as hook:
        monkeypatch.setenv("HOOK_URL", hook)
        for hours in range(30, 60):
            heartbeat(settings, NIGHT + timedelta(hours=hours))
    assert receiver.events == ["alert.firing"]
    told = receiver.seen[0]["data"]
    assert str(DAY) in told["statement"]
    assert told["link"].endswith("/health")
    assert told["inputs"]["last_day"] == str(DAY)


@pytest.mark.parametrize(("hold_days", "told"), [("null", False), ("3", True)])
def test_what_the_settings_hold_a_heartbeat_does_not_let_go(configured, hold_days, told):
    settings = configured(f"alerts: {{hold_days: {hold_days}}}\n")
    judge = signal_row("JUDGE/judge/caving.sensitivity/up", DAY)
    store = open_store(settings.store_url)
    process_days(
        store,
        DRIFT_SIGNALS.table([signal_row("MODEL/aurora/caving/up", DAY), judge]),
        evidence_for=lambda row: {"statement": "It moved."},
        channels=[],
        now=NIGHT,
    )
    store.dispose()
    note_completed(settings, DAY, NIGHT)
    heartbeat(settings, NIGHT + timedelta(days=5))
    by_type = {row["type"]: row for row in alerts(settings)}
    assert by_type.keys() == {"MODEL", "JUDGE", "PIPELINE"}
    assert (by_type["MODEL"]["told_at"] is not None) == told
    assert (by_type["MODEL"]["held_by"] is None) == told


def test_the_command_says_what_it_found_and_exits_with_one(settings, cli):
    old(settings)
    code, said = cli("heartbeat")
    assert (code, "No day was ever completed" in said) == (1, True)
    now = datetime.now(UTC)
    note_completed(settings, now.date() - timedelta(days=1), now)
    code, said = cli("heartbeat")
    assert (code, "newest completed day" in said) == (0, True)
    # The newest day ended at the last midnight, some time ago.
    assert cli("heartbeat", "--max-age", "0.00001")[0] == 1


@pytest.mark.parametrize("age", ["nan", "inf", "-1"])
def test_an_age_that_no_day_or_every_day_exceeds_is_refused(settings, cli, age):
    """Of nan everything is false, so the watchdog would never bark."""
    code, said = cli("heartbeat", f"--max-age={age}")
    assert (code, "is a number of hours" in said) == (2, True)


def test_its_alert_replays_until_its_inputs_are_touched(settings, cli):
    from sqlalchemy import update

    from alignment_monitor.store import schema

    note_completed(settings, DAY, NIGHT)
    heartbeat(settings, NIGHT + timedelta(days=2))
    code, said = cli("alert", "replay", "--all")
    assert (code, said.startswith("equal")) == (0, True)
    store = open_store(settings.store_url)
    (alert,) = alerts(settings)
    told = json.loads(alert["evidence"])
    told["inputs"]["last_day"] = "2026-03-04"
    with store.begin() as connection:
        connection.execute(update(schema.alerts).values(evidence=json.dumps(told)))
    store.dispose()
    code, said = cli("alert", "replay", "--all")
    assert code == 1
    assert "decision: then PAGE, now NONE" in said
    assert "evidence_hash" in said


def completed_days_ago(settings, days):
    now = datetime.now(UTC)
    note_completed(settings, now.date() - timedelta(days=days), now)


@pytest.mark.parametrize(("success", "days", "pinged"), [(True, 1, 1), (True, 9, 0), (False, 1, 0)])
def test_only_a_run_that_succeeded_while_days_are_fresh_pings(
    settings, monkeypatch, success, days, pinged
):
    from alignment_monitor.alerting import dead_man
    from alignment_monitor.operations import pipeline

    completed_days_ago(settings, days)
    asked = []
    monkeypatch.setattr(dead_man, "ping", asked.append)
    outcome = pipeline.Outcome("run", success, ())
    monkeypatch.setattr(pipeline, "_run", lambda *args, **which: outcome)
    assert pipeline.run_days(settings, DAY, DAY) is outcome
    assert pipeline.run_days(settings, DAY, DAY + timedelta(days=1)) is outcome
    pipeline.deliver_now(settings)
    assert asked == [settings.alerts] * 2 * pinged


@pytest.mark.parametrize(
    ("tags", "days", "pinged"),
    [({}, 1, 1), ({}, 9, 0), ({"alignment_monitor/process": "7"}, 1, 0)],
)
def test_the_daemon_pings_for_its_own_runs(settings, monkeypatch, tags, days, pinged):
    from alignment_monitor import schedules
    from alignment_monitor.resources.monitor import Monitor

    completed_days_ago(settings, days)
    asked = []
    monkeypatch.setattr(schedules, "ping", asked.append)

    @dg.job
    def nothing():
        pass

    with dg.DagsterInstance.ephemeral() as instance:
        result = nothing.execute_in_process(instance=instance, tags=tags)
        context = dg.build_run_status_sensor_context(
            sensor_name="dead_man",
            dagster_event=result.get_run_success_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            resources={"monitor": Monitor(home=str(settings.home))},
        )
        schedules.dead_man(context)
    assert len(asked) == pinged


def test_the_daemon_looks_too(settings):
    from alignment_monitor import schedules
    from alignment_monitor.resources.monitor import Monitor

    old(settings)
    context = dg.build_sensor_context(resources={"monitor": Monitor(home=str(settings.home))})
    assert "No day was ever completed" in schedules.stale(context).skip_message
    assert len(alerts(settings)) == 1
