"""Judge models answer the rubric's questions about every sampled message."""

from collections import Counter
from datetime import date

import dagster as dg

from alignment_monitor import progress
from alignment_monitor.assets.judging_sample import judging_sample
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import CONVERSATIONS, JUDGING_SAMPLE, VERDICTS
from alignment_monitor.judging.panel import ask_judge
from alignment_monitor.judging.verdicts import verdict_rows
from alignment_monitor.judging.window import Unit, selected_units
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor


@dg.asset(
    group_name="judging",
    kinds={"openai", "parquet"},
    deps=[judging_sample],
    **BY_DAY,
)
def verdicts(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Each judge's answers about each sampled message; what the journal has is not asked again."""
    days, settings = days_of(context), monitor.settings
    units = {day: day_units(monitor, day) for day in days}
    everything = [unit for of_day in units.values() for unit in of_day]
    answers = {
        judge.name: ask_judge(
            judge,
            everything,
            monitor.rubric,
            settings.judging,
            monitor.store,
            on_progress=lambda done, total: progress.report("verdicts", done, total),
        )
        for judge in settings.judging.judges
    }
    counts, written = {}, None
    for day in days:
        rows = [
            row
            for judge in settings.judging.judges
            for row in verdict_rows(
                day, units[day], answers[judge.name], judge, monitor.rubric, settings.judging
            )
        ]
        written = monitor.lake.write(VERDICTS, day, VERDICTS.table(rows))
        counts[day] = len(units[day])
    states = Counter(answer.status for given in answers.values() for answer in given.values())
    return described(counts, written, answers=dict(states))


def day_units(monitor: Monitor, day: date) -> list[Unit]:
    """The day's selected messages with their context."""
    sample, conversations = (
        monitor.lake.read(contract, [day]) for contract in (JUDGING_SAMPLE, CONVERSATIONS)
    )
    return selected_units(sample, conversations, monitor.settings.judging, day)
