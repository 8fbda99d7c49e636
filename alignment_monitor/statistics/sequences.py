"""Figures since a deployment that may be looked at every day.

Here belong: an asymptotic confidence sequence for a mean over days, for a ratio of two such means,
and the running variance that both need. Here does not belong: daily rates, or when a deployment
began. An ordinary 95 % interval that is looked at daily misses sooner or later; this one holds on
all days at once with 95 %.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, Time-uniform central limit theory and
asymptotic confidence sequences. Days are the last axis of every array.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignment_monitor.statistics.cells import Floats, Integers, group, tally
from alignment_monitor.statistics.intervals import LEVEL

FIRST_LOOK = 14
"""Observed days before the first interval: what is asymptotic needs some."""

TIGHTEST = 28
"""Day for which the sequence is tuned to be narrow."""

ALPHA = 1 - LEVEL
_COARSE, _HALVINGS = 65, 40


class Sequence(NamedTuple):
    """Estimate and interval up to each day; not a number before the first look or without data."""

    estimate: Floats
    lower: Floats
    upper: Floats


class RunningVariance(NamedTuple):
    """Variances of the running sums of daily N and D, and their covariance.

    The first axis holds two ways to reckon: days as independent, and each user's days together.
    """

    numerator: Floats
    both: Floats
    denominator: Floats

    def at(self, theta: ArrayLike) -> Floats:
        """Variance of the running sum of N - theta D: the larger of the two."""
        rate = np.asarray(theta, dtype=float)
        spread = self.numerator - 2 * rate * self.both + rate**2 * self.denominator
        return np.asarray(np.maximum(spread.max(axis=0), 0), dtype=float)


class Daily(NamedTuple):
    """Figures of series x day: weighted shares N of events and D of opportunities among the judged.

    Not a number on a day with fewer than two users, since nothing then tells how sure it is.
    """

    numerator: Floats
    denominator: Floats
    variance: RunningVariance


def daily_figures(
    *,
    day: ArrayLike,
    user: ArrayLike,
    sum_d: ArrayLike,
    sum_dy: ArrayLike,
    sum_do: ArrayLike,
    days: int,
    series: ArrayLike | None = None,
) -> Daily:
    """Daily shares, and the variance of their running sums when users come back.

    A sum of daily variances takes days as independent. A user who comes back makes them dependent,
    and the sequence too narrow; so each user's residuals are also summed up to each day and only
    then squared, and the larger of the two counts.

    Args:
        day: number of the day of each row, from 0.
        user: non-negative code of its user.
        sum_d: sum of the weights of the user's judged messages of that day.
        sum_dy: the same of those with an event; from human labels, the weighted sum of
            ``two_phase.pseudo_outcomes``.
        sum_do: the same of those with an opportunity.
        days: number of days.
        series: non-negative code of the series of each row; none: one.
    """
    of_day, of_user = np.asarray(day, dtype=np.int64), np.asarray(user, dtype=np.int64)
    code = np.zeros(len(of_day), dtype=np.int64) if series is None else np.asarray(series)
    shape = (int(code.max(initial=0)) + 1, days)
    owners = group(code, of_user, of_day)
    d, y, o = (owners.sum(np.asarray(part, dtype=float)) for part in (sum_d, sum_dy, sum_do))
    of_day, of_user, code = (column[owners.first] for column in (of_day, of_user, code))
    at = code * days + of_day
    starts = np.ones(len(at), dtype=bool)
    starts[1:] = (np.diff(code) != 0) | (np.diff(of_user) != 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = _by_day(at, d, shape)
        total[_by_day(at, np.ones(len(at)), shape) < 2] = np.nan
        numerator, denominator = (_by_day(at, part, shape) / total for part in (y, o))
        a, b = (
            np.nan_to_num((part - mean.ravel()[at] * d) / total.ravel()[at])
            for part, mean in ((y, numerator), (o, denominator))
        )
    return Daily(numerator, denominator, _running_variance(at, starts, a, b, shape))


def tuning(expected: ArrayLike, alpha: float = ALPHA) -> Floats:
    """The parameter r^2 that makes the sequence narrow where its summed variance is as expected.

    Args:
        expected: variance of a sum over 28 days, told before the first day is seen: from the days
            before the deployment, never from those that the sequence is about.
        alpha: chance of ever missing.

    Raises:
        ValueError: it is not positive.
    """
    variance = np.asarray(expected, dtype=float)
    if not (np.isfinite(variance) & (variance > 0)).all():
        raise ValueError("the expected variance must be positive")
    return (-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / variance


def half_width(
    variance: ArrayLike, days: ArrayLike, r_squared: ArrayLike, alpha: float = ALPHA
) -> Floats:
    """Half the width of the sequence for a mean over ``days`` whose sum has this variance."""
    v, t, r2 = (np.asarray(part, dtype=float) for part in (variance, days, r_squared))
    scaled = v * r2 + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = 2 * scaled / (t**2 * r2) * np.log(np.sqrt(scaled) / alpha)
        return np.sqrt(squared)


def mean_sequence(
    daily: ArrayLike,
    variance: ArrayLike,
    expected: ArrayLike,
    *,
    alpha: float = ALPHA,
    first_look: int = FIRST_LOOK,
) -> Sequence:
    """Equal-day mean of daily proportions since the first day.

    Args:
        daily: estimate of each day; a day without data is not a number, and not counted.
        variance: of the running sum of the estimates up to each day: the running sum of daily
            variances if no user comes back, else ``Daily.variance.at(0)``.
        expected: see ``tuning``. A 28th of it for each of the first 28 days is also the least
            variance: a small sample without events looks too sure of itself.
        alpha: chance of ever missing.
        first_look: number of observed days before the first interval.

    Raises:
        ValueError: the expected variance is not positive.
    """
    t, mean = _running_mean(daily)
    half = half_width(_at_least(variance, t, expected), t, tuning(expected, alpha), alpha)
    seen = t >= first_look
    bounds = (np.clip(bound, 0, 1) for bound in (mean - half, mean + half))
    return Sequence(np.clip(mean, 0, 1), *(np.where(seen, bound, np.nan) for bound in bounds))


def ratio_sequence(
    numerator: ArrayLike,
    denominator: ArrayLike,
    variance: RunningVariance,
    expected: ArrayLike,
    *,
    alpha: float = ALPHA,
    first_look: int = FIRST_LOOK,
) -> Sequence:
    """Ratio of two equal-day means, such as events among opportunities.

    All theta stay for which the mean of N_t - theta D_t is not shown to differ from 0. That set is
    taken out to its last member on either side, so that what is shown is an interval.

    Args:
        numerator: estimate of each day; not a number without data.
        denominator: of the same day.
        variance: of the running sums.
        expected: see ``mean_sequence``; of N - theta D at a theta fixed beforehand.
        alpha: see ``mean_sequence``.
        first_look: see there.

    Raises:
        ValueError: the expected variance is not positive.
    """
    r2 = tuning(expected, alpha)
    n, d = np.broadcast_arrays(
        *(np.asarray(part, dtype=float) for part in (numerator, denominator))
    )
    observed = np.isfinite(n) & np.isfinite(d)
    t, upper_mean = _running_mean(np.where(observed, n, np.nan))
    _, lower_mean = _running_mean(np.where(observed, d, np.nan))
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = np.where(lower_mean > 0, np.clip(upper_mean / lower_mean, 0, 1), np.nan)

    def kept(theta: Floats) -> NDArray[np.bool_]:
        half = half_width(_at_least(variance.at(theta), t, expected), t, r2, alpha)
        return np.asarray(np.abs(upper_mean - theta * lower_mean) <= half)

    seen = (t >= first_look) & np.isfinite(estimate)
    bounds = (_outermost(kept, estimate, edge) for edge in (0.0, 1.0))
    return Sequence(estimate, *(np.where(seen, bound, np.nan) for bound in bounds))


def _running_mean(daily: ArrayLike) -> tuple[Floats, Floats]:
    """Number of observed days up to each day, and the mean over them."""
    values = np.asarray(daily, dtype=float)
    days = np.cumsum(np.isfinite(values), axis=-1).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return days, np.cumsum(np.nan_to_num(values), axis=-1) / days


def _running_variance(
    at: Integers, starts: NDArray[np.bool_], a: Floats, b: Floats, shape: tuple[int, int]
) -> RunningVariance:
    """From residuals by user and day: sums of squares by day, and squares of each user's sums."""
    ones = np.ones(len(at))
    users = _by_day(at, ones, shape), np.cumsum(_by_day(at, starts * ones, shape), axis=1)
    factor = [count / np.maximum(count - 1, 1) for count in users]
    before_a, before_b = _before(a, starts), _before(b, starts)

    def running(apart: Floats, carried: Floats) -> Floats:
        by_day = np.cumsum(_by_day(at, apart, shape) * factor[0], axis=1)
        return np.stack(
            [by_day, np.cumsum(_by_day(at, apart + carried, shape), axis=1) * factor[1]]
        )

    return RunningVariance(
        running(a * a, 2 * before_a * a),
        running(a * b, before_a * b + before_b * a),
        running(b * b, 2 * before_b * b),
    )


