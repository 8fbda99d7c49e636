"""Rows of ``ESTIMATES``: their modes, the columns that follow from others, and their versions.

Here belong: what all modes of estimation share once a figure is there. Here does not belong: how
a figure is found.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.intervals import detectable_change

JUDGE_SCALE, SENTINEL_ADJUSTED, TWO_PHASE = MODES = (
    "judge scale",
    "sentinel-adjusted",
    "two-phase",
)
SINCE_DEPLOYMENT = 0
"""``window_days`` of a figure over all days since its deployment began."""

GONE = "no longer estimated: its data or the settings changed"

_OPTIONAL = tuple(field.name for field in ESTIMATES.schema if field.nullable)
_COUNTS = ("n", "judged", "users")
_IDENTITY = [name for name in ESTIMATES.key if name != "version"]
_FIGURES = (*_COUNTS, *(name for name in _OPTIONAL if name != "reason"))
_TOLERANCE = 1e-9
"""Figures closer than this are the same figure, computed elsewhere."""


def finished(
    rows: Mapping[str, Any] | pd.DataFrame,
    *,
    day: date,
    mode: str,
    method: str,
    standardised: bool = False,
) -> pd.DataFrame:
    """Rows with all columns of ``ESTIMATES``; what a mode does not say is missing.

    Args:
        rows: columns of labels, counts, figures and window; the reason, if any, where there is no
            figure.
        day: last day of the windows.
        mode: one of ``MODES``.
        method: estimator and interval.
        standardised: weighted to the reference mix.
    """
    count = len(rows["prevalence"])
    known: dict[str, Any] = {
        "day": _constant(day, count),
        "mode": _constant(mode, count),
        "method": _constant(method, count),
        "standardised": np.full(count, standardised),
        "version": np.ones(count, dtype=np.int64),
        "detectable_change": detectable_change(rows["prevalence"], rows["effective_n"]),
    }
    if "reason" in rows:
        reason = np.asarray(rows["reason"], dtype=object)
        known["reason"] = np.full(count, None)
        np.copyto(known["reason"], reason, where=reason != "")
    columns = {}
    for name in ESTIMATES.schema.names:
        if name in known or name in rows:
            column = known[name] if name in known else rows[name]
            columns[name] = column.array if isinstance(column, pd.Series) else column
        else:
            columns[name] = _constant(None, count)
    return pd.DataFrame(columns, copy=False)


def _constant(value: str | date | None, count: int) -> pd.Categorical:
    """A column of one value, which a categorical holds once."""
    codes = np.full(count, -1 if value is None else 0, dtype=np.int8)
    return pd.Categorical.from_codes(codes, dtype=_kind(value), validate=False)


@lru_cache(maxsize=64)
def _kind(value: str | date | None) -> pd.CategoricalDtype:
    return pd.CategoricalDtype(pd.Index([] if value is None else [value], dtype=object))


def latest(rows: pa.Table) -> pa.Table:
    """Rows of ``ESTIMATES`` in their highest version only."""
    if not rows.num_rows or pc.max(rows["version"]).as_py() == 1:
        return rows
    frame = rows.select(ESTIMATES.key).to_pandas()
    kept = frame.sort_values("version", kind="stable").drop_duplicates(_IDENTITY, keep="last")
    return rows.take(np.sort(kept.index.to_numpy()))


def revised(before: pa.Table, rows: pa.Table) -> pa.Table:
    """Every version of a day's estimates: those kept before, and new ones of what is otherwise now.

    Nothing that was kept is rewritten. A row with the same figures adds none; one with others is
    the next version; one that is no longer there gets a version without data. The same input
    therefore gives the same table, whatever made it.

    Args:
        before: rows kept for the day, all versions.
        rows: its rows as estimated now, of version 1.
    """
    if not before.num_rows:
        return rows
    kept, new = latest(before).to_pandas(), rows.to_pandas()
    places = (
        kept[_IDENTITY]
        .assign(kept=range(len(kept)))
        .merge(new[_IDENTITY].assign(new=range(len(new))), on=_IDENTITY, how="outer")
    )
    both = places.dropna().astype({"kept": int, "new": int})
    old, now = kept.iloc[both["kept"]], new.iloc[both["new"]]
    differs = ~_same(old, now)
    changed = now[differs].assign(version=old["version"].to_numpy()[differs] + 1)
    added = new.iloc[places.loc[places["kept"].isna(), "new"].astype(int)]
    gone = kept.iloc[places.loc[places["new"].isna(), "kept"].astype(int)]
    gone = gone[gone["reason"].ne(GONE)]
    gone = gone.assign(
        **dict.fromkeys(_OPTIONAL), **dict.fromkeys(_COUNTS, 0), version=gone["version"] + 1
    ).assign(reason=GONE)
    parts = [ESTIMATES.from_frame(frame) for frame in (changed, added, gone) if len(frame)]
    return ESTIMATES.conform(pa.concat_tables([before, *parts]))


def _same(old: pd.DataFrame, new: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether rows at the same place have the same figures and the same reason."""
    before, after = old[[*_FIGURES]].astype(float), new[[*_FIGURES]].astype(float)
    close = np.isclose(
        before.to_numpy(), after.to_numpy(), rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True
    )
    reasons = (frame["reason"].fillna("").to_numpy() for frame in (old, new))
    return np.asarray(close.all(axis=1) & np.equal(*reasons), dtype=bool)
