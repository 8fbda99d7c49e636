"""Rates with intervals over windows of days, for every cell at once.

Here belong: the judge-scale estimate, the design-weighted ratio of what judges flagged to the
opportunities they saw (Hajek), its variance linearised and clustered by user. Here does not
belong: any judgement whether a rate has changed. Source: Särndal, Swensson and Wretman 1992, 5.7.
"""

from collections.abc import Mapping
from datetime import date
from itertools import product

import numpy as np
import pandas as pd

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.cells import (
    Floats,
    Groups,
    Integers,
    day_of,
    encode,
    group,
    tally,
)
from alignment_monitor.statistics.intervals import effective_n, t_quantile, wilson

METHOD = "Hajek ratio, clustered by user; Wilson on effective n, t quantile"
CELL = ("deployment_family", "deployment", "segment", "behaviour", "rubric_version", "panel")
KEYS = (*CELL, "user_key", "day")
ROLLED_UP = ("deployment", "segment")
SUMS = ("n", "n_o", "sum_d", "sum_do", "sum_dy")
ALL = "all"


def window_estimates(user_days: pd.DataFrame, *, day: date, window_days: int) -> pd.DataFrame:
    """Estimate every cell present in the window that ends on a day.

    Args:
        user_days: sufficient statistics by day, cell and user; other days are ignored.
        day: last day of the window.
        window_days: its length.

    Returns:
        Rows of ``ESTIMATES``: each deployment and segment, and 'all' of them. A cell without an
        opportunity has no rate (NO DATA), never zero.
    """
    ages = (pd.Timestamp(day) - day_of(user_days["day"])).dt.days.to_numpy()
    window = user_days.loc[(ages >= 0) & (ages < window_days), [*KEYS, *SUMS]]
    coded = encode(window, KEYS)
    values = {name: window[name].to_numpy(dtype=float)[coded.order] for name in SUMS}
    parts = []
    for rolled in product((True, False), repeat=len(ROLLED_UP)):
        names = {name for name, is_rolled in zip(ROLLED_UP, rolled, strict=True) if is_rolled}
        cells = group(*(coded.codes[name] for name in CELL if name not in names))
        labels = {name: ALL if name in names else coded.first(name, cells) for name in CELL}
        parts.append(_estimates(values, cells, coded.codes["user_key"]).assign(**labels))
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.drop_duplicates(list(CELL))  # a segment may itself be called 'all'
    rows = rows.assign(
        day=day,
        mode="judge scale",
        window_days=window_days,
        standardised=False,
        version=1,
        method=METHOD,
    )
    return rows[ESTIMATES.schema.names].reset_index(drop=True)


def _estimates(values: Mapping[str, Floats], cells: Groups, users: Integers) -> pd.DataFrame:
    sums = {name: cells.sum(column) for name, column in values.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(sums["n_o"] > 0, np.clip(sums["sum_dy"] / sums["sum_do"], 0, 1), np.nan)
        clusters, n_eff = _precision(values, sums, rate, cells, users)
        lower, upper = wilson(rate, n_eff, t_quantile(clusters))
        return pd.DataFrame(
            {
                "n": sums["n_o"].astype(np.int64),
                "judged": sums["n"].astype(np.int64),
                "users": clusters,
                "effective_n": n_eff,
                "opportunity_rate": np.clip(sums["sum_do"] / sums["sum_d"], 0, 1),
                "joint_rate": np.clip(sums["sum_dy"] / sums["sum_d"], 0, 1),
                "prevalence": rate,
                "lower": lower,
                "upper": upper,
            }
        )


def _precision(
    values: Mapping[str, Floats],
    sums: Mapping[str, Floats],
    rate: Floats,
    cells: Groups,
    users: Integers,
) -> tuple[Integers, Floats]:
    """Users with an opportunity in each cell, and its effective n: at most n, 1 for one user."""
    by_user = group(cells.code, users)
    cell, count = cells.code[by_user.first], len(cells.first)
    weight = by_user.sum(values["sum_do"])
    residual = by_user.sum(values["sum_dy"]) - rate[cell] * weight
    clusters = tally(cell, by_user.sum(values["n_o"]) > 0, count)
    square = sums["sum_do"] ** 2
    variance = tally(cell, residual**2, count) / square
    variance *= clusters / np.maximum(clusters - 1, 1)
    kish = square / tally(cell, weight**2, count)
    n_eff = np.minimum(effective_n(rate, variance, kish), sums["n_o"])
    n_eff = np.where(clusters == 1, 1.0, n_eff)
    return clusters.astype(np.int64), np.where(clusters > 0, n_eff, np.nan)
