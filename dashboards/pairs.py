"""Two deployments behaviour by behaviour: what differs, how surely, and from which segments.

Here belong: comparisons of rows of the marts, as pure functions. Here does not belong: sentences
(pair_words.py), charts (pair_charts.py) or any reading of files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from facts import Row

from alignment_monitor.statistics.change_parts import (
    SENSITIVITY,
    SPECIFICITY,
    Errors,
    judge_error,
    panel_errors,
)
from alignment_monitor.statistics.contrasts import (
    Contrast,
    Estimated,
    contrast,
    discoveries,
    part_of_rates,
    standardised_contrast,
)
from alignment_monitor.statistics.decomposition import Period, decompose_segments
from alignment_monitor.statistics.sentinel_adjusted import JOINT, MEASURES

WINDOW = 28
"""Days of each deployment that are compared: its last ones."""
FEWEST = 20
"""Effective messages of either below which nothing is concluded."""
SURE = 1.96
PERFECT = Errors(1.0, 0.0, 0.0, 0.0)
ANOTHER = "another rubric or other judges: their figures cannot be compared"
OLD = "estimated by an older version: run the days again to see segments"


@dataclass(frozen=True)
class SegmentShare:
    """What a segment adds to a difference.

    Attributes:
        segment: its segment.
        share_before: of the opportunities of the first deployment; None where it is absent.
        share_after: of those of the second.
        before: its estimate in the first; None where it is absent.
        after: in the second.
        mix: by its share.
        within: by its own rate, with its interval; None where it is absent from either.
    """

    segment: str
    share_before: float | None
    share_after: float | None
    before: Row | None
    after: Row | None
    mix: float
    within: Contrast | None

    @property
    def total(self) -> float:
        """All of it, in points of the whole rate over 100."""
        return self.mix + (self.within.change if self.within else 0.0)


@dataclass(frozen=True)
class Compared:
    """A behaviour of two deployments.

    Attributes:
        behaviour: its name.
        before: whole estimate of the first; None without data.
        after: whole estimate of the second; None without data.
        plain: the difference as users get it; None where one of them is missing.
        standardised: at the same traffic, the mean of both mixes; None without segments.
        mix: part of other traffic.
        rate: part of other rates at the same traffic and with the same judge, with its interval.
        judge: part of the judge's errors; None where they are not known.
        judge_error: its standard error.
        segments: what each segment adds, largest first; they add up to the plain difference.
        reason: why something is missing.
        is_marked: stands out among all behaviours compared.
    """

    behaviour: str
    before: Row | None
    after: Row | None
    plain: Contrast | None = None
    standardised: Contrast | None = None
    mix: float | None = None
    rate: Contrast | None = None
    judge: float | None = None
    judge_error: float | None = None
    segments: tuple[SegmentShare, ...] = ()
    reason: str = ""
    is_marked: bool = False

    @property
    def is_told(self) -> bool:
        """Whether there is enough on both sides to conclude anything."""
        sizes = [row["effective_n"] for row in (self.before, self.after) if row]
        return self.plain is not None and all(size and size >= FEWEST for size in sizes)

    @property
    def judge_moved(self) -> bool:
        """Whether the judge's part is beyond what the number of sentinels leaves."""
        return bool(self.judge and self.judge_error and abs(self.judge) > SURE * self.judge_error)


def judge_errors(
    quality: pd.DataFrame, row: Row, items: Mapping[tuple[str, str], int]
) -> Errors | None:
    """The errors of the panel behind an estimate over its window; None where they are not known.

    Args:
        quality: rows of ``judge_quality``, sensitivity and specificity among them.
        row: a whole estimate.
        items: number of sentinels by true outcome and question.
    """
    mine = quality[
        (quality["question"] == row["behaviour"])
        & (quality["rubric_version"] == row["rubric_version"])
    ]
    if mine.empty:
        return None
    newest = mine.loc[mine["day"] == mine["day"].max(), "known_version"].max()
    first: date = row["day"] - timedelta(days=WINDOW - 1)
    mine = mine[
        (mine["known_version"] == newest) & (mine["day"] >= first) & (mine["day"] <= row["day"])
    ]
    none, absent, present = (items.get((measure, row["behaviour"]), 0) for measure in MEASURES)
    sentinels = {SENSITIVITY: present, SPECIFICITY: none + absent}
    return panel_errors(mine, row["panel"].split(JOINT), sentinels)


def compare(
    behaviour: str,
    before: Sequence[Row],
    after: Sequence[Row],
    errors: Mapping[str, Errors | None] | None = None,
) -> Compared:
    """Compare a behaviour of two deployments.

    Args:
        behaviour: its name.
        before: estimates of the first, of each segment and of all, over one window.
        after: the same of the second.
        errors: of the judges in each, by ``before`` and ``after``.
    """
    first, second, reason = _same_series(
        [row for row in before if row["behaviour"] == behaviour],
        [row for row in after if row["behaviour"] == behaviour],
    )
    old, new = first.get("all"), second.get("all")
    if reason or old is None or new is None:
        return Compared(behaviour, old, new, reason=reason)
    plain = contrast(estimated(new), estimated(old))
    names = sorted(
        {name for rows in (first, second) for name, row in rows.items() if _counts(name, row)}
    )
    if not names or any(
        row["offered"] is None for rows in (first, second) for n, row in rows.items() if n in names
    ):
        return Compared(behaviour, old, new, plain, reason=OLD)
    known = errors if errors and errors.get("before") and errors.get("after") else None
    return _split(Compared(behaviour, old, new, plain), names, first, second, known)


