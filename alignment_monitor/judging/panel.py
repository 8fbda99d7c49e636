"""A judge of the panel is asked about units: journal, backend, limits and budget put together.

Here belongs: what it takes to ask one judge. Every verdict of every judge is stored; how they are
brought together is the warehouse's.
"""

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from alignment_monitor.judging.backends import JudgeStoppedError, judge_key, open_backend
from alignment_monitor.judging.batch.run import judge_by_batch
from alignment_monitor.judging.engine import judge_units
from alignment_monitor.judging.journal import Answer, Journal, Key
from alignment_monitor.judging.limits import Limits
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import Unit
from alignment_monitor.settings import Judge, Judging

Progress = Callable[[int, int], None]


def open_journal(judge: Judge, rubric: Rubric, judging: Judging, store: Engine) -> Journal:
    """The journal of a judge's answers to a rubric."""
    return Journal(store, judge_key(judge, rubric, judging), rubric.full_version)


def ask_judge(
    judge: Judge,
    units: Sequence[Unit],
    rubric: Rubric,
    judging: Judging,
    store: Engine,
    *,
    on_progress: Progress = lambda done, total: None,
) -> dict[Key, Answer]:
    """A judge's answers by key; a judge that cannot start fails what is not known.

    One that is asked by batch may leave units awaiting; the next run collects them.

    Args:
        judge: whom to ask.
        units: about what, in this order.
        rubric: the questions.
        judging: window of context.
        store: operational store with the journal.
        on_progress: told (done, total) after each answer, or each look at the batches.

    Raises:
        JudgingInterrupted: we were told to stop.
    """
    journal = open_journal(judge, rubric, judging, store)
    known = journal.known(unit.key for unit in units)
    if all(unit.key in known for unit in units):
        return known  # nothing is left to ask: no client is opened, no key needed
    if judge.batch:
        batched = judge_by_batch(
            judge, units, rubric=rubric, journal=journal, store=store, on_progress=on_progress
        )
        return asyncio.run(batched)
    try:
        return asyncio.run(_asked(judge, units, rubric, journal, on_progress))
    except JudgeStoppedError as error:
        failed = Answer("failed", error=str(error))
        return {unit.key: known.get(unit.key, failed) for unit in units}


async def _asked(
    judge: Judge,
    units: Sequence[Unit],
    rubric: Rubric,
    journal: Journal,
    on_progress: Progress,
) -> dict[Key, Answer]:
    limits = Limits(judge.concurrency, judge.requests_per_minute, judge.tokens_per_minute)
    return await judge_units(
        units,
        backend=open_backend(judge, rubric, limits),
        journal=journal,
        limits=limits,
        again_if_invalid=judge.again_if_invalid,
        on_progress=on_progress,
    )
