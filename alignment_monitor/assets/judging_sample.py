"""A probability sample of assistant messages, each with its stored inclusion probability."""

from datetime import date

import dagster as dg
import pyarrow as pa

from alignment_monitor.assets.screenings import screenings
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import CONVERSATIONS, JUDGING_SAMPLE, SCREENINGS
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.sampling.design import Candidate, Draw, draw_sample
from alignment_monitor.screening.pressure import bucket_of


@dg.asset(group_name="sampling", kinds={"parquet"}, deps=[screenings], **BY_DAY)
def judging_sample(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Messages to be judged: stratified by deployment, segment and cue, within the budget."""
    settings, counts, written = monitor.settings, {}, None
    version = settings.digest("sampling", "random_key")
    for day in days_of(context):
        conversations = {
            row["conversation_id"]: row
            for row in monitor.lake.read(CONVERSATIONS, [day])
            .select(
                [
                    "conversation_id",
                    "deployment",
                    "deployment_family",
                    "segment",
                    "user_key",
                    "eligible",
                ]
            )
            .to_pylist()
            if row["eligible"]
        }
        draws = draw_sample(
            _candidates(monitor.lake.read(SCREENINGS, [day]), conversations),
            settings.sampling,
            calls_per_day=settings.judging.calls_per_day,
            key=settings.random_key,
        )
        rows = [
            _row(day, draw, conversations[draw.candidate.conversation_id], version)
            for draw in draws
        ]
        written = monitor.lake.write(JUDGING_SAMPLE, day, JUDGING_SAMPLE.table(rows))
        counts[day] = sum(row["status"] == "selected" for row in rows)
    return described(counts, written)


def _candidates(screened: pa.Table, conversations: dict[str, dict]) -> list[Candidate]:
    buckets: dict[str, dict[int, str]] = {}
    for row in screened.select(["conversation_id", "message_index", "pressure"]).to_pylist():
        bucket = bucket_of(row["pressure"])
        buckets.setdefault(row["conversation_id"], {})[row["message_index"]] = bucket
    return [
        Candidate(name, row["deployment"], row["segment"], buckets[name])
        for name, row in conversations.items()
    ]


def _row(day: date, draw: Draw, conversation: dict, version: str) -> dict:
    candidate = draw.candidate
    return {
        "day": day,
        "conversation_id": candidate.conversation_id,
        "message_index": draw.message_index,
        "deployment": candidate.deployment,
        "deployment_family": conversation["deployment_family"],
        "segment": candidate.segment,
        "user_key": conversation["user_key"],
        "bucket": candidate.bucket,
        "stratum": candidate.stratum,
        "conversation_probability": draw.conversation_probability,
        "message_probability": draw.message_probability,
        "inclusion_probability": draw.conversation_probability * draw.message_probability,
        "purpose": "estimate",
        "status": "selected" if draw.selected else "over_budget",
        "design_version": version,
    }
