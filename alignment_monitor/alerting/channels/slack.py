"""Slack, by an incoming webhook.

Such a webhook only adds messages to the channel it was made for: it cannot upload an image, answer
in a thread, change or take back a message, and it knows no idempotency key.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from alignment_monitor.alerting.channels import words
from alignment_monitor.alerting.channels.base import ChannelError, Delivery
from alignment_monitor.alerting.channels.http import address, is_whole, post
from alignment_monitor.alerts_settings import Slack

LONGEST_TITLE, LONGEST_TEXT = 150, 3000
"""Characters that Slack takes in a header and in a section."""


@dataclass(frozen=True)
class SlackChannel:
    """A channel of Slack.

    Attributes:
        name: the name in monitor.yaml.
        url: of the incoming webhook; a secret.
        image_url: public address of a chart, with ``{alert_id}`` and ``{family}``; null: no image.
        timeout_seconds: for the whole attempt.
        allow_private_addresses: for a stand-in of Slack in one's own network.
    """

    name: str
    url: str
    image_url: str | None = None
    timeout_seconds: float = 10.0
    allow_private_addresses: bool = False

    def __repr__(self) -> str:
        return f"SlackChannel({self.name!r})"

    def send(self, delivery: Delivery) -> None:
        """Post one message.

        Raises:
            DeliveryError: Slack did not take it.
        """
        post(
            self.url,
            json.dumps(message(delivery, self.image_url)).encode(),
            {"content-type": "application/json", "user-agent": "alignment-monitor"},
            timeout_seconds=self.timeout_seconds,
            allow_private_addresses=self.allow_private_addresses,
        )


def message(delivery: Delivery, image_url: str | None = None) -> dict[str, Any]:
    """A message in Block Kit, with a text for notifications."""
    title = words.title(delivery)
    mark = ":red_circle:" if words.worst(delivery) == "page" else ":large_yellow_circle:"
    told = words.lines(delivery)
    body = [told[0], *told[1:]] if not delivery.grouped else [f"• {line}" for line in told]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title[:LONGEST_TITLE]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": _fitting(body)}},
    ]
    if image := _image(delivery, image_url):
        blocks.append({"type": "image", "image_url": image, "alt_text": title[:LONGEST_TITLE]})
    below = [mark]
    if link := words.link(delivery):
        below.append(f"<{_escaped(link)}|Dashboard>")
    below.append(_escaped(delivery.delivery_id))
    context = [{"type": "mrkdwn", "text": " · ".join(below)}]
    blocks.append({"type": "context", "elements": context})
    return {"text": _escaped(title), "blocks": blocks}


def _fitting(told: list[str]) -> str:
    """As many whole lines as a section holds, so that no mark-up is cut in two."""
    text = ""
    for line in told:
        longer = f"{text}\n{_escaped(line)[: LONGEST_TEXT // 2]}".strip()
        if len(longer) > LONGEST_TEXT:
            break
        text = longer
    return text


def _image(delivery: Delivery, image_url: str | None) -> str | None:
    if image_url is None or delivery.grouped:
        return None
    data = delivery.items[0].data
    if "alert_id" not in data:
        return None
    filled = {"alert_id": data["alert_id"], "family": data.get("deployment_family", "")}
    for name, value in filled.items():
        image_url = image_url.replace(f"{{{name}}}", quote(str(value), safe=""))
    return image_url


def _escaped(text: str) -> str:
    """Nothing in a name may call people, make a link or a mark: Slack's own three escapes."""
    return re.sub("[&<>]", lambda m: {"&": "&amp;", "<": "&lt;", ">": "&gt;"}[m[0]], text)


def open_slack(settings: Slack) -> SlackChannel:
    """A channel of Slack as configured.

    Raises:
        ChannelError: an address is missing or cannot be used.
    """
    if settings.image_url is not None and not is_whole(settings.image_url, "https"):
        raise ChannelError(f"Channel {settings.name!r}: image_url must be https://")
    return SlackChannel(
        settings.name,
        address(settings),
        settings.image_url,
        settings.timeout_seconds,
        settings.allow_private_addresses,
    )
