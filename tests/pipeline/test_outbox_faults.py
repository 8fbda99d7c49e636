"""The outbox against a real receiver, a real store and workers that are really killed."""

import multiprocessing
import os
import signal as signals
from datetime import UTC, date, datetime, timedelta

import pytest

from alignment_monitor.alerting.channels import WebhookChannel
from alignment_monitor.alerting.lifecycle import FIRING, RESOLVED
from alignment_monitor.alerting.outbox import LEASE, DeliveryReport, deliver_due
from alignment_monitor.alerting.outlets import Outlet
from alignment_monitor.alerting.routing import Policy
from alignment_monitor.alerting.service import export_deliveries, process_days
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.store import open_store
from tests.fakes.signals import DEPLOYED
from tests.fakes.stores import KINDS, new_store
from tests.fakes.webhook_receiver import FINE, SECRET, Fault, WebhookReceiver

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)
DOWN = Fault(status=503)
FORK = multiprocessing.get_context("fork")


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    yield from new_store(request.param, tmp_path)


def channel(url, timeout_seconds=10.0):
    return WebhookChannel(
        "on-call", url, SECRET, timeout_seconds=timeout_seconds, allow_private_addresses=True
    )


def fire(store, url, alerts=1, ended=True):
    """Alerts that begin on the first of the month and, if so wanted, end on the eighth."""
    decisions = ["PAGE", *["NONE"] * (7 if ended else 0)]
    rows = [
        {
            "day": date(2026, 11, 1 + day),
            "series": f"MODEL/aurora/{number}/up",
            "deployment_family": "aurora",
            "behaviour": str(number),
            "direction": "up",
            "type": "MODEL",
            "phase": "watching",
            "decision": decision,
            "n": 60,
            "version": 1,
        }
        for number in range(alerts)
        for day, decision in enumerate(decisions)
    ]
    engine = open_store(store)
    process_days(
        engine,
        DRIFT_SIGNALS.table(rows),
        evidence_for=lambda row: {"statement": f"{row['behaviour']} rose."},
        channels=[channel(url)],
        now=NOW,
        deployed=DEPLOYED,
    )
    engine.dispose()


def work(store, url, after=timedelta(), limit=12, timeout_seconds=10.0):
    """What a worker does in one call, with its own connection."""
    engine = open_store(store)
    try:
        return deliver_due(
            engine,
            [channel(url, timeout_seconds)],
            now=NOW + after,
            retry_base_seconds=30,
            retry_limit=limit,
        )
    finally:
        engine.dispose()


def work_until_nothing_waits(store, url, step=timedelta(hours=1)):
    clock = timedelta()
    while work(store, url, after=clock, limit=60, timeout_seconds=0.3).waiting:
        clock += step


def statuses(store):
    return export_deliveries(open_store(store)).column("status").to_pylist()


def assert_each_seen_once_and_in_order(receiver, alerts):
    assert len(receiver.seen) == 2 * alerts
    told = {}
    for payload in receiver.seen:
        told.setdefault(payload["data"]["alert_id"], []).append(payload["type"])
    assert list(told.values()) == [[FIRING, RESOLVED]] * alerts


def test_through_every_fault_each_alert_is_seen_exactly_once_and_in_order(store):
    faults = [
        DOWN,
        Fault(status=500),
        Fault(cut=True),
        Fault(hang_seconds=0.5),
        Fault(drip_seconds=0.05),
        Fault(status=302, headers={"location": "http://127.0.0.1:1/"}),
        Fault(body_bytes=5_000_000),
        FINE,
    ]
    receiver = WebhookReceiver(lambda number: faults[(number - 1) % len(faults)])
    with receiver.running() as url:
        fire(store, url, alerts=2)
        work_until_nothing_waits(store, url)
    assert_each_seen_once_and_in_order(receiver, alerts=2)
    assert len(receiver.requests) > len(receiver.seen)
    bodies = {}
    for request in receiver.requests:
        bodies.setdefault(request.headers["webhook-id"], set()).add(request.body)
    assert len(bodies) == 4
    assert all(len(variants) == 1 for variants in bodies.values())
    assert statuses(store) == ["delivered"] * 4


def test_a_receiver_down_for_an_hour_gets_everything_afterwards(store):
    receiver = WebhookReceiver(lambda number: DOWN)
    with receiver.running() as url:
        fire(store, url, alerts=2)
        for minute in range(0, 60, 5):
            assert work(store, url, after=timedelta(minutes=minute)).sent == 0
        receiver.script = lambda number: FINE
        assert work(store, url, after=timedelta(hours=3)) == DeliveryReport(sent=4)
    assert_each_seen_once_and_in_order(receiver, alerts=2)


def test_a_receiver_that_is_not_there_costs_one_attempt_a_call(store):
    nowhere = "http://127.0.0.1:1/hook"
    fire(store, nowhere, alerts=3)
    assert work(store, nowhere) == DeliveryReport(failed=1, waiting=6)


def test_a_receiver_down_for_good_leaves_dead_letters(store):
    receiver = WebhookReceiver(lambda number: DOWN)
    with receiver.running() as url:
        fire(store, url)
        for day in range(4):
            work(store, url, after=timedelta(days=day), limit=2)
    assert statuses(store) == ["dead", "dead"]
    assert len(receiver.requests) == 4


