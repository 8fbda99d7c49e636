"""Judge-scale rates over all segments, corrected by the judges' errors on sentinels.

Here belong: the judges' confusion matrices from counts of days, the judged shares with their
covariance, and the rows that come of both. Here does not belong: the correction (adjusted) or how
verdicts on sentinels are counted (judging.quality).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignment_monitor.statistics.adjusted import (
    Adjusted,
    Measured,
    adjusted_outcomes,
    adjusted_rate,
)
from alignment_monitor.statistics.cells import Floats, Integers
from alignment_monitor.statistics.estimate_rows import SENTINEL_ADJUSTED, finished
from alignment_monitor.statistics.estimation import Windows, distinct
from alignment_monitor.statistics.intervals import smoothed
from alignment_monitor.statistics.windows import Cells, dense, first_of, labels_of

METHOD = (
    "3 x 3 confusion matrix on sentinels of 14 days inverted, delta method; Rogan-Gladen where the "
    "question always applies; t quantile, Satterthwaite"
)
MEASURES = ("outcome_none", "outcome_absent", "outcome_present")
"""Rows of ``judge_quality``: the true outcome of the sentinels, in the order of the matrix."""

SENTINEL_DAYS = 14
JOINT = " + "
"""What stands between the fingerprints of a panel."""

NO_SENTINELS = "not every judge of the panel has outcomes of sentinels in the last 14 days"

Matrices = dict[tuple[str, str, str], Floats]
"""Confusion matrix, truth x judged, by fingerprint, rubric version and question."""


class Shares(NamedTuple):
    """Judged shares of opportunity and of event among all, and their clustered covariance."""

    opportunity: Floats
    event: Floats
    covariance: Floats
    degrees: Floats


def confusions(quality: pd.DataFrame, items: Mapping[tuple[str, str], int]) -> Matrices:
    """The judges' confusion matrices, in numbers of sentinels.

    A sentinel comes round several times in 14 days, and its repeats are hardly independent; so a
    truth weighs no more than it has sentinels.

    Args:
        quality: rows of ``judge_quality`` of the days that count.
        items: number of sentinels by measure and question.
    """
    rows = quality[quality["measure"].isin(MEASURES)]
    if rows.empty:
        return {}
    newest = rows["known_version"][rows["day"] == rows["day"].max()].max()
    rows = rows[rows["known_version"] == newest]
    keys = ["fingerprint", "rubric_version", "question"]
    found: Matrices = {}
    for key, part in rows.groupby([*keys, "measure"])[["n", "hits", "against"]].sum().iterrows():
        *owner, measure = (str(name) for name in key)
        truth = MEASURES.index(measure)
        matrix = found.setdefault((owner[0], owner[1], owner[2]), np.zeros((3, 3)))
        n, hits, against = (float(part[name]) for name in ("n", "hits", "against"))
        worse = 1 if truth == 2 else 2
        matrix[truth, truth], matrix[truth, worse] = hits, against
        matrix[truth, 3 - truth - worse] = n - hits - against
        if n:
            matrix[truth] *= min(1.0, items.get((measure, owner[2]), 0) / n)
    return found


def sentinel_adjusted(windows: Windows, matrices: Matrices, day: date) -> pd.DataFrame:
    """Corrected rates of families and deployments, over all segments, as rows of ``ESTIMATES``.

    A panel's answer is the mean of its judges', so its matrix is the mean of theirs. It rests on
    the same sentinels for all judges: their errors are not taken to average out, and the matrix
    weighs as many sentinels as one judge's.

    Args:
        windows: cells by window, as judges see them.
        matrices: of the judges, from days up to this one.
        day: last day of the windows.
    """
    cells = [part for rolled, part in windows.items() if "segment" in rolled]
    shares = [_shares(part) for part in cells]
    joined = Shares(*(np.concatenate(column) for column in zip(*shares, strict=True)))
    labels = labels_of(cells)
    confusion, judge = _of_panels(labels, matrices)
    found = _corrected(joined, confusion, judge)
    sums = {
        name: np.concatenate([part.sum[name] for part in cells])
        for name in ("n", "n_o", "sum_do", "sum_dy")
    }
    users = np.concatenate([part.clusters for part in cells])
    with np.errstate(divide="ignore", invalid="ignore"):
        judged = np.clip(sums["sum_dy"] / sums["sum_do"], 0, 1)
        level = smoothed(found["prevalence"], sums["n_o"])
        n_eff = np.minimum(level * (1 - level) / found["variance"], sums["n_o"])
    unknown = ~np.isfinite(confusion[judge]).all(axis=(1, 2))
    rows = {
        **labels,
        **{name: found[name] for name in ("opportunity_rate", "joint_rate")},
        **{name: found[name] for name in ("prevalence", "lower", "upper")},
        "n": sums["n_o"].astype(np.int64),
        "judged": sums["n"].astype(np.int64),
        "users": users.astype(np.int64),
        "effective_n": n_eff,
        "judged_prevalence": np.where(sums["n_o"] > 0, judged, np.nan),
        "reason": np.where(unknown, NO_SENTINELS, found["reason"]),
    }
    return distinct(finished(rows, day=day, mode=SENTINEL_ADJUSTED, method=METHOD), cells)


def _of_panels(labels: Mapping[str, pd.Categorical], matrices: Matrices) -> tuple[Floats, Integers]:
    """Matrices of panels and questions, not a number where a judge has none; which a row has."""
    unknown = np.full((3, 3), np.nan)
    kinds = [labels[name] for name in ("panel", "rubric_version", "behaviour")]
    key = dense(*(kind.codes.astype(np.int64) for kind in kinds))
    first = first_of(key)
    found = np.empty((len(first), 3, 3))
    named = zip(*(kind[first] for kind in kinds), strict=True)
    for place, (panel, version, question) in enumerate(named):
        judges = panel.split(JOINT)
        found[place] = sum(matrices.get((judge, version, question), unknown) for judge in judges)
        found[place] /= len(judges)
    return found, key


def _shares(cells: Cells) -> Shares:
    """Shares of opportunity o and event y among all judged messages of each cell.

    Variances are at least what smoothing adds, or where none was seen one would be sure of it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        total, d = cells.sum["sum_d"], cells.by_user["sum_d"]
        o, y = (np.clip(cells.sum[name] / total, 0, 1) for name in ("sum_do", "sum_dy"))
        e_o = cells.by_user["sum_do"] - o[cells.cell] * d
        e_y = cells.by_user["sum_dy"] - y[cells.cell] * d
        users = np.bincount(cells.cell, minlength=cells.size).astype(float)
        factor = users / np.maximum(users - 1, 1) / total**2
        kish = total**2 / cells.total(d**2)
        oo, oy, yy = (cells.total(product) * factor for product in (e_o**2, e_o * e_y, e_y**2))
        covariance = np.stack([oo, oy, oy, yy], -1).reshape(-1, 2, 2)
        plain = np.sqrt(np.einsum("...ii->...i", covariance))
        level = np.stack([o, y], -1)
        smooth = smoothed(level, kish[:, None])
        extra = (smooth * (1 - smooth) - level * (1 - level)) / kish[:, None]
        # An extra below 0 would make an interval narrower than what was seen.
        wider = np.sqrt(plain**2 + np.maximum(extra, 0)) / np.where(plain > 0, plain, 1)
        covariance = covariance * wider[:, :, None] * wider[:, None, :]
        nothing = np.where(plain > 0, 0.0, np.maximum(extra, 0))
    covariance += nothing[:, :, None] * np.eye(2)
    return Shares(o, y, covariance, users - 1)


