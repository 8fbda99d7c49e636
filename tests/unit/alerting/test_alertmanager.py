import base64
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from alignment_monitor.alerting.channels import ChannelError, DeliveryError
from alignment_monitor.alerting.channels.alertmanager import (
    AlertmanagerChannel,
    open_alertmanager,
)
from alignment_monitor.alerting.outbox import DeliveryReport, deliver_due, enqueue_test
from alignment_monitor.alerting.outlets import Outlet
from alignment_monitor.alerting.routing import Policy
from alignment_monitor.alerting.service import process_days
from alignment_monitor.alerts_settings import Alertmanager
from tests.fakes import alertmanager
from tests.fakes.http_receiver import HttpReceiver
from tests.fakes.signals import DEPLOYED
from tests.unit.alerting.messages import delivery, row

pytestmark = pytest.mark.skipif(alertmanager.PROGRAM is None, reason=alertmanager.MISSING)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with alertmanager.running(tmp_path_factory.mktemp("alertmanager")) as url:
        yield url


@pytest.fixture
def severities(server):
    """Of the alerts of a series that it holds to be there."""

    def run(number):
        series = f"MODEL/aurora/caving-{number}/up"
        found = [one for one in alertmanager.alerts(server) if one["labels"]["series"] == series]
        return [one["labels"]["severity"] for one in found]

    return run


def channel(url, **more):
    return AlertmanagerChannel("prometheus", url, allow_private_addresses=True, **more)


def test_an_alert_fires_is_updated_and_resolves(server, severities):
    channel(server).send(delivery(row("firing", 1)))
    (one,) = [a for a in alertmanager.alerts(server) if a["annotations"]["alert_id"] == "a1"]
    assert one["labels"] == {
        "alertname": "AlignmentMonitor",
        "severity": "page",
        "type": "MODEL",
        "family": "aurora",
        "behaviour": "caving-1",
        "direction": "up",
        "series": "MODEL/aurora/caving-1/up",
    }
    assert "8 % to 19 %" in one["annotations"]["summary"]
    assert one["annotations"]["link"].startswith("http://localhost:8501")
    assert one["startsAt"].startswith("2026-11-01T00:00:00")
    assert one["status"]["state"] in ("active", "unprocessed")

    channel(server).send(delivery(row("reminder", 1, statement="Still so.")))
    (same,) = [a for a in alertmanager.alerts(server) if a["annotations"]["alert_id"] == "a1"]
    assert same["fingerprint"] == one["fingerprint"]
    assert same["annotations"]["summary"] == "Still so."

    channel(server).send(delivery(row("resolved", 1, state="resolved")))
    assert severities(1) == []


def test_a_warning_that_becomes_a_page_is_one_alert_and_ends_as_one(server, severities):
    channel(server).send(delivery(row("firing", 2, severity="warn")))
    assert severities(2) == ["warn"]
    channel(server).send(delivery(row("escalated", 2)))
    assert severities(2) == ["page"]
    channel(server).send(delivery(row("resolved", 2, state="resolved")))
    assert severities(2) == []
    channel(server).send(delivery(row("reopened", 2)))
    assert severities(2) == ["page"]


def test_a_group_is_one_request_and_loses_nothing(server, severities):
    channel(server).send(delivery(*(row("firing", number) for number in range(100, 300))))
    assert all(severities(number) == ["page"] for number in (100, 199, 299))


def test_what_is_not_sent_again_is_forgotten_and_what_is_lasts(server, severities):
    """Its own clock cannot be set; ours is, so that two seconds are as long as the time allowed."""
    lasts = timedelta(seconds=2)
    for number in (4, 5):
        channel(server, lasts=lasts).send(delivery(row("firing", number)))
    assert severities(4) == severities(5) == ["page"]
    again = channel(server, lasts=timedelta(hours=1))
    again.refresh(delivery(row("firing", 5)).items)
    deadline = datetime.now(UTC) + timedelta(seconds=20)
    while severities(4) and datetime.now(UTC) < deadline:
        time.sleep(0.1)
    assert severities(4) == []
    assert severities(5) == ["page"]


def test_every_round_of_deliveries_reminds_it_of_what_lasts(engine, table, signal, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    now = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)

    def round_of(url):
        way = Outlet(channel(url), Policy(group_above=1))
        return deliver_due(engine, [way], now=now, retry_base_seconds=1, retry_limit=3)

    def series(url):
        return sorted(one["labels"]["behaviour"] for one in alertmanager.alerts(url))

    def process(url, days):
        rows = [
            signal(date(2026, 11, 1) + timedelta(days=day), word, behaviour=b, series=b)
            for b, words in days.items()
            for day, word in enumerate(words)
        ]
        told = lambda s: {name: s[name] for name in ("series", "behaviour")}  # noqa: E731
        process_days(
            engine,
            table(rows),
            evidence_for=told,
            channels=[channel(url)],
            now=now,
            deployed=DEPLOYED,
        )

    with alertmanager.running(tmp_path / "one") as url:
        process(url, {"a": ["PAGE"], "b": ["PAGE"], "c": ["PAGE"]})
        assert round_of(url) == DeliveryReport(sent=3)
        assert series(url) == ["a", "b", "c"]
    with alertmanager.running(tmp_path / "two") as url:  # it lost everything
        process(url, {"b": ["PAGE", *["NONE"] * 7]})
        assert round_of(url) == DeliveryReport(sent=1)
        assert series(url) == ["a", "c"]


def test_a_test_is_told_as_one(server, engine):
    now = datetime.now(UTC)
    test = enqueue_test(engine, channel(server), dashboard_url="http://localhost", now=now)
    report = deliver_due(
        engine, [channel(server)], now=now, retry_base_seconds=1, retry_limit=1, only=test
    )
    assert report.sent == 1
    names = [one["labels"]["alertname"] for one in alertmanager.alerts(server)]
    assert "AlignmentMonitorTest" in names


def test_what_it_refuses_is_a_failure(server):
    with pytest.raises(DeliveryError, match=r"^HTTP 404$"):
        channel(f"{server}/elsewhere").send(delivery(row("firing", 6)))


def test_a_password_goes_in_the_header_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("TEST_PASSWORD", "open sesame")
    receiver = HttpReceiver(lambda number: 200)
    with receiver.running() as url:
        settings = Alertmanager(
            kind="alertmanager",
            name="prometheus",
            url=url,
            username="monitor",
            password_variable="TEST_PASSWORD",
            allow_private_addresses=True,
        )
        opened = open_alertmanager(settings)
        opened.send(delivery(row("firing")))
    pair = base64.b64encode(b"monitor:open sesame").decode()
    assert receiver.headers[0]["authorization"] == f"Basic {pair}"
    assert receiver.paths == ["/api/v2/alerts"]
    assert "sesame" not in repr(opened)
    with pytest.raises(ChannelError, match="TEST_MISSING is not set"):
        open_alertmanager(settings.model_copy(update={"password_variable": "TEST_MISSING"}))
    with pytest.raises(ChannelError, match="set username"):
        open_alertmanager(settings.model_copy(update={"username": None}))
