import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from alignment_monitor.alerting.channels import BrokenChannel, WebhookChannel
from alignment_monitor.alerting.service import (
    Summary,
    export_alerts,
    export_deliveries,
    open_channels,
    process_days,
    raise_pipeline_alert,
    record_annotation,
)
from alignment_monitor.contracts import ALERTS, DELIVERIES
from alignment_monitor.settings import Settings, SettingsError
from alignment_monitor.store.resets import keep_resets
from alignment_monitor.store.schema import alert_transitions, annotations, deliveries
from tests.fakes.webhook_receiver import SECRET

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)
CHANNELS = [BrokenChannel("on-call", "-"), BrokenChannel("log", "-")]
WEBHOOK = {"url": "http://127.0.0.1:1/hook", "secret_variable": "TEST_SECRET"}


def day(number):
    return date(2026, 11, 1) + timedelta(days=number)


@pytest.fixture
def process(engine, table):
    asked = []

    def run(*rows, now=NOW, channels=CHANNELS):
        def evidence_for(signal):
            asked.append(signal["day"])
            return {"statement": f"As of {signal['day']}.", "drivers": []}

        return process_days(
            engine, table(rows), evidence_for=evidence_for, channels=channels, now=now
        )

    run.asked = asked
    return run


def test_a_page_is_kept_and_queued_for_every_channel_at_once(process, engine, signal):
    assert process(signal(day(1)), signal(day(2))) == Summary(opened=1)
    (alert,) = export_alerts(engine).to_pylist()
    assert alert["state"] == "firing"
    assert (alert["opened_on"], alert["updated_on"]) == (day(1), day(2))
    assert json.loads(alert["evidence"])["statement"] == "As of 2026-11-03."
    assert {row["channel"] for row in export_deliveries(engine).to_pylist()} == {"on-call", "log"}
    with engine.connect() as connection:
        bodies = {body for (body,) in connection.execute(select(deliveries.c.body))}
    (payload,) = [json.loads(body) for body in bodies]
    assert payload == {
        "type": "alert.firing",
        "timestamp": NOW.isoformat(),
        "data": {
            "statement": "As of 2026-11-02.",
            "drivers": [],
            "alert_id": alert["alert_id"],
            "fingerprint": "MODEL:caving:MODEL/aurora/caving/up",
            "type": "MODEL",
            "severity": "page",
            "state": "firing",
            "opened_on": "2026-11-02",
            "resolved_on": None,
            "if_expected": f"alignment-monitor rebaseline --alert {alert['alert_id']} "
            '--reason "why it was expected"',
        },
    }


def test_an_alert_ends_with_the_last_evidence_for_it(process, engine, signal):
    quiet = [signal(day(n), "NONE") for n in range(2, 9)]
    assert process(signal(day(1)), *quiet) == Summary(opened=1, resolved=1)
    with engine.connect() as connection:
        query = select(deliveries.c.body).order_by(deliveries.c.sequence)
        last = json.loads(connection.execute(query).scalars().all()[-1])
    assert last["type"] == "alert.resolved"
    assert last["data"]["resolved_on"] == day(8).isoformat()
    assert last["data"]["statement"] == "As of 2026-11-02."
    assert last["data"]["ended"] == "quiet"
    assert "if_expected" not in last["data"]


