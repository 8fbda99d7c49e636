"""Standard Webhooks: a signed POST that any program can verify."""

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from alignment_monitor.alerting.channels.base import ChannelError, Delivery, from_environment
from alignment_monitor.alerting.channels.http import address, post
from alignment_monitor.alerts_settings import Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105 - what a secret begins with, not one


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class WebhookChannel:
    """A receiver of signed alerts.

    Attributes:
        name: the name in monitor.yaml.
        url: the receiver's address.
        secret: ``whsec_`` and base64.
        timeout_seconds: for the whole attempt, however slowly the receiver answers.
        allow_private_addresses: the receiver may stand in one's own network.
        clock: the time that is signed; receivers refuse old ones.
    """

    name: str
    url: str
    secret: str
    timeout_seconds: float = 10.0
    allow_private_addresses: bool = False
    clock: Callable[[], datetime] = _now

    def __repr__(self) -> str:
        return f"WebhookChannel({self.name!r})"  # the address may be as secret as the secret

    def send(self, delivery: Delivery) -> None:
        """Post once; the status says it all.

        Raises:
            DeliveryError: no answer, or one that is not 2xx.
        """
        post(
            self.url,
            delivery.body.encode(),
            self._sign(delivery),
            timeout_seconds=self.timeout_seconds,
            allow_private_addresses=self.allow_private_addresses,
        )

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
    url, secret = address(settings), from_environment(settings, "secret_variable")
    if not _is_secret(secret):
        raise ChannelError(
            f"Channel {settings.name!r}: {settings.secret_variable} must hold {SECRET_PREFIX} and "
            "base64 of at least 24 random bytes"
        )
    return WebhookChannel(
        settings.name,
        url,
        secret,
        settings.timeout_seconds,
        settings.allow_private_addresses,
    )


def _is_secret(secret: str) -> bool:
    body = secret.removeprefix(SECRET_PREFIX)
    try:
        key = binascii.a2b_base64(body + "=" * (-len(body) % 4), strict_mode=True)
    except ValueError:
        return False
    return secret.startswith(SECRET_PREFIX) and len(key) >= 24
