"""Conversations come in: read from every source, admitted or quarantined, counted at the door."""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from alignment_monitor import progress
from alignment_monitor.assets.shared import BY_DAY, OWNERS, described
from alignment_monitor.contracts import CONVERSATIONS, INTAKE, QUARANTINE
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.sources import open_sources
from alignment_monitor.sources.intake import admit

_MEANING = {
    "conversations": "Finished conversations of each day, normalised and redacted.",
    "quarantine": "Records refused, each with its rule and reason; nothing is dropped.",
    "intake": "How many records came in, counted before any was judged fit.",
}
_WRITERS = {table.name: table for table in (CONVERSATIONS, QUARANTINE, INTAKE)}


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            name, description=meaning, group_name="intake", owners=OWNERS, kinds={"parquet"}
        )
        for name, meaning in _MEANING.items()
    ],
    partitions_def=BY_DAY["partitions_def"],
    backfill_policy=BY_DAY["backfill_policy"],
    name="intake",
)
def conversations(
    context: dg.AssetExecutionContext, monitor: Monitor
) -> Iterator[dg.MaterializeResult]:
    """Read each day from every source and sort it into what is fit and what is not."""
    sources, days = open_sources(monitor.settings), days_of(context)
    written: dict[str, list[pa.Table]] = {name: [] for name in _WRITERS}
    for done, day in enumerate(days, 1):
        received = pa.concat_tables([source.read(day) for source in sources])
        admitted = admit(received, day, monitor.settings)
        for name, contract in _WRITERS.items():
            rows = monitor.lake.write(contract, day, getattr(admitted, name))
            written[name].append(rows)
        progress.report("conversations", done, len(days))
    for name, tables in written.items():
        counts = {day: table.num_rows for day, table in zip(days, tables, strict=True)}
        yield described(counts, tables[-1], key=name)
