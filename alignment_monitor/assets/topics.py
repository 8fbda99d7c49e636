"""What flagged messages are about, and which opportunities they come with."""

import dagster as dg

from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.assets.transcripts import transcripts
from alignment_monitor.assets.warehouse import warehouse
from alignment_monitor.contracts import OPPORTUNITY_RATES, TOPICS
from alignment_monitor.parquet import write_parquet
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.flagged import opportunity_rates, topics_of
from alignment_monitor.resources.monitor import Monitor


@dg.asset(
    group_name="marts", kinds={"scikitlearn", "parquet"}, deps=[warehouse, transcripts], **BY_DAY
)
def topics(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Topics and rates by opportunity of the newest four weeks, whatever day is run."""
    settings, rubric = monitor.settings, monitor.rubric
    write_parquet(opportunity_rates(settings, rubric), monitor.mart(OPPORTUNITY_RATES.name))
    found = topics_of(settings, rubric)
    write_parquet(found, monitor.mart(TOPICS.name))
    return described({days_of(context)[-1]: found.num_rows})
