"""A test of one channel, by the way that every alert goes.

Here belongs: queueing a test, sending it, and telling what became of it.
"""

import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from alignment_monitor.alerting.channels import Channel
from alignment_monitor.alerting.outbox import deliver_due, enqueue_test
from alignment_monitor.alerting.outlets import Outlet, outlet
from alignment_monitor.store.schema import deliveries


@dataclass(frozen=True)
class Outcome:
    """What became of a test.

    Attributes:
        delivery_id: its id in the outbox and at the receiver.
        seconds: how long it took.
        problem: why the receiver did not take it; null if it did.
    """

    delivery_id: str
    seconds: float
    problem: str | None


def try_channel(engine: Engine, channel: Channel, *, dashboard_url: str, now: datetime) -> Outcome:
    """Queue a test, and make one attempt; it is not repeated, and its row in the outbox stays.

    The channel's limit of messages per minute does not hold it up: someone waits for the answer.
    """
    began = time.monotonic()
    delivery_id = enqueue_test(engine, channel, dashboard_url=dashboard_url, now=now)
    alone = Outlet(outlet(channel).channel)
    deliver_due(engine, [alone], now=now, retry_base_seconds=0, retry_limit=1, only=delivery_id)
    query = select(deliveries.c.status, deliveries.c.last_error).where(
        deliveries.c.delivery_id == delivery_id
    )
    with engine.connect() as connection:
        row = connection.execute(query).one()
    problem = None if row.status == "delivered" else str(row.last_error or row.status)
    return Outcome(delivery_id, time.monotonic() - began, problem)
