"""What a family's judged rate moved by: mix, rate and judge, from its statistics and sentinels.

Here belong: the periods that an alert compares, and the judge's errors in each. Here does not
belong: the split itself (decomposition), or whether there was a change.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from alignment_monitor.statistics.cells import day_of
from alignment_monitor.statistics.decomposition import Period, decompose
from alignment_monitor.statistics.intervals import smoothed
from alignment_monitor.statistics.sentinel_adjusted import JOINT, MEASURES, SENTINEL_DAYS
from alignment_monitor.statistics.split_errors import Judge, UserSums, part_errors

RECENT_DAYS = 7
SENSITIVITY, SPECIFICITY = "sensitivity", "specificity"
JUDGE_UNKNOWN = "the judges' errors are unknown in one of the periods: the rate's part holds theirs"


class Errors(NamedTuple):
    """A panel's errors: means over its judges, with the variance of each."""

    sensitivity: float
    false_positive: float
    sensitivity_variance: float
    false_positive_variance: float


def change_parts(
    user_days: pd.DataFrame,
    quality: pd.DataFrame,
    *,
    family: str,
    behaviour: str,
    day: date,
    baseline_days: int,
    items: Mapping[tuple[str, str], int],
) -> dict[str, Any] | None:
    """Split the judged rate of the last 7 days minus that of the baseline into three parts.

    Only the rubric and panel of most recent messages are compared. The rates of segments are freed
    of the judge's errors in their period (Rogan and Gladen, unclipped), those errors being a mean
    over 14 days and, of the baseline, over all its days.

    Args:
        user_days: sufficient statistics by day, cell and user, from the baseline on.
        quality: rows of ``judge_quality``, sensitivity and specificity among them.
        family: deployment family.
        behaviour: question.
        day: last of the 7 days.
        baseline_days: days with data that make a baseline.
        items: number of sentinels by true outcome and question. Only the newest set of them is
            compared, and each counts once however often it was judged.

    Returns:
        Parts ``mix``, ``rate`` and ``judge``, which add up to ``after`` minus ``before``; the
        standard error of each, of the judge's that which the number of sentinels alone leaves,
        null where it is not known; and a reason where the judges' errors are not known. Null
        without a baseline or recent data.
    """
    rows = _in_use(user_days, family, behaviour, day)
    if rows is None:
        return None
    days = np.sort(rows.loc[rows["n_o"] > 0, "when"].unique())
    start = pd.Timestamp(day - timedelta(days=RECENT_DAYS - 1))
    if len(days) < baseline_days or days[baseline_days - 1] >= start:
        return None
    end = pd.Timestamp(days[baseline_days - 1])
    compared = (rows[rows["when"] <= end], rows[rows["when"] >= start])
    sums = [part.groupby("segment")[["sum_do", "sum_dy"]].sum() for part in compared]
    segments = sums[0].index.union(sums[1].index)
    panel, version = rows["panel"].iloc[0], rows["rubric_version"].iloc[0]
    mine = quality[(quality["rubric_version"] == version) & (quality["question"] == behaviour)]
    newest = mine.loc[mine["day"] == mine["day"].max(), "known_version"].max()
    mine = mine[mine["known_version"] == newest]
    ages = day_of(mine["day"])
    oldest = max(end, pd.Timestamp(day - timedelta(days=SENTINEL_DAYS)))
    recent = (ages <= pd.Timestamp(day)) & (ages > oldest)
    early = (ages >= pd.Timestamp(days[0])) & (ages <= end)
    none, absent, present = (items.get((measure, behaviour), 0) for measure in MEASURES)
    sentinels = {SENSITIVITY: present, SPECIFICITY: none + absent}
    judges = panel.split(JOINT)
    errors = [panel_errors(mine[mask], judges, sentinels) for mask in (early, recent)]
    before, after = errors
    known = before is not None and after is not None
    perfect = Errors(1.0, 0.0, 0.0, 0.0)
    old, new = (before, after) if before is not None and after is not None else (perfect, perfect)
    found = decompose(
        *(
            _period(part.reindex(segments, fill_value=0.0), error)
            for part, error in zip(sums, (old, new), strict=True)
        )
    )
    error = judge_error((found.before + found.after) / 2, old, new)
    sampled = part_errors(_user_sums(*compared), Judge(*old[:2]), Judge(*new[:2]))
    return {
        "mix": found.mix,
        "mix_error": _known(sampled.mix),
        "rate": found.rate,
        # Sentinels are other messages than traffic: what chance does to one it does not to both.
        "rate_error": _known(np.hypot(sampled.rate, error if known else 0.0)),
        "judge": found.judge if known else None,
        "judge_error": error if known else None,
        "before": found.before,
        "after": found.after,
        "baseline_from": pd.Timestamp(days[0]).date(),
        "baseline_to": end.date(),
        "reason": found.reason or ("" if known else JUDGE_UNKNOWN),
    }


