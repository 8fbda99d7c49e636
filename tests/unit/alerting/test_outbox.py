from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.alerting.channels import BrokenChannel, DeliveryError
from alignment_monitor.alerting.outbox import (
    JITTER,
    LEASE,
    LONGEST_PAUSE,
    DeliveryReport,
    deliver_due,
    pause,
)
from alignment_monitor.alerting.service import export_deliveries, process_days
from tests.fakes.signals import DEPLOYED

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)


class Mailbox:
    """A channel that keeps what it is given, or does what a script says."""

    def __init__(self, name="mailbox", script=lambda number: None):
        self.name, self.script, self.got = name, script, []

    def send(self, delivery):
        self.got.append(delivery)
        if error := self.script(len(self.got)):
            raise error


def refuse(number):
    return DeliveryError("HTTP 500", reached=True)


def silent(number):
    return DeliveryError("no answer (ConnectError)", reached=False)


@pytest.fixture
def queue(engine, table, signal):
    """Queues the firing of so many alerts; with ``ended`` their resolution too."""

    def run(*channels, alerts=1, ended=False):
        rows = []
        for number in range(alerts):
            where = {"series": f"MODEL/aurora/{number}/up", "behaviour": str(number)}
            rows.append(signal(date(2026, 11, 1), **where))
            days = range(2, 9 if ended else 2)
            rows += [signal(date(2026, 11, day), "NONE", **where) for day in days]
        process_days(
            engine,
            table(rows),
            evidence_for=lambda s: {},
            channels=channels,
            now=NOW,
            deployed=DEPLOYED,
        )

    return run


@pytest.fixture
def deliver(engine):
    def run(*channels, after=timedelta(), limit=3, base=30.0):
        return deliver_due(
            engine, channels, now=NOW + after, retry_base_seconds=base, retry_limit=limit
        )

    return run


def test_what_is_due_is_sent_once(queue, deliver, engine):
    box = Mailbox()
    queue(box, alerts=2)
    assert deliver(box) == DeliveryReport(sent=2)
    assert deliver(box) == DeliveryReport()
    assert len({delivery.delivery_id for delivery in box.got}) == 2
    for row in export_deliveries(engine).to_pylist():
        assert (row["status"], row["attempts"]) == ("delivered", 1)
        assert row["delivered_at"] >= NOW
        assert row["next_attempt_at"] is None


def test_a_failure_is_repeated_after_its_pause_with_the_same_bytes(queue, deliver, engine):
    box = Mailbox(script=lambda number: refuse(number) if number < 3 else None)
    queue(box)
    assert deliver(box) == DeliveryReport(failed=1, waiting=1)
    assert deliver(box, after=timedelta(seconds=29)) == DeliveryReport(waiting=1)
    assert deliver(box, after=timedelta(seconds=40)) == DeliveryReport(failed=1, waiting=1)
    assert export_deliveries(engine).column("last_error").to_pylist() == ["HTTP 500"]
    assert deliver(box, after=timedelta(seconds=120)) == DeliveryReport(sent=1)
    assert len(set(box.got)) == 1


def test_after_the_last_attempt_a_delivery_is_dead(queue, deliver, engine):
    box = Mailbox(script=refuse)
    queue(box)
    deliver(box, limit=2)
    assert deliver(box, limit=2, after=timedelta(hours=1)) == DeliveryReport(dead=1)
    assert deliver(box, limit=2, after=timedelta(days=9)) == DeliveryReport()
    (row,) = export_deliveries(engine).to_pylist()
    assert (row["status"], row["attempts"], row["last_error"]) == ("dead", 2, "HTTP 500")
    assert row["next_attempt_at"] is None


def test_the_end_of_an_alert_is_not_told_before_its_beginning(queue, deliver):
    box = Mailbox(script=lambda number: refuse(number) if number == 1 else None)
    queue(box, ended=True)
    assert deliver(box) == DeliveryReport(failed=1, waiting=2)
    assert deliver(box, after=timedelta(hours=1)) == DeliveryReport(sent=2)
    assert ["firing" in delivery.body for delivery in box.got] == [True, True, False]


def test_the_end_is_told_once_its_beginning_was_given_up(queue, deliver):
    box = Mailbox(script=lambda number: refuse(number) if number == 1 else None)
    queue(box, ended=True)
    assert deliver(box, limit=1) == DeliveryReport(dead=1, sent=1)


