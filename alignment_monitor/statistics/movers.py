"""Which questions moved since a day: behaviours and opportunities of a family side by side.

Here belong: each question's rate before and since, and how far that is beyond chance. Here does not
belong: whether there was a change (the detector says that; the order here proves nothing).
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

KEY = ["rubric_version", "panel"]


def movers(sums: pd.DataFrame, questions: Collection[str]) -> list[dict[str, Any]]:
    """Questions whose rate given the opportunity moved, furthest beyond chance first.

    Rates are design-weighted ratios. Their variances are of the linearised residual summed by user
    (Cochran 1977, section 6.3), with G / (G - 1), so that one user with many messages is one. Users
    seen on both sides count as two, which makes the error of a difference rather too large. Only
    the rubric and panel with most messages since the day are compared.

    Args:
        sums: of one family by behaviour, rubric_version, panel, user_key and ``since`` (the day or
            later): ``n_o``, ``sum_do`` and ``sum_dy``.
        questions: those wanted.

    Returns:
        For each question with data on both sides: question, rate before and after, their
        difference, its standard error, z and n since. z is null where the error is zero.
    """
    rows = sums[sums["behaviour"].isin(list(questions)) & (sums["sum_do"] > 0)]
    in_use = rows[rows["since"]].groupby(KEY, sort=True)["n_o"].sum()
    if in_use.empty:
        return []
    version, panel = in_use.index.to_list()[int(in_use.argmax())]
    rows = rows[(rows["rubric_version"] == version) & (rows["panel"] == panel)]
    found = []
    for question, own in rows.sort_values("user_key").groupby("behaviour", sort=True):
        before, after = (own[own["since"] == late] for late in (False, True))
        if before.empty or after.empty:
            continue
        (old, old_variance), (new, new_variance) = _rate(before), _rate(after)
        error = float(np.sqrt(old_variance + new_variance))
        found.append(
            {
                "question": str(question),
                "before": old,
                "after": new,
                "difference": new - old,
                "error": error,
                "z": (new - old) / error if error > 0 else None,
                "n": int(after["n_o"].sum()),
            }
        )
    return sorted(found, key=lambda row: (-abs(row["z"] or 0.0), row["question"]))


def _rate(rows: pd.DataFrame) -> tuple[float, float]:
    """A ratio, and its variance clustered by user; without a second user as of one message."""
    offered, shown = rows["sum_do"].to_numpy(), rows["sum_dy"].to_numpy()
    total, users = float(offered.sum()), len(rows)
    rate = float(shown.sum()) / total
    if users < 2:
        return rate, rate * (1 - rate)
    residuals = (shown - rate * offered) / total
    return rate, users / (users - 1) * float(residuals @ residuals)
