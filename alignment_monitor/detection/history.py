"""The engine run over a whole history, and what it said each day.

Here belongs: keeping what decisions, explanations and pages are made of. Here does not belong: the
words for it (``decisions``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.detection.baseline import Mask, Moments
from alignment_monitor.detection.day import Budget, Told
from alignment_monitor.detection.engine import Engine
from alignment_monitor.detection.inputs import Inputs
from alignment_monitor.statistics.cells import Floats, Integers

Kept = Mapping[str, NDArray[Any]]
"""What is kept of one day, by name, streams first."""

FEWEST_STREAMS = 2
"""Sums over one stream alone may round otherwise than over several; replays must not differ."""


@dataclass(frozen=True)
class History:
    """What the engine said, stream x day; a last axis of 2 is the direction, up and down.

    Attributes:
        n: effective n of the day.
        baseline: what the baseline of the whole said.
        deviation: standard deviation expected of the day's rate.
        z: standardised deviations of every view, stream x day x view x direction; not a number
            where unwatched.
        effect: of the judge's own shift on the rate.
        margin: what is taken off a change beside the uncertainty of the baseline's mean.
        judged: log statistic of judged rates; minus infinity before there is any.
        labels: the same of the labels' own detector.
        leaning: log evidence of an episode's labels for a change.
        against: and against it.
        bursts: bursts of labels so far.
        view: view suspected, 0 is the whole.
        opened: an episode began.
        standing: an episode is open.
        page: it ended in a page.
        indeterminate: in a page that may be the judge's.
        ticket: labels contradicted it.
        unresolved: it ended undecided.
        covered: the change may be the judge's, as far as sentinels tell.
        wanted: a burst of labels is asked for, stream x day.
        learning: nothing stood that a baseline must not learn, stream x day.
        judge: statistic of the judge's charts, stream x day x (positives, negatives) x direction.
        errors: share flagged of positives and of negatives of late, stream x day x 2.
        reference: theirs in the baseline.
        fired: the judge is another one, stream x day.
        onset: index of the day since when; -1 if it is not.
        last: everything said of the last day, streams padded to ``FEWEST_STREAMS``.
        before: components of the charts before the last day.
        after: and after it.
    """

    n: Floats
    baseline: Moments
    deviation: Floats
    z: Floats
    effect: Floats
    margin: Floats
    judged: Floats
    labels: Floats
    leaning: Floats
    against: Floats
    bursts: Integers
    view: Integers
    opened: Mask
    standing: Mask
    page: Mask
    indeterminate: Mask
    ticket: Mask
    unresolved: Mask
    covered: Mask
    wanted: Mask
    learning: Mask
    judge: Floats
    errors: Floats
    reference: Floats
    fired: Mask
    onset: Integers
    last: Told
    before: Floats
    after: Floats


def run_engine(
    inputs: Inputs, log_thresholds: Floats, log_judge: float, *, sentinels_required: bool = False
) -> History:
    """Run the detector over all days.

    Args:
        inputs: daily figures.
        log_thresholds: log A of each day, the same for all streams.
        log_judge: the same of the judge's charts.
        sentinels_required: without labels, what sentinels do not rule out as the judge's is
            indeterminate.
    """

    def budget(log_page: float) -> Budget:
        return Budget(np.full(size, log_page), log_judge, sentinels_required)

    streams = inputs.rate.shape[1]
    inputs = _padded(inputs)
    size, views = inputs.rate.shape[1:]
    engine = Engine(size, views - 1, budget(0.0), log_weights=inputs.log_weights)
    kept: list[Kept] = []
    for day, figures in enumerate(inputs.days()):
        engine.budget = budget(float(log_thresholds[day]))
        before, learning = engine.components.copy(), engine.calm.copy()
        last = engine.step(figures)
        kept.append(kept_of(last, figures.n[:, 0], learning))
    return history_of(kept, streams=streams, last=last, before=before, after=engine.components)


def history_of(
    kept: Sequence[Kept], *, streams: int, last: Told, before: Floats, after: Floats
) -> History:
    """What the engine said over days.

    Args:
        kept: of each day, as ``kept_of`` has it.
        streams: how many of the streams are wanted, from the first on.
        last: everything said of the last day.
        before: components of the charts before it.
        after: and after it.
    """
    joined = {name: np.stack([one[name][:streams] for one in kept], axis=1) for name in kept[0]}
    moments = Moments(*(joined.pop(field.name) for field in fields(Moments)))
    return History(**joined, baseline=moments, last=last, before=before, after=after)


def kept_of(told: Told, n: Floats, learning: Mask) -> Kept:
    """What a history keeps of a day.

    Args:
        told: what the engine made of it.
        n: effective n of each stream.
        learning: streams in which nothing stood that a baseline must not learn.
    """
    verdict, judge, seen = told.verdict, told.judge, told.chart
    moments = {name: value[:, 0] for name, value in vars(seen.moments).items()}
    watched = np.isfinite(seen.z[:, 0]).any(axis=-1)
    said = {
        name: getattr(verdict, name)
        for name in (
            "leaning", "against", "bursts", "opened", "standing", "page", "indeterminate",
            "ticket", "unresolved",
        )
    }  # fmt: skip
    return {
        **{name: np.where(watched, value, np.nan) for name, value in moments.items()},
        **said,
        "n": n,
        "deviation": np.where(watched, seen.deviation[:, 0], np.nan),
        "z": seen.z,
        "effect": told.effect[:, 0],
        "margin": seen.margin[:, 0],
        "judged": told.judged,
        "labels": told.labels,
        "view": verdict.segment + 1,
        "covered": told.covered,
        "wanted": told.wanted,
        "learning": learning,
        "judge": judge.statistic,
        "errors": judge.errors,
        "reference": judge.reference,
        "fired": judge.fired,
        "onset": judge.onset,
    }


def _padded(inputs: Inputs) -> Inputs:
    """Streams without data beside too few of them."""
    missing = FEWEST_STREAMS - inputs.rate.shape[1]
    if missing <= 0:
        return inputs
    blank = {"rate": np.nan, "n": np.nan, "mass": 1.0}

    def wider(name: str) -> NDArray[Any]:
        values = getattr(inputs, name)
        width = [(0, 0), (0, missing), *[(0, 0)] * (values.ndim - 2)]
        return np.pad(values, width, constant_values=blank.get(name, 0))

    names = ("rate", "n", "young", "watched", "flagged", "sentinels", "burst", "mass")
    whole = np.full((missing, inputs.log_weights.shape[1]), -np.inf)
    whole[:, 0] = 0.0
    weights = np.concatenate([inputs.log_weights, whole])

    def longer(column: NDArray[Any]) -> NDArray[Any]:
        return np.pad(column, [(0, missing), (0, 0)])

    labels = tuple(None if one is None else one.each(longer) for one in inputs.labels)
    return replace(
        inputs, **{name: wider(name) for name in names}, labels=labels, log_weights=weights
    )
