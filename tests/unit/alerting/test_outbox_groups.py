import json
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from alignment_monitor.alerting.channels import DeliveryError
from alignment_monitor.alerting.outbox import DeliveryReport, deliver_due, enqueue_test
from alignment_monitor.alerting.outlets import Outlet
from alignment_monitor.alerting.redelivery import redeliver
from alignment_monitor.alerting.routing import Policy
from alignment_monitor.alerting.service import export_deliveries, process_days
from alignment_monitor.alerts_settings import Rule
from alignment_monitor.store.schema import deliveries
from tests.fakes.signals import DEPLOYED, Clock, history_rows

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)
EIGHT = datetime(2026, 12, 1, 8, tzinfo=UTC)


class Box:
    """A channel that keeps what it is given and when, or fails as a script says."""

    def __init__(self, name="box", script=lambda number: None, clock=lambda: 0.0):
        self.name, self.script, self.clock = name, script, clock
        self.got, self.at = [], []

    def send(self, delivery):
        self.got.append(delivery)
        self.at.append(self.clock())
        if error := self.script(len(self.got)):
            raise error

    @property
    def told(self):
        """Per message, the alerts' numbers and events."""
        return [
            [(item.data["behaviour"], item.event.split(".")[1]) for item in delivery.items]
            for delivery in self.got
        ]


@pytest.fixture
def fire(engine, table):
    def run(channels, decisions, now=NOW):
        """Decisions: number of the alert -> what each day says of it, from 1 November on."""
        rows = history_rows(date(2026, 11, 1), decisions)
        told = lambda row: {"behaviour": row["behaviour"]}  # noqa: E731
        process_days(
            engine, table(rows), evidence_for=told, channels=channels, now=now, deployed=DEPLOYED
        )

    return run


@pytest.fixture
def deliver(engine):
    def run(*channels, at=NOW, limit=3, **more):
        return deliver_due(
            engine, channels, now=at, retry_base_seconds=30.0, retry_limit=limit, **more
        )

    return run


def test_a_few_go_one_by_one_and_more_go_together(fire, deliver):
    few, many = Box("few"), Box("many")
    ways = [Outlet(few, Policy(group_above=3)), Outlet(many, Policy(group_above=2))]
    fire(ways, {number: ["PAGE"] for number in range(3)})
    assert deliver(*ways) == DeliveryReport(sent=6)
    assert few.told == [[("0", "firing")], [("1", "firing")], [("2", "firing")]]
    assert many.told == [[("0", "firing"), ("1", "firing"), ("2", "firing")]]


def test_a_group_keeps_its_key_its_bytes_and_its_order_through_failures(fire, deliver, engine):
    box = Box(script=lambda number: DeliveryError("HTTP 500", reached=True) if number < 3 else None)
    way = Outlet(box, Policy(group_above=1))
    fire([way], {number: ["PAGE"] for number in range(3)})
    assert deliver(way) == DeliveryReport(failed=3, waiting=3)
    fire([way], {number: ["PAGE", *["NONE"] * 7] for number in range(5)})
    for hour in range(1, 4):
        deliver(way, at=NOW + timedelta(hours=hour))

    def events(event, *numbers):
        return [(str(number), event) for number in numbers]

    assert box.told == [
        events("firing", 0, 1, 2),
        events("firing", 0, 1, 2),
        events("firing", 3, 4),
        events("resolved", 3, 4),
        events("firing", 0, 1, 2),
        events("resolved", 0, 1, 2),
    ]
    first = {
        (d.delivery_id, d.body)
        for d in box.got
        if d.items[0].event == "alert.firing" and len(d.items) == 3
    }
    assert len(first) == 1
    with engine.connect() as connection:
        kept = connection.execute(select(deliveries.c.delivery_id)).scalars().all()
    inside = [
        item["delivery_id"]
        for delivery in {d.delivery_id: d for d in box.got}.values()
        for item in json.loads(delivery.body)["data"]["alerts"]
    ]
    assert sorted(inside) == sorted(kept)


def test_warnings_are_told_once_a_day_and_a_page_never_waits(fire, deliver):
    box = Box()
    way = Outlet(box, Policy(digest_at=time(8)))
    fire([way], {0: ["UNRESOLVED"], 1: ["UNRESOLVED"], 2: ["PAGE"]})
    assert deliver(way) == DeliveryReport(sent=1, waiting=2)
    fire([way], {3: ["UNRESOLVED", *["NONE"] * 7]}, now=NOW + timedelta(hours=1))
    assert deliver(way, at=EIGHT - timedelta(seconds=1)) == DeliveryReport(waiting=4)
    assert deliver(way, at=EIGHT) == DeliveryReport(sent=4)
    assert box.told == [
        [("2", "firing")],
        [("0", "firing"), ("1", "firing"), ("3", "firing"), ("3", "resolved")],
    ]


def test_a_warning_that_becomes_a_page_does_not_hold_the_page_up(fire, deliver):
    box = Box()
    way = Outlet(box, Policy(digest_at=time(8)))
    fire([way], {0: ["UNRESOLVED", "PAGE"], 1: ["UNRESOLVED"]})
    assert deliver(way) == DeliveryReport(sent=2, waiting=1)
    severities = [item.data["severity"] for delivery in box.got for item in delivery.items]
    assert severities == ["warn", "page"]


