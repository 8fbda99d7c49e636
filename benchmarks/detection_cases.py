"""The simulated years that the detector is measured on, by name.

Here belong: what is true in each case, lengths, budget and seeds. Here does not belong: what is
made of the outcomes (``detection``, ``detection_contest``).
"""

from dataclasses import replace
from typing import Any

import numpy as np

from alignment_monitor.simulation.panel import Panel, PanelJudge
from alignment_monitor.simulation.scenario import MIX_TILT, Scenario
from alignment_monitor.simulation.years import BATCH, Outcome, Years, batch_rng, budget, run_years
from benchmarks.detection_peers import World

SEEDS = {"report": 20265, "tune": 1}
"""What is printed for readers never comes from a seed that choices were made with. Of an earlier
choice of margins the figures of 20261 were seen, and one was missed: so that seed is spent."""

RUN_LENGTH = 20.0
BASELINE_DAYS, CHANGE_DAY, AFTER = 56, 140, 120
YEAR = 365
REPLICATES = 1000
NULL = 2
"""Times as many years without a change."""

INSTALLATIONS, SERIES, WEEKS, INSTALLATION_RUN_LENGTH = 60, 96, 52, 5.0

CHANGED = {
    "+3": Scenario(change_day=CHANGE_DAY, rise=0.03),
    "+5": Scenario(change_day=CHANGE_DAY, rise=0.05),
    "+10": Scenario(change_day=CHANGE_DAY, rise=0.10),
    "ramp": Scenario(change_day=CHANGE_DAY, rise=0.05, ramp=60),
    "segment": Scenario(change_day=CHANGE_DAY, segment=4, segment_rise=0.15),
    "masked": Scenario(change_day=CHANGE_DAY, rise=0.05, masked=True),
    "masked, blind": Scenario(change_day=CHANGE_DAY, rise=0.05, masked=True, sentinels_see=False),
    "mix": Scenario(change_day=CHANGE_DAY, mix_tilt=MIX_TILT),
    "judge +15": Scenario(change_day=CHANGE_DAY, false_positives_shift=0.15),
    "judge +11": Scenario(change_day=CHANGE_DAY, false_positives_shift=0.11),
    **{
        f"judge +{points}, blind": Scenario(
            change_day=CHANGE_DAY, false_positives_shift=points / 100, sentinels_see=False
        )
        for points in (5, 11, 15)
    },
    "-3": Scenario(change_day=CHANGE_DAY, rise=-0.03),
    "-5": Scenario(change_day=CHANGE_DAY, rise=-0.05),
}
QUIET = {"quiet": Scenario(), "day effects": Scenario(effect_deviation=0.0054)}
LATE = {
    "late": Scenario(late_share=0.05, late_days=2),
    "late, +5": Scenario(change_day=CHANGE_DAY, rise=0.05, late_share=0.05, late_days=2),
}
DEPENDENCES = (0.0, 0.3, 0.6)


def of_panel(name: str, dependence: float) -> str:
    """Name of a case of three judges who err together so far."""
    return f"panel, {name}, dependence {dependence:g}"


def _panel(dependence: float, first: PanelJudge, **others: Any) -> Scenario:
    panel = Panel((first, PanelJudge(), PanelJudge()), dependence)
    return replace(Scenario(panel=panel), **others)


def _panels(dependence: float) -> dict[str, Scenario]:
    laxer = PanelJudge(false_positives_shift=0.15)
    worse = PanelJudge(sensitivity_shift=-0.30, ramp=60, sentinels_see=False)
    cases = {
        "quiet": _panel(dependence, PanelJudge()),
        "+5": _panel(dependence, PanelJudge(), change_day=CHANGE_DAY, rise=0.05),
        "judge +15": _panel(dependence, laxer, change_day=CHANGE_DAY),
        "judge +15, no labels": _panel(dependence, laxer, change_day=CHANGE_DAY, gold=(0, 0)),
        "judge drifts, blind": _panel(dependence, worse, change_day=CHANGE_DAY),
    }
    return {of_panel(name, dependence): case for name, case in cases.items()}


PANELS = {name: case for each in DEPENDENCES for name, case in _panels(each).items()}

SCENARIOS = QUIET | CHANGED | LATE | PANELS  # a case's seed is its place: new ones come last


def days_of(name: str) -> int:
    """Length of a case, baseline included."""
    return BASELINE_DAYS + YEAR if SCENARIOS[name].change_day is None else CHANGE_DAY + AFTER


def seed_of(name: str, seed: int) -> tuple[int, int]:
    """Seed of a case."""
    return seed, list(SCENARIOS).index(name)


class Simulated:
    """What the detector says, by name of the case, each simulated when first asked for."""

    def __init__(self, seed: int, replicates: int) -> None:
        self.seed, self.replicates = seed, replicates
        self._found: dict[tuple[str, float], Outcome] = {}

    def __getitem__(self, name: str) -> Outcome:
        return self.at(name, RUN_LENGTH)

    def at(self, name: str, run_length: float) -> Outcome:
        """The same at another stated run length, in years."""
        if (name, run_length) not in self._found:
            series = self.replicates * (NULL if SCENARIOS[name].change_day is None else 1)
            print(f"{series} of {name}, stated {run_length:g} years ...", flush=True)
            self._found[name, run_length] = run_years(
                SCENARIOS[name],
                days_of(name),
                budget(series, run_length),
                baseline_days=BASELINE_DAYS,
                seed=seed_of(name, self.seed),
            )
        return self._found[name, run_length]


def judged(name: str, series: int, seed: int, *, also: int = 0) -> World:
    """The judged rates of the first series of a case, as peers take them.

    Counts are of effective messages, so that no peer is misled by users who send several; rates are
    at the reference mix.

    Args:
        name: of the case.
        series: how many, at most a batch.
        seed: of all that is random; the same rates as the detector is given.
        also: another number, for years that nothing is reported on.
    """
    scenario, days = SCENARIOS[name], days_of(name)
    rng = batch_rng((*seed_of(name, seed), also) if also else seed_of(name, seed), 0)
    years = Years(scenario, BATCH, days, rng)
    drawn = [years.next_day() for _ in range(days)]
    n, flagged, rate = (
        np.stack([getattr(day, kind)[:series] for day in drawn], axis=1)
        for kind in ("n", "flagged", "rate")
    )
    rates = rate @ np.array(scenario.shares)
    change = days if scenario.change_day is None else scenario.change_day
    return World(
        rates, n.sum(axis=2), flagged.sum(axis=2), BASELINE_DAYS, np.full(series, change)
    )  # fmt: skip
