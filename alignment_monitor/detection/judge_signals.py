"""Is the judge another one? Rows of drift_signals from its charts on sentinels.

Here belongs: which stream's charts speak for a panel, since families that share a panel share its
sentinels, and their rows. Here does not belong: the charts (``instrument``).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.detection.baseline import DIRECTIONS
from alignment_monitor.detection.replay import RECENT_DAYS, standing
from alignment_monitor.detection.watch import Run
from alignment_monitor.statistics.cells import Floats, Integers, shaped
from alignment_monitor.statistics.sentinel_adjusted import JOINT

PARTS = ("sensitivity", "false_positives")
"""What is charted: the share flagged of positive sentinels, and of negative ones."""

_PANEL = ["rubric_version", "panel", "behaviour"]


def judge_signals(run: Run, from_day: date, names: Mapping[str, str]) -> pd.DataFrame:
    """Decide every panel and behaviour that has sentinels, on every day from a day on.

    Args:
        run: of the detector.
        from_day: first day wanted.
        names: name of the judge by fingerprint.

    Returns:
        Rows of ``DRIFT_SIGNALS`` of type JUDGE. ``observed`` is the share flagged over the last
        days, ``n`` the day's sentinels, ``statistic`` that of the family watched for longest.
    """
    start = max((pd.Timestamp(from_day) - run.first).days, 0)
    stands = _standing(run)
    parts = []
    for key, streams in run.streams.labels.reset_index(drop=True).groupby(_PANEL):
        mine = streams.index.to_numpy()
        if not run.inputs.sentinels[:, mine].any():
            continue
        chosen = _speaker(run, mine, stands[mine])
        name = JOINT.join(sorted({names.get(one, one) for one in str(key[1]).split(JOINT)}))
        parts += [
            _rows(run, chosen, name, str(key[2]), part, facing, start)
            for part in range(len(PARTS))
            for facing in range(len(DIRECTIONS))
        ]
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["n"])
    # A judge of the same name under another fingerprint: the one with sentinels speaks.
    if len(rows):
        rows = rows.sort_values(["day", "series", "n"], kind="stable")
        rows = rows.drop_duplicates(["day", "series"], keep="last")
    return shaped(rows, DRIFT_SIGNALS.schema.names)


def _standing(run: Run) -> np.ndarray:
    """Whether a stream stands for its series on a day, stream x day."""
    found = np.zeros(run.streams.n.shape, dtype=bool)
    pairs = run.streams.labels[["deployment_family", "behaviour"]].drop_duplicates()
    for family, behaviour in pairs.itertuples(index=False):
        chosen = standing(run, str(family), str(behaviour))
        days = np.flatnonzero(chosen >= 0)
        recent = np.zeros(len(chosen), dtype=bool)
        recent[days] = _lately(run, chosen[days], days)
        found[chosen[recent], recent] = True
    return found


def _lately(run: Run, streams: Integers, days: Integers) -> np.ndarray:
    """Whether a stream had data within the week up to a day."""
    has = np.cumsum(run.streams.n > 0, axis=1)
    before = np.where(days >= RECENT_DAYS, has[streams, np.maximum(days - RECENT_DAYS, 0)], 0)
    return np.asarray(has[streams, days] > before)


def _speaker(run: Run, streams: Integers, stands: np.ndarray) -> Integers:
    """The stream among some that was watched for longest, on each day; -1 if none stands."""
    end = np.where(stands, run.streams.baseline_end[streams][:, None], np.iinfo(np.int64).max)
    return np.where(stands.any(axis=0), streams[end.argmin(axis=0)], -1)


def _rows(
    run: Run, chosen: Integers, name: str, behaviour: str, part: int, facing: int, start: int
) -> pd.DataFrame:
    index = np.flatnonzero(chosen >= 0)
    index = index[index >= start]
    stream, history = chosen[index], run.history

    def finite(values: Floats) -> Floats:
        return np.where(np.isfinite(values), values, np.nan)

    n = run.inputs.sentinels[index, stream, part]
    watched = index > run.streams.baseline_end[stream]
    statistic = finite(history.judge[stream, index, part, facing])
    fired = watched & (n > 0) & (statistic >= run.log_judge)
    onset = history.onset[stream, index]
    observed, reference = (
        finite(values[stream, index, part]) for values in (history.errors, history.reference)
    )
    direction = DIRECTIONS[facing]
    return pd.DataFrame(
        {
            "day": [run.date(int(day)) for day in index],
            "series": f"JUDGE/{name}/{behaviour}.{PARTS[part]}/{direction}",
            "deployment_family": name,
            "behaviour": behaviour,
            "direction": direction,
            "type": "JUDGE",
            "phase": np.select([n == 0, watched], ["no_data", "watching"], "baseline"),
            "decision": np.where(fired, "PAGE", "NONE"),
            "observed": observed,
            "n": np.round(n).astype(np.int64),
            "baseline_mean": reference,
            "statistic": statistic,
            "threshold": run.log_judge,
            "average_run_length_days": run.watch.average_run_length_days,
            "change_day": [
                run.date(int(day)) if told and day >= 0 else None
                for told, day in zip(fired, onset, strict=True)
            ],
            "effect": np.where(fired, observed - reference, np.nan),
            "version": 1,
        }
    ).astype({"change_day": object})


def names_of(quality: pd.DataFrame) -> dict[str, str]:
    """Name of each judge by its fingerprint.

    Args:
        quality: rows of ``judge_quality``.
    """
    pairs: Any = quality[["fingerprint", "judge"]].drop_duplicates()
    return {str(fingerprint): str(judge) for fingerprint, judge in pairs.itertuples(index=False)}
