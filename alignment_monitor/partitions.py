"""The daily partition, once: one partition is one UTC day of finished conversations."""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg

from alignment_monitor.settings import load

daily = dg.DailyPartitionsDefinition(start_date=load().first_day.isoformat(), timezone="UTC")


def days_between(first: date, last: date) -> Iterator[date]:
    """Every day from first to last, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """The days a step works on: one, or all of a ranged run."""
    span = context.partition_key_range
    return list(days_between(date.fromisoformat(span.start), date.fromisoformat(span.end)))
