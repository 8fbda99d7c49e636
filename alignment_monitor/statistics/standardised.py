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
from alignment_monitor.statistics.windows import ALL, CELL, Cells, dense, first_of

METHOD = (
    "Hajek ratios by segment, weighted to the baseline's mix, clustered by user; "
    "Wilson on effective n, t quantile"
)
STREAM = ("deployment_family", "behaviour", "rubric_version", "panel")
WHOLE = tuple(name for name in CELL if name != "segment")
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
        self._row: dict[tuple[int, ...], int] = {}
        self.mix = np.zeros((len(streams) + 1, len(segments)))
        self.rate = np.zeros_like(self.mix)
        self.level = np.full(len(streams) + 1, np.nan)
        self.since = np.full(len(streams) + 1, np.datetime64("9999-12-31"))
        for row, (stream, part) in enumerate(streams):
            sums = part.groupby("segment", sort=True)[["sum_do", "sum_dy"]].sum()
            share = sums["sum_do"] / sums["sum_do"].sum()
            rate = sums["sum_dy"] / sums["sum_do"]
            places = segments.get_indexer(sums.index)  # one without data now has no place
            codes = [
                int(names[name].categories.get_indexer(pd.Index([value], dtype=object))[0])
                for name, value in zip(STREAM, stream, strict=True)
            ]
            self._row[tuple(codes)] = row
            self.mix[row, places[places >= 0]] = share[places >= 0]
            self.rate[row, places[places >= 0]] = rate[places >= 0]
            self.level[row] = share.to_numpy() @ rate.to_numpy()
            self.since[row] = np.datetime64(part["day"].max().date())

    def rows(self, cells: Cells) -> Integers:
        """The row of each cell's stream."""
        stream = dense(*(cells.codes[name] for name in STREAM))
        first = first_of(stream)
        codes = zip(*(cells.codes[name][first].tolist() for name in STREAM), strict=True)
        none = len(self.level) - 1
        found = np.array([self._row.get(code, none) for code in codes], dtype=np.int64)
        return found[stream]


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
    chosen = [
        (window, cells) for (window, rolled), cells in windows.items() if "segment" not in rolled
    ]
    parts = [_of_window(cells, reference, day) for _, cells in chosen]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    names, count = chosen[0][1].names, len(joined["n"])
    every = np.full(count, names["segment"].categories.get_loc(ALL))
    codes = {**{name: joined[name] for name in WHOLE}, "segment": every}
    rows = {
        **joined,
        **{
            name: pd.Categorical.from_codes(code, dtype=names[name], validate=False)
            for name, code in codes.items()
        },
        "window_days": np.repeat(
            [window for window, _ in chosen], [len(part["n"]) for part in parts]
        ),
        "judged_prevalence": joined["prevalence"],
    }
    found = finished(rows, day=day, mode=JUDGE_SCALE, method=METHOD, standardised=True)
    return distinct(found, [cells for _, cells in chosen])


def _of_window(cells: Cells, reference: ReferenceMix, day: date) -> dict[str, NDArray[Any]]:
    whole = dense(*(cells.codes[name] for name in WHOLE))
    first = first_of(whole)
    size, stream = len(first), reference.rows(cells)
    begun = reference.since[stream] <= np.datetime64(day)
    segment = cells.codes["segment"]
    offered, positive = cells.sum["sum_do"], cells.sum["sum_dy"]
    mix = reference.mix[stream, segment]
    used = begun & (cells.sum["n_o"] > 0) & (mix > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(used, mix, 0.0)
        weight = np.where(used, share / tally(whole, share, size)[whole] / offered, 0.0)
        before = reference.rate[stream, segment]
        level = reference.level[stream[first]]
        shift = tally(whole, weight * (positive - before * offered), size)
        rate = np.where(tally(whole, share, size) > 0, np.clip(level + shift, 0, 1), np.nan)
        n = tally(whole, used * cells.sum["n_o"], size)
        centre = np.clip(before + shift[whole], 0, 1)
        clusters, n_eff = _precision(cells, whole, weight, centre, rate, n)
        lower, upper = wilson(rate, n_eff, quantiles(clusters))
    reasons = [begun[first] & ~np.isfinite(rate), ~begun[first]]
    return {
        **{name: cells.codes[name][first] for name in WHOLE},
        "n": n.astype(np.int64),
        "judged": tally(whole, used * cells.sum["n"], size).astype(np.int64),
        "users": clusters.astype(np.int64),
        "effective_n": n_eff,
        "prevalence": rate,
        "lower": lower,
        "upper": upper,
        "reason": np.select(reasons, [NO_SEGMENT, NO_MIX], default=""),
    }


def _precision(
    cells: Cells, whole: Integers, weight: Floats, centre: Floats, rate: Floats, n: Floats
) -> tuple[Floats, Floats]:
    """Users with an opportunity, and effective n, of each whole; residuals summed by user."""
    at = weight[cells.cell]
    offered = at * cells.sums["sum_do"]
    user = dense(whole[cells.cell], cells.user)
    owner = whole[cells.cell][first_of(user)]
    count, size = len(owner), len(rate)
    error = tally(user, at * cells.sums["sum_dy"] - centre[cells.cell] * offered, count)
    there = tally(user, (at > 0) * cells.sums["n_o"], count) > 0
    clusters = tally(owner, there.astype(float), size)
    variance = tally(owner, error**2, size) * clusters / np.maximum(clusters - 1, 1)
    kish = 1 / tally(owner, tally(user, offered, count) ** 2, size)
    n_eff = np.minimum(effective_n(rate, variance, kish), n)
    n_eff = np.where(clusters == 1, 1.0, n_eff)
    return clusters, np.where(clusters > 0, n_eff, np.nan)
