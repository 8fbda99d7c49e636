"""The arithmetic of a decision, recomputed from stored daily statistics and told step by step.

Here belong: what is read for it, the words around the figures, and the comparison with the
decision that was stored. Here does not belong: the arithmetic (``statistics``).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.resources.detector import replay_home
from alignment_monitor.resources.lake import Lake
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.detection import detect
from alignment_monitor.statistics.edetector import CAP
from alignment_monitor.statistics.explanation import (
    Explanation,
    ExplanationError,
    SegmentPart,
    explain,
)


@dataclass(frozen=True)
class Told:
    """A decision explained.

    Attributes:
        series: type/family/behaviour/direction.
        day: day decided on.
        steps: what led to it.
        recomputed: its row of drift_signals, from what is stored today.
        stored: the row that was written.
    """

    series: str
    day: date
    steps: Explanation
    recomputed: dict[str, Any]
    stored: dict[str, Any]

    @property
    def differing(self) -> tuple[str, ...]:
        """Columns in which the stored row differs, in any digit."""
        return tuple(
            name
            for name, value in self.recomputed.items()
            if value != self.stored[name] and name != "version"
        )


def explain_decision(settings: Settings, series: str, day: date) -> Told:
    """Recompute the decision on a series on a day.

    Raises:
        ExplanationError: the home has no such series or day; says which it has.
        RubricError: the rubric of the settings cannot be used.
        WarehouseError: the sufficient statistics cannot be read.
    """
    lake = Lake(settings.lake)
    stored = {row["series"]: row for row in lake.read(DRIFT_SIGNALS, [day]).to_pylist()}
    row_then = _found(series, stored, day)
    names = ("deployment_family", "behaviour", "direction")
    family, behaviour, direction = (str(row_then[name]) for name in names)
    rubric = load_rubric(settings.judging.rubric, settings.rubrics)
    run = replay_home(settings, rubric, from_day=day, to_day=day)
    if behaviour not in run.watch.behaviours:
        raise ExplanationError(
            f"{behaviour} was watched on {day}, but is not by detection.behaviours of today, "
            "or by the rubric's where the setting names none"
        )
    rows = {row["series"]: row for row in DRIFT_SIGNALS.from_frame(detect(run, day)).to_pylist()}
    return Told(series, day, explain(run, family, behaviour, direction), rows[series], row_then)


def _found(series: str, stored: dict[str, dict[str, Any]], day: date) -> dict[str, Any]:
    if series not in stored or stored[series]["type"] != "MODEL":
        told = "\n  ".join(sorted(one for one, row in stored.items() if row["type"] == "MODEL"))
        raise ExplanationError(
            f"{series!r} is no MODEL series decided on {day}. "
            + (f"There are:\n  {told}" if told else "Nothing was decided then: run that day first.")
        )
    return stored[series]


def lines(told: Told) -> Iterator[str]:
    """The explanation as text; a line that ends in a colon heads a step."""
    steps, row = told.steps, told.recomputed
    yield f"{told.series} on {told.day}: {row['decision']}"
    yield f"rubric {steps.labels['rubric_version']}, judged by {steps.labels['panel']}"
    yield from _rate(steps)
    yield from _baseline(steps)
    if steps.watched:
        yield from _test(steps, row)
    else:
        yield f"No decision: {'no data' if row['phase'] == 'no_data' else 'the baseline learns'}."
    yield from _compared(told)


def _rate(steps: Explanation) -> Iterator[str]:
    yield "1. The day's rate, at the baseline's mix of segments:"
    if not math.isfinite(steps.rate):
        yield "no judged message gave cause for it this day in a segment that the baseline knows"
        return
    for part in steps.parts:
        yield f"{part.segment}: {_of_segment(part)}"
    moved = " ".join(
        f"{part.weight * (part.rate - part.reference):+.6g}" for part in steps.parts if part.weight
    )
    yield f"x = {steps.level:.6g} {moved} = {steps.rate:.6g}"


def _of_segment(part: SegmentPart) -> str:
    if not part.n:
        return f"no data, taken to deviate from its baseline {part.reference:.6g} as the others do"
    if not part.weight:
        return f"n {part.n}, rate {part.rate:.6g}, not in the baseline and so without weight"
    return (
        f"weight {part.weight:.6g}, n {part.n}, rate {part.rate:.6g}, baseline {part.reference:.6g}"
    )


def _baseline(steps: Explanation) -> Iterator[str]:
    yield "2. The baseline:"
    if steps.learned:
        yield f"{len(steps.learned)} days from {steps.learned[0]} to {steps.learned[-1]}"
    if not steps.watched:
        return
    moments = steps.moments
    yield f"mean {moments['mean']:.6g}, its variance {moments['mean_variance']:.6g}"
    yield f"variance between days, beyond sampling {moments['between']:.6g}"
    yield (
        f"effective n = 1 / (clustering {steps.clustering:.6g} × squared weights "
        f"{steps.spread:.6g}) = {steps.n:.6g}"
    )
    p = moments["rate"]
    yield (
        f"s = √({moments['between']:.6g} + {p:.6g} × {1 - p:.6g} / {steps.n:.6g}) "
        f"= {steps.deviation:.6g}"
    )


def _test(steps: Explanation, row: dict[str, Any]) -> Iterator[str]:
    moments, sign = steps.moments, "" if steps.direction == "up" else "−"
    yield "3. How far off, in standard deviations:"
    yield (
        f"z = ({sign}({steps.rate:.6g} − {moments['mean']:.6g}) − √{moments['mean_variance']:.6g})"
        f" / ({steps.deviation:.6g} × {steps.widening:.6g}) = {steps.z:.6g}"
    )
    yield "4. The e-detector, log M ← log(M + 1) + δz − ψ(δ), for each size of change δ:"
    for shift in steps.shifts:
        capped = ", where it is capped" * (shift.after == steps.threshold + CAP)
        yield (
            f"δ {shift.size:g}: log M before {shift.before:.6g}, δz {shift.size * steps.z:.6g}, "
            f"ψ {shift.log_mgf:.6g}, after {shift.after:.6g}{capped}"
        )
    yield f"log of their mean {steps.statistic:.6g}, log of the threshold {steps.threshold:.6g}"
    yield (
        f"threshold = {row['average_run_length_days']:.6g} days stated between false pages × "
        f"{math.exp(steps.threshold) / row['average_run_length_days']:.0f} series"
    )
    yield f"PAGE at the threshold, WARN at a tenth of it: {row['decision']}"
    if row["change_day"]:
        near = f", near the start of {row['nearest_deployment']}" * bool(row["nearest_deployment"])
        yield "5. Since when, and how much:"
        yield f"largest (sum of the last w z) / √w from {row['change_day']} on{near}"
        yield (
            f"rate since then minus baseline {row['effect']:+.6g} "
            f"[{row['effect_lower']:+.6g}, {row['effect_upper']:+.6g}]"
        )


def _compared(told: Told) -> Iterator[str]:
    yield "Compared with what was decided then:"
    if told.differing:
        for name in told.differing:
            yield f"{name}: stored {told.stored[name]}, now {told.recomputed[name]}"
        yield "The data of this day or of earlier ones changed since, or settings did."
    else:
        yield "identical in every digit"