def _in_use(user_days: pd.DataFrame, family: str, behaviour: str, day: date) -> pd.DataFrame | None:
    """The series of the rubric and panel with most messages of late; none without any."""
    when = day_of(user_days["day"])
    mine = (
        (user_days["deployment_family"] == family)
        & (user_days["behaviour"] == behaviour)
        & (user_days["sum_do"] > 0)
        & (when <= pd.Timestamp(day))
    )
    rows = user_days[mine].assign(when=when[mine])
    rows = rows.sort_values(["rubric_version", "panel", "segment", "user_key", "when"])
    late = rows["when"] > pd.Timestamp(day - timedelta(days=RECENT_DAYS))
    in_use = rows[late].groupby(["rubric_version", "panel"])["n_o"].sum()
    if in_use.sum() == 0:
        return None
    version, panel = in_use.index.to_list()[int(in_use.argmax())]
    return rows[(rows["rubric_version"] == version) & (rows["panel"] == panel)]


def panel_errors(
    quality: pd.DataFrame, judges: Sequence[str], sentinels: Mapping[str, int]
) -> Errors | None:
    """The panel's mean errors; none where a judge has none, or tells nothing from anything.

    Args:
        quality: rows of ``judge_quality`` on one question of one rubric and set of sentinels.
        judges: fingerprints of the panel.
        sentinels: how many there are, by measure: each counts once however often it was judged.
    """
    counts = quality.groupby(["fingerprint", "measure"])[["n", "hits"]].sum()
    right, spread = [], []
    for measure, most in sentinels.items():
        mine = counts.reindex(pd.MultiIndex.from_tuples([(judge, measure) for judge in judges]))
        n, hits = (mine[name].to_numpy(dtype=float) for name in ("n", "hits"))
        size = np.minimum(n, most)
        if not (size > 0).all():  # a judge without any is not a number
            return None
        right.append(float((hits / n).mean()))
        level = smoothed(hits / n, size)
        # The judges saw the same sentinels: their errors are not taken to average out.
        spread.append(float(np.sqrt(level * (1 - level) / size).mean()) ** 2)
    found = Errors(right[0], 1 - right[1], spread[0], spread[1])
    gain = found.sensitivity - found.false_positive
    return found if gain > 2 * np.sqrt(spread[0] + spread[1]) else None


def judge_error(level: float, old: Errors, new: Errors) -> float:
    """Standard error of the judge's part that the number of sentinels alone leaves.

    Args:
        level: mean judged rate of the two periods.
        old: the panel's errors in the first.
        new: and in the second.
    """
    share = np.clip((level - old.false_positive) / (old.sensitivity - old.false_positive), 0, 1)
    variance = (1 - share) ** 2 * (old.false_positive_variance + new.false_positive_variance)
    variance += share**2 * (old.sensitivity_variance + new.sensitivity_variance)
    return float(np.sqrt(variance))


def _user_sums(before: pd.DataFrame, after: pd.DataFrame) -> UserSums:
    rows = pd.concat([before, after])
    return UserSums(
        pd.factorize(rows["user_key"], sort=True)[0].astype(np.int64),
        pd.factorize(rows["segment"], sort=True)[0].astype(np.int64),
        np.arange(len(rows)) >= len(before),
        rows["sum_do"].to_numpy(dtype=float),
        rows["sum_dy"].to_numpy(dtype=float),
    )


def _known(error: float) -> float | None:
    return float(error) if np.isfinite(error) else None


def _period(sums: pd.DataFrame, errors: Errors) -> Period:
    offered, positive = sums["sum_do"].to_numpy(), sums["sum_dy"].to_numpy()
    judged = np.where(offered > 0, positive / np.where(offered > 0, offered, 1), np.nan)
    rate = (judged - errors.false_positive) / (errors.sensitivity - errors.false_positive)
    return Period(offered, rate, errors.sensitivity, errors.false_positive)
