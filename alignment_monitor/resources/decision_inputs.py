"""What each decision rested on, as one hash: late data and changed settings show in it.

Here belongs: which stored rows a signal of each type is computed from. Here does not belong: the
computation (``detection``, ``judging.gate``, ``statistics.signals``) or how rows are hashed
(``statistics.row_hashes``).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from alignment_monitor.alerting.statements import INJECTION
from alignment_monitor.detection.traffic import TYPES
from alignment_monitor.judging.gate import INJECTION_WINDOW
from alignment_monitor.resources.detector import Stored
from alignment_monitor.statistics.cells import day_of
from alignment_monitor.statistics.row_hashes import Hashes, hash_of, row_hashes

Row = Mapping[str, Any]

_OFFERED = ["deployment_family", "behaviour", "rubric_version", "panel", "day"]
_BEGAN = ["deployment_family", "deployment", "first_day"]


class _Rows:
    """A frame with the hash and the day of each row; null is a frame without any."""

    def __init__(self, frame: pd.DataFrame | None, day: str) -> None:
        self.frame = pd.DataFrame() if frame is None else frame
        self.empty = self.frame.empty
        if not self.empty:
            self.hashes, self.days = row_hashes(self.frame), day_of(self.frame[day])

    def until(self, last: date, first: date = date.min, **values: Any) -> Hashes:
        """Hashes of the rows of some days, and of columns that have the values given."""
        if self.empty:
            return np.empty(0, dtype=np.uint64)
        inside = (self.days <= pd.Timestamp(last)).to_numpy().copy()
        if first > date.min:
            inside &= (self.days >= pd.Timestamp(first)).to_numpy()
        for name, value in values.items():
            inside &= (self.frame[name] == value).to_numpy()
        return self.hashes[inside]


@dataclass(frozen=True)
class DecisionInputs:
    """Gives the hash of what the signals of some days rest on.

    Attributes:
        stored: what the detector reads.
        canaries: rows of ``judge_quality`` of the gate's window.
        limit: susceptibility beyond which a judge's word does not count.
        ledger: day x level x state with counts.
    """

    stored: Stored
    canaries: pd.DataFrame
    limit: float
    ledger: pd.DataFrame

    def hash_of(self, signal: Row) -> str:
        """The hash of what a row of ``drift_signals`` rests on."""
        if signal["type"] == "PIPELINE":
            parts, figures = self._coverage(signal["day"])
        elif signal["behaviour"] == INJECTION:
            parts, figures = self._injection(signal)
        elif signal["type"] == "JUDGE":
            parts, figures = self._judge(signal)
        elif signal["type"] in TYPES:
            parts, figures = self._opportunity(signal)
        else:
            parts, figures = self._rate(signal)
        return hash_of(parts, {"day": signal["day"], "series": signal["series"], **figures})

    def _rate(self, signal: Row) -> tuple[dict[str, Hashes], dict[str, Any]]:
        """A judged rate: its statistics, its judges' sentinels, labels, resets, all deployments."""
        day, behaviour = signal["day"], signal["behaviour"]
        own = {"deployment_family": signal["deployment_family"]}
        parts = {
            "user_days": self._user_days.until(day, behaviour=behaviour, **own),
            "quality": self._quality.until(day, question=behaviour),
            "labels": self._labels.until(day, behaviour=behaviour, **own),
            "resets": self._resets_of(signal),
            "deployments": self._deployments.until(day),
        }
        marks = self._marks_of(signal)
        if len(marks):  # without any the hash is that of earlier versions
            parts["marks"] = marks
        return parts, self._settings

    def _opportunity(self, signal: Row) -> tuple[dict[str, Hashes], dict[str, Any]]:
        """An opportunity rate: its statistics, the flag's sentinels, resets, all deployments."""
        day, flag = signal["day"], signal["behaviour"]
        own = {"deployment_family": signal["deployment_family"]}
        parts = {
            "opportunities": self._opportunities.until(day, behaviour=flag, **own),
            "quality": self._quality.until(day, question=flag),
            "resets": self._resets_of(signal),
            "deployments": self._deployments.until(day),
        }
        return parts, asdict(self.stored.traffic_watch)

    def _judge(self, signal: Row) -> tuple[dict[str, Hashes], dict[str, Any]]:
        """A judge: its sentinels, and the days on which its series made their baselines."""
        day, behaviour = signal["day"], signal["behaviour"]
        parts = {
            "quality": self._quality.until(day, question=behaviour),
            "offered": self._offered.until(day, behaviour=behaviour),
            "resets": self._resets.until(day),
        }
        return parts, self._settings

    def _injection(self, signal: Row) -> tuple[dict[str, Hashes], dict[str, Any]]:
        day = signal["day"]
        first = day - timedelta(days=INJECTION_WINDOW - 1)
        judge = signal["deployment_family"]
        rows = self._canaries.until(day, first, measure=INJECTION, judge=judge)
        return {"canaries": rows}, {"limit": self.limit}

    def _coverage(self, day: date) -> tuple[dict[str, Hashes], dict[str, Any]]:
        return {"ledger": self._ledger.until(day, day)}, {}

    def _resets_of(self, signal: Row) -> Hashes:
        """Resets of the series; of other behaviours of its family none."""
        resets, family = self._resets, signal["deployment_family"]
        if resets.empty:
            return resets.until(signal["day"])
        named = resets.frame["behaviour"]
        mine = (named.isna() | (named == signal["behaviour"])).to_numpy()
        own = _Rows(resets.frame.take(np.flatnonzero(mine)), "recorded_on")
        return own.until(signal["day"], deployment_family=family)

    def _marks_of(self, signal: Row) -> Hashes:
        """Deployments that people marked by the day; of other families none."""
        marks = self._marks
        if marks.empty:
            return marks.until(signal["day"])
        whose = marks.frame["deployment_family"]
        mine = (whose.isna() | (whose == signal["deployment_family"])).to_numpy()
        begun = (day_of(marks.frame["day"]) <= pd.Timestamp(signal["day"])).to_numpy()
        own = _Rows(marks.frame.take(np.flatnonzero(mine & begun)), "recorded_on")
        return own.until(signal["day"])

    @property
    def _settings(self) -> dict[str, Any]:
        return asdict(self.stored.watch)

    @cached_property
    def _user_days(self) -> _Rows:
        return _Rows(self.stored.user_days, "day")

    @cached_property
    def _opportunities(self) -> _Rows:
        return _Rows(self.stored.opportunities, "day")

    @cached_property
    def _offered(self) -> _Rows:
        rows = self.stored.user_days
        counts = rows[rows["n_o"] > 0].groupby(_OFFERED, as_index=False, sort=True)[["n_o"]].sum()
        return _Rows(counts, "day")

    @cached_property
    def _quality(self) -> _Rows:
        return _Rows(self.stored.quality, "day")

    @cached_property
    def _canaries(self) -> _Rows:
        return _Rows(self.canaries, "day")

    @cached_property
    def _labels(self) -> _Rows:
        return _Rows(self.stored.labels, "labelled_on")

    @cached_property
    def _resets(self) -> _Rows:
        return _Rows(self.stored.resets, "recorded_on")

    @cached_property
    def _marks(self) -> _Rows:
        return _Rows(self.stored.marks, "recorded_on")

    @cached_property
    def _deployments(self) -> _Rows:
        # When a deployment ended, and how much it served, is no part of an earlier decision.
        return _Rows(self.stored.deployments[_BEGAN], "first_day")

    @cached_property
    def _ledger(self) -> _Rows:
        return _Rows(self.ledger, "day")