def _by_day(at: Integers, values: Floats, shape: tuple[int, int]) -> Floats:
    return tally(at, values, shape[0] * shape[1]).reshape(shape)


def _before(values: Floats, starts: NDArray[np.bool_]) -> Floats:
    """Sum of the earlier values of the same owner, rows sorted by owner."""
    sums = np.cumsum(values) - values
    return sums - sums[np.maximum.accumulate(np.where(starts, np.arange(len(values)), 0))]


def _outermost(
    kept: Callable[[Floats], NDArray[np.bool_]], estimate: Floats, edge: float
) -> Floats:
    """Last kept value on the way from the estimate to an edge of [0, 1]."""
    start = np.nan_to_num(estimate)
    inside, step = np.zeros(start.shape), 1 / (_COARSE - 1)
    for way in np.linspace(0, 1, _COARSE)[1:]:
        inside = np.where(kept(start + way * (edge - start)), way, inside)
    outside = np.minimum(inside + step, 1.0)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        holds = kept(start + middle * (edge - start))
        inside, outside = np.where(holds, middle, inside), np.where(holds, outside, middle)
    return start + outside * (edge - start)


def _at_least(variance: ArrayLike, days: Floats, expected: ArrayLike) -> Floats:
    return np.maximum(variance, np.asarray(expected) * np.minimum(days / TIGHTEST, 1))
