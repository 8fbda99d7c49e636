"""Rates from the labels of today, without a run.

Here belongs: which days and labels count for a rate asked for now. Here does not belong: the
estimate (statistics.labelled) or how it is printed (cli).
"""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Engine

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.labelling.queue import LabellingError
from alignment_monitor.resources.gold import judged_messages, labelled_days
from alignment_monitor.settings import Settings


def estimate_from_labels(
    settings: Settings, rubric: Rubric, store: Engine, *, last: date | None, window_days: int
) -> list[dict[str, Any]]:
    """Two-phase rates of every family and charted question over one window.

    Args:
        settings: of the home.
        rubric: labels and verdicts under others do not count.
        store: the operational store.
        last: last day of the window; null for the last that was judged.
        window_days: its length, 7 or more.

    Returns:
        Rows of ``ESTIMATES`` by family, panel and question, as a run would write them.

    Raises:
        LabellingError: nothing was judged in the window, or none of it was labelled.
        WarehouseError: the home's judged answers cannot be read.
    """
    newest = judged_messages(settings, rubric, last and last - timedelta(window_days - 1), last)
    if not newest:
        raise LabellingError(
            f"no message of those days was judged by the rubric {rubric.full_version}: "
            "run the days first, or name another by --to"
        )
    end = last or max(message.day for message in newest)
    start = end - timedelta(days=window_days - 1)
    days = labelled_days(settings, rubric, store, start, end)
    found = None if days is None else days.estimates(end, (window_days,))
    if found is None or found.empty:
        raise LabellingError(
            f"no message judged from {start} to {end} was labelled: draw by `labels queue`, and "
            "bring labels in by `labels import FILE`"
        )
    order = {name: place for place, name in enumerate((*rubric.headline, *rubric.graded))}
    return sorted(
        ESTIMATES.from_frame(found).to_pylist(),
        key=lambda row: (
            row["deployment_family"],
            row["panel"],
            order.get(row["behaviour"], len(order)),
        ),
    )
