"""Prometheus Alertmanager, by its API v2: it is told what is firing, and does the rest.

It forgets an alert that is not sent again in time, so those that last are sent again with every
round of deliveries (``refresh``).
"""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from alignment_monitor.alerting.channels import words
from alignment_monitor.alerting.channels.base import (
    TEST,
    ChannelError,
    Delivery,
    Item,
    from_environment,
)
from alignment_monitor.alerting.channels.http import address, post
from alignment_monitor.alerting.lifecycle import RESOLVED
from alignment_monitor.alerts_settings import Alertmanager

TEST_LASTS = timedelta(minutes=5)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class AlertmanagerChannel:
    """An Alertmanager.

    Attributes:
        name: the name in monitor.yaml.
        url: its root, without ``/api/v2``.
        lasts: how long it believes an alert that is not sent again.
        authorization: header of basic authentication; a secret; null: none.
        timeout_seconds: for the whole attempt.
        allow_private_addresses: it stands in one's own network.
        clock: when alerts end that do.
    """

    name: str
    url: str
    lasts: timedelta = timedelta(minutes=180)
    authorization: str | None = None
    timeout_seconds: float = 10.0
    allow_private_addresses: bool = False
    clock: Callable[[], datetime] = _now

    def __repr__(self) -> str:
        return f"AlertmanagerChannel({self.name!r})"

    def send(self, delivery: Delivery) -> None:
        """Post all alerts of a message at once; a repeat changes nothing.

        Raises:
            DeliveryError: it did not take them.
        """
        self.refresh(delivery.items)

    def refresh(self, items: Iterable[Item]) -> None:
        """Post alerts as they last stood, so that those that last are not forgotten.

        Raises:
            DeliveryError: it did not take them.
        """
        now = self.clock()
        told = [one for item in items for one in alerts(item, now, self.lasts)]
        headers = {"content-type": "application/json", "user-agent": "alignment-monitor"}
        if self.authorization:
            headers["authorization"] = self.authorization
        post(
            f"{self.url.rstrip('/')}/api/v2/alerts",
            json.dumps(told).encode(),
            headers,
            timeout_seconds=self.timeout_seconds,
            allow_private_addresses=self.allow_private_addresses,
        )


def alerts(item: Item, now: datetime, lasts: timedelta) -> list[dict[str, Any]]:
    """What an Alertmanager is told of one item: what is there, and what no longer is.

    The severity is one of the labels that make an alert's identity there. So a page ends the
    warning it was before, and an end ends both.
    """
    data = item.data
    if item.event == TEST:
        return [_alert(item, "info", now, now + TEST_LASTS)]
    began = datetime.fromisoformat(str(data.get("opened_on") or item.timestamp))
    began = min(began if began.tzinfo else began.replace(tzinfo=UTC), now - timedelta(seconds=1))
    if item.event == RESOLVED or data.get("state") == "resolved":
        return [_alert(item, severity, began, now) for severity in ("page", "warn")]
    told = [_alert(item, str(data.get("severity", "page")), began, now + lasts)]
    if data.get("severity") == "page":
        told.append(_alert(item, "warn", began, now))
    return told


def _alert(item: Item, severity: str, began: datetime, ends: datetime) -> dict[str, Any]:
    data = item.data
    labels = {
        "alertname": "AlignmentMonitorTest" if item.event == TEST else "AlignmentMonitor",
        "severity": severity,
        "type": data.get("type"),
        "family": data.get("deployment_family"),
        "behaviour": data.get("behaviour"),
        "direction": data.get("direction"),
        "series": data.get("series"),
    }
    annotations = {
        "summary": words.statement(item),
        "link": data.get("link"),
        "alert_id": data.get("alert_id"),
        "if_expected": data.get("if_expected"),
    }
    return {
        "labels": {name: str(value) for name, value in labels.items() if value},
        "annotations": {name: str(value) for name, value in annotations.items() if value},
        "startsAt": began.isoformat(),
        "endsAt": ends.isoformat(),
        "generatorURL": str(data.get("link") or ""),
    }


def open_alertmanager(settings: Alertmanager) -> AlertmanagerChannel:
    """An Alertmanager as configured.

    Raises:
        ChannelError: address or password is missing.
    """
    authorization = None
    if settings.username is not None:
        pair = f"{settings.username}:{from_environment(settings, 'password_variable')}"
        authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    elif settings.password_variable is not None:
        raise ChannelError(f"Channel {settings.name!r}: set username, too")
    return AlertmanagerChannel(
        settings.name,
        address(settings),
        timedelta(minutes=settings.lasts_minutes),
        authorization,
        settings.timeout_seconds,
        settings.allow_private_addresses,
    )
