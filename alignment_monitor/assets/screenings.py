"""Every assistant message is screened for what the user's turn before it offered."""

import dagster as dg

from alignment_monitor import progress
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import CONVERSATIONS, SCREENINGS
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.screening.pressure import screening_rows


@dg.asset(group_name="screening", kinds={"parquet"}, deps=["conversations"], **BY_DAY)
def screenings(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Cues of pressure before each assistant message; they steer sampling, never a chart."""
    days, counts, written = days_of(context), {}, None
    for done, day in enumerate(days, 1):
        eligible = [
            row for row in monitor.lake.read(CONVERSATIONS, [day]).to_pylist() if row["eligible"]
        ]
        rows = [
            row for conversation in eligible for row in screening_rows(conversation, monitor.rubric)
        ]
        written = monitor.lake.write(SCREENINGS, day, SCREENINGS.table(rows))
        counts[day] = written.num_rows
        progress.report("screenings", done, len(days))
    return described(counts, written)
