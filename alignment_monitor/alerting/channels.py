"""The ways out: how one delivery reaches one receiver, in one attempt.

Here belong: what a channel is, and each kind of channel. Here does not belong: when and how often
to try (outbox), or what is said (evidence).
"""

import asyncio
import binascii
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

from alignment_monitor.settings import Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with, not one


class ChannelError(Exception):
    """A channel cannot be used as it is configured; the message says what to set."""


class DeliveryError(Exception):
    """An attempt failed; the message is short and free of addresses and secrets.

    Attributes:
        reached: the receiver answered, so that other deliveries may fare better.
    """

    def __init__(self, reason: str, *, reached: bool) -> None:
        super().__init__(reason)
        self.reached = reached


@dataclass(frozen=True)
class Delivery:
    """What is sent.

    Attributes:
        delivery_id: the same over all attempts, so that a receiver can tell repeats.
        body: JSON as it was first built, byte for byte.
    """

    delivery_id: str
    body: str


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
        raise DeliveryError(self.reason, reached=False)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class WebhookChannel:
    """Standard Webhooks: a signed POST.

    Attributes:
        name: the name in monitor.yaml.
        url: the receiver's address.
        secret: ``whsec_`` and base64.
        timeout_seconds: for the whole attempt, however slowly the receiver answers.
        clock: the time that is signed; receivers refuse old ones.
    """

    name: str
    url: str
    secret: str
    timeout_seconds: float = 10.0
    clock: Callable[[], datetime] = _now

    def __repr__(self) -> str:
        return f"WebhookChannel({self.name!r})"  # the address may be as secret as the secret

    def send(self, delivery: Delivery) -> None:
        """Post once. No redirect is followed and no body is read: the status says it all.

        Raises:
            DeliveryError: no answer, or one that is not 2xx.
        """
        import httpx2

        try:
            status = asyncio.run(self._post(delivery))
        except (httpx2.HTTPError, TimeoutError) as error:
            # Its text may hold the address, hence the kind alone.
            raise DeliveryError(f"no answer ({type(error).__name__})", reached=False) from None
        if not 200 <= status < 300:
            raise DeliveryError(f"HTTP {status}", reached=True)

    async def _post(self, delivery: Delivery) -> int:
        import httpx2

        # The client's own timeouts begin anew with each byte; this one does not.
        async with (
            asyncio.timeout(self.timeout_seconds),
            httpx2.AsyncClient(timeout=None, follow_redirects=False) as client,
            client.stream(
                "POST", self.url, content=delivery.body.encode(), headers=self._sign(delivery)
            ) as response,
        ):
            return response.status_code

    def _sign(self, delivery: Delivery) -> dict[str, str]:
        from standardwebhooks import Webhook as Signer

        at = self.clock()
        return {
            "content-type": "application/json",
            "user-agent": "alignment-monitor",
            "webhook-id": delivery.delivery_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Signer(self.secret).sign(delivery.delivery_id, at, delivery.body),
        }


def open_webhook(settings: Webhook) -> WebhookChannel:
    """A webhook as configured, with its secret from the environment.

    Raises:
        ChannelError: address or secret is missing or cannot be used.
    """
    url = settings.url or _variable(settings.name, "url_variable", settings.url_variable)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ChannelError(f"Channel {settings.name!r}: the address must be https:// or http://")
    secret = _variable(settings.name, "secret_variable", settings.secret_variable)
    if not _is_secret(secret):
        raise ChannelError(
            f"Channel {settings.name!r}: {settings.secret_variable} must hold {SECRET_PREFIX} and "
            "base64 of at least 24 random bytes"
        )
    return WebhookChannel(settings.name, url, secret, settings.timeout_seconds)


def _variable(channel: str, setting: str, variable: str | None) -> str:
    if not variable:
        raise ChannelError(f"Channel {channel!r}: set url or {setting} in monitor.yaml")
    if not (value := os.environ.get(variable, "").strip()):
        raise ChannelError(f"Channel {channel!r}: the environment variable {variable} is not set")
    return value


def _is_secret(secret: str) -> bool:
    body = secret.removeprefix(SECRET_PREFIX)
    try:
        key = binascii.a2b_base64(body + "=" * (-len(body) % 4), strict_mode=True)
    except ValueError:
        return False
    return secret.startswith(SECRET_PREFIX) and len(key) >= 24
