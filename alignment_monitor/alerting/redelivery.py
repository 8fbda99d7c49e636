"""Dead deliveries are given another chance, where that can still be right.

Here belongs: what of the dead letters may wait again. Sending them belongs to the outbox.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine, func, select, update

from alignment_monitor.store import transaction
from alignment_monitor.store.schema import deliveries


def redeliver(
    engine: Engine, *, now: datetime, channel: str | None = None, delivery_id: str | None = None
) -> tuple[int, int]:
    """Give dead deliveries all their attempts again.

    One after which something later of the same alert was taken stays dead: sent now, it would say
    again what is over. What is sent in the same company as before keeps its id.

    Args:
        engine: the operational store.
        now: current time.
        channel: only of this channel.
        delivery_id: only this one.

    Returns:
        How many wait again, and how many were overtaken.
    """
    later = deliveries.alias()
    overtaken = (
        select(later.c.sequence)
        .where(
            later.c.alert_id == deliveries.c.alert_id,
            later.c.channel == deliveries.c.channel,
            later.c.status == "delivered",
            later.c.sequence > deliveries.c.sequence,
        )
        .exists()
    )
    wanted = [deliveries.c.status == "dead", deliveries.c.alert_id.is_not(None)]
    if channel is not None:
        wanted.append(deliveries.c.channel == channel)
    if delivery_id is not None:
        wanted.append(deliveries.c.delivery_id == delivery_id)
    again = {"status": "pending", "attempts": 0, "next_attempt_at": now, "last_error": None}
    with transaction(engine) as connection:
        dead = connection.execute(select(func.count()).where(*wanted)).scalar_one()
        chosen: list[int] = list(
            connection.execute(select(deliveries.c.sequence).where(*wanted, ~overtaken)).scalars()
        )
        connection.execute(
            update(deliveries).where(deliveries.c.sequence.in_(chosen)).values(again)
        )
        _regroup(connection, chosen)
    return len(chosen), int(dead) - len(chosen)


def _regroup(connection: Connection, chosen: list[int]) -> None:
    """What is sent without part of its former message is another message."""
    broken = (
        select(deliveries.c.message_id)
        .where(deliveries.c.status == "dead", deliveries.c.message_id.is_not(None))
        .scalar_subquery()
    )
    parted = (
        update(deliveries)
        .where(deliveries.c.sequence.in_(chosen), deliveries.c.message_id.in_(broken))
        .values(message_id=None)
    )
    connection.execute(parted)
