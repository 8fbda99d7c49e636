"""Five years of a monitored system, told day by day as rows of drift_signals.

Here belong: what truly changes and when, what the detector says of it, and the rows that the
alerts are fed with. Here does not belong: what becomes of them (``alert_stream``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.detection.alarms import Decisions, decided
from alignment_monitor.detection.baseline import DIRECTIONS, Mask
from alignment_monitor.detection.engine import Engine
from alignment_monitor.detection.history import history_of, kept_of
from alignment_monitor.detection.judge_signals import PARTS
from alignment_monitor.simulation.scenario import EDGE, Paths, Scenario, paths
from alignment_monitor.simulation.years import LOG_JUDGE, Years, batch_rng, budget, figures
from benchmarks.detection_cases import BASELINE_DAYS, RUN_LENGTH

FIRST = date(2021, 1, 4)
"""Day 0, a Monday as in the simulated years."""


@dataclass(frozen=True)
class Drift:
    """A change of the true rate that somebody takes back after a while.

    Attributes:
        name: what it is.
        first: its first day.
        last: the last day before all is as it was.
        rise: change of the true rate.
        ramp: days that it takes to come.
        segment: where alone it is; null: everywhere.
    """

    name: str
    first: int
    last: int
    rise: float
    ramp: int = 1
    segment: int | None = None

    def added(self, days: int, segments: int) -> np.ndarray:
        """What it adds to the true rate, day x segment."""
        day = np.arange(days)
        grown = np.clip((day - self.first + 1) / self.ramp, 0, 1) * (day <= self.last)
        where = np.arange(segments) == self.segment if self.segment is not None else True
        return self.rise * grown[:, None] * np.broadcast_to(where, (segments,))


def drifts(years: int = 5) -> list[Drift]:
    """True drifts, one after the other, each taken back."""
    at = BASELINE_DAYS
    told = [
        Drift("+5 points, rolled back after 60 days", at + 120, at + 179, 0.05),
        Drift("+3 points, for 120 days", at + 400, at + 519, 0.03),
        Drift("ramp to +5 points in 60 days, for 120", at + 720, at + 839, 0.05, ramp=60),
        Drift("+15 points in a segment of 8 %, for 60", at + 1040, at + 1099, 0.15, segment=4),
        Drift("−5 points, for 60", at + 1300, at + 1359, -0.05),
        Drift("+10 points, for 7", at + 1560, at + 1566, 0.10),
    ]
    return [one for one in told if one.last < at + 365 * years]


def drifting(scenario: Scenario, days: int, told: Sequence[Drift]) -> Paths:
    """The paths of a scenario with drifts on top."""
    usual = paths(scenario, days)
    added = sum(one.added(days, scenario.segments) for one in told)
    return replace(usual, truth=np.clip(usual.truth + added, EDGE, 1 - EDGE))


@dataclass(frozen=True)
class Told:
    """What the detector said of many series.

    Attributes:
        decisions: series x day x direction.
        judge: the judge's charts fire, series x day x part x direction.
        effective_n: series x day.
    """

    decisions: Decisions
    judge: Mask
    effective_n: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Series, days."""
        return self.decisions.shape[0], self.decisions.shape[1]


def watch(series: int, days: int, told: Sequence[Drift], seed: tuple[int, ...]) -> Told:
    """Run the detector, as it decides in production, over simulated series.

    Args:
        series: how many, all with the same true drifts.
        days: baseline included.
        told: the drifts.
        seed: of all that is random.
    """
    parts = [
        _watched(min(BATCH, series - start), days, told, (*seed, start))
        for start in range(0, series, BATCH)
    ]
    columns = zip(*((one.decisions, one.judge, one.effective_n) for one in parts), strict=True)
    return Told(*(np.concatenate(column) for column in columns))


BATCH = 100
"""Series at a time, to spare memory."""


def _watched(series: int, days: int, told: Sequence[Drift], seed: tuple[int, ...]) -> Told:
    scenario, budgets = Scenario(), budget(series, RUN_LENGTH)
    years = Years(scenario, series, days, batch_rng(seed, 0))
    years.paths = drifting(scenario, days, told)
    engine = Engine(series, scenario.segments, budgets)
    wanted, segment = np.zeros(series, dtype=bool), np.full(series, -1)
    kept = []
    for day in range(days):
        traffic = years.next_day()
        gold = years.label(traffic, wanted, segment)
        young = np.full(series, day < BASELINE_DAYS)
        today = figures(scenario, traffic, gold, young, wanted)
        before, learning = engine.components.copy(), engine.calm.copy()
        last = engine.step(today)
        kept.append(kept_of(last, today.n[:, 0], learning))
        wanted, segment = last.wanted, last.segment
    history = history_of(kept, streams=series, last=last, before=before, after=engine.components)
    said = decided(history, np.full(days, budgets.log_page[0]))
    return Told(said, history.judge >= LOG_JUDGE, history.n)


def day_rows(told: Told, day: int, together: int) -> Iterator[dict[str, Any]]:
    """The rows of drift_signals of one day.

    A judge's charts that never fire say nothing, and are left out.

    Args:
        told: by the detector.
        day: index of the day.
        together: series that are behaviours of one family.
    """
    phase = "watching" if day >= BASELINE_DAYS else "baseline"
    changing = told.judge.any(axis=1)
    for series in range(told.shape[0]):
        names = f"f{series // together:03d}", f"b{series:03d}"
        for facing, direction in enumerate(DIRECTIONS):
            decision = str(told.decisions[series, day, facing])
            effective = float(told.effective_n[series, day])
            yield _row("MODEL", *names, direction, day, phase, decision, effective)
            for part in np.flatnonzero(changing[series, :, facing]):
                fires = told.judge[series, day, part, facing]
                name = f"{names[1]}.{PARTS[part]}"
                said = "PAGE" if fires and phase == "watching" else "NONE"
                yield _row("JUDGE", "judge", name, direction, day, phase, said, 200.0)


def _row(
    kind: str, family: str, name: str, direction: str, day: int, phase: str, said: str, n: float
) -> dict[str, Any]:
    known = {
        "day": FIRST + timedelta(days=day),
        "series": f"{kind}/{family}/{name}/{direction}",
        "deployment_family": family,
        "behaviour": name.split(".", maxsplit=1)[0],
        "direction": direction,
        "type": kind,
        "phase": phase,
        "decision": said,
        "n": round(n),
        "effective_n": n,
        "average_run_length_days": RUN_LENGTH * 365.25,
        "version": 1,
    }
    return _BLANK | known


_BLANK: dict[str, Any] = dict.fromkeys(DRIFT_SIGNALS.schema.names)
