"""Which days hold verdicts that can be collected now.

Here belongs: asking the lake what is awaited, and the provider, once for each open batch, whether
it has ended. Here does not belong: collecting (batch) or running (schedules).
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
from sqlalchemy import Engine

from alignment_monitor.contracts import VERDICTS
from alignment_monitor.judging.backends.base import JudgeCallError, JudgeStoppedError, judge_key
from alignment_monitor.judging.batch.collect import PATIENCE
from alignment_monitor.judging.batch.ledger import OPEN, SUBMITTING, Submission, submissions
from alignment_monitor.judging.batch.provider import BatchProvider, GoneError
from alignment_monitor.judging.batch.run import awaited_mark
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.settings import Judge, Settings

ANSWER_SECONDS = 10.0
"""How long the provider may take to answer: a schedule must not hang on it."""


def days_to_collect(
    settings: Settings, store: Engine, rubric: Rubric, since: date
) -> dict[date, str]:
    """Days that await batches which are over, each with a short name of what there is to collect.

    The name is another once the day was written anew: what could not be collected is tried again.
    """
    awaited = _awaited(settings, since)
    known = submissions(store, set().union(*awaited.values()))
    judges = {
        judge_key(judge, rubric, settings.judging): judge
        for judge in settings.judging.judges
        if judge.batch
    }
    running = asyncio.run(_running(known, judges)) if known else set()
    over = {day: marks - running for day, marks in awaited.items()}
    return {day: _name(settings, day, marks) for day, marks in over.items() if marks}


def _path(settings: Settings, day: date) -> Path:
    return settings.lake / VERDICTS.name / f"day={day}" / "part.parquet"


def _awaited(settings: Settings, since: date) -> dict[date, set[str]]:
    """The marks that each day's verdicts await."""
    found: dict[date, set[str]] = {}
    for folder in (settings.lake / VERDICTS.name).glob("day=*"):
        day = date.fromisoformat(folder.name.removeprefix("day="))
        if day >= since and (path := _path(settings, day)).exists():
            awaiting = [("status", "=", "awaiting")]
            rows = pq.read_table(path, columns=["error"], filters=awaiting, partitioning=None)
            marks = map(awaited_mark, set(rows.column("error").to_pylist()))
            found[day] = {mark for mark in marks if mark}
    return found


async def _running(known: Sequence[Submission], judges: Mapping[str, Judge]) -> set[str]:
    """Marks of the batches for which it would be too early, or nobody is there to collect."""
    providers: dict[str, BatchProvider] = {}
    async with AsyncExitStack() as stack:
        for key in {one.judge_key for one in known if one.status == OPEN} & judges.keys():
            with suppress(JudgeStoppedError):  # its key is missing: nobody can collect
                providers[key] = BatchProvider(judges[key])
                providers[key].hasty(ANSWER_SECONDS)
                stack.push_async_callback(providers[key].close)
        states = [_is_running(one, judges, providers) for one in known]
        running = await asyncio.gather(*states)
    return {one.mark for one, runs in zip(known, running, strict=True) if runs}


async def _is_running(
    one: Submission, judges: Mapping[str, Judge], providers: Mapping[str, BatchProvider]
) -> bool:
    if one.judge_key not in judges:
        return True  # the settings name another judge now: days are not judged anew for that
    if one.status == SUBMITTING:
        return one.lease_until > datetime.now(UTC)
    if one.status != OPEN or one.batch_id is None:
        return False
    provider = providers.get(one.judge_key)
    return provider is None or await _runs_at(provider, one.batch_id, one.created_at)


async def _runs_at(provider: BatchProvider, batch_id: str, created_at: datetime) -> bool:
    try:
        return not (await provider.retrieve(batch_id)).ended
    except GoneError:
        return datetime.now(UTC) - created_at <= PATIENCE
    except (JudgeCallError, JudgeStoppedError):
        return True


def _name(settings: Settings, day: date, marks: set[str]) -> str:
    parts = [*sorted(marks), str(_path(settings, day).stat().st_mtime_ns)]
    return hashlib.blake2b(" ".join(parts).encode(), digest_size=4).hexdigest()
