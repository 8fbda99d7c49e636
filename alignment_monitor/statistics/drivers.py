"""Which segments a change came from.

Here belong: the split of a family's change over its segments, for the evidence of an alert. Here
does not belong: whether there was a change.
"""

from datetime import date
from typing import Any

import pandas as pd

from alignment_monitor.statistics.cells import day_of

SUMS = ["n_o", "sum_do", "sum_dy"]


def drivers(
    user_days: pd.DataFrame, *, family: str, behaviour: str, change_day: date, day: date
) -> list[dict[str, Any]]:
    """The segments of a family, largest contribution to its change first.

    A contribution is the difference of the segment's rate times its share of the opportunities
    since the change. Only the rubric and panel in use since the change are compared.

    Args:
        user_days: sufficient statistics by day, cell and user.
        family: deployment family.
        behaviour: question watched.
        change_day: first day of the change.
        day: last day looked at.

    Returns:
        For each segment with data since the change: segment, rate before and after, n since, and
        their difference. Before and difference are null for a segment that is new.
    """
    days = day_of(user_days["day"])
    mine = (user_days["deployment_family"] == family) & (user_days["behaviour"] == behaviour)
    rows = user_days[mine & (days <= pd.Timestamp(day))]
    rows = rows.sort_values(["rubric_version", "panel", "segment", "user_key", "day"])
    since = day_of(rows["day"]) >= pd.Timestamp(change_day)
    in_use = rows[since].groupby(["rubric_version", "panel"])["n_o"].sum()
    if in_use.sum() == 0:
        return []
    rubric, panel = in_use.index.to_list()[int(in_use.argmax())]
    same = (rows["rubric_version"] == rubric) & (rows["panel"] == panel)
    before = rows[same & ~since].groupby("segment")[SUMS].sum()
    after = rows[same & since].groupby("segment")[SUMS].sum()
    after = after[after["n_o"] > 0]
    rates = pd.DataFrame(
        {
            "before": before["sum_dy"] / before["sum_do"],
            "after": after["sum_dy"] / after["sum_do"],
            "n": after["n_o"],
            "share": after["sum_do"] / after["sum_do"].sum(),
        }
    ).loc[after.index]
    rates["difference"] = rates["after"] - rates["before"]
    rank = (rates["difference"] * rates["share"]).abs().sort_values(ascending=False, kind="stable")
    return [
        {
            "segment": segment,
            "before": _number(rates.at[segment, "before"]),
            "after": _number(rates.at[segment, "after"]),
            "n": int(rates.at[segment, "n"]),
            "difference": _number(rates.at[segment, "difference"]),
        }
        for segment in rank.index
    ]


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
