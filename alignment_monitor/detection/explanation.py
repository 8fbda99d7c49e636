"""How a decision came about, step by step, from the same functions that made it.

Here belong: the figures between the day's data and the decision of a MODEL series. Here does not
belong: how they are told (``operations.explain``), nor any arithmetic of its own: what is shown
here is what the detector computed, recomputed for one day.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from alignment_monitor.detection.baseline import DIRECTIONS, LAG_DAYS, widening
from alignment_monitor.detection.decisions import WHOLE
from alignment_monitor.detection.edetector import SHIFTS
from alignment_monitor.detection.replay import standing
from alignment_monitor.detection.watch import Run
from alignment_monitor.statistics.cells import tally


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
class View:
    """The test of the whole, or of one segment, on one day.

    Attributes:
        name: 'all', or the segment.
        weight: of the view among all.
        rate: the day's rate, the whole at the baseline's mix.
        effect: of the judge's own shift, which is taken off.
        n: effective n.
        moments: mean, mean_variance, rate, between and freedom of the baseline.
        margin: change that is forgiven.
        deviation: standard deviation expected of the day's rate.
        widening: allowance for its being estimated.
        z: standardised deviation.
        shifts: components of the e-detector.
        statistic: log of their mean.
    """

    name: str
    weight: float
    rate: float
    effect: float
    n: float
    moments: dict[str, float]
    margin: float
    deviation: float
    widening: float
    z: float
    shifts: tuple[Shift, ...]
    statistic: float


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
        views: the whole, then the segment that leads if there is one; empty on a day that was not
            watched.
        others: log of the weighted sum of the segments' statistics that are not among the views.
        statistic: log of the weighted sum over all views.
        threshold: log of the page threshold.
        mass: start mass of the day.
        credit: days by which the run length is raised for deployments.
        judge: share of sentinels flagged: of positives and negatives of late, then in the
            baseline; not a number without sentinels.
        judge_changed: the judge's charts are at their threshold.
        labels_statistic: log statistic of the labels' own detector; minus infinity without.
        leaning: log evidence of an episode's labels for a change.
        against: and against it.
        bursts: bursts of labels so far.
    """

    labels: dict[str, str]
    direction: str
    parts: tuple[SegmentPart, ...]
    level: float
    rate: float
    clustering: float
    spread: float
    learned: tuple[date, ...]
    views: tuple[View, ...]
    others: float
    statistic: float
    threshold: float
    mass: float
    credit: float
    judge: tuple[float, float, float, float]
    judge_changed: bool
    labels_statistic: float
    leaning: float
    against: float
    bursts: int

    @property
    def watched(self) -> bool:
        """Whether the day was held against a baseline."""
        return bool(self.views)


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
    streams, history, facing = run.streams, run.history, DIRECTIONS.index(direction)
    watched = bool(np.isfinite(history.z[stream, day, 0, facing]))
    views, others = _views(run, stream, facing) if watched else ((), -np.inf)
    errors = [*history.errors[stream, day], *history.reference[stream, day]]
    here = (stream, day, facing)
    return Explanation(
        labels={str(name): str(told) for name, told in streams.labels.iloc[stream].items()},
        direction=direction,
        parts=_parts(run, stream, day),
        level=float(np.sum(streams.mix[stream] * streams.reference[stream])),
        rate=float(streams.rate[stream, day]),
        clustering=float(streams.clustering[stream]),
        spread=float(streams.spread[stream, day]),
        learned=_learned(run, stream, day),
        views=views,
        others=others,
        statistic=float(history.judged[here]),
        threshold=float(run.log_thresholds[day]),
        mass=float(run.inputs.mass[day, stream]),
        credit=float(run.credit[day]),
        judge=(float(errors[0]), float(errors[1]), float(errors[2]), float(errors[3])),
        judge_changed=bool(history.fired[stream, day]),
        labels_statistic=float(history.labels[here]),
        leaning=float(history.leaning[here]),
        against=float(history.against[here]),
        bursts=int(history.bursts[here]),
    )


def _views(run: Run, stream: int, facing: int) -> tuple[tuple[View, ...], float]:
    """The whole and the leading segment; the weighted log sum of all others."""
    weights = run.inputs.log_weights[stream]
    weighted = run.history.last.chart.statistic[stream, :, facing] + weights
    lead = int(weighted.argmax())
    shown = sorted({0, lead})
    others = np.delete(weighted, shown)
    total = np.logaddexp.reduce(others) if len(others) else -np.inf
    return tuple(_view(run, stream, view, facing) for view in shown), float(total)


def _view(run: Run, stream: int, view: int, facing: int) -> View:
    history, told = run.history, run.history.last
    seen, here = told.chart, (stream, view)
    reading = told.reading
    shifts = zip(
        SHIFTS,
        history.before[stream, view, facing],
        seen.log_mgf[stream, view, facing],
        history.after[stream, view, facing],
        strict=True,
    )
    return View(
        name=run.streams.segments[view - 1] if view else WHOLE,
        weight=float(np.exp(run.inputs.log_weights[here])),
        rate=float(reading.rate[here] + told.effect[here]),
        effect=float(told.effect[here]) + 0.0,  # no minus before a zero
        n=float(reading.n[here]),
        moments={name: float(value[here]) for name, value in vars(seen.moments).items()},
        margin=float(seen.margin[here]),
        deviation=float(seen.deviation[here]),
        widening=float(widening(seen.moments.freedom[here])),
        z=float(seen.z[stream, view, facing]),
        shifts=tuple(Shift(*(float(value) for value in values)) for values in shifts),
        statistic=float(seen.statistic[stream, view, facing]),
    )


def _learned(run: Run, stream: int, last: int) -> tuple[date, ...]:
    """Days that the baseline of the whole knew: its first ones, and others 28 days on."""
    seen = np.isfinite(run.history.n[stream, : last + 1])
    index = np.arange(last + 1)
    young = index <= run.streams.baseline_end[stream]
    calm = run.history.learning[stream, : last + 1]
    later = np.zeros(last + 1, dtype=bool)
    later[:-LAG_DAYS] = calm[LAG_DAYS:]
    joined = ~young & calm & later & (index <= last - LAG_DAYS)
    return tuple(run.date(int(day)) for day in np.flatnonzero(seen & (young | joined)))


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
