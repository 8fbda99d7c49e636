"""A probability sample of assistant messages, each with its stored inclusion probability."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa

from alignment_monitor.assets.screenings import screenings
from alignment_monitor.assets.shared import BY_DAY, described
from alignment_monitor.contracts import CONVERSATIONS, JUDGING_SAMPLE, SCREENINGS
from alignment_monitor.judging import known
from alignment_monitor.judging.money import calls_allowed
from alignment_monitor.partitions import days_of
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.resources.sampling import design_of_day
from alignment_monitor.sampling.design import Candidate, Draw, draw_sample, uniform
from alignment_monitor.screening.pressure import bucket_of

_ORIGIN = ("conversation_id", "deployment", "deployment_family", "segment", "user_key")


@dg.asset(group_name="sampling", kinds={"parquet"}, deps=[screenings], **BY_DAY)
def judging_sample(context: dg.AssetExecutionContext, monitor: Monitor) -> dg.MaterializeResult:
    """Messages to be judged: by the design last written before their day, within the budget."""
    settings, counts, written = monitor.settings, {}, None
    digest = settings.digest("sampling", "random_key")
    allowed = calls_allowed(settings.judging, monitor.rubric, monitor.store)
    for day in days_of(context):
        conversations = {
            row["conversation_id"]: row
            for row in monitor.lake.read(CONVERSATIONS, [day])
            .select([*_ORIGIN, "source", "eligible"])
            .to_pylist()
            if row["eligible"]
        }
        design = design_of_day(monitor.lake, settings.sampling, day)
        fixed = list(_known_rows(conversations, settings.random_key, most=allowed // 2))
        draws = draw_sample(
            _candidates(monitor.lake.read(SCREENINGS, [day]), conversations),
            settings.sampling,
            calls=allowed - sum(row["status"] == "selected" for row in fixed),
            key=settings.random_key,
            boosts=design.boosts,
        )
        rows = [
            {"day": day, "design_version": f"{digest}/{design.version}", **row}
            for row in (*fixed, *(_row(d, conversations) for d in draws))
        ]
        written = monitor.lake.write(JUDGING_SAMPLE, day, JUDGING_SAMPLE.table(rows))
        counts[day] = sum(row["status"] == "selected" for row in rows)
    return described(counts, written)


def _candidates(screened: pa.Table, conversations: dict[str, dict[str, Any]]) -> list[Candidate]:
    buckets: dict[str, dict[int, str]] = {}
    for row in screened.select(["conversation_id", "message_index", "pressure"]).to_pylist():
        bucket = bucket_of(row["pressure"])
        buckets.setdefault(row["conversation_id"], {})[row["message_index"]] = bucket
    return [
        Candidate(
            name,
            row["deployment_family"],
            row["deployment"],
            row["segment"],
            row["user_key"],
            buckets[name],
        )
        for name, row in conversations.items()
        if row["source"] not in known.KNOWN
    ]


def _row(draw: Draw, conversations: dict[str, dict[str, Any]]) -> dict[str, Any]:
    candidate = draw.candidate
    return {
        **_origin(conversations[candidate.conversation_id]),
        "message_index": draw.message_index,
        "bucket": candidate.buckets[draw.message_index],
        "stratum": candidate.stratum,
        "conversation_probability": draw.conversation_probability,
        "message_probability": draw.message_probability,
        "inclusion_probability": draw.conversation_probability * draw.message_probability,
        "sampling_number": draw.number,
        "purpose": "estimate",
        "status": "selected" if draw.selected else "over_budget",
    }


def _known_rows(
    conversations: dict[str, dict[str, Any]], key: str, *, most: int
) -> Iterator[dict[str, Any]]:
    """Every labelled message of the day's sentinels and canaries, anywhere among the others.

    They take at most half of the budget: what is beyond is over budget, by whole conversations
    and whole pairs of attack and twin.
    """
    groups: dict[str, list[str]] = {}
    for name, row in conversations.items():
        if row["source"] in known.KNOWN and known.find(name) is not None:
            groups.setdefault(known.item_of(name), []).append(name)
    taken = 0
    for item in sorted(groups, key=lambda item: uniform(key, "known", item)):
        rows = [row for name in groups[item] for row in _labelled(name, conversations[name], key)]
        taken += len(rows)
        status = "selected" if taken <= most else "over_budget"
        yield from ({**row, "status": status} for row in rows)


def _labelled(name: str, row: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    given = known.find(name)
    for index in given.labels if given else ():
        yield {
            **_origin(row),
            "message_index": index,
            "bucket": row["source"],
            "stratum": row["source"],
            "conversation_probability": 1.0,
            "message_probability": 1.0,
            "inclusion_probability": 1.0,
            "sampling_number": uniform(key, row["source"], name, str(index)),
            "purpose": row["source"],
        }


def _origin(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _ORIGIN}
