"""The outbox: what people are to be told, kept until a receiver has taken it.

Here belong: queueing in the transaction of the change itself, and claiming, sending and repeating.
A delivery is sent at least once; its id stays the same over all attempts, so that a receiver who
remembers ids sees it exactly once. Here does not belong: how a channel sends (channels).
"""

import hashlib
import math
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from alignment_monitor.alerting.channels import Channel, Delivery, DeliveryError
from alignment_monitor.alerting.channels.base import ACKNOWLEDGED, TEST
from alignment_monitor.alerting.claims import Claim, bury, claim, record, threads
from alignment_monitor.alerting.lifecycle import RESOLVED, Transition
from alignment_monitor.alerting.messages import body, identity, test_body
from alignment_monitor.alerting.outlets import Outlet, outlet
from alignment_monitor.alerting.refresh import refresh
from alignment_monitor.store.schema import deliveries

LEASE = timedelta(minutes=5)
"""How long a claimed delivery is its worker's, well above any attempt; a killed one loses it."""
LONGEST_PAUSE = timedelta(hours=6)
CONCURRENCY = 8
"""Channels that are told at once."""
JITTER = 0.25
"""A pause is up to this share longer, so that what failed together is not repeated together."""


@dataclass(frozen=True)
class DeliveryReport:
    """What one call achieved.

    Attributes:
        sent: deliveries that a receiver took.
        failed: attempts that failed and will be repeated.
        dead: deliveries given up.
        waiting: deliveries still to be made, now or later.
    """

    sent: int = 0
    failed: int = 0
    dead: int = 0
    waiting: int = 0

    def plus(self, other: "DeliveryReport") -> "DeliveryReport":
        """Both together."""
        return DeliveryReport(
            self.sent + other.sent,
            self.failed + other.failed,
            self.dead + other.dead,
            self.waiting + other.waiting,
        )


def enqueue(
    connection: Connection,
    transition: Transition,
    channels: Iterable[Channel],
    *,
    evidence: dict[str, Any],
    now: datetime,
) -> int:
    """Queue what a transition has to tell, in the caller's transaction.

    Every channel is told that the rules choose, and every one that was told of the alert before:
    who knows of a beginning must learn of the end, also where a rule looks at the severity. The end
    is told to the latter alone, and that somebody looks after it to those of them that act on it.

    Returns:
        How many channels are told.
    """
    alert, event, queued = transition.after, transition.event, 0
    if event is None:
        return queued
    text = body(transition, evidence, now)
    known = select(deliveries.c.channel).where(deliveries.c.alert_id == alert.alert_id)
    told: set[str] = set(connection.execute(known).scalars())
    for way in map(outlet, channels):
        if event == ACKNOWLEDGED and not (way.acknowledges and way.name in told):
            continue
        if not (way.name in told or (event != RESOLVED and way.takes(alert))):
            continue
        due, digest = way.policy.due(alert.severity, now)
        if not digest:
            _hurry(connection, alert.alert_id, way.name, now)
        row = {
            "delivery_id": identity(alert.alert_id, event, transition.day, way.name),
            "alert_id": alert.alert_id,
            "event": event,
            "day": transition.day,
            "channel": way.name,
            "body": text,
            "digest": digest,
            "status": "pending",
            "attempts": 0,
            "created_at": now,
            "next_attempt_at": due,
        }
        connection.execute(insert(deliveries), row)
        queued += 1
    return queued


def enqueue_test(engine: Engine, channel: Channel, *, dashboard_url: str, now: datetime) -> str:
    """Queue a test of a channel; returns its id."""
    delivery_id = identity(TEST, uuid.uuid4())
    row = {
        "delivery_id": delivery_id,
        "event": TEST,
        "day": now.date(),
        "channel": channel.name,
        "body": test_body(channel.name, dashboard_url, now),
        "digest": False,
        "status": "pending",
        "attempts": 0,
        "created_at": now,
        "next_attempt_at": now,
    }
    with engine.begin() as connection:
        connection.execute(insert(deliveries), row)
    return delivery_id