def test_no_minute_holds_more_messages_than_allowed(fire, deliver):
    clock = Clock()
    box = Box(clock=clock)
    way = Outlet(box, Policy(per_minute=2))
    fire([way], {number: ["PAGE"] for number in range(5)})
    waits = {"clock": clock, "sleep": clock.sleep}
    assert deliver(way, **waits) == DeliveryReport(sent=2, waiting=3)
    report = deliver(way, patience=timedelta(minutes=2), **waits)
    assert report == DeliveryReport(sent=3)
    assert box.at == pytest.approx([0, 0, 60, 60, 120])


def test_who_was_told_of_a_warning_is_told_of_the_page_and_the_end(fire, deliver):
    """The rules look at the severity, which changes; nobody is left with half a story."""
    rules = (
        Rule(severities=("warn",), channels=("chat",)),
        Rule(severities=("page",), channels=("pager",)),
    )
    chat, pager = Box("chat"), Box("pager")
    ways = [Outlet(chat, rules=rules), Outlet(pager, rules=rules)]
    fire(ways, {0: ["UNRESOLVED", "PAGE", *["NONE"] * 7]})
    deliver(*ways)
    assert chat.told == [[("0", "firing")], [("0", "firing")], [("0", "resolved")]]
    assert pager.told == [[("0", "firing")], [("0", "resolved")]]


def test_dead_letters_are_sent_again_under_their_key(fire, deliver, engine):
    dead = lambda number: DeliveryError("HTTP 410", reached=True)  # noqa: E731
    box = Box(script=dead)
    way = Outlet(box, Policy(group_above=1))
    fire([way], {0: ["PAGE"], 1: ["PAGE"]})
    assert deliver(way, limit=1) == DeliveryReport(dead=2)
    box.script = lambda number: None
    assert redeliver(engine, now=NOW, channel="other") == (0, 0)
    assert redeliver(engine, now=NOW) == (2, 0)
    assert deliver(way) == DeliveryReport(sent=2)
    assert box.got[0] == box.got[1]


def test_what_is_over_is_not_told_again(fire, deliver, engine):
    """The beginning is dead, the end was taken: sent now, the alert would seem to be there."""
    box = Box(script=lambda number: DeliveryError("no", reached=True) if number == 1 else None)
    way = Outlet(box)
    fire([way], {0: ["PAGE", *["NONE"] * 7]})
    assert deliver(way, limit=1) == DeliveryReport(dead=1, sent=1)
    assert redeliver(engine, now=NOW) == (0, 1)
    assert deliver(way) == DeliveryReport()


def test_a_group_that_is_partly_over_is_sent_without_that_part_as_another_message(
    fire, deliver, engine
):
    box = Box(script=lambda number: DeliveryError("no", reached=True) if number == 1 else None)
    way = Outlet(box, Policy(group_above=1))
    fire([way], {0: ["PAGE"], 1: ["PAGE"], 2: ["PAGE"]})
    assert deliver(way, limit=1) == DeliveryReport(dead=3)
    fire([way], {0: ["PAGE", *["NONE"] * 7]})
    assert deliver(way, limit=1) == DeliveryReport(sent=1)
    assert redeliver(engine, now=NOW) == (2, 1)
    assert deliver(way) == DeliveryReport(sent=2)
    assert box.told[-1] == [("1", "firing"), ("2", "firing")]
    assert box.got[0].delivery_id != box.got[-1].delivery_id


def test_channels_are_told_at_once(fire, deliver):
    """Each of two channels waits until the other one sends, too: one after the other would hang."""
    import threading

    meet = threading.Barrier(2, timeout=20)
    first, second = (Box(name, script=lambda number: meet.wait() and None) for name in "ab")
    fire([first, second], {0: ["PAGE"]})
    assert deliver(first, second) == DeliveryReport(sent=2)


def test_a_receiver_that_asks_for_a_pause_gets_it(fire, deliver, engine):
    pause = timedelta(minutes=10)
    busy = DeliveryError("HTTP 429", reached=True, retry_after=pause)
    box = Box(script=lambda number: busy if number == 1 else None)
    fire([box], {0: ["PAGE"], 1: ["PAGE"]})
    assert deliver(box) == DeliveryReport(failed=1, waiting=2)
    rows = export_deliveries(engine).to_pylist()
    second, first = sorted(rows, key=lambda row: row["attempts"])
    assert first["next_attempt_at"] >= NOW + pause
    assert second["attempts"] == 0


def test_a_test_goes_the_same_way_and_takes_nothing_else_with_it(fire, deliver, engine):
    box, other = Box(), Box("other")
    fire([box], {0: ["PAGE"]})
    test = enqueue_test(engine, box, dashboard_url="http://localhost:8501", now=NOW)
    enqueue_test(engine, other, dashboard_url="http://localhost:8501", now=NOW)
    assert deliver(box, only=test).sent == 1
    ((item,),) = [delivery.items for delivery in box.got]
    assert item.event == "alert.test"
    assert "nothing happened" in item.data["statement"]
    assert deliver(box, other) == DeliveryReport(sent=2)
