"""How a reply leaves: whole, in pieces, half, or not at all.

Here belong: the faults of the way. What the reply says belongs beside this.
"""

from dataclasses import dataclass
from itertools import pairwise

from starlette.types import Send

from alignment_monitor.simulation.server.connection import Connection
from alignment_monitor.simulation.server.faults import Fault, FaultPlan

_DRIPS_PER_SECOND = 4
JSON = b"application/json"
HTML = b"text/html"
PROXY_PAGE = b"<html><body><h1>Service temporarily unavailable</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP reply.

    Attributes:
        status: its status.
        body: its body.
        kind: media type.
        retry_after: the header's value; empty: no such header.
    """

    status: int
    body: bytes
    kind: bytes = JSON
    retry_after: str = ""


async def deliver(
    reply: Reply, fault: Fault | None, plan: FaultPlan, connection: Connection, send: Send
) -> bool:
    """Send a reply, or what a fault leaves of it; says whether the whole of it has left."""
    if fault in (Fault.TIMEOUT, Fault.DISCONNECT):
        if fault is Fault.TIMEOUT:
            await connection.over(plan.hang_seconds)
        await connection.hang_up()
        return False
    await send({"type": "http.response.start", "status": reply.status, "headers": _headers(reply)})
    if fault is Fault.TRUNCATED:
        half = reply.body[: len(reply.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        await connection.hang_up()
        return False
    if fault is Fault.SLOW_DRIP:
        return await _drip(reply.body, plan.drip_seconds, connection, send)
    await send({"type": "http.response.body", "body": reply.body})
    return await connection.flushed()


async def _drip(body: bytes, seconds: float, connection: Connection, send: Send) -> bool:
    drips = max(1, min(round(seconds * _DRIPS_PER_SECOND), len(body)))
    ends = [len(body) * drip // drips for drip in range(drips + 1)]
    for begin, end in pairwise(ends):
        if await connection.over(seconds / drips):
            await connection.hang_up()
            return False
        last = end == len(body)
        await send({"type": "http.response.body", "body": body[begin:end], "more_body": not last})
    return await connection.flushed()


def _headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", reply.kind), (b"content-length", b"%d" % len(reply.body))]
    if reply.retry_after:
        headers.append((b"retry-after", reply.retry_after.encode()))
    return headers
