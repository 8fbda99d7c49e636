"""The connection below a request: is it still there, has all left, close it now.

Here belongs: what ASGI does not tell and faults need. uvicorn makes one protocol object for each
connection; ours is that object, and hands itself to the application in the scope's state.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

_STATE = "connection"
_POLL_SECONDS = 0.001
_CLOSING_SECONDS = 5.0

_Base: Any = AutoHTTPProtocol


class Connection(_Base):
    """uvicorn's protocol, and what happened to its transport."""

    def __init__(self, *, app_state: dict[str, Any], **settings: Any) -> None:
        super().__init__(app_state={**app_state, _STATE: self}, **settings)
        self._lost = asyncio.Event()
        self._over = asyncio.Event()
        self._failed = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        super().connection_lost(exc)
        self._failed = exc is not None
        self._lost.set()
        self._over.set()

    def shutdown(self) -> None:
        """Called by the server when it is told to leave."""
        super().shutdown()
        self._over.set()

    async def over(self, seconds: float) -> bool:
        """Wait; True as soon as the client has gone or the server leaves."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return False
        return True

    async def flushed(self) -> bool:
        """Wait until all that was written has left; False if the client was gone before."""
        if self._lost.is_set():
            return False
        if self.transport.is_closing():  # the client wanted no other answer on this connection
            await self._lost.wait()
            return not self._failed
        pause = 0.0
        while self.transport.get_write_buffer_size():
            await asyncio.sleep(pause)
            pause = _POLL_SECONDS
            if self._lost.is_set():
                return False
        return True

    async def hang_up(self) -> None:
        """Close the connection after what was written, and wait until it is closed."""
        self.transport.close()
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._lost.wait()
        except TimeoutError:  # a client that does not read what was written
            self.transport.abort()
            await self._lost.wait()


def connection_of(scope: Any) -> Connection:
    """The connection on which a request arrived."""
    found = scope["state"][_STATE]
    assert isinstance(found, Connection)
    return found
