"""The verdict journal: each answer is kept the moment it arrives, so none is bought twice.

Here belong: reading and appending answers by what was asked, of whom, with which wording.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from alignment_monitor.store.schema import verdict_journal

TRAFFIC = ""
"""Occasion of ordinary traffic; sentinels are asked afresh, so theirs is the day."""


@dataclass(frozen=True)
class Answer:
    """A judge's answer to one unit.

    Attributes:
        status: ok, refused, invalid; failed ones are not kept and asked again.
        model: model snapshot as returned.
        text: the answer as JSON text; null if there is none.
        prompt_tokens: as counted by the server.
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
        self._engine = engine
        self._key = {"judge_key": judge_key, "rubric_version": rubric_version}

    def known(self, unit_hashes: Iterable[str], occasion: str = TRAFFIC) -> dict[str, Answer]:
        """Answers already received, by unit hash."""
        table, hashes, found = verdict_journal, sorted(set(unit_hashes)), {}
        with self._engine.connect() as connection:
            for start in range(0, len(hashes), 500):
                query = select(table).where(
                    table.c.unit_hash.in_(hashes[start : start + 500]),
                    table.c.judge_key == self._key["judge_key"],
                    table.c.rubric_version == self._key["rubric_version"],
                    table.c.occasion == occasion,
                )
                for row in connection.execute(query).mappings():
                    found[row["unit_hash"]] = Answer(
                        row["status"],
                        row["returned_model"],
                        row["answer"],
                        row["prompt_tokens"],
                        row["completion_tokens"],
                        row["error"],
                    )
        return found

    def keep(self, unit_hash: str, answer: Answer, latency: float, occasion: str = TRAFFIC) -> None:
        """Commit an answer; a second one to the same question changes nothing.

        Args:
            unit_hash: what was asked about.
            answer: what came back.
            latency: seconds it took.
            occasion: '' for traffic.
        """
        row = {
            **self._key,
            "unit_hash": unit_hash,
            "occasion": occasion,
            "status": answer.status,
            "returned_model": answer.model,
            "answer": answer.text,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "latency_seconds": latency,
            "received_at": datetime.now(UTC),
            "error": answer.error,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(verdict_journal), row)
        except IntegrityError:
            if unit_hash not in self.known([unit_hash], occasion):
                raise
            # Another worker had asked the same; the first answer counts.