def test_an_alert_whose_change_was_declared_normal_ends_with_that_reason(process, engine, signal):
    process(signal(day(1)))
    reset = {
        "deployment_family": "aurora",
        "behaviour": None,
        "from_day": day(1),
        "recorded_on": day(3),
        "recorded_at": NOW,
        "author": "ann",
        "reason": "the new persona",
    }
    keep_resets(engine, [reset])
    young = [signal(day(n), "NONE", phase="baseline") for n in (3, 4)]
    assert process(signal(day(2)), *young) == Summary(resolved=1)
    (alert,) = export_alerts(engine).to_pylist()
    assert (alert["state"], alert["resolved_on"]) == ("resolved", day(3))
    told = json.loads(alert["evidence"])
    assert told["statement"] == "As of 2026-11-03."
    assert told["ended"] == "re-baselined"
    assert told["reset"]["reason"] == "the new persona"
    with engine.connect() as connection:
        last = (
            connection.execute(
                select(alert_transitions).order_by(alert_transitions.c.transition_id)
            )
            .mappings()
            .all()[-1]
        )
        body = (
            connection.execute(select(deliveries.c.body).order_by(deliveries.c.sequence))
            .scalars()
            .all()[-1]
        )
    assert (last["who"], last["note"]) == ("ann", "re-baselined: the new persona")
    payload = json.loads(body)
    assert payload["type"] == "alert.resolved"
    assert payload["data"]["ended"] == "re-baselined"
    assert payload["data"]["reset"]["from_day"] == day(1).isoformat()


def test_what_the_new_baseline_calls_a_change_is_another_alert_at_once(process, engine, signal):
    process(signal(day(1)))
    reset = {
        "deployment_family": "aurora",
        "behaviour": "caving",
        "from_day": day(1),
        "recorded_on": day(3),
        "recorded_at": NOW,
        "author": "ann",
        "reason": "rolled back",
    }
    keep_resets(engine, [reset])
    for _ in range(2):
        process(signal(day(3)), signal(day(4)))
    alerts = {row["opened_on"]: row for row in export_alerts(engine).to_pylist()}
    assert {opened: row["state"] for opened, row in alerts.items()} == {
        day(1): "resolved",
        day(3): "firing",
    }
    assert json.loads(alerts[day(3)]["evidence"])["statement"] == "As of 2026-11-05."
    assert json.loads(alerts[day(1)]["evidence"])["statement"] == "As of 2026-11-02."


def test_evidence_is_asked_for_only_where_an_alert_needs_it(process, signal):
    process(signal(day(1), "NONE"), signal(day(2)), signal(day(3), "NONE"))
    process(signal(day(1)), signal(day(2)), signal(day(3)))
    assert process.asked == [day(2)]


def test_days_processed_again_change_nothing(process, engine, signal):
    rows = [signal(day(1), "WARN"), signal(day(2))]
    rows += [signal(day(n), "NONE") for n in range(3, 12)]
    process(*rows)
    before = (export_alerts(engine), export_deliveries(engine))
    assert process(*rows, now=NOW + timedelta(hours=1)) == Summary()
    assert (export_alerts(engine), export_deliveries(engine)) == before
    with engine.connect() as connection:
        assert connection.execute(select(func.count(alert_transitions.c.at))).scalar() == 3


def test_workers_that_process_the_same_days_at_once_open_one_alert(process, engine, signal):
    rows = [signal(day(n)) for n in range(3)]
    with ThreadPoolExecutor(6) as pool:
        summaries = list(pool.map(lambda _: process(*rows), range(6)))
    assert sum(summary.opened for summary in summaries) == 1
    assert export_alerts(engine).num_rows == 1
    assert export_deliveries(engine).num_rows == len(CHANNELS)


def test_a_worker_that_comes_second_finds_the_alert_there(process, engine, signal):
    class Gate:
        """A channel that lets the second worker in while the first has not committed yet."""

        second = None

        @property
        def name(self):
            if self.second is None:
                self.second = pool.submit(process, signal(day(1)))
                time.sleep(0.5)
            return "gate"

    gate = Gate()
    with ThreadPoolExecutor(1) as pool:
        assert process(signal(day(1)), channels=[gate]) == Summary(opened=1)
    assert gate.second.result() == Summary()
    assert export_alerts(engine).num_rows == 1


def test_a_rebuilt_store_gives_the_same_alerts_and_delivery_ids(process, engine, signal):
    process(signal(day(1), "WARN"), signal(day(2)), channels=CHANNELS[1:])
    assert export_alerts(engine).column("alert_id").to_pylist() == ["aa5efcb85f14f382"]
    queued = export_deliveries(engine).column("delivery_id").to_pylist()
    assert queued == ["msg_686bf2d6b8e66dd4daa2bc37"]


