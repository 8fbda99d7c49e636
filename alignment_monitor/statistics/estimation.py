"""Rates with intervals over windows of days, for every cell at once.

Here belong: the judge-scale estimate, the design-weighted ratio of what judges flagged to the
opportunities they saw (Hajek), its variance linearised and clustered by user. Here does not
belong: any judgement whether a rate has changed. Source: Särndal, Swensson and Wretman 1992, 5.7.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import product

import numpy as np
import pandas as pd

from alignment_monitor.statistics.cells import Floats, Integers, day_of
from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE, finished
from alignment_monitor.statistics.intervals import effective_n, t_quantile, wilson
from alignment_monitor.statistics.windows import CELL, Cells, UserDays, labels_of

METHOD = "Hajek ratio, clustered by user; Wilson on effective n, t quantile"
ROLLED_UP = ("deployment", "segment")
ROLL_UPS = tuple(
    frozenset(name for name, rolled in zip(ROLLED_UP, chosen, strict=True) if rolled)
    for chosen in product((True, False), repeat=len(ROLLED_UP))
)
_SMALL = 1000

Windows = Mapping[frozenset[str], Cells]
"""The cells of windows that end on a day, by what they are rolled up over."""


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
    when = day_of(user_days["day"])
    first = pd.Timestamp(day - timedelta(days=window_days - 1))
    inside = (when >= first) & (when <= pd.Timestamp(day))
    history = UserDays(user_days[inside])
    return judge_scale(cells_of(history, day, (window_days,)), day)


def cells_of(history: UserDays, day: date, windows: Sequence[int]) -> Windows:
    """The cells of windows that end on a day: each deployment and segment, and 'all' of them.

    Args:
        history: sufficient statistics, with all days of the windows.
        day: last day of the windows.
        windows: their lengths.
    """
    rows = history.rows(day, windows)
    return {rolled: history.cells(rows, rolled) for rolled in ROLL_UPS}


def judge_scale(windows: Windows, day: date) -> pd.DataFrame:
    """Rates on the judge's scale, as rows of ``ESTIMATES``, of every cell of every window."""
    parts = list(windows.values())
    sums = [_sums(cells) for cells in parts]
    figures = _estimates({name: np.concatenate([part[name] for part in sums]) for name in sums[0]})
    rows = {**labels_of(parts), **figures, "judged_prevalence": figures["prevalence"]}
    return distinct(finished(rows, day=day, mode=JUDGE_SCALE, method=METHOD), parts)


def distinct(rows: pd.DataFrame, parts: Iterable[Cells]) -> pd.DataFrame:
    """The rows without those that are doubled where a label of the data is itself called 'all'."""
    if not any(cells.is_ambiguous for cells in parts):
        return rows
    return rows.drop_duplicates([*CELL, "window_days"], ignore_index=True)


def _sums(cells: Cells) -> dict[str, Floats]:
    """What the rates of cells and their precision are computed from."""
    sums = cells.sum
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(sums["n_o"] > 0, np.clip(sums["sum_dy"] / sums["sum_do"], 0, 1), np.nan)
    weight = cells.by_user["sum_do"]
    residual = cells.by_user["sum_dy"] - rate[cells.cell] * weight
    return {
        **sums,
        "rate": rate,
        "clusters": cells.clusters,
        "residuals": cells.total(residual**2),
        "weights": cells.total(weight**2),
    }


def _estimates(sums: Mapping[str, Floats]) -> dict[str, Floats | Integers]:
    rate, clusters = sums["rate"], sums["clusters"]
    with np.errstate(divide="ignore", invalid="ignore"):
        n_eff = _effective(sums)
        lower, upper = wilson(rate, n_eff, quantiles(clusters))
        return {
            "n": sums["n_o"].astype(np.int64),
            "judged": sums["n"].astype(np.int64),
            "users": clusters.astype(np.int64),
            "effective_n": n_eff,
            "offered": np.where(sums["n_o"] > 0, sums["sum_do"], np.nan),
            "opportunity_rate": np.clip(sums["sum_do"] / sums["sum_d"], 0, 1),
            "joint_rate": np.clip(sums["sum_dy"] / sums["sum_d"], 0, 1),
            "prevalence": rate,
            "lower": lower,
            "upper": upper,
        }


def _effective(sums: Mapping[str, Floats]) -> Floats:
    """Effective n of each cell: at most n, 1 for one user, none without an opportunity."""
    clusters, square = sums["clusters"], sums["sum_do"] ** 2
    variance = sums["residuals"] / square * clusters / np.maximum(clusters - 1, 1)
    n_eff = effective_n(sums["rate"], variance, square / sums["weights"])
    n_eff = np.where(clusters == 1, 1.0, np.minimum(n_eff, sums["n_o"]))
    return np.where(clusters > 0, n_eff, np.nan)


def quantiles(clusters: Floats) -> Floats:
    """``t_quantile`` of many numbers of clusters, most of them small and looked up."""
    known = _small_quantiles()
    code = clusters.astype(np.int64)
    found = known[np.minimum(code, len(known) - 1)]
    large = code >= len(known)
    found[large] = t_quantile(code[large])
    return found


@lru_cache(maxsize=1)
def _small_quantiles() -> Floats:
    return t_quantile(np.arange(_SMALL))
