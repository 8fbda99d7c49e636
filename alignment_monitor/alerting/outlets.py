"""The channels of monitor.yaml, each with the rules that say what it is told.

Here belongs: turning settings into channels. Here does not belong: the rules themselves (routing)
or a kind of channel (channels).
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from alignment_monitor.alerting.channels import BrokenChannel, Channel, ChannelError, Delivery
from alignment_monitor.alerting.channels.alertmanager import open_alertmanager
from alignment_monitor.alerting.channels.email import open_email
from alignment_monitor.alerting.channels.library import open_apprise
from alignment_monitor.alerting.channels.pagerduty import open_pagerduty
from alignment_monitor.alerting.channels.slack import open_slack
from alignment_monitor.alerting.channels.webhook import open_webhook
from alignment_monitor.alerting.routing import Policy, Routed, recipients
from alignment_monitor.alerts_settings import ChannelSettings, Rule
from alignment_monitor.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outlet:
    """A channel, who it is among, and how much it is told; itself a channel.

    Attributes:
        channel: the way to the receiver.
        policy: how much at once.
        rules: of the whole installation.
    """

    channel: Channel
    policy: Policy = field(default_factory=Policy)
    rules: tuple[Rule, ...] = ()

    @property
    def name(self) -> str:
        """The name in monitor.yaml."""
        return self.channel.name

    @property
    def threaded(self) -> bool:
        """It keeps something open until all alerts that were told there have ended."""
        return getattr(self.channel, "threaded", False)

    @property
    def acknowledges(self) -> bool:
        """It acts on that somebody looks after an alert."""
        return getattr(self.channel, "acknowledges", False)

    def send(self, delivery: Delivery) -> None:
        """Make one attempt.

        Raises:
            DeliveryError: the receiver did not take it.
        """
        self.channel.send(delivery)

    def takes(self, alert: Routed) -> bool:
        """Whether the rules tell this channel of an alert."""
        return bool(recipients(alert, self.rules, [self.name]))


def outlet(channel: Channel) -> Outlet:
    """A channel as an outlet; one that is none yet is told everything at once."""
    return channel if isinstance(channel, Outlet) else Outlet(channel)


def open_channels(settings: Settings) -> list[Channel]:
    """The channels of monitor.yaml, as outlets.

    One that cannot be used is logged with what to set, and takes part all the same: what is meant
    for it waits in the outbox with that reason, and the other channels go on.
    """
    opened: list[Channel] = []
    for item in settings.alerts.channels:
        channel: Channel
        try:
            channel = open_channel(item)
        except ChannelError as error:
            _log.error("%s", error)
            channel = BrokenChannel(item.name, str(error))
        opened.append(Outlet(channel, Policy.of(item), settings.alerts.routes))
    return opened


def open_channel(settings: ChannelSettings) -> Channel:
    """One channel as configured, with its secrets from the environment.

    Raises:
        ChannelError: it cannot be used; the message says what to set.
    """
    return _OPENERS[type(settings).__name__](settings)


def named(channels: Iterable[Channel], name: str) -> Channel | None:
    """The channel of a name; null if there is none."""
    return next((channel for channel in channels if channel.name == name), None)


_OPENERS: dict[str, Callable[[Any], Channel]] = {
    "Webhook": open_webhook,
    "Slack": open_slack,
    "PagerDuty": open_pagerduty,
    "Alertmanager": open_alertmanager,
    "Email": open_email,
    "Apprise": open_apprise,
}
