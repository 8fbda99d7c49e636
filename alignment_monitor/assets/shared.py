"""What every asset of the graph has in common: its keywords and the look of its metadata."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa

from alignment_monitor.partitions import daily

OWNERS = ["team:alignment"]
BY_DAY: dict[str, Any] = {
    "partitions_def": daily,
    "backfill_policy": dg.BackfillPolicy.single_run(),
    "owners": OWNERS,
}
"""Keywords of an asset that works on one day, or on all days of a range in one run."""

FREE_TEXT = ("excerpt", "rationale", "error", "reason", "location", "conversation_id")
"""Columns that hold what strangers wrote: never in metadata."""
_PLAIN = re.compile(r"[^\w .:+/|-]")
_BARS = "▁▂▃▄▅▆▇█"


def described(
    rows_by_day: Mapping[date, int],
    preview: pa.Table | None = None,
    *,
    key: str | None = None,
    **more: Any,
) -> dg.MaterializeResult:
    """Row count, a small plot of rows per day, and the first rows as a table."""
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(rows_by_day.values()),
        "rows_per_day": dg.MetadataValue.md(plot(rows_by_day)),
        **more,
    }
    if preview is not None and preview.num_rows:
        metadata["preview"] = dg.MetadataValue.md(markdown(preview))
    return dg.MaterializeResult(asset_key=key, metadata=metadata)


def plot(values: Mapping[date, int]) -> str:
    """A one-line bar chart of at most 90 days, with its extremes."""
    shown = dict(list(values.items())[-90:])
    top = max(shown.values(), default=0) or 1
    bars = "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in shown.values())
    return f"`{bars}` {min(shown.values(), default=0)} to {max(shown.values(), default=0)} a day"


def markdown(table: pa.Table, rows: int = 5) -> str:
    """The first rows of flat columns as Markdown; foreign text is left out."""
    flat = [f.name for f in table.schema if not pa.types.is_nested(f.type)]
    flat = [name for name in flat if name not in FREE_TEXT][:10]
    lines = ["| " + " | ".join(flat) + " |", "|" + "---|" * len(flat)]
    for row in table.select(flat).slice(0, rows).to_pylist():
        cells = (f"`{_PLAIN.sub(' ', str(value))[:40]}`" for value in row.values())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
