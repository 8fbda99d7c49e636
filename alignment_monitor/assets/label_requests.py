"""What the detector wants people to label."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from alignment_monitor.assets.drift_signals import drift_signals
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.assets.transcripts import transcripts
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.operations.labelling.bursts import asked_for, queue_bursts
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor


@dg.asset(group_name="alerting", kinds={"sqlite"}, deps=[drift_signals, transcripts], **BY_DAY)
def label_requests(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Fresh messages into the label queue where a change is suspected, of the last day of a run."""
    day = days_of(context)[-1]
    if monitor.settings.judging.stand_in is not None:
        return described({day: 0})  # stand_in_labels asks the judge that stands in for people
    signals = monitor.lake.read(DRIFT_SIGNALS, [day - timedelta(days=1), day]).to_pylist()
    queued = queue_bursts(
        monitor.settings,
        monitor.rubric,
        monitor.store,
        asked_for(signals, day),
        day=day,
        now=datetime.now(UTC),
    )
    return described({day: queued})
