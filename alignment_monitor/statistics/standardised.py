"""Rates standardised to a reference mix of segments, beside those that users get.

Here belong: the mix of the baseline as it stood when that was complete, and rates of windows
weighted to it. Here does not belong: the daily rates that detection standardises (standardise).

As in detection, a segment without data in a window is taken to deviate from its baseline as the
others do, and one that the baseline has not seen has no weight.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignment_monitor.statistics.cells import Floats, Integers, day_of, tally
from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE, finished
from alignment_monitor.statistics.estimation import Windows, distinct, quantiles
from alignment_monitor.statistics.intervals import effective_n, wilson
from alignment_monitor.statistics.windows import Cells, labels_of

METHOD = (
    "Hajek ratios by segment, weighted to the baseline's mix, clustered by user; "
    "Wilson on effective n, t quantile"
)
STREAM = ("deployment_family", "behaviour", "rubric_version", "panel")
SEGMENT = frozenset({"segment"})
NO_MIX = "the baseline is not complete: there is no reference mix yet"
NO_SEGMENT = "no segment of the reference mix has data"


class ReferenceMix:
    """Mix and rates of the baseline of each stream: one stream a row, the last row for none."""

    def __init__(
        self, baseline: pd.DataFrame, baseline_days: int, names: Mapping[str, pd.CategoricalDtype]
    ) -> None:
        """Sum up the baselines.

        Args:
            baseline: day x stream x segment with sum_do and sum_dy: of each stream its first
                ``baseline_days`` days with data, and no others.
            baseline_days: days with data that make a baseline.
            names: what codes mean, as in ``Cells``.
        """
        rows = baseline[baseline["sum_do"] > 0]
        rows = rows.assign(day=day_of(rows["day"])).sort_values([*STREAM, "segment", "day"])
        streams = [
            (stream, part)
            for stream, part in rows.groupby(list(STREAM), sort=True)
            if part["day"].nunique() >= baseline_days
        ]
        segments = names["segment"].categories
        self.mix = np.zeros((len(streams) + 1, len(segments)))
        self.rate = np.zeros_like(self.mix)
        self.level = np.full(len(streams) + 1, np.nan)
        self.since = np.full(len(streams) + 1, np.datetime64("9999-12-31"))
        streams_of = [names[name].categories for name in STREAM]
        self._row = np.full([len(known) for known in streams_of], len(streams))
        for row, (stream, part) in enumerate(streams):
            sums = part.groupby("segment", sort=True)[["sum_do", "sum_dy"]].sum()
            share = sums["sum_do"] / sums["sum_do"].sum()
            rate = sums["sum_dy"] / sums["sum_do"]
            places = segments.get_indexer(sums.index)  # one without data now has no place
            named = [known == value for known, value in zip(streams_of, stream, strict=True)]
            self._row[np.ix_(*named)] = row  # nowhere, if the data has no such stream
            self.mix[row, places[places >= 0]] = share[places >= 0]
            self.rate[row, places[places >= 0]] = rate[places >= 0]
            self.level[row] = share.to_numpy() @ rate.to_numpy()
            self.since[row] = np.datetime64(part["day"].max().date())

    def rows(self, cells: Cells) -> Integers:
        """The row of each cell's stream."""
        return self._row[tuple(cells.codes[name] for name in STREAM)]


def standardised(windows: Windows, reference: ReferenceMix, day: date) -> pd.DataFrame:
    """Rates over all segments, weighted to the reference mix, as rows of ``ESTIMATES``.

    theta = level + sum_k w_k (theta_k - r_k), w_k the mix m_k scaled to the segments with data and
    r_k their rates in the baseline: sum_k m_k theta_k where none is missing. Residuals are taken
    from r_k moved by theta - level, so that a segment of one user still tells how unsure it is;
    where segments move apart the interval is a little too wide.

    Args:
        windows: cells by window, as judges see them.
        reference: mix of the baseline, of the same codes.
        day: last day of the windows. Before a baseline's last day there is no rate.
    """
    pairs = [
        (cells, windows[rolled | SEGMENT])
        for rolled, cells in windows.items()
        if not rolled & SEGMENT
    ]
    wholes = [whole for _, whole in pairs]
    parts = [_figures(cells, whole, reference, day) for cells, whole in pairs]
    figures = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows = {**labels_of(wholes), **figures, "judged_prevalence": figures["prevalence"]}
    found = finished(rows, day=day, mode=JUDGE_SCALE, method=METHOD, standardised=True)
    return distinct(found, wholes)


def _figures(
    cells: Cells, whole: Cells, reference: ReferenceMix, day: date
) -> dict[str, NDArray[Any]]:
    """Figures of each whole, from its cells by segment."""
    within, user = cells.within(whole)
    stream = reference.rows(whole)
    begun = reference.since[stream] <= np.datetime64(day)
    at = (stream * reference.mix.shape[1])[within] + cells.codes["segment"]
    mix, before = (np.take(table, at) for table in (reference.mix, reference.rate))
    offered = cells.sum["sum_do"]
    used = begun[within] & (cells.sum["n_o"] > 0) & (mix > 0)

    def total(values: NDArray[Any]) -> Floats:
        return tally(within, values, whole.size)

    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(used, mix, 0.0)
        present = total(share)
        weight = np.where(used, share / present[within] / offered, 0.0)
        shift = total(weight * (cells.sum["sum_dy"] - before * offered))
        rate = np.where(present > 0, np.clip(reference.level[stream] + shift, 0, 1), np.nan)
        n = total(used * cells.sum["n_o"])
        centre = np.clip(before + shift[within], 0, 1)
        clusters, variance, kish = _clustered(cells, whole, user, weight, centre)
        n_eff = np.minimum(effective_n(rate, variance, kish), n)
        n_eff = np.where(clusters == 1, 1.0, np.where(clusters > 0, n_eff, np.nan))
        lower, upper = wilson(rate, n_eff, quantiles(clusters))
    reasons = [begun & ~np.isfinite(rate), ~begun]
    return {
        "n": n.astype(np.int64),
        "judged": total(used * cells.sum["n"]).astype(np.int64),
        "users": clusters.astype(np.int64),
        "effective_n": n_eff,
        "prevalence": rate,
        "lower": lower,
        "upper": upper,
        "reason": np.select(reasons, [NO_SEGMENT, NO_MIX], default=""),
    }


def _clustered(
    cells: Cells, whole: Cells, user: Integers, weight: Floats, centre: Floats
) -> tuple[Floats, Floats, Floats]:
    """Users with an opportunity, variance of the rate and Kish's n of each whole.

    Args:
        cells: by segment.
        whole: over all segments.
        user: user-in-a-whole of each user-in-a-cell.
        weight: of a unit of design weight, by cell.
        centre: rate from which residuals are taken, by cell.
    """
    at, by_user, count = weight[cells.cell], cells.by_user, len(whole.cell)
    offered = at * by_user["sum_do"]
    error = tally(user, at * by_user["sum_dy"] - centre[cells.cell] * offered, count)
    there = np.zeros(count, dtype=bool)
    there[user[(at > 0) & (by_user["n_o"] > 0)]] = True
    clusters = whole.total(there)
    variance = whole.total(error**2) * clusters / np.maximum(clusters - 1, 1)
    return clusters, variance, 1 / whole.total(tally(user, offered, count) ** 2)
