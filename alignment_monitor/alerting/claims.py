"""Which worker sends what: messages are claimed, and what became of them is recorded.

Here belong: the rows of the outbox between waiting and done, as several workers share them. Here
does not belong: what is queued, and how often it is tried (outbox).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    and_,
    exists,
    func,
    select,
    update,
)

from alignment_monitor.alerting.channels import Thread
from alignment_monitor.alerting.channels.base import REOPENED
from alignment_monitor.alerting.lifecycle import FIRING
from alignment_monitor.alerting.messages import message_of
from alignment_monitor.alerting.outlets import Outlet
from alignment_monitor.alerting.routing import MEMBERS, MINUTE, Policy, free_at
from alignment_monitor.store import transaction
from alignment_monitor.store.schema import alerts, deliveries


@dataclass(frozen=True)
class Claim:
    """A message that is one worker's until its lease ends.

    Attributes:
        channel: name of the channel.
        message_id: its idempotency key, the same over all attempts.
        body: JSON, the same over all attempts.
        attempts: made, this one included.
        rows: of the outbox, that it tells.
    """

    channel: str
    message_id: str
    body: str
    attempts: int
    rows: Sequence[RowMapping]


def claim(
    engine: Engine,
    outlet: Outlet,
    *,
    due: datetime,
    now: datetime,
    lease_until: datetime,
    only: str | None = None,
) -> Claim | datetime | None:
    """Take a channel's next message, counting the attempt; no other worker gets the same one.

    What is to come after something else of the same alert and channel waits for that to end.

    Args:
        engine: the operational store.
        outlet: the channel.
        due: what was to be tried by then is taken.
        now: current time.
        lease_until: when another worker may take it.
        only: a delivery's id, if no other one is wanted.

    Returns:
        The message; or when the channel may be told more; null if nothing is due.
    """
    with transaction(engine) as connection:
        _lock(connection, outlet.name)
        wanted = [deliveries.c.channel == outlet.name, is_due(due), ~_overtaken()]
        if only is not None:
            wanted.append(deliveries.c.delivery_id == only)
        first = _rows(connection, wanted, 1)
        if not first:
            return None
        free = _free(connection, outlet, now)
        if free > now:
            return free
        rows = _together(connection, outlet.policy, first[0], wanted)
        made, body = message_of([dict(row) for row in rows])
        message_id, attempts = rows[0]["message_id"] or made, rows[0]["attempts"] + 1
        taken = (
            update(deliveries)
            .where(deliveries.c.sequence.in_([row["sequence"] for row in rows]))
            .values(
                attempts=attempts,
                message_id=message_id,
                attempted_at=now,
                next_attempt_at=lease_until,
            )
        )
        connection.execute(taken)
        return Claim(outlet.name, message_id, body, attempts, rows)


def record(engine: Engine, claimed: Claim, result: dict[str, Any]) -> None:
    """Keep the result, unless the lease ran out and another worker has taken over since."""
    own = and_(
        deliveries.c.channel == claimed.channel,
        deliveries.c.message_id == claimed.message_id,
        deliveries.c.status == "pending",
        deliveries.c.attempts == claimed.attempts,
    )
    with engine.begin() as connection:
        connection.execute(update(deliveries).where(own).values(result))


def bury(engine: Engine, now: datetime, retry_limit: int, only: str | None = None) -> int:
    """Give up deliveries whose worker was killed at the last attempt."""
    reason = func.coalesce(deliveries.c.last_error, "the worker stopped during the last attempt")
    result = {"status": "dead", "next_attempt_at": None, "last_error": reason}
    spent = and_(is_due(now), deliveries.c.attempts >= retry_limit)
    if only is not None:
        spent = and_(spent, deliveries.c.delivery_id == only)
    with engine.begin() as connection:
        return connection.execute(update(deliveries).where(spent).values(result)).rowcount


def is_due(now: datetime) -> ColumnElement[bool]:
    """What waits, and may be tried."""
    return and_(deliveries.c.status == "pending", deliveries.c.next_attempt_at <= now)


def threads(engine: Engine, claimed: Claim) -> dict[str, Thread]:
    """By alert, where the channel was told that it is there, and whether others told with it last.

    For receivers that keep something open until all of it has ended.
    """
    ids = {row["alert_id"] for row in claimed.rows if row["alert_id"]}
    mine = [row["sequence"] for row in claimed.rows]
    opened = (
        select(deliveries.c.alert_id, deliveries.c.message_id, deliveries.c.delivery_id)
        .where(
            deliveries.c.channel == claimed.channel,
            deliveries.c.alert_id.in_(ids),
            deliveries.c.event.in_((FIRING, REOPENED)),
            deliveries.c.status == "delivered",
            deliveries.c.sequence.not_in(mine),
        )
        .order_by(deliveries.c.sequence.desc())
    )
    with engine.connect() as connection:
        found = {row.alert_id: row for row in connection.execute(opened)}  # the first one counts
        groups = {row.message_id for row in found.values() if row.message_id != row.delivery_id}
        lasting = (
            select(deliveries.c.message_id)
            .join(alerts, alerts.c.alert_id == deliveries.c.alert_id)
            .where(
                deliveries.c.channel == claimed.channel,
                deliveries.c.message_id.in_(groups),
                alerts.c.state != "resolved",
            )
        )
        last: set[str] = set(connection.execute(lasting).scalars())
    return {
        alert_id: Thread(row.message_id, row.message_id in last)
        if row.message_id in groups
        else Thread(alert_id, False)
        for alert_id, row in found.items()
    }


def _lock(connection: Connection, channel: str) -> None:
    """One claim at a time for a channel; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        digest = hashlib.blake2b(f"deliveries/{channel}".encode(), digest_size=8).digest()
        key = int.from_bytes(digest, signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def _overtaken() -> ColumnElement[bool]:
    """Something earlier of the same alert and channel still waits, and not for the same digest."""
    earlier = deliveries.alias()
    same_digest = and_(
        deliveries.c.digest,
        earlier.c.digest,
        deliveries.c.message_id.is_(None),
        earlier.c.message_id.is_(None),
    )
    return exists().where(
        earlier.c.alert_id == deliveries.c.alert_id,
        earlier.c.channel == deliveries.c.channel,
        earlier.c.status == "pending",
        earlier.c.sequence < deliveries.c.sequence,
        ~same_digest,
    )


def _rows(
    connection: Connection, wanted: Sequence[ColumnElement[bool]], most: int
) -> Sequence[RowMapping]:
    query = select(deliveries).where(*wanted).order_by(deliveries.c.sequence).limit(most)
    return connection.execute(query).mappings().all()


def _free(connection: Connection, outlet: Outlet, now: datetime) -> datetime:
    """When the channel may be told more."""
    if outlet.policy.per_minute is None:
        return now
    query = (
        select(func.max(deliveries.c.attempted_at))
        .where(deliveries.c.channel == outlet.name, deliveries.c.attempted_at > now - MINUTE)
        .group_by(deliveries.c.message_id)
    )
    sent: list[datetime] = list(connection.execute(query).scalars())
    return free_at(sent, outlet.policy.per_minute, now)


def _together(
    connection: Connection, policy: Policy, first: RowMapping, wanted: list[ColumnElement[bool]]
) -> Sequence[RowMapping]:
    """The rows that are one message with the first: as before, or as the policy says."""
    if first["message_id"] is not None:
        before = [
            deliveries.c.channel == first["channel"],
            deliveries.c.message_id == first["message_id"],
            deliveries.c.status == "pending",
        ]
        return _rows(connection, before, MEMBERS)
    new = [*wanted, deliveries.c.message_id.is_(None), deliveries.c.alert_id.is_not(None)]
    if first["alert_id"] is None:
        return [first]
    if first["digest"]:
        return _rows(connection, [*new, deliveries.c.digest], MEMBERS)
    like = [*new, ~deliveries.c.digest, deliveries.c.event == first["event"]]
    rows = _rows(connection, like, MEMBERS)
    return rows if policy.together(len(rows)) else [first]