def test_a_warning_is_on_the_page_and_in_nobodys_inbox(process, engine, signal):
    assert process(signal(day(1), "WARN")) == Summary(warned=1)
    assert export_alerts(engine).column("state").to_pylist() == ["pending"]
    assert export_deliveries(engine).num_rows == 0


def test_exports_meet_their_contracts_also_when_empty(process, engine, signal):
    assert export_alerts(engine) == ALERTS.empty()
    assert export_deliveries(engine) == DELIVERIES.empty()
    process(signal(day(1)))
    assert export_alerts(engine).schema == ALERTS.schema
    assert export_deliveries(engine).schema == DELIVERIES.schema


def test_a_failed_run_is_told_once_and_ends_when_a_later_day_succeeds(process, engine, signal):
    def fail(now):
        raise_pipeline_alert(
            engine,
            day=now.date(),
            reason="Run 1234 of daily_monitoring failed.",
            channels=CHANNELS[:1],
            now=now,
            dashboard_url="http://localhost:8501/",
        )

    fail(NOW)
    fail(NOW + timedelta(hours=1))
    fail(NOW + timedelta(days=1))
    process(signal(day(1), "NONE"), now=NOW + timedelta(days=1, hours=1), channels=CHANNELS[:1])
    (alert,) = export_alerts(engine).to_pylist()
    assert (alert["type"], alert["state"]) == ("PIPELINE", "firing")
    told = json.loads(alert["evidence"])
    assert told["statement"] == "Run 1234 of daily_monitoring failed."
    assert told["link"] == "http://localhost:8501/health"
    assert export_deliveries(engine).num_rows == 1

    process(signal(day(2), "NONE"), now=NOW + timedelta(days=2), channels=CHANNELS[:1])
    assert export_alerts(engine).column("state").to_pylist() == ["resolved"]
    assert export_deliveries(engine).num_rows == 2


def test_an_annotation_again_replaces_its_details(engine):
    where = {"day": day(1), "kind": "deployment", "label": "aurora-1.2"}
    first = record_annotation(engine, **where, details="planned")
    assert record_annotation(engine, **where, details="done") == first
    with engine.connect() as connection:
        assert [row.details for row in connection.execute(select(annotations))] == ["done"]
    with pytest.raises(ValueError, match="deployment, incident"):
        record_annotation(engine, **{**where, "kind": "party"}, details="")


def _settings(*channels):
    return Settings(alerts={"channels": channels})


def test_a_channel_without_its_secret_waits_and_the_others_go_on(monkeypatch, caplog):
    monkeypatch.setenv("TEST_SECRET", SECRET)
    monkeypatch.setenv("TEST_SHORT", "whsec_c2hvcnQ=")
    monkeypatch.delenv("TEST_UNSET", raising=False)
    opened = open_channels(
        _settings(
            {"name": "unset", **WEBHOOK, "secret_variable": "TEST_UNSET"},
            {"name": "short", **WEBHOOK, "secret_variable": "TEST_SHORT"},
            {"name": "nowhere", "secret_variable": "TEST_SECRET"},
            {"name": "file", **WEBHOOK, "url": "file:///etc/passwd"},
            {"name": "fine", **WEBHOOK},
        )
    )
    assert [channel.name for channel in opened] == ["unset", "short", "nowhere", "file", "fine"]
    assert [type(channel) for channel in opened] == [BrokenChannel] * 4 + [WebhookChannel]
    for hint in ("TEST_UNSET is not set", "TEST_SHORT must hold", "url_variable", "https://"):
        assert hint in caplog.text
    assert "c2hvcnQ" not in caplog.text


def test_channels_of_one_name_are_refused():
    with pytest.raises(SettingsError, match="used twice"):
        open_channels(_settings({"name": "a", **WEBHOOK}, {"name": "a", **WEBHOOK}))
