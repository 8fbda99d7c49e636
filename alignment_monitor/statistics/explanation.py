"""How a decision came about, step by step, from the same functions that made it.

Here belong: the figures between the day's data and the decision of a MODEL series. Here does not
belong: how they are told (``operations.explain``), nor any arithmetic of its own: what is shown
here is what the detector computed, recomputed for one day.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from alignment_monitor.statistics.cells import Integers, tally
from alignment_monitor.statistics.charts import DIRECTIONS, SIGNS, widening
from alignment_monitor.statistics.decisions import Run
from alignment_monitor.statistics.detection import standing
from alignment_monitor.statistics.edetector import SHIFTS, null_log_mgf, step


class ExplanationError(ValueError):
    """There is no such series, or nothing was computed for it on that day; says which."""


@dataclass(frozen=True)
class SegmentPart:
    """What one segment gave to the day's rate.

    Attributes:
        segment: its name.
        weight: share in the baseline's mix, of the segments that have data this day; 0 without
            data or outside the baseline.
        reference: its rate in the baseline.
        n: judged messages with the opportunity this day.
        rate: its rate this day; not a number without data.
    """

    segment: str
    weight: float
    reference: float
    n: int
    rate: float


@dataclass(frozen=True)
class Shift:
    """One component of the e-detector on one day, in natural logs.

    Attributes:
        size: change looked for, in daily standard deviations.
        before: log M of the day with data before; minus infinity at first.
        log_mgf: psi, what no change would give.
        after: log M of this day.
    """

    size: float
    before: float
    log_mgf: float
    after: float


@dataclass(frozen=True)
class Explanation:
    """Every figure between the data of a day and its decision.

    Attributes:
        labels: deployment family, behaviour, rubric version and panel of the stream.
        direction: 'up' or 'down'.
        parts: the segments.
        level: baseline rate at the baseline's mix.
        rate: the day's rate at that mix.
        clustering: how much larger than under independence the sampling variance is.
        spread: sum of squared message weights.
        learned: days that the baseline knew.
        moments: mean, mean_variance, rate, between and freedom of the baseline; empty on a day
            that was not watched, as all below.
        n: effective n.
        deviation: standard deviation expected of the day's rate.
        widening: allowance for its being estimated.
        z: standardised deviation.
        shifts: components of the e-detector.
        statistic: log of their mean.
        threshold: log of the alarm threshold.
    """

    labels: dict[str, str]
    direction: str
    parts: tuple[SegmentPart, ...]
    level: float
    rate: float
    clustering: float
    spread: float
    learned: tuple[date, ...]
    moments: dict[str, float]
    n: float
    deviation: float
    widening: float
    z: float
    shifts: tuple[Shift, ...]
    statistic: float
    threshold: float

    @property
    def watched(self) -> bool:
        """Whether the day was held against a baseline."""
        return bool(self.moments)


def explain(run: Run, family: str, behaviour: str, direction: str) -> Explanation:
    """Explain what the detector made of the last day of a run.

    Args:
        run: a replay that ends on the day in question.
        family: deployment family.
        behaviour: question watched.
        direction: 'up' or 'down'.

    Raises:
        ExplanationError: no judged message of the family offered the behaviour's opportunity so
            far.
    """
    day = run.streams.n.shape[1] - 1
    stream = int(standing(run, family, behaviour)[day])
    if stream < 0:
        raise ExplanationError(
            f"no judged message of {family} gave cause for {behaviour} by {run.date(day)}"
        )
    streams, charts, facing = run.streams, run.charts, DIRECTIONS.index(direction)
    watched = np.isfinite(charts.z[stream, :, facing])
    shifts = _shifts(run, stream, facing, np.flatnonzero(watched))
    moments = {name: float(value[stream, day]) for name, value in vars(charts.baseline).items()}
    return Explanation(
        labels={str(name): str(told) for name, told in streams.labels.iloc[stream].items()},
        direction=direction,
        parts=_parts(run, stream, day),
        level=float(np.sum(streams.mix[stream] * streams.reference[stream])),
        rate=float(streams.rate[stream, day]),
        clustering=float(streams.clustering[stream]),
        spread=float(streams.spread[stream, day]),
        learned=tuple(run.date(int(i)) for i in np.flatnonzero(charts.learned[stream] <= day)),
        moments=moments if watched[day] else {},
        n=float(charts.n[stream, day]),
        deviation=float(charts.deviation[stream, day]),
        widening=float(widening(charts.baseline.freedom[stream, day])),
        z=float(charts.z[stream, day, facing]),
        shifts=shifts if watched[day] else (),
        statistic=float(charts.statistic[stream, day, facing]),
        threshold=float(run.log_thresholds[day]),
    )


def _parts(run: Run, stream: int, day: int) -> tuple[SegmentPart, ...]:
    streams = run.streams
    rows = streams.rows.where((streams.rows.stream == stream) & (streams.rows.day == day))
    # Segments that came after every baseline are beyond the mix: they have no weight.
    size = len(streams.segments)
    mix, reference = (
        np.pad(known[stream], (0, size - known.shape[1]))
        for known in (streams.mix, streams.reference)
    )
    n, opportunities, positive = (
        tally(rows.segment, values, size) for values in (rows.n, rows.d_o, rows.d_y)
    )
    weight = np.where(opportunities > 0, mix, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight, rate = weight / weight.sum(), positive / opportunities
    return tuple(
        SegmentPart(
            run.streams.segments[i],
            float(weight[i]),
            float(reference[i]),
            int(n[i]),
            float(rate[i]),
        )
        for i in np.flatnonzero((mix > 0) | (n > 0))
    )


def _shifts(run: Run, stream: int, facing: int, days: Integers) -> tuple[Shift, ...]:
    """The recursion over the days watched; the last step in full."""
    charts, moments = run.charts, run.charts.baseline
    log_mgf = null_log_mgf(
        moments.rate[stream, days],
        charts.n[stream, days],
        moments.between[stream, days],
        charts.deviation[stream, days],
        SIGNS[facing],
    )
    before = after = np.full(len(SHIFTS), -np.inf)
    for place, day in enumerate(days):
        before = after
        z, threshold = charts.z[stream, day, facing], float(run.log_thresholds[day])
        after = step(before, z, log_mgf[place], threshold)
    if not len(days):
        return ()
    columns = zip(SHIFTS, before, log_mgf[-1], after, strict=True)
    return tuple(Shift(*(float(value) for value in values)) for values in columns)
