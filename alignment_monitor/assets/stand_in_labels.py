"""A judge of another family is asked what people would be, where none label."""

from datetime import timedelta

import dagster as dg

from alignment_monitor import progress
from alignment_monitor.assets.drift_signals import drift_signals
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import DRIFT_SIGNALS, STAND_IN_LABELS
from alignment_monitor.judging.panel import ask_judge
from alignment_monitor.operations.labelling.bursts import asked_for
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.resources.stand_in import known_on, questions_of, stand_in_rows, units_of


@dg.asset(group_name="alerting", kinds={"openai", "parquet"}, deps=[drift_signals], **BY_DAY)
def stand_in_labels(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Its answers about a daily draw, and about bursts where a change is suspected; none unset."""
    judge, days = monitor.settings.judging.stand_in, days_of(context)
    if judge is None:
        return described({})
    questions, units = {}, {}
    for day in days:
        signals = monitor.lake.read(DRIFT_SIGNALS, [day - timedelta(days=1), day]).to_pylist()
        asked = asked_for(signals, day)
        questions[day] = questions_of(monitor.settings, monitor.rubric, day, asked)
        units[day] = units_of(monitor.settings, monitor.lake, day, questions[day])
    answers = ask_judge(
        judge,
        [unit for of_day in units.values() for unit in of_day],
        monitor.rubric,
        monitor.settings.judging,
        monitor.store,
        on_progress=lambda done, total: progress.report("stand_in_labels", done, total),
    )
    counts = {}
    for day in days:
        rows = stand_in_rows(
            monitor.settings,
            monitor.rubric,
            judge,
            day,
            units[day],
            questions[day],
            answers,
            known_on(monitor.lake, day, days[-1]),
        )
        table = STAND_IN_LABELS.table(list(rows))
        counts[day] = monitor.lake.write(STAND_IN_LABELS, day, table).num_rows
    return described(counts, messages=sum(map(len, units.values())))
