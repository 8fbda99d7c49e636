"""What a channel is, and what it is given.

Here belong: the contract between the outbox and every kind of channel. Here does not belong: any
one kind.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from alignment_monitor.alerts_settings import ChannelSettings

FIRING = "alert.firing"
RESOLVED = "alert.resolved"
ACKNOWLEDGED = "alert.acknowledged"
ESCALATED = "alert.escalated"
REOPENED = "alert.reopened"
REMINDER = "alert.reminder"
TEST = "alert.test"
GROUP = "alert.group"
"""Several alerts in one message."""

LASTING = (FIRING, REOPENED, ESCALATED, REMINDER)
"""What says that an alert is there; ACKNOWLEDGED says so too, but calls nobody."""


class ChannelError(Exception):
    """A channel cannot be used as it is configured; the message says what to set."""


class DeliveryError(Exception):
    """An attempt failed; the message is short and free of addresses and secrets.

    Attributes:
        reached: the receiver answered, so that other deliveries may fare better.
        retry_after: how long the receiver asks to be left alone; null if it does not say.
        tried: false if nothing could be tried, so that it does not count as an attempt.
    """

    def __init__(
        self,
        reason: str,
        *,
        reached: bool,
        retry_after: timedelta | None = None,
        tried: bool = True,
    ) -> None:
        super().__init__(reason)
        self.reached = reached
        self.retry_after = retry_after
        self.tried = tried


class Item(NamedTuple):
    """One thing told of one alert.

    Attributes:
        event: alert.firing, alert.resolved, ...; a channel sends those it does not know as plain
            messages.
        data: evidence and state of the alert.
        timestamp: when it was queued, ISO 8601.
    """

    event: str
    data: Mapping[str, Any]
    timestamp: str


class Thread(NamedTuple):
    """What a channel opened for an alert that was told together with others.

    Attributes:
        key: delivery id of the message that told them.
        lasts: one of the alerts told there has not ended.
    """

    key: str
    lasts: bool


@dataclass(frozen=True)
class Delivery:
    """What is sent.

    Attributes:
        delivery_id: the same over all attempts, so that a receiver can tell repeats.
        body: JSON as it was first built, byte for byte.
        threads: of alerts that were told in a group on this channel, by alert id.
    """

    delivery_id: str
    body: str
    threads: Mapping[str, Thread] = field(default_factory=dict, compare=False)

    @cached_property
    def items(self) -> list[Item]:
        """What it tells, one item for each alert and event."""
        payload = json.loads(self.body)
        grouped = payload["type"] == GROUP
        told = payload["data"]["alerts"] if grouped else [payload]
        return [Item(one["type"], one["data"], one["timestamp"]) for one in told]

    @cached_property
    def grouped(self) -> bool:
        """Several alerts are told together."""
        return len(self.items) > 1


class Channel(Protocol):
    """A way to a receiver."""

    @property
    def name(self) -> str:
        """The name in monitor.yaml."""

    def send(self, delivery: Delivery) -> None:
        """Make one attempt.

        Raises:
            DeliveryError: the receiver did not take it.
        """


@dataclass(frozen=True)
class BrokenChannel:
    """Stands for a channel that cannot be used: what is meant for it waits, with the reason.

    Attributes:
        name: the name in monitor.yaml.
        reason: what to set.
    """

    name: str
    reason: str

    def send(self, delivery: Delivery) -> None:
        """Fail with the reason."""
        raise DeliveryError(self.reason, reached=False, tried=False)


def from_environment(settings: ChannelSettings, setting: str) -> str:
    """The value of the environment variable that a setting names.

    Raises:
        ChannelError: no variable is named, or it is not set.
    """
    where = f"Channel {settings.name!r}"
    variable = getattr(settings, setting)
    if not variable:
        without = setting.removesuffix("_variable")
        both = f"{without} or {setting}" if without in type(settings).model_fields else setting
        raise ChannelError(f"{where}: set {both} in monitor.yaml")
    if not (value := os.environ.get(variable, "").strip()):
        raise ChannelError(f"{where}: the environment variable {variable} is not set")
    return value
