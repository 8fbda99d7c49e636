"""What the tests of batches share: units, a run, and what a store holds."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, select

from alignment_monitor.judging.backends import judge_key
from alignment_monitor.judging.batch.run import Pace, judge_by_batch
from alignment_monitor.judging.journal import Answer, Journal, Key
from alignment_monitor.judging.rubric import Rubric, load_rubric
from alignment_monitor.judging.window import Unit, make_unit
from alignment_monitor.settings import Judge, Judging
from alignment_monitor.store.schema import judge_batch_units, judge_batches, verdict_journal

NOW = timedelta(0)
LONG = timedelta(hours=1)


def units(count: int, *, first: int = 0, occasion: str = "") -> list[Unit]:
    return [
        make_unit(
            f"c{i}",
            1,
            [
                {"index": 0, "role": "user", "content": f"question {i}"},
                {"index": 1, "role": "assistant", "content": f"You are right, {i}"},
            ],
            context_messages=6,
            max_tokens=3000,
            occasion=occasion,
        )
        for i in range(first, first + count)
    ]


def pace(wait: float = 0.0, lease: timedelta = LONG) -> Pace:
    return Pace(wait, first=0.02, longest=0.2, lease=lease)


@dataclass
class Runs:
    """One judge with its journal, asked by batch as often as a test likes."""

    store: Engine
    judge: Judge
    rubric: Rubric

    @classmethod
    def of(cls, store: Engine, url: str, **settings: object) -> "Runs":
        given = {"base_url": url, "batch": True, "max_retries": 0, "model": "judge-1", **settings}
        return cls(store, Judge(**given), load_rubric())

    @property
    def journal(self) -> Journal:
        key = judge_key(self.judge, self.rubric, Judging())
        return Journal(self.store, key, self.rubric.full_version)

    def run(
        self, wanted: Sequence[Unit], wait: float = 0.0, lease: timedelta = LONG
    ) -> dict[Key, Answer]:
        return asyncio.run(
            judge_by_batch(
                self.judge,
                wanted,
                rubric=self.rubric,
                journal=self.journal,
                store=self.store,
                pace=pace(wait, lease),
            )
        )

    def kept(self) -> list[dict]:
        """Rows of the journal, without what depends on the clock."""
        with self.store.connect() as connection:
            query = select(verdict_journal).order_by(*verdict_journal.primary_key)
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [
            {name: row[name] for name in row.keys() - {"received_at", "latency_seconds"}}
            for row in rows
        ]

    def batches(self) -> list[dict]:
        with self.store.connect() as connection:
            query = select(judge_batches).order_by(judge_batches.c.created_at)
            return [dict(row) for row in connection.execute(query).mappings()]

    def on_their_way(self) -> list[dict]:
        with self.store.connect() as connection:
            return [dict(row) for row in connection.execute(select(judge_batch_units)).mappings()]


def states(answers: dict[Key, Answer]) -> dict[str, int]:
    return dict(Counter(answer.status for answer in answers.values()))
