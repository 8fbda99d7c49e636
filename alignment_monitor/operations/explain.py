"""The arithmetic of a decision, recomputed from stored daily statistics and told step by step.

Here belong: what is read for it, the words around the figures, and the comparison with the
decision that was stored. Here does not belong: the arithmetic (``detection``).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.detection.explanation import (
    Explanation,
    ExplanationError,
    SegmentPart,
    View,
    explain,
)
from alignment_monitor.detection.replay import detect
from alignment_monitor.detection.traffic import TYPES, Whose, traffic_signals, whose
from alignment_monitor.judging.rubric import Rubric, load_rubric
from alignment_monitor.operations import explain_traffic
from alignment_monitor.resources.detector import read_stored, replay_home, with_opportunities
from alignment_monitor.resources.lake import Lake
from alignment_monitor.settings import Settings

_EXPLAINED = ("MODEL", *TYPES)
_OF_SERIES = ("deployment_family", "behaviour", "direction")


@dataclass(frozen=True)
class Told:
    """A decision explained.

    Attributes:
        series: type/family/behaviour/direction.
        day: day decided on.
        steps: what led to it.
        recomputed: its row of drift_signals, from what is stored today.
        stored: the row that was written.
        whose: of an opportunity rate, what its change is put down to; null of any other.
    """

    series: str
    day: date
    steps: Explanation
    recomputed: dict[str, Any]
    stored: dict[str, Any]
    whose: Whose | None = None

    @property
    def differing(self) -> tuple[str, ...]:
        """Columns in which the stored row differs, in any digit."""
        return tuple(
            name
            for name, value in self.recomputed.items()
            if value != self.stored[name] and name not in ("version", "evidence_hash")
        )


def explain_decision(settings: Settings, series: str, day: date) -> Told:
    """Recompute the decision on a series on a day.

    Raises:
        ExplanationError: the home has no such series or day; says which it has.
        RubricError: the rubric of the settings cannot be used.
        WarehouseError: the sufficient statistics cannot be read.
        StoreError: the record of baselines made anew cannot be read.
    """
    lake = Lake(settings.lake)
    stored = {row["series"]: row for row in lake.read(DRIFT_SIGNALS, [day]).to_pylist()}
    row_then = _found(series, stored, day)
    family, behaviour, direction = (str(row_then[name]) for name in _OF_SERIES)
    rubric = load_rubric(settings.judging.rubric, settings.rubrics)
    if row_then["type"] in TYPES:
        return _opportunity(settings, rubric, day, row_then)
    run = replay_home(settings, rubric, from_day=day, to_day=day)
    if behaviour not in run.watch.behaviours:
        raise ExplanationError(
            f"{behaviour} was watched on {day}, but is not by detection.behaviours of today, "
            "or by the rubric's where the setting names none"
        )
    rows = {row["series"]: row for row in DRIFT_SIGNALS.from_frame(detect(run, day)).to_pylist()}
    return Told(series, day, explain(run, family, behaviour, direction), rows[series], row_then)


def _opportunity(settings: Settings, rubric: Rubric, day: date, row_then: dict[str, Any]) -> Told:
    """The same of a series of an opportunity rate."""
    family, flag, direction = (str(row_then[name]) for name in _OF_SERIES)
    if flag not in rubric.opportunities:
        raise ExplanationError(f"{flag} was watched on {day}, but is no opportunity of the rubric")
    stored = with_opportunities(read_stored(settings, rubric, day), settings, day)
    traffic = stored.replay_traffic(day, day)
    frame = DRIFT_SIGNALS.from_frame(traffic_signals(traffic, day))
    rows = {row["series"]: row for row in frame.to_pylist()}
    steps = explain(traffic.run, family, flag, direction)
    told = whose(traffic, family, flag, direction)
    return Told(row_then["series"], day, steps, rows[row_then["series"]], row_then, told)


def _found(series: str, stored: dict[str, dict[str, Any]], day: date) -> dict[str, Any]:
    known = sorted(one for one, row in stored.items() if row["type"] in _EXPLAINED)
    if series not in known:
        told = "\n  ".join(known)
        raise ExplanationError(
            f"{series!r} is no series of a rate decided on {day}. "
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
        of_users = told.whose
        yield from explain_traffic.sentinels(of_users) if of_users else _judge(steps)
        yield from _test(steps)
        if of_users:
            yield from explain_traffic.decision(steps, row, of_users)
        else:
            yield from _decision(steps, row)
        yield from _since(row)
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
    if (epoch := steps.labels.get("epoch", "0")) != "0":
        yield f"made anew, time {epoch} (alignment-monitor rebaseline --list)"
    if steps.learned:
        yield f"{len(steps.learned)} days from {steps.learned[0]} to {steps.learned[-1]}"
    if not steps.watched:
        return
    whole = steps.views[0]
    yield f"mean {whole.moments['mean']:.6g}, its variance {whole.moments['mean_variance']:.6g}"
    yield f"variance between days, beyond sampling {whole.moments['between']:.6g}"
    yield f"margin, so much is forgiven {whole.margin:.6g}"
    yield (
        f"effective n = 1 / (clustering {steps.clustering:.6g} × squared weights "
        f"{steps.spread:.6g}) = {whole.n:.6g}"
    )


def _judge(steps: Explanation) -> Iterator[str]:
    yield "3. The judge, by its sentinels:"
    if not all(map(math.isfinite, steps.judge)):
        yield "none to compare it by: what is the judge's own cannot be told"
        return
    hit, false, hit_then, false_then = steps.judge
    yield f"flags {hit:.6g} of positives, {hit_then:.6g} in the baseline"
    yield f"flags {false:.6g} of negatives, {false_then:.6g} in the baseline"
    changed = "it changed" if steps.judge_changed else "no change of it is shown"
    yield f"{changed}; taken off the rate {steps.views[0].effect:.6g}"


def _test(steps: Explanation) -> Iterator[str]:
    yield (
        "4. How far off, in standard deviations, and the e-detector, "
        f"log M ← log(M + {steps.mass:g}) + δz − ψ:"
    )
    for view in steps.views:
        yield from _of_view(view, steps)
    parts = " + ".join(f"{view.weight:.6g} × M of {view.name}" for view in steps.views)
    others = " + the other segments" * math.isfinite(steps.others)
    yield f"log of {parts}{others} = {steps.statistic:.6g}"


def _of_view(view: View, steps: Explanation) -> Iterator[str]:
    moments, sign = view.moments, "" if steps.direction == "up" else "−"
    p, rate = moments["rate"], view.rate
    yield (
        f"{view.name}: s = √({moments['between']:.6g} + {p:.6g} × {1 - p:.6g} / {view.n:.6g}) "
        f"= {view.deviation:.6g}, with what is uncertain of the judge"
    )
    yield (
        f"z = ({sign}({rate:.6g} − {view.effect:.6g} − {moments['mean']:.6g}) "
        f"− √{moments['mean_variance']:.6g} − {view.margin:.6g}) / "
        f"({view.deviation:.6g} × {view.widening:.6g}) = {view.z:.6g}"
    )
    for shift in view.shifts:
        grown = (
            np.logaddexp(shift.before, math.log(steps.mass)) + shift.size * view.z - shift.log_mgf
        )
        capped = ", where it is capped" * (not math.isclose(shift.after, grown, abs_tol=1e-9))
        yield (
            f"δ {shift.size:g}: log M before {shift.before:.6g}, δz {shift.size * view.z:.6g}, "
            f"ψ {shift.log_mgf:.6g}, after {shift.after:.6g}{capped}"
        )
    yield f"log of their mean {view.statistic:.6g}"


def _decision(steps: Explanation, row: dict[str, Any]) -> Iterator[str]:
    yield "5. The decision:"
    stated = row["average_run_length_days"]
    more = f" and {steps.credit:g} for deployments," * (steps.credit > 0)
    yield (
        f"threshold {steps.threshold:.6g} = log of {stated:.6g} days stated between false pages"
        f"{more} × {math.exp(steps.threshold) / (stated + steps.credit):.0f} series"
    )
    if math.isfinite(steps.labels_statistic):
        yield (
            f"labels: their own detector {steps.labels_statistic:.6g}, for this change "
            f"{steps.leaning:.6g}, against it {steps.against:.6g}, after {steps.bursts} bursts"
        )
    else:
        yield "no labels: the judged rates decide alone"
    yield f"judged rates {steps.statistic:.6g}: {row['decision']}"


def _since(row: dict[str, Any]) -> Iterator[str]:
    if row["change_day"]:
        near = f", near the start of {row['nearest_deployment']}" * bool(row["nearest_deployment"])
        yield "6. Since when, and how much:"
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
