"""Daily rates standardised to the segment mix of the baseline, with the design's precision.

Here belong: the streams of data (one per family, behaviour, rubric, panel and epoch), their
reference mix, and rates weighted to it. Here does not belong: what a rate is compared with.

A segment without data on a day is taken to have stayed at its baseline, so that a missing segment
moves no rate; segments that the baseline has not seen have no weight.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignment_monitor.statistics.cells import (
    Floats,
    Integers,
    day_of,
    encode,
    group,
    tally,
    total,
)
from alignment_monitor.statistics.intervals import smoothed

STREAM = ("deployment_family", "behaviour", "rubric_version", "panel", "epoch")


@dataclass(frozen=True)
class Rows:
    """Sufficient statistics by user as arrays: stream, day, segment and user are numbers."""

    stream: Integers
    day: Integers
    segment: Integers
    user: Integers
    n: Floats
    d_o: Floats
    d_y: Floats

    def where(self, mask: NDArray[np.bool_]) -> "Rows":
        """The rows that the mask keeps."""
        return Rows(*(column[mask] for column in vars(self).values()))


@dataclass(frozen=True)
class Streams:
    """Daily figures of every stream; the arrays are stream x day.

    Attributes:
        labels: family, behaviour, rubric version, panel and epoch of each stream.
        rows: what the figures were computed from.
        n: judged messages with the opportunity.
        plain: rate as it is; not a number without data.
        rate: rate standardised to the baseline's mix; not a number without data.
        spread: sum of squared weights of the messages in ``rate``, 1/n if all weigh the same.
        baseline_end: index of the last day of each stream's baseline; beyond all days if open.
        clustering: how much larger than under independence the sampling variance is; at least 1.
        mix: stream x segment, reference mix.
        reference: stream x segment, baseline rate.
        segments: name of each segment.
    """

    labels: pd.DataFrame
    rows: Rows
    n: Floats
    plain: Floats
    rate: Floats
    spread: Floats
    baseline_end: Integers
    clustering: Floats
    mix: Floats
    reference: Floats
    segments: tuple[str, ...]


def read_rows(
    user_days: pd.DataFrame, first: pd.Timestamp
) -> tuple[Rows, pd.DataFrame, tuple[str, ...]]:
    """Rows with an opportunity as arrays, days counted from the first; streams; segments.

    Rows without a column ``epoch`` are of epoch 0.
    """
    frame = user_days[user_days["n_o"] > 0]
    if "epoch" not in frame:
        frame = frame.assign(epoch=0)
    coded = encode(frame, (*STREAM, "segment", "user_key", "day", "deployment"))
    streams = group(*(coded.codes[name] for name in STREAM))
    days = (day_of(frame["day"]) - first).dt.days.to_numpy().astype(np.int64)
    n, d_o, d_y = (
        frame[name].to_numpy(dtype=float)[coded.order] for name in ("n_o", "sum_do", "sum_dy")
    )
    rows = Rows(
        streams.code,
        days[coded.order],
        coded.codes["segment"],
        coded.codes["user_key"],
        n,
        d_o,
        d_y,
    )
    labels = pd.DataFrame({name: coded.first(name, streams) for name in STREAM})
    return rows, labels, tuple(map(str, coded.labels["segment"]))


def daily_streams(
    user_days: pd.DataFrame, *, first: pd.Timestamp, days: int, baseline_days: int
) -> Streams:
    """Daily figures of every stream, from the first day on.

    Args:
        user_days: sufficient statistics by day, cell, user and epoch, no day outside the range.
        first: day 0.
        days: number of days.
        baseline_days: days with data that make a stream's baseline.
    """
    rows, labels, segments = read_rows(user_days, first)
    shape = (len(labels), days)
    n = _sum_by_day(rows, rows.n, shape)
    with np.errstate(invalid="ignore"):
        plain = _sum_by_day(rows, rows.d_y, shape) / _sum_by_day(rows, rows.d_o, shape)
    rank = np.cumsum(n > 0, axis=1)
    complete = rank[:, -1] >= baseline_days
    end = np.where(complete, np.argmax(rank >= baseline_days, axis=1), days)

    past = rows.where(rows.day <= end[rows.stream])
    mix, reference = _reference(past, len(labels))
    rate, spread, squared = _standardised(rows, shape, mix, reference)
    clustering = _clustering(spread, squared, end, total(mix * reference))
    return Streams(labels, rows, n, plain, rate, spread, end, clustering, mix, reference, segments)


def window_rate(streams: Streams, stream: int, first: int, last: int) -> tuple[float, float, int]:
    """Standardised rate of a stream over a range of days, its variance, and its users.

    Clustered by user over the whole range: someone who comes back is still one person.
    """
    rows = streams.rows
    rows = rows.where((rows.stream == stream) & (rows.day >= first) & (rows.day <= last))
    mix, reference = streams.mix[stream], streams.reference[stream]
    size = len(mix)
    opportunities = tally(rows.segment, rows.d_o, size)
    weights = np.where(opportunities > 0, mix, 0)
    weights = weights / total(weights) / np.maximum(opportunities, np.finfo(float).tiny)
    positive = tally(rows.segment, rows.d_y, size)
    rate = float(total(mix * reference + weights * (positive - reference * opportunities)))
    own = positive / np.maximum(opportunities, np.finfo(float).tiny)
    users = group(rows.user)
    residual = users.sum(weights[rows.segment] * (rows.d_y - own[rows.segment] * rows.d_o))
    count = len(users.first)
    variance = float(total(residual**2)) * count / max(count - 1, 1)
    return min(max(rate, 0.0), 1.0), variance, count


@dataclass(frozen=True)
class SegmentDays:
    """Daily figures by segment, stream x segment x day; not a number without data.

    Attributes:
        rate: weighted rate.
        spread: sum of squared weights of the messages in it.
        opportunities: design-weighted number of messages with the opportunity, 0 without any.
    """

    rate: Floats
    spread: Floats
    opportunities: Floats


def by_segment(streams: Streams) -> SegmentDays:
    """Daily rates of the segments that some baseline knows."""
    rows, (size, segments) = streams.rows, streams.mix.shape
    rows = rows.where(rows.segment < segments)
    days = streams.rate.shape[1]
    code = (rows.stream * segments + rows.segment) * days + rows.day

    def summed(values: Floats) -> Floats:
        return tally(code, values, size * segments * days).reshape(size, segments, days)

    opportunities = summed(rows.d_o)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = summed(rows.d_y) / opportunities
        spread = summed(rows.d_o**2 / rows.n) / opportunities**2
    return SegmentDays(rate, spread, opportunities)


def _sum_by_day(rows: Rows, values: Floats, shape: tuple[int, int]) -> Floats:
    flat = tally(rows.stream * shape[1] + rows.day, values, shape[0] * shape[1])
    return flat.reshape(shape)


def _reference(past: Rows, streams: int) -> tuple[Floats, Floats]:
    segments = int(past.segment.max(initial=0)) + 1
    cell = past.stream * segments + past.segment
    shape = (streams, segments)
    opportunities = tally(cell, past.d_o, streams * segments).reshape(shape)
    positive = tally(cell, past.d_y, streams * segments).reshape(shape)
    mix = opportunities / total(opportunities)[:, None]
    return mix, positive / np.where(opportunities > 0, opportunities, 1)


def _standardised(
    rows: Rows, shape: tuple[int, int], mix: Floats, reference: Floats
) -> tuple[Floats, Floats, Floats]:
    """Rate, sum of squared message weights, and squared residuals clustered by user."""
    known = rows.segment < mix.shape[1]
    rows = rows.where(known)
    cells = group(rows.stream, rows.day, rows.segment)
    opportunities = cells.sum(rows.d_o)
    at = (rows.stream[cells.first], rows.segment[cells.first])
    by_day = rows.stream[cells.first] * shape[1] + rows.day[cells.first]
    present = tally(by_day, mix[at], shape[0] * shape[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = mix[at] / present[by_day] / opportunities
    row_weight = np.nan_to_num(weight[cells.code])
    excess = row_weight * (rows.d_y - reference[rows.stream, rows.segment] * rows.d_o)

    users = group(rows.stream, rows.day, rows.user)
    own = Rows(*(column[users.first] for column in vars(rows).values()))
    squared = _sum_by_day(own, users.sum(excess) ** 2, shape)
    spread = _sum_by_day(rows, (row_weight * rows.d_o) ** 2 / rows.n, shape)
    level = total(mix * reference)[:, None]
    rate = level + _sum_by_day(rows, excess, shape)
    missing = present.reshape(shape) == 0
    return np.where(missing, np.nan, rate), np.where(missing, np.nan, spread), squared


def _clustering(spread: Floats, squared: Floats, end: Integers, level: Floats) -> Floats:
    """Observed over nominal sampling variance in the baseline, smoothed, never below 1.

    Estimated once and not from the day itself: a day's own variance goes with its own rate, and
    a rise would be divided by the very noise it brings.
    """
    past = (np.arange(spread.shape[1]) <= end[:, None]) & np.isfinite(spread)
    nominal = total(np.where(past, spread, 0))
    observed = total(np.where(past, squared, 0))
    size = total(np.where(past, 1 / spread, 0))
    prior = smoothed(level, size)
    prior = prior * (1 - prior)
    extra = prior - level * (1 - level)
    return np.maximum(1.0, (observed + extra * nominal) / (prior * nominal))