def _corrected(shares: Shares, confusion: Floats, judge: Integers) -> dict[str, NDArray[Any]]:
    """The correction that suits each question: of three outcomes, or where it always applies."""
    always = ((confusion[:, 0].sum(-1) == 0) & (confusion[:, :, 0].sum(-1) == 0))[judge]
    found: dict[str, NDArray[Any]] = {}
    for rows, correction in ((~always, _of_three), (always, _of_two)):
        own = Shares(*(column[rows] for column in shares))
        for name, values in correction(own, confusion, judge[rows]).items():
            found.setdefault(name, np.empty(len(always), dtype=values.dtype))[rows] = values
    return found


def _of_three(shares: Shares, confusion: Floats, judge: Integers) -> dict[str, NDArray[Any]]:
    """Rates where the judge also says whether the question applies."""
    turn = np.array([[-1.0, 0.0], [1.0, -1.0], [0.0, 1.0]])  # to none, absent and present
    o, y = shares.opportunity, shares.event
    opportunity, joint, conditional = adjusted_outcomes(
        np.stack([1 - o, o - y, y], -1),
        turn @ shares.covariance @ turn.T,
        confusion,
        shares.degrees,
        judge,
    )
    return _figures(conditional, opportunity.rate, joint.rate)


def _of_two(shares: Shares, confusion: Floats, judge: Integers) -> dict[str, NDArray[Any]]:
    """Rates where the question always applies."""
    confusion = confusion[judge]
    rate = adjusted_rate(
        Measured(shares.event, shares.covariance[:, 1, 1], np.maximum(shares.degrees, 1)),
        _flagged(confusion[:, 2]),
        _flagged(confusion[:, 1]),
    )
    return _figures(rate, shares.opportunity, rate.rate)


def _figures(rate: Adjusted, opportunity: Floats, joint: Floats) -> dict[str, NDArray[Any]]:
    return {
        "prevalence": rate.rate,
        "lower": rate.lower,
        "upper": rate.upper,
        "variance": rate.variance,
        "reason": rate.reason,
        "opportunity_rate": opportunity,
        "joint_rate": joint,
    }


def _flagged(row: Floats) -> Measured:
    """Share of a truth's sentinels in which the judge sees the event."""
    items = row.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = row[:, 2] / items
        smooth = smoothed(rate, items)
        return Measured(rate, smooth * (1 - smooth) / items, np.maximum(items - 1, 1))
