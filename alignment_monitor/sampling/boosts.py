"""How often each stratum is drawn, relative to others: as set, refined by past verdicts.

Here belongs: from sums of past verdicts to boosts, and which of the stored designs a day is drawn
by. Here does not belong: from boosts to probabilities (strata), or where designs are kept (lake).

Sources: optimum allocation for several ratios at once by their averaged variances (Neyman 1934;
Cochran 1977, 5A.4 and 6.13); shrinkage of observed to expected counts by a gamma prior (Clayton and
Kaldor 1987); a least share of every stratum as a defence (Hesterberg 1995).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from alignment_monitor.sampling.design import Place

WINDOW_DAYS = 28
"""Days whose verdicts a design rests on."""
PRIOR_EVENTS = 2.0
"""How many events the boosts of the settings are worth, for each stratum and behaviour."""
LEAST_DEVIATION = 0.25
"""No stratum is taken to vary less, where 1 is the whole family: drift may come where none was."""
BY_SETTINGS = "boosts"
"""Version of the design where nothing was learned yet."""

_FAMILY = ("deployment_family",)
_PLACE = [*_FAMILY, "segment", "bucket"]


@dataclass(frozen=True)
class SamplingDesign:
    """What a day is drawn by.

    Attributes:
        version: last day of the verdicts that it rests on, and a hash of its boosts.
        boosts: by family, segment and bucket; a place that it does not know has its bucket's boost.
    """

    version: str
    boosts: Mapping[Place, float]


NOTHING_LEARNED = SamplingDesign(BY_SETTINGS, {})


def day_in_force(written: Iterable[date], day: date) -> date | None:
    """The design that a day is drawn by: the last one before it, for all time.

    Args:
        written: the days after whose verdicts a design was written.
        day: the day to be drawn.
    """
    return max((one for one in written if one < day), default=None)


def may_be_written(sampled: Iterable[date], day: date) -> bool:
    """Whether a design may still be written or replaced: no later day was drawn yet.

    A day that was drawn must find the same design whenever it is run again.

    Args:
        sampled: the days that were drawn.
        day: last day of the verdicts of the design.
    """
    return all(one <= day for one in sampled)


def version_of(day: date, boosts: Mapping[Place, float]) -> str:
    """A name for a design: equal boosts of equal day, equal name."""
    text = repr(sorted((place, repr(float(boost))) for place, boost in boosts.items()))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{day.isoformat()}-{digest}"


def learned(cells: pd.DataFrame, sample: pd.DataFrame, boosts: Mapping[str, float]) -> pd.DataFrame:
    """Boost of the messages of each family, segment and bucket, by the verdicts of a window.

    With one message of each conversation drawn, the variance of a rate y/o is, but for a part that
    no design changes, the sum over messages of (y - theta o)^2 / p. So the best p is proportional
    to the root of the mean square S^2 of their stratum. Each behaviour's is taken relative to the
    mean of its family, so that all behaviours count alike, and averaged over behaviours. The boosts
    of the settings are the prior: for each stratum and behaviour the squares seen and those
    expected by the boosts count with ``PRIOR_EVENTS`` more on either side. Families do not take
    from each other.

    Args:
        cells: sums over the window of what was judged, family x segment x bucket x behaviour with
            ``n``, ``n_o``, ``sum_d``, ``sum_do`` and ``sum_dy``; charted behaviours only.
        sample: rows of ``judging_sample`` of the same days that were drawn to estimate.
        boosts: of the settings, by bucket.

    Returns:
        A row for each place with ``messages`` (estimated, a day), ``judged``, ``deviation`` (S, 1
        in the mean square of its family) and ``boost``, sorted by place.
    """
    strata = _strata(sample, boosts)
    ratios = _ratios(cells, strata).groupby(level=_PLACE)
    found = strata.join(ratios.agg(judged=("n", "max"), ratio=("ratio", "mean")))
    found["judged"] = found["judged"].fillna(0).astype("int64")
    prior = found["prior"] / found["level"]
    deviation = prior * np.sqrt(found["ratio"].fillna(1.0))
    found["deviation"] = np.maximum(deviation, np.minimum(LEAST_DEVIATION, prior))
    found["boost"] = found["deviation"] * found["level"]
    return found[["messages", "judged", "deviation", "boost"]].reset_index()


def _strata(sample: pd.DataFrame, boosts: Mapping[str, float]) -> pd.DataFrame:
    """Messages a day of each place, its share of its family, and its boost as set."""
    weights = (1 / sample["inclusion_probability"]).groupby([sample[name] for name in _PLACE])
    strata = pd.DataFrame({"messages": weights.sum() / max(1, sample["day"].nunique())})
    buckets = strata.index.get_level_values("bucket")
    strata["prior"] = pd.Series(buckets, strata.index).map(boosts).astype(float)
    strata["share"] = strata["messages"] / _within(strata["messages"], _FAMILY)
    strata["level"] = np.sqrt(_within(strata["share"] * strata["prior"] ** 2, _FAMILY))
    return strata


def _ratios(cells: pd.DataFrame, strata: pd.DataFrame) -> pd.DataFrame:
    """For each place and behaviour, squares seen to squares expected, drawn towards one."""
    found = cells.set_index([*_PLACE, "behaviour"]).join(strata, how="inner")
    series = [*_FAMILY, "behaviour"]
    offered, seen, events = (
        _within(found[name].astype(float), series) for name in ("n_o", "sum_do", "sum_dy")
    )
    rate = (events / seen.where(seen > 0)).fillna(0.0)
    theta = (offered * rate + 0.5) / (offered + 1)
    y, o = found["sum_dy"] / found["sum_d"], found["sum_do"] / found["sum_d"]
    square = y * (1 - 2 * theta) + theta**2 * o
    total = _within(found["share"] * square, series)
    prior = found["prior"] ** 2
    expected = total * prior / _within(found["share"] * prior, series)
    ratio = (found["n"] * square + PRIOR_EVENTS) / (found["n"] * expected + PRIOR_EVENTS)
    return pd.DataFrame({"n": found["n"], "ratio": ratio}).astype(float)


def _within(values: "pd.Series[float]", levels: Sequence[str]) -> "pd.Series[float]":
    """The sum of values over what shares these levels of the index, at each row."""
    return values.groupby(level=list(levels)).transform("sum")
