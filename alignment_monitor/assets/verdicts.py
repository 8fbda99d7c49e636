"""Judge models answer the rubric's questions about every sampled message."""

import asyncio
from collections.abc import Iterable
from datetime import date

import dagster as dg

from alignment_monitor import progress
from alignment_monitor.assets.judging_sample import judging_sample
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import CONVERSATIONS, JUDGING_SAMPLE, VERDICTS
from alignment_monitor.judging.backends import JudgeStoppedError, StructuredBackend, judge_key
from alignment_monitor.judging.engine import judge_units
from alignment_monitor.judging.journal import Answer, Journal
from alignment_monitor.judging.prompt import Unit, make_unit
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.settings import Judge


@dg.asset(
    group_name="judging",
    kinds={"openai", "parquet"},
    deps=[judging_sample],
    **BY_DAY,
)
def verdicts(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Each judge's answers about each sampled message; what the journal has is not asked again."""
    days = days_of(context)
    units = {day: list(day_units(monitor, day)) for day in days}
    everything = [unit for of_day in units.values() for unit in of_day]
    judging = monitor.settings.judging
    judges = judging.judges
    answers = {judge.name: _ask(monitor, judge, everything) for judge in judges}
    counts, written = {}, None
    for day in days:
        rows = [
            row
            for judge in judges
            for row in verdict_rows(
                day, units[day], answers[judge.name], judge, monitor.rubric, judging
            )
        ]
        written = monitor.lake.write(VERDICTS, day, VERDICTS.table(rows))
        counts[day] = len(units[day])
    states = [answer.status for given in answers.values() for answer in given.values()]
    return described(counts, written, answers={name: states.count(name) for name in set(states)})


def day_units(monitor: Monitor, day: date) -> Iterable[Unit]:
    """The day's selected messages with their context."""
    selected: dict[str, list[int]] = {}
    for row in monitor.lake.read(JUDGING_SAMPLE, [day]).to_pylist():
        if row["status"] == "selected":
            selected.setdefault(row["conversation_id"], []).append(row["message_index"])
    judging = monitor.settings.judging
    for conversation in monitor.lake.read(CONVERSATIONS, [day]).to_pylist():
        if not conversation["eligible"]:
            continue
        for index in selected.get(conversation["conversation_id"], ()):
            yield make_unit(
                conversation["conversation_id"],
                index,
                conversation["turns"],
                context_messages=judging.context_messages,
                max_characters=judging.max_context_characters,
            )


def _ask(monitor: Monitor, judge: Judge, units: list[Unit]) -> dict[str, Answer]:
    """A judge's answers by content hash; a judge that cannot start fails what is not known."""
    rubric = monitor.rubric
    journal = Journal(
        monitor.store, judge_key(judge, rubric, monitor.settings.judging), rubric.full_version
    )
    known = journal.known(unit.content_hash for unit in units)
    if all(unit.content_hash in known for unit in units):
        return known
    try:
        backend = StructuredBackend(judge, rubric)
    except JudgeStoppedError as error:
        failed = Answer("failed", error=str(error))
        return {unit.content_hash: known.get(unit.content_hash, failed) for unit in units}
    return asyncio.run(
        judge_units(
            units,
            rubric=rubric,
            backend=backend,
            journal=journal,
            concurrency=judge.concurrency,
            on_progress=lambda done, total: progress.report("verdicts", done, total),
        )
    )
