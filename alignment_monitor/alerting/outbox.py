"""The outbox: what people are to be told, kept until a receiver has taken it.

Here belong: queueing in the transaction of the change itself, and claiming, sending and repeating.
A delivery is sent at least once; its id stays the same over all attempts, so that a receiver who
remembers ids sees it exactly once. Here does not belong: how a channel sends (channels).
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, and_, exists, func, insert, select, update

from alignment_monitor.alerting.channels import Channel, Delivery, DeliveryError
from alignment_monitor.alerting.evidence import if_expected
from alignment_monitor.alerting.lifecycle import FIRING, Transition
from alignment_monitor.store import transaction
from alignment_monitor.store.schema import deliveries

LEASE = timedelta(minutes=5)
"""How long a claimed delivery is its worker's, well above any attempt; a killed one loses it."""
LONGEST_PAUSE = timedelta(hours=6)
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


def enqueue(
    connection: Connection,
    transition: Transition,
    channels: Iterable[Channel],
    *,
    evidence: dict[str, Any],
    now: datetime,
) -> None:
    """Queue what a transition has to tell, for every channel, in the caller's transaction."""
    alert, event = transition.after, transition.event
    if event is None:
        return
    body = _body(transition, evidence, now)
    for channel in channels:
        identity = f"{alert.alert_id}/{event}/{transition.day}/{channel.name}"
        digest = hashlib.blake2b(identity.encode(), digest_size=12).hexdigest()
        row = {
            "delivery_id": f"msg_{digest}",
            "alert_id": alert.alert_id,
            "event": event,
            "day": transition.day,
            "channel": channel.name,
            "body": body,
            "status": "pending",
            "attempts": 0,
            "created_at": now,
            "next_attempt_at": now,
        }
        connection.execute(insert(deliveries), row)


def deliver_due(
    engine: Engine,
    channels: Sequence[Channel],
    *,
    now: datetime,
    retry_base_seconds: float,
    retry_limit: int,
    clock: Callable[[], float] = time.monotonic,
) -> DeliveryReport:
    """Send what is due, one delivery at a time; safe beside other workers.

    A channel whose receiver does not answer at all is left alone for the rest of the call.

    Args:
        engine: the operational store.
        channels: the channels now configured; what is meant for others waits.
        now: current time.
        retry_base_seconds: pause after the first failure, doubled after each further one.
        retry_limit: attempts after which a delivery is dead.
        clock: seconds that pass during the call.
    """
    began, answering = clock(), {channel.name: channel for channel in channels}
    dead, sent, failed = _bury(engine, now, retry_limit), 0, 0
    while answering:
        at = now + timedelta(seconds=clock() - began)
        row = _claim(engine, list(answering), due=now, lease_until=at + LEASE)
        if row is None:
            break
        error = _attempt(answering[row["channel"]], row)
        if error is not None and not error.reached:
            del answering[row["channel"]]
        at = now + timedelta(seconds=clock() - began)
        if error is None:
            result: dict[str, Any] = {"status": "delivered", "delivered_at": at}
            sent += 1
        elif row["attempts"] >= retry_limit:
            result = {"status": "dead", "last_error": str(error)}
            dead += 1
        else:
            again = at + pause(row["delivery_id"], row["attempts"], retry_base_seconds)
            result = {"status": "pending", "last_error": str(error), "next_attempt_at": again}
            failed += 1
        _record(engine, row, {"next_attempt_at": None, **result})
    return DeliveryReport(sent, failed, dead, _waiting(engine))


def pause(delivery_id: str, attempts: int, base_seconds: float) -> timedelta:
    """How long to wait after so many attempts: doubling, with a jitter that is the delivery's own.

    Computed, not drawn, so that any worker comes to the same.
    """
    digest = hashlib.blake2b(f"{delivery_id}/{attempts}".encode(), digest_size=4).digest()
    jitter = 1 + JITTER * int.from_bytes(digest) / 2**32
    # The exponent is bounded because any higher one is past the longest pause, and may overflow.
    seconds = base_seconds * 2 ** min(attempts - 1, 40)
    return timedelta(seconds=min(seconds, LONGEST_PAUSE.total_seconds()) * jitter)


def _body(transition: Transition, evidence: dict[str, Any], now: datetime) -> str:
    alert = transition.after
    data = {
        **evidence,
        "alert_id": alert.alert_id,
        "fingerprint": alert.fingerprint,
        "type": alert.type,
        "severity": alert.severity,
        "state": alert.state,
        "opened_on": alert.opened_on.isoformat(),
        "resolved_on": alert.resolved_on and alert.resolved_on.isoformat(),
    }
    if transition.event == FIRING and alert.type == "MODEL":
        data["if_expected"] = if_expected(alert.alert_id)
    payload = {"type": transition.event, "timestamp": now.isoformat(), "data": data}
    return json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def _claim(
    engine: Engine, names: list[str], *, due: datetime, lease_until: datetime
) -> RowMapping | None:
    """Take the next delivery due, counting the attempt; no other worker gets the same one.

    One that is to come after another of the same alert and channel waits for that to end.
    """
    earlier = deliveries.alias()
    overtaken = exists().where(
        earlier.c.alert_id == deliveries.c.alert_id,
        earlier.c.channel == deliveries.c.channel,
        earlier.c.status == "pending",
        earlier.c.sequence < deliveries.c.sequence,
    )
    following = (
        select(deliveries.c.sequence)
        .where(deliveries.c.channel.in_(names), _due(due), ~overtaken)
        .order_by(deliveries.c.sequence)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    with transaction(engine) as connection:
        sequence = connection.execute(following).scalar()
        if sequence is None:
            return None
        taken = (
            update(deliveries)
            .where(deliveries.c.sequence == sequence)
            .values(attempts=deliveries.c.attempts + 1, next_attempt_at=lease_until)
            .returning(deliveries)
        )
        return connection.execute(taken).mappings().one()


def _attempt(channel: Channel, row: RowMapping) -> DeliveryError | None:
    try:
        channel.send(Delivery(row["delivery_id"], row["body"]))
    except DeliveryError as error:
        return error
    except Exception as error:  # one bad channel must not hold up the others
        return DeliveryError(f"failed ({type(error).__name__})", reached=False)
    return None


def _record(engine: Engine, row: RowMapping, result: dict[str, Any]) -> None:
    """Keep the result, unless the lease ran out and another worker has taken over since."""
    own = and_(
        deliveries.c.sequence == row["sequence"],
        deliveries.c.status == "pending",
        deliveries.c.attempts == row["attempts"],
    )
    with engine.begin() as connection:
        connection.execute(update(deliveries).where(own).values(result))


def _bury(engine: Engine, now: datetime, retry_limit: int) -> int:
    """Give up deliveries whose worker was killed at the last attempt."""
    reason = func.coalesce(deliveries.c.last_error, "the worker stopped during the last attempt")
    result = {"status": "dead", "next_attempt_at": None, "last_error": reason}
    spent = and_(_due(now), deliveries.c.attempts >= retry_limit)
    with engine.begin() as connection:
        return connection.execute(update(deliveries).where(spent).values(result)).rowcount


def _due(now: datetime) -> Any:
    return and_(deliveries.c.status == "pending", deliveries.c.next_attempt_at <= now)


def _waiting(engine: Engine) -> int:
    query = select(func.count()).where(deliveries.c.status == "pending")
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())