def deliver_due(
    engine: Engine,
    channels: Sequence[Channel],
    *,
    now: datetime,
    retry_base_seconds: float,
    retry_limit: int,
    patience: timedelta = timedelta(0),
    only: str | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> DeliveryReport:
    """Send what is due, to several channels at once; safe beside other workers.

    To one channel goes one message at a time, in order. A channel whose receiver does not answer
    at all, or asks for a pause, is left alone for the rest of the call.

    Args:
        engine: the operational store.
        channels: the channels now configured; what is meant for others waits.
        now: current time.
        retry_base_seconds: pause after the first failure, doubled after each further one.
        retry_limit: attempts after which a delivery is dead.
        patience: how long after ``now`` the call goes on for what only a channel's limit of
            messages per minute holds up.
        only: a delivery's id, if no other one is wanted.
        clock: seconds that pass during the call.
        sleep: waits for so many seconds.
    """
    round_ = _Round(engine, now, retry_base_seconds, retry_limit, patience, only, clock, sleep)
    ways = [outlet(channel) for channel in channels]
    total = DeliveryReport(dead=bury(engine, now, retry_limit, only))
    with ThreadPoolExecutor(max_workers=max(1, min(CONCURRENCY, len(ways)))) as pool:
        for report in pool.map(round_.serve, ways):
            total = total.plus(report)
    return total.plus(DeliveryReport(waiting=_waiting(engine)))


class _Round:
    """One call of ``deliver_due``: its arguments, and the time since it began."""

    def __init__(
        self,
        engine: Engine,
        now: datetime,
        base_seconds: float,
        limit: int,
        patience: timedelta,
        only: str | None,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.engine, self.now, self.only = engine, now, only
        self.base_seconds, self.limit = base_seconds, limit
        self.until = now + patience
        self.clock, self.sleep, self.began = clock, sleep, clock()

    def time(self) -> datetime:
        """Current time."""
        return self.now + timedelta(seconds=self.clock() - self.began)

    def serve(self, way: Outlet) -> DeliveryReport:
        """Tell one channel what is due, and remind it of what lasts."""
        total = DeliveryReport()
        while (claimed := self._next(way)) is not None:
            error = _attempt(self.engine, way, claimed)
            # Where nothing can be tried it waits for as long as that lasts, unless someone waits.
            idle = error is not None and not error.tried and self.only is None
            limit = math.inf if idle else self.limit
            result, report = _result(claimed, error, self.time(), self.base_seconds, limit)
            if idle:
                result["attempts"] = claimed.attempts - 1
            record(self.engine, claimed, {"next_attempt_at": None, **result})
            total = total.plus(report)
            if error is not None and (error.retry_after or not error.reached):
                break
        if self.only is None:
            refresh(self.engine, way)
        return total

    def _next(self, way: Outlet) -> Claim | None:
        """The next message, once the limit of messages per minute lets it go."""
        while True:
            at = self.time()
            found = claim(
                self.engine, way, due=self.now, now=at, lease_until=at + LEASE, only=self.only
            )
            if not isinstance(found, datetime):
                return found
            if found > self.until:
                return None
            self.sleep((found - at).total_seconds())


def pause(delivery_id: str, attempts: int, base_seconds: float) -> timedelta:
    """How long to wait after so many attempts: doubling, with a jitter that is the delivery's own.

    Computed, not drawn, so that any worker comes to the same.
    """
    digest = hashlib.blake2b(f"{delivery_id}/{attempts}".encode(), digest_size=4).digest()
    jitter = 1 + JITTER * int.from_bytes(digest) / 2**32
    # The exponent is bounded because any higher one is past the longest pause, and may overflow.
    seconds = base_seconds * 2 ** min(attempts - 1, 40)
    return timedelta(seconds=min(seconds, LONGEST_PAUSE.total_seconds()) * jitter)


def _hurry(connection: Connection, alert_id: str, channel: str, now: datetime) -> None:
    """What waits for a digest goes at once when something more urgent is to follow it."""
    waiting = (
        update(deliveries)
        .where(
            deliveries.c.alert_id == alert_id,
            deliveries.c.channel == channel,
            deliveries.c.status == "pending",
            deliveries.c.digest,
            deliveries.c.message_id.is_(None),
        )
        .values(digest=False, next_attempt_at=now)
    )
    connection.execute(waiting)


def _attempt(engine: Engine, way: Outlet, claimed: Claim) -> DeliveryError | None:
    try:
        kept = threads(engine, claimed) if way.threaded else {}
        way.send(Delivery(claimed.message_id, claimed.body, kept))
    except DeliveryError as error:
        return error
    except Exception as error:  # one bad channel must not hold up the others
        return DeliveryError(f"failed ({type(error).__name__})", reached=False)
    return None


def _result(
    claimed: Claim, error: DeliveryError | None, at: datetime, base_seconds: float, limit: float
) -> tuple[dict[str, Any], DeliveryReport]:
    """What is recorded of an attempt, and what it adds to the report."""
    count = len(claimed.rows)
    if error is None:
        return {"status": "delivered", "delivered_at": at}, DeliveryReport(sent=count)
    if claimed.attempts >= limit:
        return {"status": "dead", "last_error": str(error)}, DeliveryReport(dead=count)
    wait = pause(claimed.message_id, claimed.attempts, base_seconds)
    if error.retry_after is not None:
        wait = max(wait, min(error.retry_after, LONGEST_PAUSE))
    result = {"status": "pending", "last_error": str(error), "next_attempt_at": at + wait}
    return result, DeliveryReport(failed=count)


def _waiting(engine: Engine) -> int:
    query = select(func.count()).where(deliveries.c.status == "pending")
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())