def marked(compared: Sequence[Compared]) -> list[Compared]:
    """The same, with what stands out among them: false discoveries are held at 5 %."""
    chosen = discoveries([one.plain.p_value if one.is_told else np.nan for one in compared])  # type: ignore[union-attr]
    return [
        Compared(**{**vars(one), "is_marked": bool(mark)})
        for one, mark in zip(compared, chosen, strict=True)
    ]


def estimated(row: Row) -> Estimated:
    """The figures of an estimate."""
    size = row["effective_n"]
    return Estimated(
        row["prevalence"], row["lower"], row["upper"], np.nan if size is None else size
    )


def _counts(name: str, row: Row) -> bool:
    return name != "all" and row["n"] > 0 and row["prevalence"] is not None


def _same_series(
    before: Sequence[Row], after: Sequence[Row]
) -> tuple[dict[str, Row], dict[str, Row], str]:
    """Rows by segment of the rubric and panel with most messages that both have."""

    def series(rows: Sequence[Row]) -> dict[tuple[str, str], dict[str, Row]]:
        found: dict[tuple[str, str], dict[str, Row]] = {}
        for row in rows:
            if row["prevalence"] is not None and row["n"] > 0:
                found.setdefault((row["rubric_version"], row["panel"]), {})[row["segment"]] = row
        return {key: parts for key, parts in found.items() if "all" in parts}

    first, second = series(before), series(after)
    if both := sorted(first.keys() & second.keys()):
        best = max(both, key=lambda key: min(first[key]["all"]["n"], second[key]["all"]["n"]))
        return first[best], second[best], ""
    alone = [
        max(found.values(), key=lambda parts: parts["all"]["n"], default={})
        for found in (first, second)
    ]
    return alone[0], alone[1], ANOTHER if first and second else ""


def _split(
    one: Compared,
    names: Sequence[str],
    first: Mapping[str, Row],
    second: Mapping[str, Row],
    errors: Mapping[str, Errors | None] | None,
) -> Compared:
    old, new = _arrays(names, first), _arrays(names, second)
    start, end = (errors["before"], errors["after"]) if errors else (None, None)
    parts = decompose_segments(_period(old, start or PERFECT), _period(new, end or PERFECT))
    shares = [values["offered"] / values["offered"].sum() for values in (old, new)]
    mix = (shares[0] + shares[1]) / 2
    standardised = standardised_contrast(mix, _bounds(new), _bounds(old))
    told = [
        SegmentShare(
            name,
            float(shares[0][at]) if name in first else None,
            float(shares[1][at]) if name in second else None,
            first.get(name),
            second.get(name),
            float(parts.mix[at]),
            _within(mix, new, old, at, float(parts.rate[at] + parts.judge[at])),
        )
        for at, name in enumerate(names)
    ]
    told.sort(key=lambda part: (-abs(part.total), part.segment))
    level = (parts.before + parts.after) / 2
    more: dict[str, Any] = {"mix": float(parts.mix.sum())}
    if start and end:
        more["judge"] = float(parts.judge.sum())
        more["judge_error"] = judge_error(level, start, end)
    more["rate"] = part_of_rates(
        float(parts.rate.sum()), standardised, more.get("judge_error", 0.0)
    )
    return Compared(
        one.behaviour, one.before, one.after, one.plain, standardised, segments=tuple(told), **more
    )


def _within(
    mix: np.ndarray,
    new: Mapping[str, np.ndarray],
    old: Mapping[str, np.ndarray],
    at: int,
    part: float,
) -> Contrast | None:
    """What the rate of one segment adds; nothing where one deployment lacks it."""
    if not np.isfinite(new["prevalence"][at] + old["prevalence"][at]):
        return None
    after, before = ([value[at] for value in _bounds(values)] for values in (new, old))
    return part_of_rates(part, standardised_contrast(mix[at], tuple(after), tuple(before)))


def _arrays(names: Sequence[str], rows: Mapping[str, Row]) -> dict[str, np.ndarray]:
    """Offered messages, rate and interval of each segment; nothing where it is absent."""

    def column(key: str, missing: float) -> np.ndarray:
        values = [rows[name][key] if name in rows else None for name in names]
        return np.array([missing if value is None else value for value in values], dtype=float)

    found = {key: column(key, np.nan) for key in ("prevalence", "lower", "upper")}
    return {"offered": column("offered", 0.0), **found}


def _bounds(values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return values["prevalence"], values["lower"], values["upper"]


def _period(values: Mapping[str, np.ndarray], errors: Errors) -> Period:
    gain = errors.sensitivity - errors.false_positive
    rate = (values["prevalence"] - errors.false_positive) / gain
    return Period(values["offered"], rate, errors.sensitivity, errors.false_positive)
