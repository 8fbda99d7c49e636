"""The verdict journal: each answer is kept the moment it arrives, so none is bought twice.

Here belong: reading and appending answers by what was asked, of whom, with which wording, on
which occasion.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, select

from alignment_monitor.store.database import insert_new
from alignment_monitor.store.schema import verdict_journal

TRAFFIC = ""
"""Occasion of ordinary traffic; sentinels and canaries are asked afresh, so theirs is the day."""

Key = tuple[str, str]
"""Content hash and occasion of a unit."""

_CHUNK = 500
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_Pending = tuple[dict[str, Any], asyncio.Future[None]]


@dataclass(frozen=True)
class Answer:
    """A judge's answer to one unit.

    Attributes:
        status: ok, refused, invalid; failed ones are not kept and asked again;
            awaiting where a batch has not been collected.
        model: model snapshot as returned.
        text: the answer as JSON text; null if there is none.
        prompt_tokens: as counted by the server, over all attempts.
        completion_tokens: likewise.
        error: why it is not ok.
    """

    status: str
    model: str = ""
    text: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error: str | None = None


class Journal:
    """Answers of one judge to one rubric version."""

    def __init__(self, engine: Engine, judge_key: str, rubric_version: str) -> None:
        self.judge_key, self.rubric_version = judge_key, rubric_version
        self._engine = engine
        self._pending: list[_Pending] = []
        self._writer: asyncio.Task[None] | None = None

    def known(self, keys: Iterable[Key]) -> dict[Key, Answer]:
        """Answers already received, by key."""
        by_occasion: dict[str, set[str]] = {}
        for unit_hash, occasion in keys:
            by_occasion.setdefault(occasion, set()).add(unit_hash)
        found: dict[Key, Answer] = {}
        with self._engine.connect() as connection:
            for occasion, hashes in by_occasion.items():
                for chunk in _chunks(sorted(hashes)):
                    query = select(verdict_journal).where(
                        verdict_journal.c.unit_hash.in_(chunk),
                        verdict_journal.c.judge_key == self.judge_key,
                        verdict_journal.c.rubric_version == self.rubric_version,
                        verdict_journal.c.occasion == occasion,
                    )
                    for row in connection.execute(query):
                        found[row.unit_hash, occasion] = _answer(row)
        return found

    async def keep(self, key: Key, answer: Answer, latency: float) -> None:
        """Commit an answer; a second one to the same question changes nothing.

        Answers that arrive while one is being committed are committed together, off the event
        loop: a commit for each would cost more than the call.

        Args:
            key: what was asked about, and on which occasion.
            answer: what came back.
            latency: seconds it took.
        """
        committed = asyncio.get_running_loop().create_future()
        self._pending.append((self._row(key, answer, latency), committed))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await asyncio.shield(committed)

    def keep_all(self, answers: Iterable[tuple[Key, Answer, float]]) -> None:
        """Commit many answers at once: (key, answer, latency in seconds)."""
        rows = [self._row(*one) for one in answers]
        if rows:
            insert_new(self._engine, verdict_journal, rows)

    async def _write(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            if not await self._committed(batch):
                for one in batch:  # one of them must not keep the others from being kept
                    await self._committed([one], told=True)

    async def _committed(self, batch: list[_Pending], *, told: bool = False) -> bool:
        """Commit a group; whoever waits for an answer learns of it, if ``told`` of failure too."""
        try:
            rows = [row for row, _ in batch]
            await asyncio.to_thread(insert_new, self._engine, verdict_journal, rows)
        except Exception as error:
            for _, committed in batch if told else ():
                committed.set_exception(error)
            return False
        for _, committed in batch:
            if not committed.done():
                committed.set_result(None)
        return True

    def _row(self, key: Key, answer: Answer, latency: float) -> dict[str, Any]:
        unit_hash, occasion = key
        return {
            "unit_hash": unit_hash,
            "judge_key": self.judge_key,
            "rubric_version": self.rubric_version,
            "occasion": occasion,
            "status": answer.status,
            "returned_model": storable(answer.model) or "",
            "answer": storable(answer.text),
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "latency_seconds": latency,
            "received_at": datetime.now(UTC),
            "error": storable(answer.error),
        }


def storable(text: str | None) -> str | None:
    """A text that every database and file takes."""
    return text and _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _answer(row: Row[Any]) -> Answer:
    return Answer(
        row.status,
        row.returned_model,
        row.answer,
        row.prompt_tokens,
        row.completion_tokens,
        row.error,
    )


def _chunks(hashes: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(hashes), _CHUNK):
        yield hashes[start : start + _CHUNK]
