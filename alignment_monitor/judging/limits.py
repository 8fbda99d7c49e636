"""How fast a judge may be asked: concurrency, requests and tokens a minute, adapting to 429.

Here belongs: pacing alone. The buckets are aiolimiter's; what is ours is the concurrency that
falls by half when the server says 429 and grows back by one for each round of answers (additive
increase, multiplicative decrease, as TCP does it: Chiu and Jain 1989).
"""

import asyncio
from collections import deque

from aiolimiter import AsyncLimiter

BURST_SECONDS = 1.0
"""A limit per minute is spent evenly: at most this many seconds of it at once."""

LARGEST_CALL_TOKENS = 32_000
DEFAULT_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 600.0


class Limits:
    """Admits calls of one judge; make a new one for each event loop.

    Args:
        concurrency: calls in flight at most.
        requests_per_minute: null for no limit.
        tokens_per_minute: null for no limit.
    """

    def __init__(
        self,
        concurrency: int,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
    ) -> None:
        self.concurrency = concurrency
        self.allowed = float(concurrency)
        self.throttles = 0
        self._active = 0
        self._resume_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._requests = _bucket(requests_per_minute, 1)
        # One call may take more than a second's share: the bucket holds the largest that comes.
        self._tokens = _bucket(tokens_per_minute, LARGEST_CALL_TOKENS)

    async def admit(self, tokens: int) -> None:
        """Wait until one more call of so many tokens may start; then ``release`` must follow."""
        loop = asyncio.get_running_loop()
        while True:
            if (pause := self._resume_at - loop.time()) > 0:
                await asyncio.sleep(pause)
            elif self._active >= int(self.allowed):
                await self._turn(loop.create_future())
            else:
                break
        self._active += 1
        try:
            await self.pace(tokens)
        except BaseException:
            self.release()
            raise

    async def pace(self, tokens: int) -> None:
        """Wait until the limits per minute allow one more request, of a call already admitted."""
        if self._requests:
            await self._requests.acquire()
        if self._tokens:
            await self._tokens.acquire(min(tokens, self._tokens.max_rate))

    def release(self, *, answered: bool = False) -> None:
        """A call has ended; an answer lets the concurrency grow back."""
        self._active -= 1
        if answered:
            self.allowed = min(self.concurrency, self.allowed + 1 / self.allowed)
        self._wake()

    def throttled(self, retry_after: float | None = None) -> None:
        """The server said 429: half the concurrency, and no new call before it asks for one."""
        now = asyncio.get_running_loop().time()
        pause = DEFAULT_PAUSE_SECONDS if retry_after is None else retry_after
        if now >= self._resume_at:  # those in flight at one refusal are one refusal
            self.allowed = max(1.0, self.allowed / 2)
            self.throttles += 1
        self._resume_at = max(self._resume_at, now + min(pause, LONGEST_PAUSE_SECONDS))

    async def _turn(self, turn: asyncio.Future[None]) -> None:
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake()  # the place that we were given and do not take
            raise

    def _wake(self) -> None:
        while self._waiting and self._active < int(self.allowed):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                break


def _bucket(per_minute: int | None, least: int) -> AsyncLimiter | None:
    if per_minute is None:
        return None
    capacity = min(per_minute, max(least, per_minute * BURST_SECONDS / 60))
    return AsyncLimiter(capacity, capacity * 60 / per_minute)
