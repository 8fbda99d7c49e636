from datetime import UTC, date, datetime, timedelta

import pytest

from alignment_monitor.alerting.channels import ChannelError, Thread
from alignment_monitor.alerting.channels.pagerduty import (
    PagerDutyChannel,
    events,
    open_pagerduty,
)
from alignment_monitor.alerting.outbox import deliver_due, enqueue_test
from alignment_monitor.alerting.outlets import Outlet
from alignment_monitor.alerting.routing import Policy
from alignment_monitor.alerting.service import process_days
from alignment_monitor.alerts_settings import PagerDuty
from tests.fakes.http_receiver import HttpReceiver
from tests.fakes.signals import DEPLOYED, history_rows
from tests.unit.alerting.messages import delivery, row

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)


def said(*rows, **more):
    """Actions and keys of a message."""
    return [(e["event_action"], e["dedup_key"]) for e in events(delivery(*rows, **more))]


def test_an_alert_is_an_incident_from_its_beginning_to_its_end():
    assert said(row("firing")) == [("trigger", "a0")]
    assert said(row("acknowledged")) == [("acknowledge", "a0")]
    assert said(row("resolved", state="resolved")) == [("resolve", "a0")]
    for event in ("reminder", "escalated", "reopened", "sang_a_song"):
        assert said(row(event)) == [("trigger", "a0")]


def test_severity_and_facts_reach_the_pager():
    (page,), (warn,) = (events(delivery(row("firing", severity=s))) for s in ("page", "warn"))
    assert page["payload"]["severity"] == "critical"
    assert warn["payload"]["severity"] == "warning"
    assert page["payload"]["source"] == "aurora"
    assert page["payload"]["custom_details"]["series"] == "MODEL/aurora/caving-0/up"
    assert page["links"][0]["href"].startswith("http://localhost:8501")
    (long,) = events(delivery(row("firing", statement="x" * 5000)))
    assert len(long["payload"]["summary"]) == 1024


def test_alerts_told_together_are_one_incident_that_ends_with_the_last():
    group = delivery(*(row("firing", n) for n in range(5)))
    key = group.delivery_id
    assert [(e["event_action"], e["dedup_key"]) for e in events(group)] == [("trigger", key)]
    lasts, over = ({"a1": Thread(key, lasts)} for lasts in (True, False))
    assert said(row("resolved", 1), threads=lasts) == []
    assert said(row("resolved", 1), threads=over) == [("resolve", key)]
    assert said(row("acknowledged", 1), threads=lasts) == []
    assert said(row("escalated", 1), threads=lasts) == [("trigger", key)]


def test_a_digest_that_tells_a_beginning_and_its_end_leaves_nothing_open():
    rows = [row("firing", 0), row("resolved", 0), row("firing", 1), row("resolved", 1)]
    key = delivery(*rows).delivery_id
    assert said(*rows) == [("trigger", key), ("resolve", key)]
    assert said(*rows[:3]) == [("trigger", delivery(*rows[:3]).delivery_id)]


@pytest.fixture
def incidents():
    """What PagerDuty would make of all it was sent: key -> open or not."""

    def run(receiver):
        state = {}
        for event in receiver.got:
            assert event["routing_key"] == "a-key"
            if event["event_action"] == "trigger":
                state[event["dedup_key"]] = "open"
            elif state.get(event["dedup_key"]) == "open":
                state[event["dedup_key"]] = "closed"
        return state

    return run


def test_through_the_outbox_every_incident_is_closed_when_its_alerts_have_ended(
    engine, table, incidents
):
    receiver = HttpReceiver(lambda number: 500 if number == 2 else 202)

    def run(channel, decisions, at):
        rows = history_rows(date(2026, 11, 1), decisions)
        process_days(
            engine,
            table(rows),
            evidence_for=lambda s: {},
            channels=[channel],
            now=at,
            deployed=DEPLOYED,
        )
        deliver_due(engine, [channel], now=at, retry_base_seconds=1, retry_limit=9)
        later = at + timedelta(hours=1)
        deliver_due(engine, [channel], now=later, retry_base_seconds=1, retry_limit=9)

    quiet = ["NONE"] * 7
    with receiver.running() as url:
        pager = PagerDutyChannel("pager", url, "a-key", allow_private_addresses=True)
        way = Outlet(pager, Policy(group_above=2))
        run(way, {0: ["PAGE"]}, NOW)
        run(way, {number: ["PAGE"] for number in range(1, 6)}, NOW + timedelta(hours=2))
        assert sorted(incidents(receiver).values()) == ["open", "open"]
        run(way, {number: ["PAGE", *quiet] for number in range(5)}, NOW + timedelta(hours=4))
        assert sorted(incidents(receiver).values()) == ["closed", "open"]
        run(way, {5: ["PAGE", *quiet]}, NOW + timedelta(hours=6))
        assert sorted(incidents(receiver).values()) == ["closed", "closed"]


def test_a_test_leaves_no_incident_open(engine, incidents):
    receiver = HttpReceiver()
    with receiver.running() as url:
        pager = PagerDutyChannel("pager", url, "a-key", allow_private_addresses=True)
        test = enqueue_test(engine, pager, dashboard_url="http://localhost", now=NOW)
        report = deliver_due(
            engine, [pager], now=NOW, retry_base_seconds=1, retry_limit=1, only=test
        )
    assert report.sent == 1
    assert incidents(receiver) == {test: "closed"}
    assert receiver.got[0]["payload"]["severity"] == "info"


def test_settings_say_what_is_missing(monkeypatch):
    settings = PagerDuty(kind="pagerduty", name="pager", routing_key_variable="TEST_KEY")
    with pytest.raises(ChannelError, match="TEST_KEY is not set"):
        open_pagerduty(settings)
    monkeypatch.setenv("TEST_KEY", "a-key-that-is-secret")
    assert "secret" not in repr(open_pagerduty(settings))
