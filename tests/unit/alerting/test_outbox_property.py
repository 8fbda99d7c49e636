"""Whatever fails, and however messages are put together: once, in order, within the limit."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from alignment_monitor.alerting.channels import DeliveryError
from alignment_monitor.alerting.outbox import deliver_due
from alignment_monitor.alerting.outlets import Outlet
from alignment_monitor.alerting.routing import Policy
from alignment_monitor.alerting.service import process_days
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.store import open_store
from alignment_monitor.store.schema import alert_transitions, alerts, deliveries
from tests.fakes.signals import Clock, history_rows

NOW = datetime(2026, 12, 1, 2, 15, tzinfo=UTC)
FINE, REFUSED, SILENT, TAKEN_BUT_LOST = range(4)


class Honest:
    """A receiver that honours keys; of some messages it takes, the answer is lost."""

    name = "box"

    def __init__(self, faults):
        self.faults, self.attempts, self.known, self.seen = list(faults), [], set(), []
        self.times, self.clock = [], lambda: 0.0

    def send(self, delivery):
        self.times.append(self.clock())
        fault = self.faults.pop() if self.faults else FINE
        self.attempts.append((delivery.delivery_id, delivery.body))
        if fault in (FINE, TAKEN_BUT_LOST) and delivery.delivery_id not in self.known:
            self.known.add(delivery.delivery_id)
            self.seen += [
                (item.data["alert_id"], item.event, item.data["severity"])
                for item in delivery.items
            ]
        if fault != FINE:
            raise DeliveryError("HTTP 500", reached=fault == REFUSED)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = open_store(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.sqlite'}")
    yield engine
    engine.dispose()


spells = st.sampled_from([["PAGE"], ["UNRESOLVED"], ["UNRESOLVED", "PAGE"], ["NONE"] * 7])
history = st.lists(spells, min_size=1, max_size=4).map(lambda found: [*chain(*found)])
policies = st.builds(
    Policy,
    per_minute=st.sampled_from([None, 1, 3]),
    group_above=st.sampled_from([None, 1, 3]),
    digest_at=st.sampled_from([None, time(8)]),
)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    histories=st.lists(history, min_size=1, max_size=5),
    policy=policies,
    faults=st.lists(st.sampled_from([FINE, REFUSED, SILENT, TAKEN_BUT_LOST]), max_size=12),
)
def test_each_is_seen_once_in_order_and_within_the_limit(engine, histories, policy, faults):
    with engine.begin() as connection:
        for table in (deliveries, alert_transitions, alerts):
            connection.execute(delete(table))
    box = Honest(faults)
    way = Outlet(box, policy)
    rows = DRIFT_SIGNALS.table(history_rows(date(2026, 11, 1), dict(enumerate(histories))))
    process_days(engine, rows, evidence_for=lambda s: {}, channels=[way], now=NOW)
    for hour in range(60):
        clock, at = Clock(), NOW + timedelta(hours=hour)
        box.times, box.clock = [], clock
        report = deliver_due(
            engine,
            [way],
            now=at,
            retry_base_seconds=30,
            retry_limit=99,
            patience=timedelta(minutes=2),
            clock=clock,
            sleep=clock.sleep,
        )
        for place, first in enumerate(box.times):
            minute = [at for at in box.times[place:] if at < first + 60]
            assert policy.per_minute is None or len(minute) <= policy.per_minute
        if not report.waiting:
            break
    assert report.waiting == 0
    with engine.connect() as connection:
        query = select(deliveries.c.alert_id, deliveries.c.event, deliveries.c.message_id)
        rows = connection.execute(query.order_by(deliveries.c.sequence)).all()
    assert len(box.seen) == len(rows)
    for alert_id in {row.alert_id for row in rows}:
        queued = [row.event for row in rows if row.alert_id == alert_id]
        assert [event for alert, event, _ in box.seen if alert == alert_id] == queued
    assert box.known == {row.message_id for row in rows}
    assert len(set(box.attempts)) == len(box.known)  # a repeat has the same bytes
