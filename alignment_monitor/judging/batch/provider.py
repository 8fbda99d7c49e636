"""The Batch API of a judge's server, through the ``openai`` client.

Here belong: the requests, and which of them may be repeated. Here does not belong: what the lines
mean (batch_files) or when what is done (batch).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alignment_monitor.judging.backends.base import (
    JudgeCallError,
    RateLimitedError,
)
from alignment_monitor.judging.backends.client import open_client, translated
from alignment_monitor.judging.batch.files import code_of
from alignment_monitor.settings import Judge

ENDED = ("completed", "expired", "cancelled", "failed")
MARK = "alignment_monitor_mark"
"""Name of our mark in the metadata of a batch."""

CREATE_ATTEMPTS = 4
CREATE_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 60.0
CLOCK_SKEW_SECONDS = 86_400
"""How far the provider's clock may be behind ours, for a batch of ours to be found again."""

_PAGE = 100


class UncertainError(JudgeCallError):
    """No answer came: a batch may have been created, or not."""


class GoneError(Exception):
    """The provider knows no batch or file of that name."""


@dataclass(frozen=True)
class BatchState:
    """A batch as the provider tells of it.

    Attributes:
        status: in its words.
        files: ids of output and error file, as far as there are any.
        completed: requests that have an answer; null if it does not count.
        failed: requests that have none, likewise.
        error: its code if the batch failed as a whole.
        seconds: from creation to end; 0 while it is not known.
    """

    status: str
    files: tuple[str, ...]
    completed: int | None
    failed: int | None
    error: str | None
    seconds: float

    @property
    def ended(self) -> bool:
        """No more answers will come."""
        return self.status in ENDED


class BatchProvider:
    """Files and batches of a judge's server.

    Args:
        judge: whom to ask.

    Raises:
        JudgeStoppedError: neither a key nor a server that needs none is set.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._client = open_client(judge)

    def hasty(self, seconds: float) -> None:
        """Wait no longer than so for an answer, and try no second time."""
        self._client = self._client.with_options(timeout=seconds, max_retries=0)

    async def upload(self, path: Path) -> str:
        """Upload lines from a file; gives the file's id."""
        with translated(self._judge), path.open("rb") as lines:
            file = await self._client.files.create(file=(path.name, lines), purpose="batch")
            return str(file.id)

    async def create(self, file_id: str, mark: str) -> str:
        """Create a batch that carries our mark; gives its id.

        Only a request that was refused is repeated: one that nobody answered may have been acted
        upon, and a second batch would be paid for as well.

        Raises:
            UncertainError: the batch may have been created; ``find`` tells.
            JudgeStoppedError, JudgeCallError: it was not.
        """
        attempt = 1
        while True:
            try:
                return await self._create_once(file_id, mark)
            except RateLimitedError as error:
                if attempt == CREATE_ATTEMPTS:
                    raise
                pause = 2.0**attempt if error.retry_after is None else error.retry_after
                await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))
                attempt += 1

    async def _create_once(self, file_id: str, mark: str) -> str:
        import openai

        responses = self._judge.backend == "responses"
        timeout = min(self._judge.timeout_seconds, CREATE_SECONDS)
        client = self._client.with_options(max_retries=0, timeout=timeout)
        try:
            with translated(self._judge):
                batch = await client.batches.create(
                    input_file_id=file_id,
                    endpoint="/v1/responses" if responses else "/v1/chat/completions",
                    completion_window="24h",
                    metadata={MARK: mark},
                )
                return str(batch.id)
        except RateLimitedError:
            raise
        except JudgeCallError as error:
            refusal = error.__cause__
            if isinstance(refusal, openai.APIStatusError) and refusal.status_code < 500:
                raise
            raise UncertainError(str(error)) from error

    async def find(self, mark: str, since: datetime) -> Sequence[str]:
        """Ids of the batches that carry our mark, oldest first; more than one is one too many."""
        found: list[str] = []
        earliest = since.timestamp() - CLOCK_SKEW_SECONDS
        with translated(self._judge):
            async for batch in self._client.batches.list(limit=_PAGE):
                if batch.created_at < earliest:
                    break
                if (batch.metadata or {}).get(MARK) == mark:
                    found.append(str(batch.id))
        return found[::-1]

    async def retrieve(self, batch_id: str) -> BatchState:
        """A batch as it stands.

        Raises:
            GoneError: the provider, or this key, knows none of that id.
        """
        with translated(self._judge), _gone():
            return _state(await self._client.batches.retrieve(batch_id))

    async def cancel(self, batch_id: str) -> None:
        """Cancel a batch."""
        with translated(self._judge):
            await self._client.batches.cancel(batch_id)

    async def lines(self, file_id: str) -> AsyncIterator[bytes]:
        """The lines of a file, as they come.

        Raises:
            GoneError: the provider has it no longer.
            JudgeCallError: the download failed or broke off.
        """
        import httpx2

        rest = b""
        with translated(self._judge), _gone():
            try:
                content = self._client.files.with_streaming_response.content(file_id)
                async with content as response:
                    async for chunk in response.iter_bytes():
                        # By hand: all else that Unicode calls a line break may stand in a text.
                        *whole, rest = (rest + chunk).split(b"\n")
                        for line in whole:
                            yield line
            except httpx2.HTTPError as error:
                raise JudgeCallError("the download broke off") from error
        if rest:
            yield rest

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


@contextmanager
def _gone() -> Iterator[None]:
    import openai

    try:
        yield
    except openai.NotFoundError as error:
        raise GoneError from error


def _state(batch: Any) -> BatchState:
    counts = batch.request_counts
    errors = batch.errors.data if batch.errors else None
    ended = batch.completed_at or batch.expired_at or batch.cancelled_at or batch.created_at
    return BatchState(
        status=batch.status,
        files=tuple(filter(None, (batch.output_file_id, batch.error_file_id))),
        completed=counts.completed if counts else None,
        failed=counts.failed if counts else None,
        error=code_of(errors[0].to_dict() if errors else None)
        if batch.status == "failed"
        else None,
        seconds=float(max(0, ended - batch.created_at)),
    )
