"""Rows of drift_signals: decision, phase, change and power of one series.

Here belong: the figures beside a decision. Here does not belong: the decision (``alarms``).
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignment_monitor.detection.alarms import Decisions
from alignment_monitor.detection.baseline import DIRECTIONS, SIGNS, widening
from alignment_monitor.detection.edetector import null_log_mgf
from alignment_monitor.detection.localise import change_index, effect_since, nearest_deployment
from alignment_monitor.detection.power import detectable_change
from alignment_monitor.detection.watch import Run
from alignment_monitor.statistics.cells import Floats, Integers

RECENT_DAYS = 7
POWER_DAYS = (7, 30)
WHOLE = "all"
"""Name of the view that is no segment."""


def decisions(
    run: Run,
    decided: Decisions,
    family: str,
    behaviour: str,
    direction: str,
    standing: Integers,
    start: int,
) -> pd.DataFrame:
    """Rows of one series from a day on.

    Args:
        run: what the detector knows.
        decided: what is said of each stream, day and direction.
        family: deployment family.
        behaviour: question watched.
        direction: 'up' or 'down'.
        standing: stream that stands for the series on each day; -1: none.
        start: index of the first day wanted.
    """
    streams, history, facing = run.streams, run.history, DIRECTIONS.index(direction)
    index = np.arange(start, len(standing))
    stream, threshold = standing[index], run.log_thresholds[index]

    def at(values: NDArray[Any], missing: Any = np.nan) -> NDArray[Any]:
        taken = values[stream, index] if len(values) else np.full(len(index), missing)
        return np.where(stream >= 0, taken, missing)

    def finite(values: NDArray[Any]) -> Floats:
        taken = at(values)
        return np.where(np.isfinite(taken), taken, np.nan)

    n, z = at(streams.n, 0.0), at(history.z[:, :, 0, facing])
    watched = np.isfinite(z)
    open_end = np.append(streams.baseline_end, -1)[stream]
    young = (n > 0) & (index <= open_end)
    said = np.where(watched, at(decided[..., facing], "NONE"), "NONE")
    raised = said != "NONE"
    labelled = watched & np.isfinite(at(history.labels[..., facing]))
    rows = pd.DataFrame(
        {
            "day": [run.date(int(i)) for i in index],
            "series": f"MODEL/{family}/{behaviour}/{direction}",
            "deployment_family": family,
            "behaviour": behaviour,
            "direction": direction,
            "phase": np.select([watched, young], ["watching", "baseline"], "no_data"),
            "decision": said,
            "observed": np.where(watched, np.clip(at(streams.rate), 0, 1), at(streams.plain)),
            "n": n.astype(np.int64),
            "effective_n": np.where(watched, np.minimum(at(history.n), n), np.nan),
            "baseline_mean": at(history.baseline.mean),
            "baseline_sd": at(history.deviation),
            "z": z,
            "statistic": finite(history.judged[..., facing]),
            "threshold": threshold,
            "margin": np.where(watched, at(history.margin), np.nan),
            "judge_effect": np.where(watched, at(history.effect), np.nan),
            "labels_statistic": finite(history.labels[..., facing]),
            "labels_for": np.where(labelled & raised, at(history.leaning[..., facing]), np.nan),
            "labels_against": np.where(labelled & raised, at(history.against[..., facing]), np.nan),
            "labels_wanted": at(history.wanted, False).astype(bool),
            "type": "MODEL",
            "average_run_length_days": run.watch.average_run_length_days,
            "version": 1,
        }
    )
    for days in POWER_DAYS:
        rows[f"detectable_{days}d"] = _detectable(run, stream, index, watched, facing, days)
    places = np.flatnonzero(raised)
    view = at(history.view[..., facing], 0)
    told = [
        _change(run, family, int(stream[i]), int(index[i]), facing, int(view[i])) for i in places
    ]
    rows = rows.join(pd.DataFrame(told, index=places, columns=list(_CHANGE)))
    # What is left of an alarm is not said, but people are asked where it suspects something.
    asks = watched & ~raised & at(history.standing[..., facing], False).astype(bool)
    named = np.array([WHOLE, *streams.segments], dtype=object)
    rows.loc[asks, "segment"] = named[view[asks].astype(np.int64)]
    return rows


_CHANGE = (
    "segment", "change_day", "nearest_deployment", "effect", "effect_lower", "effect_upper",
)  # fmt: skip


def _change(
    run: Run, family: str, stream: int, today: int, facing: int, view: int
) -> dict[str, Any]:
    """Since when by the view suspected, and by how much over all segments."""
    z = run.history.z[stream, : today + 1, :, facing]
    first = change_index(z[:, view] if np.isfinite(z[:, view]).any() else z[:, 0])
    effect = effect_since(run.streams, run.history, stream, first, today)
    moments = (pd.Timestamp(run.date(day)) for day in (first, today))
    return {
        "segment": run.streams.segments[view - 1] if view else WHOLE,
        "change_day": run.date(first),
        "nearest_deployment": nearest_deployment(run.deployments, family, *moments),
        "effect": effect.change,
        "effect_lower": effect.lower,
        "effect_upper": effect.upper,
    }


def _detectable(
    run: Run,
    stream: Integers,
    index: Integers,
    watched: NDArray[np.bool_],
    facing: int,
    days: int,
) -> Floats:
    """Smallest change found in so many days at the mean precision of the last days with data."""
    found = np.full(len(index), np.nan)
    if not watched.any():
        return found
    history, baseline = run.history, run.history.baseline
    at = (stream[watched], index[watched])
    n = np.array([_recent_n(history.n[s, : i + 1]) for s, i in zip(*at, strict=True)])
    rate, between = baseline.rate[at], baseline.between[at]
    deviation = np.sqrt(between + rate * (1 - rate) / n)
    mean = baseline.mean[at]
    found[watched] = detectable_change(
        largest=1 - mean if SIGNS[facing] > 0 else mean,
        handicap=np.sqrt(baseline.mean_variance[at]) + history.margin[at],
        scale=deviation * widening(baseline.freedom[at]),
        log_mgf=null_log_mgf(rate, n, between, deviation, SIGNS[facing]),
        log_threshold=run.log_thresholds[index[watched]]
        - run.inputs.log_weights[stream[watched], 0],
        days=days,
    )
    return found


def _recent_n(n: Floats) -> float:
    """Effective n whose sampling variance is the mean of the last days with data."""
    return float(1 / np.mean(1 / n[np.isfinite(n)][-RECENT_DAYS:]))