def test_a_worker_killed_in_the_middle_of_sending_loses_and_doubles_nothing(store):
    receiver = WebhookReceiver(lambda number: Fault(hang_seconds=2) if number == 1 else FINE)
    with receiver.running() as url:
        fire(store, url)
        worker = FORK.Process(target=work, args=(store, url), kwargs={"timeout_seconds": 60.0})
        worker.start()
        assert receiver.arrived.wait(20)
        assert worker.pid is not None
        os.kill(worker.pid, signals.SIGKILL)
        worker.join(20)
        assert worker.exitcode == -signals.SIGKILL
        assert work(store, url) == DeliveryReport(waiting=2)
        assert work(store, url, after=LEASE * 1.1) == DeliveryReport(sent=2)
    assert_each_seen_once_and_in_order(receiver, alerts=1)
    assert receiver.requests[0].body == receiver.requests[1].body


def test_workers_side_by_side_never_make_the_same_attempt(store):
    receiver = WebhookReceiver(lambda number: Fault(hang_seconds=0.02))
    with receiver.running() as url:
        fire(store, url, alerts=8)
        workers = [FORK.Process(target=work, args=(store, url)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
        work(store, url)
    assert_each_seen_once_and_in_order(receiver, alerts=8)
    assert len(receiver.requests) == 16


def test_killed_between_delivery_and_its_record_a_repeat_has_the_same_key(store):
    """The receiver has taken it, but its sender was gone before it could keep that."""
    receiver = WebhookReceiver()
    with receiver.running() as url:
        fire(store, url, ended=False)
        worker = FORK.Process(target=work_and_die, args=(store, url))
        worker.start()
        worker.join(20)
        assert worker.exitcode == -signals.SIGKILL
        assert len(receiver.seen) == 1
        assert statuses(store) == ["pending"]
        assert work(store, url, after=LEASE * 1.1) == DeliveryReport(sent=1)
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert len(receiver.seen) == 1


def test_killed_between_decision_and_delivery_nothing_is_lost_and_nothing_half_decided(store):
    """The alert and what it tells are one transaction: killed inside, neither is there."""
    receiver = WebhookReceiver()
    with receiver.running() as url:
        decider = FORK.Process(target=decide_and_die, args=(store, url))
        decider.start()
        decider.join(20)
        assert decider.exitcode == -signals.SIGKILL
        assert statuses(store) == []
        fire(store, url, ended=False)  # the day is run again
        assert work(store, url) == DeliveryReport(sent=1)
    assert [payload["type"] for payload in receiver.seen] == [FIRING]


def test_groups_through_every_fault_are_seen_once_and_in_order(store):
    faults = [DOWN, Fault(cut=True), Fault(hang_seconds=0.5), FINE]
    receiver = WebhookReceiver(lambda number: faults[(number - 1) % len(faults)])
    with receiver.running() as url:
        way = Outlet(channel(url, 0.3), Policy(per_minute=10, group_above=3))
        fire(store, url, alerts=20)
        engine = open_store(store)
        for hour in range(40):
            at = NOW + timedelta(hours=hour)
            deliver_due(engine, [way], now=at, retry_base_seconds=30, retry_limit=60)
        engine.dispose()
    assert statuses(store) == ["delivered"] * 40
    told = {}
    for message in receiver.seen:
        for item in message["data"]["alerts"]:
            told.setdefault(item["data"]["alert_id"], []).append(item["type"])
    assert list(told.values()) == [[FIRING, RESOLVED]] * 20
    assert len(receiver.seen) < len(receiver.requests) < 40


def work_in_groups(store, url):
    engine = open_store(store)
    way = Outlet(channel(url), Policy(per_minute=6, group_above=2))
    deliver_due(engine, [way], now=NOW, retry_base_seconds=30, retry_limit=12)
    engine.dispose()


def test_workers_side_by_side_share_groups_and_the_limit_of_a_minute(store):
    receiver = WebhookReceiver(lambda number: Fault(hang_seconds=0.05))
    with receiver.running() as url:
        fire(store, url, alerts=500, ended=False)
        fire(store, url, alerts=510)
        workers = [FORK.Process(target=work_in_groups, args=(store, url)) for _ in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
        assert [worker.exitcode for worker in workers] == [0, 0, 0]
    keys = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(keys) == len(set(keys)) == 6
    inside = [item for message in receiver.seen for item in message["data"]["alerts"]]
    assert len({item["delivery_id"] for item in inside}) == len(inside) == 1020


def work_and_die(store, url):
    """A worker that is killed when the receiver's answer has come, before it is kept."""
    from alignment_monitor.alerting import outbox

    outbox.record = lambda *_: os.kill(os.getpid(), signals.SIGKILL)
    work(store, url)


def decide_and_die(store, url):
    """A run that is killed once it has queued what to tell, before the transaction ends."""
    from alignment_monitor.alerting import books

    queue = books.enqueue

    def enqueue(*args, **kwargs):
        queue(*args, **kwargs)
        os.kill(os.getpid(), signals.SIGKILL)

    books.enqueue = enqueue
    fire(store, url)
