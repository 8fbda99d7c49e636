"""Any of the hundred services that the library ``apprise`` knows.

What our own channels promise it does not: it follows redirects, connects to any address, keeps its
own time limits, and says of a failure only that there was one.
"""

from dataclasses import dataclass
from typing import Any

from alignment_monitor.alerting.channels import words
from alignment_monitor.alerting.channels.base import (
    ChannelError,
    Delivery,
    DeliveryError,
    from_environment,
)
from alignment_monitor.alerting.channels.quiet import quiet
from alignment_monitor.alerting.lifecycle import RESOLVED
from alignment_monitor.alerts_settings import Apprise


@dataclass(frozen=True)
class AppriseChannel:
    """A service behind apprise.

    Attributes:
        name: the name in monitor.yaml.
        url: apprise's address of the service; a secret.
    """

    name: str
    url: str

    def __repr__(self) -> str:
        return f"AppriseChannel({self.name!r})"

    def send(self, delivery: Delivery) -> None:
        """Hand one message to the library.

        Raises:
            DeliveryError: it says that the service did not take it.
        """
        told = words.lines(delivery)
        if link := words.link(delivery):
            told.append(link)
        with quiet():
            taken = _service(self.url).notify(
                title=words.title(delivery), body="\n".join(told), notify_type=_kind(delivery)
            )
        if not taken:
            raise DeliveryError("apprise could not send it", reached=True)


def _kind(delivery: Delivery) -> str:
    if all(item.event == RESOLVED for item in delivery.items):
        return "success"
    return "failure" if words.worst(delivery) == "page" else "warning"


def _service(url: str) -> Any:
    """Apprise with one service; null if it does not know the address."""
    import apprise  # half a second of processor time, only where one is used

    service = apprise.Apprise()
    return service if service.add(url) else None


def open_apprise(settings: Apprise) -> AppriseChannel:
    """A service as configured.

    Raises:
        ChannelError: its address is missing, or none that the library knows.
    """
    url = from_environment(settings, "url_variable")
    with quiet():
        known = _service(url) is not None
    if not known:
        where = f"Channel {settings.name!r}: {settings.url_variable}"
        raise ChannelError(f"{where} holds no address that apprise knows")
    return AppriseChannel(settings.name, url)
