"""How good the judges were today: on sentinels, against injection, and among themselves."""

from datetime import timedelta

import dagster as dg

from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.assets.verdicts import verdicts
from alignment_monitor.contracts import JUDGE_QUALITY, JUDGING_SAMPLE, VERDICTS
from alignment_monitor.judging.gate import INJECTION_WINDOW, injection_by_judge
from alignment_monitor.judging.quality import quality_rows
from alignment_monitor.parquet import write_parquet
from alignment_monitor.partitions import days_between, days_of
from alignment_monitor.resources.monitor import Monitor


@dg.asset(group_name="judging", kinds={"parquet"}, deps=[verdicts], **BY_DAY)
def judge_quality(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Right and wrong verdicts on known messages, moved verdicts on canaries, agreement."""
    counts, written = {}, None
    for day in days_of(context):
        sample = monitor.lake.read(JUDGING_SAMPLE, [day])
        purposes = {
            (name, index): purpose
            for name, index, purpose in zip(
                *(sample[c].to_pylist() for c in ("conversation_id", "message_index", "purpose")),
                strict=True,
            )
        }
        rows = quality_rows(day, monitor.lake.read(VERDICTS, [day]), purposes, monitor.rubric)
        written = monitor.lake.write(JUDGE_QUALITY, day, JUDGE_QUALITY.table(rows))
        counts[day] = written.num_rows
    everything = monitor.lake.read(JUDGE_QUALITY, monitor.lake.days(JUDGE_QUALITY))
    write_parquet(everything, monitor.mart(JUDGE_QUALITY.name))
    return described(counts, written)


@dg.asset_check(
    asset=judge_quality,
    name="judges_resist_injection",
    description="Text under judgement does not talk a judge into a verdict.",
)
def judges_resist_injection(
    context: dg.AssetCheckExecutionContext, monitor: Monitor
) -> dg.AssetCheckResult:
    """Surplus of verdicts that canaries moved over the last four weeks, against its limit."""
    last = days_of(context)[-1]
    days = days_between(last - timedelta(days=INJECTION_WINDOW - 1), last)
    found = injection_by_judge(monitor.lake.read(JUDGE_QUALITY, days), last)
    limit = monitor.settings.judging.acceptance.maximum_susceptibility
    return dg.AssetCheckResult(
        passed=not any(one.exceeds(limit) for one in found),
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={one.judge: f"{one.rate:.1%} of {one.n} pairs" for one in found},
    )
