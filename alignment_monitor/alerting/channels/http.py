"""One POST to a receiver, made safely; what the channels that speak HTTP share.

Here belong: which addresses may be connected to, for how long, and how much of an answer is read.
Here does not belong: what is said (each channel's own module).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from alignment_monitor.alerting.channels.base import ChannelError, DeliveryError, from_environment
from alignment_monitor.alerting.channels.quiet import quiet
from alignment_monitor.alerts_settings import HttpSettings

if TYPE_CHECKING:
    import httpx2

LONGEST_ANSWER = 16_384
"""Bytes of an answer that are read; receivers say all they have to say in fewer."""

_CGNAT_AND_OTHERS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "64:ff9b::/96", "2002::/16", "fec0::/10",
    )
)  # fmt: skip
"""Networks that lead to private hosts, or wrap the address of one, though not private by name."""


class PrivateAddressError(OSError):
    """A name leads to an address that is not a public one."""


@dataclass(frozen=True)
class Answer:
    """What a receiver said.

    Attributes:
        status: of HTTP, 2xx.
        body: its beginning, at most ``LONGEST_ANSWER`` bytes.
    """

    status: int
    body: bytes


def is_public(address: str) -> bool:
    """Whether an IP address is out in the internet: not private, loopback or link-local."""
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    inside = any(ip.version == net.version and ip in net for net in _CGNAT_AND_OTHERS)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or inside)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout_seconds: float,
    allow_private_addresses: bool,
) -> Answer:
    """Post once. No redirect is followed, certificates are verified.

    Args:
        url: the receiver's address.
        body: what is posted.
        headers: of the request.
        timeout_seconds: for the whole attempt, however slowly the receiver answers.
        allow_private_addresses: else only public addresses are connected to, which is checked on
            the very address that is used, and no proxy is, since that would choose the address.

    Raises:
        DeliveryError: no answer, or one that is not 2xx.
    """
    import httpx2

    try:
        with quiet():
            answer, headers = asyncio.run(
                _post(url, body, headers, timeout_seconds, allow_private_addresses)
            )
    except PrivateAddressError:
        reason = "private address: set allow_private_addresses on the channel if it is meant"
        raise DeliveryError(reason, reached=False) from None
    except (httpx2.HTTPError, TimeoutError) as error:
        # Its text may hold the address, hence the kind alone.
        raise DeliveryError(f"no answer ({type(error).__name__})", reached=False) from None
    if not 200 <= answer.status < 300:
        reason = f"HTTP {answer.status}"
        raise DeliveryError(reason, reached=True, retry_after=_retry_after(headers))
    return answer


async def _post(
    url: str, body: bytes, headers: Mapping[str, str], timeout_seconds: float, anywhere: bool
) -> tuple[Answer, Mapping[str, str]]:
    import httpx2

    transport = None if anywhere else _public_transport()
    # The client's own timeouts begin anew with each byte; this one does not.
    async with (
        asyncio.timeout(timeout_seconds),
        httpx2.AsyncClient(timeout=None, follow_redirects=False, transport=transport) as client,
        client.stream("POST", url, content=body, headers=dict(headers)) as response,
    ):
        return Answer(response.status_code, await _beginning(response)), response.headers


async def _beginning(response: "httpx2.Response") -> bytes:
    """The first bytes of a body; compressed as it came, so that none unfolds in memory."""
    found = b""
    async for part in response.aiter_raw():
        found += part
        if len(found) >= LONGEST_ANSWER:
            break
    return found[:LONGEST_ANSWER]


def _public_transport() -> "httpx2.AsyncBaseTransport":
    import httpcore2
    import httpx2

    class PublicOnly(httpcore2.AsyncNetworkBackend):
        """Connects to public addresses, looked up here and handed on as they were checked."""

        def __init__(self) -> None:
            self._real = httpcore2.AnyIOBackend()

        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore2.AsyncNetworkStream:
            error: Exception = PrivateAddressError("no public address")
            for address in await _addresses(host, port):
                if not is_public(address):
                    raise PrivateAddressError("no public address")
                try:
                    return await self._real.connect_tcp(
                        address, port, timeout, local_address, socket_options
                    )
                except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failure:
                    error = failure
            raise error

    transport = httpx2.AsyncHTTPTransport()
    pool = httpcore2.AsyncConnectionPool(
        ssl_context=httpx2.create_ssl_context(), network_backend=PublicOnly()
    )
    if not hasattr(transport, "_pool"):
        raise RuntimeError("this version of httpx2 keeps its connections elsewhere")
    transport._pool = pool  # the public way to a network backend would repeat the whole transport
    return transport


async def _addresses(host: str, port: int) -> list[str]:
    import httpcore2

    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore2.ConnectError("no such host") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Seconds that a receiver asks for; a date is rare and not read."""
    value = headers.get("retry-after", "")
    return timedelta(seconds=min(int(value), 86_400)) if value.isdecimal() else None


def address(settings: HttpSettings) -> str:
    """The address of a channel, from monitor.yaml or the environment.

    Raises:
        ChannelError: there is none, or it is not one of HTTP.
    """
    url = settings.url or from_environment(settings, "url_variable")
    if not is_whole(url, "http", "https"):
        where = f"Channel {settings.name!r}"
        raise ChannelError(f"{where}: the address must be https:// or http://")
    return url


def is_whole(url: str, *schemes: str) -> bool:
    """Whether an address is of one of the schemes and names a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is none
        return False
