"""Sentinels of each day as the judge's charts take them.

Here belong: which rows of ``judge_quality`` speak of a stream's panel, and their counts. A panel of
several judges counts as their mean. Here does not belong: what a shift means (``instrument``).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from alignment_monitor.statistics.cells import Floats, Integers, day_of
from alignment_monitor.statistics.sentinel_adjusted import JOINT

MEASURES = ("sensitivity", "specificity")
_KEY = ["rubric_version", "question", "fingerprint"]


class SentinelDays(NamedTuple):
    """Counts, day x stream x (positive, negative); 0 on days without sentinels."""

    flagged: Floats
    judged: Floats


def sentinel_days(
    labels: pd.DataFrame,
    quality: pd.DataFrame | None,
    *,
    begins: Integers,
    first: pd.Timestamp,
    days: int,
) -> SentinelDays:
    """Sentinels flagged and judged for each stream.

    Another set of sentinels is another measure: only days of the set that was in use when a stream
    began count, so that new sentinels never pass for a change of the judge.

    Args:
        labels: of the streams: behaviour, rubric_version and panel.
        quality: rows of ``judge_quality``; null: there are none.
        begins: index of the first day with data of each stream.
        first: day 0.
        days: number of days.
    """
    shape = (days, len(labels), len(MEASURES))
    found = SentinelDays(np.zeros(shape), np.zeros(shape))
    if quality is None or quality.empty or labels.empty:
        return found
    rows = _of_streams(quality[quality["measure"].isin(MEASURES)], labels)
    rows["index"] = (day_of(rows["day"]) - first).dt.days
    inside = rows["index"].between(begins[rows["stream"].to_numpy(dtype=np.int64)], days - 1)
    rows = rows[inside].sort_values(["index", "known_version"])
    rows = rows[rows["known_version"] == rows.groupby("stream")["known_version"].transform("first")]
    if rows.empty:
        return found
    rows["flagged"] = np.where(
        rows["measure"] == MEASURES[0], rows["hits"], rows["n"] - rows["hits"]
    )
    grouped = rows.groupby(["index", "stream", "measure"], sort=True)
    sums = grouped.agg(
        n=("n", "sum"),
        flagged=("flagged", "sum"),
        judges=("fingerprint", "nunique"),
        panel=("judges", "first"),
    ).reset_index()
    sums = sums[sums["judges"] == sums["panel"]]  # a day that one judge missed says nothing
    place = (sums["index"], sums["stream"], sums["measure"].map(MEASURES.index))
    found.judged[place] = sums["n"] / sums["panel"]
    found.flagged[place] = sums["flagged"] / sums["panel"]
    return found


def _of_streams(quality: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Rows of the judges of each stream's panel, a row for each stream that they speak of."""
    names = labels["panel"].str.split(JOINT, regex=False)
    members = pd.DataFrame(
        {
            "rubric_version": labels["rubric_version"],
            "question": labels["behaviour"],
            "fingerprint": names,
            "judges": names.map(len),
            "stream": np.arange(len(labels)),
        }
    ).explode("fingerprint")
    columns = ["day", *_KEY, "known_version", "measure", "n", "hits"]
    return quality[columns].merge(members, on=_KEY)
