"""The figure of each deployment since it began, which may be looked at every day.

Here belong: what a deployment's days are, what was expected of them beforehand, and the rows that
come of both. Here does not belong: the confidence sequence (sequences).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.cells import Floats, Integers, day_of, encode, group, tally
from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE, SINCE_DEPLOYMENT, finished
from alignment_monitor.statistics.intervals import smoothed
from alignment_monitor.statistics.sequences import (
    FIRST_LOOK,
    TIGHTEST,
    Daily,
    daily_figures,
    ratio_sequence,
)
from alignment_monitor.statistics.windows import ALL

METHOD = "ratio of equal-day means; confidence sequence that holds on all days at once"
SERIES = ("behaviour", "rubric_version", "panel")
DAYS_BEFORE = TIGHTEST
"""Days before a deployment from which its variance is expected."""

NO_EXPECTATION = "too few days before the deployment to fix beforehand what variance to expect"


class Deployment(NamedTuple):
    """A deployment, and the first and last day that it served."""

    family: str
    name: str
    first: date
    last: date


@dataclass(frozen=True)
class _Rows:
    """Sums by day, user and series; days are counted from 0.

    Attributes:
        labels: of each series, by column of ``SERIES``.
        days: number of days.
    """

    labels: pd.DataFrame
    series: Integers
    day: Integers
    user: Integers
    n: Floats
    n_o: Floats
    d: Floats
    d_o: Floats
    d_y: Floats
    days: int

    @classmethod
    def of(cls, frame: pd.DataFrame, first: date, days: int) -> Self:
        """The rows of so many days from the first on."""
        number = (day_of(frame["day"]) - pd.Timestamp(first)).dt.days
        frame = frame.assign(number=number)[(number >= 0) & (number < days)]
        coded = encode(frame, (*SERIES, "user_key", "number"))
        series = group(*(coded.codes[name] for name in SERIES))
        n, n_o, d, d_o, d_y = (
            frame[name].to_numpy(dtype=float)[coded.order]
            for name in ("n", "n_o", "sum_d", "sum_do", "sum_dy")
        )
        return cls(
            labels=pd.DataFrame({name: coded.first(name, series) for name in SERIES}),
            series=series.code,
            day=frame["number"].to_numpy().astype(np.int64)[coded.order],
            user=coded.codes["user_key"],
            n=n,
            n_o=n_o,
            d=d,
            d_o=d_o,
            d_y=d_y,
            days=days,
        )

    def figures(self) -> Daily:
        """Daily shares of events and opportunities among the judged, and their variance."""
        return daily_figures(
            day=self.day,
            user=self.user,
            sum_d=self.d,
            sum_dy=self.d_y,
            sum_do=self.d_o,
            days=self.days,
            series=self.series,
        )

    def by_day(self, values: Floats) -> Floats:
        """Running sums of a value, series x day."""
        shape = (len(self.labels), self.days)
        flat = tally(self.series * self.days + self.day, values, shape[0] * shape[1])
        return np.cumsum(flat.reshape(shape), axis=1)

    def users(self) -> Floats:
        """Users with an opportunity up to each day, series x day."""
        offered = self.n_o > 0
        owner = group(self.series[offered], self.user[offered])  # rows are in the order of days
        found = np.zeros(len(self.n_o))
        found[np.flatnonzero(offered)[owner.first]] = 1.0
        return self.by_day(found)


def since_deployment(
    user_days: pd.DataFrame, deployment: Deployment, days: Sequence[date]
) -> pd.DataFrame:
    """Rates of a deployment since it began, from its 14th day with data, as rows of ``ESTIMATES``.

    They are on the judge's scale and have 0 for ``window_days``: all days up to that one. A new
    rubric or panel is another series, from its own first day on.

    Args:
        user_days: sufficient statistics of the deployment's family by day, deployment and user,
            from ``DAYS_BEFORE`` days before the deployment up to the last day.
        deployment: the deployment.
        days: days wanted, in order; those on which it did not serve have no rows.
    """
    wanted = [day for day in days if deployment.first <= day <= deployment.last]
    mine = user_days["deployment"] == deployment.name
    if not wanted or not mine.any():
        return pd.DataFrame(columns=ESTIMATES.schema.names)
    rows = _Rows.of(user_days[mine], deployment.first, (wanted[-1] - deployment.first).days + 1)
    before = _Rows.of(user_days, deployment.first - timedelta(days=DAYS_BEFORE), DAYS_BEFORE)
    known = _expected(before)
    expected = np.array([known.get(tuple(label), np.nan) for label in rows.labels.to_numpy()])
    daily = rows.figures()
    told = np.isfinite(expected)
    figures = ratio_sequence(
        daily.numerator,
        daily.denominator,
        daily.variance,
        np.where(told, expected, 1.0)[:, None],
    )
    counts = [rows.by_day(rows.n_o), rows.by_day(rows.n), rows.users()]
    observed = np.cumsum(np.isfinite(daily.numerator), axis=1)
    parts = []
    for day in wanted:
        at = (day - deployment.first).days
        shown = observed[:, at] >= FIRST_LOOK
        n, judged, users = (column[shown, at].astype(np.int64) for column in counts)
        estimate, lower, upper = (column[shown, at] for column in figures)
        part = rows.labels[shown].assign(
            deployment_family=deployment.family,
            deployment=deployment.name,
            segment=ALL,
            window_days=SINCE_DEPLOYMENT,
            n=n,
            judged=judged,
            users=users,
            effective_n=np.nan,
            prevalence=estimate,
            lower=np.where(told[shown], lower, np.nan),
            upper=np.where(told[shown], upper, np.nan),
            judged_prevalence=estimate,
            reason=np.where(told[shown], "", NO_EXPECTATION),
        )
        parts.append(finished(part, day=day, mode=JUDGE_SCALE, method=METHOD))
    return pd.concat(parts, ignore_index=True)


def _expected(before: _Rows) -> dict[tuple[str, ...], float]:
    """Variance of a sum over 28 days of N - theta D, by series that had enough days.

    At least what smoothing gives, so that days without any event do not promise certainty.
    """
    if before.labels.empty:
        return {}
    daily = before.figures()
    observed = np.isfinite(daily.numerator).sum(axis=1)
    theta = np.nansum(daily.numerator, axis=1) / np.maximum(np.nansum(daily.denominator, 1), 1e-12)
    seen = daily.variance.at(np.clip(theta, 0, 1)[:, None])[:, -1]
    size = before.by_day(before.n_o)[:, -1]
    level = smoothed(np.clip(theta, 0, 1), size)
    at = before.series * before.days + before.day
    total = tally(at, before.d, len(before.labels) * before.days)[at]
    least = tally(before.series, (before.d_o / total) ** 2, len(before.labels))
    variance = np.maximum(seen, level * (1 - level) * least) * TIGHTEST / np.maximum(observed, 1)
    enough = (observed >= FIRST_LOOK) & (variance > 0)
    return {
        tuple(label): float(value)
        for label, value, told in zip(before.labels.to_numpy(), variance, enough, strict=True)
        if told
    }
