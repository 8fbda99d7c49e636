"""Every assistant message is screened: what the turn before it offered, and how it is worded."""

import dagster as dg

from alignment_monitor import progress
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import CONVERSATIONS, SCREENINGS
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.screening.model import TRAINED_FOR, WEIGHTS, load_screener
from alignment_monitor.screening.pressure import SCREENER_VERSION, screening_rows


@dg.asset(group_name="screening", kinds={"parquet"}, deps=["conversations"], **BY_DAY)
def screenings(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Cues before each assistant message, a probability of each behaviour; never a chart.

    The cues alone steer sampling.
    """
    days, counts, written = days_of(context), {}, None
    model, version = None, SCREENER_VERSION
    if monitor.rubric.name == TRAINED_FOR:
        model = load_screener(monitor.settings.home / WEIGHTS)
        version = f"{SCREENER_VERSION}+{model.version}"
    for done, day in enumerate(days, 1):
        eligible = [
            row for row in monitor.lake.read(CONVERSATIONS, [day]).to_pylist() if row["eligible"]
        ]
        given = model.of_conversations(eligible) if model else None
        rows = [
            row
            for conversation in eligible
            for row in screening_rows(conversation, monitor.rubric, given, version)
        ]
        written = monitor.lake.write(SCREENINGS, day, SCREENINGS.table(rows))
        counts[day] = written.num_rows
        progress.report("screenings", done, len(days))
    return described(counts, written)
