"""Receivers that forget are reminded of what still lasts.

Here belongs: what a channel was last told of each alert that has not ended. It is no delivery: it
tells nothing new, and the next round repeats it anyway.
"""

import json
import logging

from sqlalchemy import Engine, func, select

from alignment_monitor.alerting.channels import DeliveryError, Item
from alignment_monitor.alerting.outlets import Outlet
from alignment_monitor.store.schema import alerts, deliveries

_log = logging.getLogger(__name__)


def refresh(engine: Engine, way: Outlet) -> int:
    """Tell a channel again what lasts, if it is one that forgets; returns how many alerts.

    A failure is only logged: the deliveries themselves tell whether a receiver can be reached.
    """
    again = getattr(way.channel, "refresh", None)
    if again is None or not (items := lasting(engine, way.name)):
        return 0
    try:
        again(items)
    except DeliveryError as error:
        _log.warning("Channel %r was not reminded of what lasts: %s", way.name, error)
    except Exception as error:  # as of a delivery: one bad channel must not hold up the others
        what = type(error).__name__
        _log.warning("Channel %r was not reminded of what lasts: failed (%s)", way.name, what)
    return len(items)


def lasting(engine: Engine, channel: str) -> list[Item]:
    """What a channel was last told of each alert that has not ended."""
    last = (
        select(func.max(deliveries.c.sequence))
        .join(alerts, alerts.c.alert_id == deliveries.c.alert_id)
        .where(
            deliveries.c.channel == channel,
            deliveries.c.status == "delivered",
            alerts.c.state != "resolved",
        )
        .group_by(deliveries.c.alert_id)
    )
    query = (
        select(deliveries.c.body)
        .where(deliveries.c.sequence.in_(last))
        .order_by(deliveries.c.sequence)
    )
    with engine.connect() as connection:
        bodies: list[str] = list(connection.execute(query).scalars())
    told = [json.loads(body) for body in bodies]
    return [Item(one["type"], one["data"], one["timestamp"]) for one in told]
