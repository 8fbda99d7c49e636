"""What the detector wants people to label."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from alignment_monitor.assets.drift_signals import drift_signals
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.assets.transcripts import transcripts
from alignment_monitor.contracts import DRIFT_SIGNALS, JUDGED_MESSAGES
from alignment_monitor.operations.labelling.bursts import asked_for, queue_bursts
from alignment_monitor.operations.labelling.queue import queue_days
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor


@dg.asset(
    group_name="alerting",
    kinds={"sqlite"},
    deps=[drift_signals, transcripts, JUDGED_MESSAGES.name],
    **BY_DAY,
)
def label_requests(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Messages into the label queue: some of each day, and of the last a burst where asked.

    The settings say how many of each day; the detector asks for a burst where it suspects a change.
    """
    settings, rubric, store = monitor.settings, monitor.rubric, monitor.store
    days, now = days_of(context), datetime.now(UTC)
    queued = queue_days(settings, rubric, store, days, now=now)
    if settings.judging.stand_in is not None:
        return described(queued)  # stand_in_labels asks the judge that stands in for people
    day = days[-1]
    signals = monitor.lake.read(DRIFT_SIGNALS, [day - timedelta(days=1), day]).to_pylist()
    asked = asked_for(signals, day)
    queued[day] += queue_bursts(settings, rubric, store, asked, day=day, now=now)
    return described(queued)
