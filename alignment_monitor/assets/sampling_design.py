"""By which rates later days are drawn, learned from the verdicts so far.

The next days' ``judging_sample`` reads it. That is no edge of the graph, which has no cycles: a day
is drawn by what was stored before it, never by what its own run finds.
"""

from datetime import timedelta

import dagster as dg
import pyarrow.compute as pc

from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.assets.warehouse import warehouse
from alignment_monitor.contracts import JUDGING_SAMPLE
from alignment_monitor.partitions import days_between, days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.resources.sampling import is_open, write_design
from alignment_monitor.resources.warehouse import bucket_sums
from alignment_monitor.sampling.boosts import WINDOW_DAYS, learned


@dg.asset(group_name="sampling", kinds={"pandas", "parquet"}, deps=[warehouse], **BY_DAY)
def sampling_design(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Boosts by the verdicts of four weeks, written once, after the last day of a run.

    A day that was drawn must find the same design when it is run again: once a later day was
    drawn, or where nothing was judged, what is stored stays as it is.
    """
    last, settings, rubric = days_of(context)[-1], monitor.settings, monitor.rubric
    first = last - timedelta(days=WINDOW_DAYS - 1)
    cells = bucket_sums(settings.warehouse, first, last, rubric.full_version, rubric.headline)
    if cells.empty or not is_open(monitor.lake, last):
        return described({last: 0})
    sample = monitor.lake.read(JUDGING_SAMPLE, days_between(first, last))
    drawn = sample.filter(
        pc.and_(pc.equal(sample["purpose"], "estimate"), pc.equal(sample["status"], "selected"))
    )
    columns = ["day", "deployment_family", "segment", "bucket", "inclusion_probability"]
    found = learned(cells, drawn.select(columns).to_pandas(), settings.sampling.boosts)
    written = write_design(monitor.lake, last, found)
    return described({last: written.num_rows}, written)