def test_a_silent_receiver_is_left_alone_and_holds_up_nobody(queue, deliver):
    dead, alive = Mailbox("dead", silent), Mailbox("alive")
    queue(dead, alive, alerts=3)
    assert deliver(dead, alive) == DeliveryReport(sent=3, failed=1, waiting=3)
    assert len(dead.got) == 1


def test_one_refused_delivery_does_not_stop_the_others(queue, deliver):
    box = Mailbox(script=lambda number: refuse(number) if number == 1 else None)
    queue(box, alerts=3)
    assert deliver(box) == DeliveryReport(sent=2, failed=1, waiting=1)


def test_a_channel_that_breaks_in_its_own_way_is_a_failure_like_any(queue, deliver, engine):
    box = Mailbox(script=lambda number: KeyError("with-a-secret"))
    queue(box)
    assert deliver(box) == DeliveryReport(failed=1, waiting=1)
    assert export_deliveries(engine).column("last_error").to_pylist() == ["failed (KeyError)"]


def test_what_is_meant_for_a_channel_that_cannot_be_used_yet_waits_however_long(
    queue, deliver, engine
):
    broken, box = BrokenChannel("mailbox", "TOKEN is not set"), Mailbox()
    queue(broken)
    for hours in range(5):
        assert deliver(broken, after=timedelta(hours=hours), limit=2).failed == 1
    (row,) = export_deliveries(engine).to_pylist()
    assert (row["status"], row["attempts"], row["last_error"]) == ("pending", 0, "TOKEN is not set")
    assert deliver(box, after=timedelta(hours=5), limit=2).sent == 1


def test_a_channel_that_breaks_while_it_is_reminded_holds_up_no_other(queue, deliver):
    class Forgetful(Mailbox):
        def refresh(self, items):
            raise OSError("/secret/path")

    first, second = Forgetful("first"), Mailbox("second")
    queue(first, second)
    assert deliver(first, second).sent == 2


def test_what_is_meant_for_a_channel_no_longer_there_waits(queue, deliver):
    queue(Mailbox("old"))
    assert deliver(Mailbox("new")) == DeliveryReport(waiting=1)
    assert deliver() == DeliveryReport(waiting=1)


def test_a_worker_killed_while_sending_is_recovered_after_its_lease(queue, deliver, engine):
    def die(number):
        return SystemExit() if number == 1 else None

    box = Mailbox(script=die)
    queue(box)
    with pytest.raises(SystemExit):
        deliver(box)
    assert deliver(box) == DeliveryReport(waiting=1)
    assert deliver(box, after=LEASE * 1.1) == DeliveryReport(sent=1)
    assert len(set(box.got)) == 1


def test_a_worker_killed_at_the_last_attempt_leaves_a_dead_letter(queue, deliver, engine):
    box = Mailbox(script=lambda number: SystemExit())
    queue(box)
    with pytest.raises(SystemExit):
        deliver(box, limit=1)
    assert deliver(box, limit=1, after=LEASE * 1.1) == DeliveryReport(dead=1)
    assert len(box.got) == 1
    (row,) = export_deliveries(engine).to_pylist()
    assert row["last_error"] == "the worker stopped during the last attempt"


@pytest.mark.parametrize(
    ("script", "left"),
    [
        (lambda number: None, ("delivered", 2, None)),
        (silent, ("pending", 2, "no answer (ConnectError)")),
    ],
)
def test_a_worker_that_outlived_its_lease_does_not_undo_its_successor(
    queue, deliver, engine, script, left
):
    def be_overtaken(number):
        deliver(Mailbox(script=script), after=LEASE * 1.1)
        return refuse(number)

    slow = Mailbox(script=be_overtaken)
    queue(slow)
    deliver(slow)
    (row,) = export_deliveries(engine).to_pylist()
    assert (row["status"], row["attempts"], row["last_error"]) == left


@given(st.integers(1, 10_000), st.floats(0.001, 1e6), st.text(max_size=8))
def test_pauses_double_up_to_a_bound_and_are_the_deliverys_own(attempts, base, identity):
    expected = min(base * 2 ** min(attempts - 1, 100), LONGEST_PAUSE.total_seconds())
    found = pause(identity, attempts, base).total_seconds()
    assert expected * 0.999 - 1e-6 <= found <= expected * (1 + JITTER) + 1e-6
    assert pause(identity, attempts, base).total_seconds() == found


def test_what_failed_together_is_not_repeated_together():
    assert len({pause(f"msg_{number}", 1, 30.0) for number in range(20)}) == 20
