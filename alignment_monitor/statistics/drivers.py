"""Which segments a change came from.

Here belong: the split of a family's change over its segments, for the evidence of an alert. Here
does not belong: whether there was a change.
"""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from alignment_monitor.statistics.cells import day_of
from alignment_monitor.statistics.intervals import clustered

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
        For each segment with data since the change: segment, rate before and after with intervals
        (95 %, clustered by user), n since, and their difference. What is of before, and the
        difference, is null for a segment that is new.
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
    before, after = _rates(rows[same & ~since]), _rates(rows[same & since])
    rates = after.join(before.add_prefix("before_"))
    rates["difference"] = rates["rate"] - rates["before_rate"]
    share = rates["offered"] / rates["offered"].sum()
    rank = (rates["difference"] * share).abs().sort_values(ascending=False, kind="stable")
    named = {
        "before": "before_rate", "before_lower": "before_lower", "before_upper": "before_upper",
        "after": "rate", "lower": "lower", "upper": "upper", "difference": "difference",
    }  # fmt: skip
    ordered = rates.loc[rank.index, ["n", *named.values()]]
    return [
        {"segment": segment, "n": int(n), **dict(zip(named, map(_number, values), strict=True))}
        for segment, n, *values in ordered.itertuples(name=None)
    ]


def _rates(rows: pd.DataFrame) -> pd.DataFrame:
    """The rate of each segment with data, with its interval."""
    found = {}
    for segment, mine in rows.groupby("segment"):
        n, offered, positive = (mine[name].to_numpy(dtype=float) for name in SUMS)
        if n.sum() > 0:
            user = pd.factorize(mine["user_key"])[0].astype(np.int64)
            told = clustered(positive, offered, user, int(n.sum()))
            found[segment] = (*told, n.sum(), offered.sum())
    columns = ["rate", "lower", "upper", "n", "offered"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns, dtype=float)


def _number(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
