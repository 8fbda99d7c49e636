"""PagerDuty, by Events API v2: an alert is an incident, its end resolves it.

An incident is known by its ``dedup_key``: the alert's id, or the message's of alerts that were
told together. The latter ends with the last of them.
"""

import json
import time
from dataclasses import dataclass
from typing import Any, ClassVar

from alignment_monitor.alerting.channels import words
from alignment_monitor.alerting.channels.base import (
    ACKNOWLEDGED,
    REOPENED,
    TEST,
    Delivery,
    DeliveryError,
    Item,
    from_environment,
)
from alignment_monitor.alerting.channels.http import address, post
from alignment_monitor.alerting.lifecycle import FIRING, RESOLVED
from alignment_monitor.alerts_settings import PagerDuty

LONGEST_SUMMARY = 1024
LONGEST_SEND_SECONDS = 120.0
"""For all incidents of one message, well below a worker's lease."""

_SEVERITIES = {"page": "critical", "warn": "warning"}


@dataclass(frozen=True)
class PagerDutyChannel:
    """A service of PagerDuty.

    Attributes:
        name: the name in monitor.yaml.
        url: of the Events API.
        routing_key: of the service's integration; a secret.
        timeout_seconds: for each request.
        allow_private_addresses: for a stand-in of PagerDuty in one's own network.
    """

    threaded: ClassVar[bool] = True
    acknowledges: ClassVar[bool] = True

    name: str
    url: str
    routing_key: str
    timeout_seconds: float = 10.0
    allow_private_addresses: bool = False

    def __repr__(self) -> str:
        return f"PagerDutyChannel({self.name!r})"

    def send(self, delivery: Delivery) -> None:
        """Post what the message means for each incident; a repeat changes nothing.

        Raises:
            DeliveryError: PagerDuty did not take all of it.
        """
        began = time.monotonic()
        for told in events(delivery):
            if time.monotonic() - began > LONGEST_SEND_SECONDS:
                raise DeliveryError("not all incidents were told in time", reached=True)
            post(
                self.url,
                json.dumps({"routing_key": self.routing_key, **told}).encode(),
                {"content-type": "application/json", "user-agent": "alignment-monitor"},
                timeout_seconds=self.timeout_seconds,
                allow_private_addresses=self.allow_private_addresses,
            )


def events(delivery: Delivery) -> list[dict[str, Any]]:
    """The events of a message, without the routing key.

    ============================  ==========================================================
    event                         PagerDuty
    ============================  ==========================================================
    resolved                      resolve; of a group only when its last alert has ended
    acknowledged                  acknowledge; nothing for one of a group
    test                          trigger with severity info, and resolve
    any other                     trigger, on the alert's incident
    ============================  ==========================================================
    """
    opened = {
        item.data.get("alert_id") for item in delivery.items if item.event in (FIRING, REOPENED)
    }
    by_key: dict[str, list[Item]] = {}
    for item in delivery.items:
        by_key.setdefault(_key(delivery, item, opened), []).append(item)
    told: list[dict[str, Any]] = []
    for key, items in by_key.items():
        told += _of_incident(delivery, key, items)
    return told


def _key(delivery: Delivery, item: Item, opened: set[Any]) -> str:
    """Where an alert was told first; of those that this message opens together, the message."""
    alert_id = item.data.get("alert_id")
    if alert_id is None:
        return delivery.delivery_id
    if alert_id in delivery.threads:
        return delivery.threads[alert_id].key
    together = delivery.grouped and alert_id in opened
    return delivery.delivery_id if together else str(alert_id)


def _of_incident(delivery: Delivery, key: str, items: list[Item]) -> list[dict[str, Any]]:
    """What an incident learns; a message may hold its beginning and its end."""
    alert_id = str(items[0].data.get("alert_id"))
    group = key not in (alert_id, delivery.delivery_id) or len(items) > 1
    kinds = {item.event for item in items}
    if kinds == {TEST}:
        return [
            _trigger(delivery, key, items, "info"),
            {"event_action": "resolve", "dedup_key": key},
        ]
    told = []
    if calling := [item for item in items if item.event not in (RESOLVED, ACKNOWLEDGED)]:
        worst = "page" if any(i.data.get("severity") == "page" for i in calling) else "warn"
        told.append(_trigger(delivery, key, calling, _SEVERITIES[worst]))
    if ACKNOWLEDGED in kinds and not group:
        told.append({"event_action": "acknowledge", "dedup_key": key})
    thread = delivery.threads.get(alert_id)
    ended = {i.data.get("alert_id") for i in items if i.event == RESOLVED}
    begun = {i.data.get("alert_id") for i in calling}
    if ended and not (begun - ended) and not (thread and thread.lasts):
        told.append({"event_action": "resolve", "dedup_key": key})
    return told


def _trigger(delivery: Delivery, key: str, items: list[Item], severity: str) -> dict[str, Any]:
    data = items[0].data
    several = len(items) > 1
    summary = words.title(delivery) if several else words.statement(items[0])
    details = (
        {"alerts": [words.statement(item) for item in items[: words.LISTED]], "count": len(items)}
        if several
        else {name: value for name, value in data.items() if name != "drivers"}
    )
    link = words.link(delivery)
    return {
        "event_action": "trigger",
        "dedup_key": key,
        "client": "alignment-monitor",
        "links": [{"href": link, "text": "Dashboard"}] if link else [],
        "payload": {
            "summary": summary[:LONGEST_SUMMARY],
            "source": str(data.get("deployment_family") or "alignment-monitor"),
            "severity": severity,
            "timestamp": items[0].timestamp,
            "component": "several" if several else str(data.get("behaviour") or "-"),
            "class": "several" if several else str(data.get("type") or "-"),
            "custom_details": details,
        },
    }


def open_pagerduty(settings: PagerDuty) -> PagerDutyChannel:
    """A service of PagerDuty as configured.

    Raises:
        ChannelError: its key is missing.
    """
    return PagerDutyChannel(
        settings.name,
        address(settings),
        from_environment(settings, "routing_key_variable"),
        settings.timeout_seconds,
        settings.allow_private_addresses,
    )
