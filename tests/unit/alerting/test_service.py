import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from alignment_monitor.alerting.alert import Policy
from alignment_monitor.alerting.channels import BrokenChannel
from alignment_monitor.alerting.service import (
    Summary,
    export_alerts,
    export_deliveries,
    look_after,
    process_days,
    raise_pipeline_alert,
)
from alignment_monitor.contracts import ALERTS, DELIVERIES
from alignment_monitor.store.resets import keep_resets
from alignment_monitor.store.schema import alert_transitions, deliveries
from tests.fakes.signals import DEPLOYED

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)
CHANNELS = [BrokenChannel("on-call", "-"), BrokenChannel("log", "-")]


def day(number):
    return date(2026, 11, 1) + timedelta(days=number)


@pytest.fixture
def process(engine, table):
    asked = []

    def run(*rows, now=NOW, channels=CHANNELS, **how):
        def evidence_for(signal):
            asked.append(signal["day"])
            return {"statement": f"As of {signal['day']}.", "drivers": []}

        return process_days(
            engine,
            table(rows),
            evidence_for=evidence_for,
            channels=channels,
            now=now,
            deployed=DEPLOYED,
            **how,
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


def test_an_end_is_told_only_to_who_was_told_of_the_beginning(process, engine, signal):
    process(signal(day(1)), channels=CHANNELS[:1])
    quiet = [signal(day(n), "NONE") for n in range(2, 9)]
    assert process(*quiet) == Summary(resolved=1)  # another channel was set up meanwhile
    told = [(row["channel"], row["event"]) for row in export_deliveries(engine).to_pylist()]
    assert sorted(told) == [
        (CHANNELS[0].name, "alert.firing"), (CHANNELS[0].name, "alert.resolved"),
    ]  # fmt: skip


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


@pytest.fixture
def fail(engine):
    def run(now):
        raise_pipeline_alert(
            engine,
            day=now.date(),
            reason="Run 1234 of daily_monitoring failed.",
            channels=CHANNELS[:1],
            policy=Policy(),
            now=now,
            dashboard_url="http://localhost:8501/",
        )

    return run


def test_a_failed_run_is_told_once_and_ends_when_a_run_succeeds(process, engine, signal, fail):
    fail(NOW)
    fail(NOW + timedelta(hours=1))
    fail(NOW + timedelta(days=1))
    late = {"now": NOW + timedelta(days=1, hours=1), "channels": CHANNELS[:1], "fresh": False}
    process(signal(day(1), "NONE"), **late)  # of an old day: what is due is still missing
    (alert,) = export_alerts(engine).to_pylist()
    assert (alert["type"], alert["state"]) == ("PIPELINE", "firing")
    told = json.loads(alert["evidence"])
    assert told["statement"] == "Run 1234 of daily_monitoring failed."
    assert told["link"] == "http://localhost:8501/health"
    assert export_deliveries(engine).num_rows == 1

    process(signal(day(2), "NONE"), now=NOW + timedelta(days=2), channels=CHANNELS[:1])
    assert export_alerts(engine).column("state").to_pylist() == ["resolved"]
    assert export_deliveries(engine).num_rows == 2


def test_each_outage_of_a_day_is_told_and_holds_nothing_once_it_is_over(
    process, engine, signal, fail
):
    hours = [NOW + timedelta(hours=n) for n in range(4)]
    fail(hours[0])
    process(signal(day(1)), now=hours[1], channels=CHANNELS[:1])
    states = {row["type"]: row["state"] for row in export_alerts(engine).to_pylist()}
    assert states == {"PIPELINE": "resolved", "MODEL": "firing"}
    # What it held is told at once, not tomorrow.
    told = [row["event"] for row in export_deliveries(engine).to_pylist()]
    assert sorted(told) == ["alert.firing"] * 2 + ["alert.resolved"]
    fail(hours[2])
    fail(hours[2] + timedelta(minutes=30))
    process(now=hours[3], channels=CHANNELS[:1])
    told = [row["event"] for row in export_deliveries(engine).to_pylist()]
    assert sorted(told) == ["alert.firing"] * 3 + ["alert.resolved"] * 2
    assert {row["state"] for row in export_alerts(engine).to_pylist()} == {"resolved", "firing"}


def events(engine):
    with engine.connect() as connection:
        query = select(deliveries.c.event, deliveries.c.channel).order_by(deliveries.c.sequence)
        return [event for event, channel in connection.execute(query) if channel == "log"]


def look(engine, after):
    return look_after(engine, CHANNELS, policy=Policy(), now=NOW + timedelta(hours=after))


def test_the_clock_escalates_once_and_the_record_says_why(process, engine, signal):
    process(signal(day(1)))
    assert [look(engine, hours) for hours in (1, 25, 26, 24 * 30)] == [0, 1, 0, 0]
    assert events(engine) == ["alert.firing", "alert.escalated"]
    with engine.connect() as connection:
        query = select(alert_transitions).order_by(alert_transitions.c.transition_id)
        last = connection.execute(query).mappings().all()[-1]
    assert (last["event"], last["from_state"], last["to_state"]) == (
        "alert.escalated", "firing", "firing",
    )  # fmt: skip
    assert last["note"] == "unacknowledged for 24 hours"
    with engine.connect() as connection:
        query = select(deliveries.c.body).where(deliveries.c.event == "alert.escalated")
        bodies = [json.loads(body)["data"] for body in connection.execute(query).scalars()]
    assert all("rebaseline --alert" in data["if_expected"] for data in bodies)
    assert len(bodies) == len(CHANNELS)


def test_a_model_alert_is_held_by_that_of_its_judge_and_sent_afterwards(process, engine, signal):
    judge = {"series": "JUDGE/judge/caving.sensitivity/up", "deployment_family": "judge"}
    process(signal(day(1)), signal(day(1), type="JUDGE", **judge))
    alerts = {row["type"]: row for row in export_alerts(engine).to_pylist()}
    assert alerts["MODEL"]["held_by"] == alerts["JUDGE"]["alert_id"]
    assert [alerts[kind]["state"] for kind in ("MODEL", "JUDGE")] == ["firing", "firing"]
    assert events(engine) == ["alert.firing"]
    for n in range(2, 9):
        quiet = signal(day(n), "NONE", type="JUDGE", **judge)
        process(signal(day(n)), quiet, policy=Policy(hold_days=None))
    assert events(engine) == ["alert.firing", "alert.resolved", "alert.firing"]
    (model,) = [row for row in export_alerts(engine).to_pylist() if row["type"] == "MODEL"]
    assert model["held_by"] is None


def test_what_was_held_too_long_is_told_with_the_alert_that_held_it(process, engine, signal):
    judge = {"series": "JUDGE/judge/caving.sensitivity/up", "deployment_family": "judge"}
    for n in range(1, 5):
        process(signal(day(n)), signal(day(n), type="JUDGE", **judge))
    assert events(engine) == ["alert.firing", "alert.firing"]
    alerts = {row["type"]: row for row in export_alerts(engine).to_pylist()}
    with engine.connect() as connection:
        query = select(deliveries.c.body).order_by(deliveries.c.sequence.desc())
        last = json.loads(connection.execute(query).scalars().first())
    assert last["data"]["type"] == "MODEL"
    assert last["data"]["statement"].endswith(
        f"What may explain it is open too: JUDGE {alerts['JUDGE']['alert_id']}."
    )


def test_the_n_that_counts_is_the_evidence_s(engine, table, signal):
    def run(number, n):
        process_days(
            engine,
            table([signal(day(number), effective_n=12.0)]),
            evidence_for=lambda row: {"effective_n": n},
            channels=CHANNELS,
            now=NOW,
        )

    run(1, 19.0)
    (alert,) = export_alerts(engine).to_pylist()
    assert (alert["state"], alert["reason"]) == (
        "pending", "a page needs an effective n of 20, and this rests on 19",
    )  # fmt: skip
    run(2, 60.0)
    assert events(engine) == ["alert.firing"]


def test_a_warning_that_becomes_a_page_is_told(process, engine, signal):
    process(signal(day(1), "UNRESOLVED"), signal(day(2)))
    assert events(engine) == ["alert.firing", "alert.firing"]
