"""The ways out: how one delivery reaches one receiver, in one attempt.

Here belong: what a channel is (base), the safe POST that our own ones share (http), what messages
say in plain words (words), and one module for each kind. Here does not belong: when and how often
to try (outbox), who is told (routing), or what an alert knows (evidence).
"""

from alignment_monitor.alerting.channels.base import (
    BrokenChannel,
    Channel,
    ChannelError,
    Delivery,
    DeliveryError,
    Item,
    Thread,
)
from alignment_monitor.alerting.channels.webhook import WebhookChannel

__all__ = [
    "BrokenChannel",
    "Channel",
    "ChannelError",
    "Delivery",
    "DeliveryError",
    "Item",
    "Thread",
    "WebhookChannel",
]
