"""What a reader needs of conversations and verdicts, by day, beside the other marts."""

import dagster as dg
import pyarrow.compute as pc

from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.assets.verdicts import verdicts
from alignment_monitor.contracts import CONVERSATIONS, JUDGING_SAMPLE, TRANSCRIPTS, VERDICTS
from alignment_monitor.parquet import write_parquet
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor

ROW_GROUP = 512
"""A reader opens one conversation: few others should be read with it."""


@dg.asset(group_name="marts", kinds={"parquet"}, deps=[verdicts], **BY_DAY)
def transcripts(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Conversations with a judged message, and their verdicts, as pages read them."""
    counts = {}
    for day in days_of(context):
        sample = monitor.lake.read(JUDGING_SAMPLE, [day])
        sampled = sample.filter(pc.equal(sample["purpose"], "estimate"))["conversation_id"]
        talks = monitor.lake.read(CONVERSATIONS, [day])
        talks = talks.filter(
            pc.and_(talks["eligible"], pc.is_in(talks["conversation_id"], sampled))
        )
        answers = monitor.lake.read(VERDICTS, [day])
        for contract, rows in ((TRANSCRIPTS, TRANSCRIPTS.conform(talks)), (VERDICTS, answers)):
            path = monitor.settings.marts / contract.name / f"day={day}.parquet"
            write_parquet(rows, path, row_group_size=ROW_GROUP)
        counts[day] = talks.num_rows
    return described(counts)
