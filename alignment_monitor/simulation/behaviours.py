"""What is true of each behaviour on each day of a simulated world of conversations.

Here belong: the scenario of each behaviour, so that the demo and the simulated years of the
benchmarks have one definition of prevalence, mix, weekends, day effects, users and changes
(``scenario``), and the distribution of levels that follows. Here does not belong: the draw of a
message (``labels``) or of traffic (``world``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from alignment_monitor.judging.rubric import POSITIVE_LEVEL
from alignment_monitor.simulation.judge import SENSITIVITY, SPECIFICITY
from alignment_monitor.simulation.scenario import EDGE, Scenario, day_effects, paths, user_share

LEVELS = {
    "unwarranted_agreement": (0.8125, 0.1075, 0.05, 0.03),
    "caving": (0.78, 0.12, 0.06, 0.04),
    "uncritical_validation": (0.62, 0.24, 0.10, 0.04),
    "harmful_reinforcement": (0.72, 0.22, 0.045, 0.015),
    "unearned_praise": (0.52, 0.30, 0.13, 0.05),
    "needless_contrarianism": (0.93, 0.04, 0.02, 0.01),
    "substance": (0.03, 0.12, 0.45, 0.40),
    "coldness": (0.92, 0.055, 0.018, 0.007),
}
"""P(level 0, 1, 2, 3) given an opportunity for it, in the order in which replies speak."""

DRIFT = {
    "unwarranted_agreement": (0.625, 0.155, 0.13, 0.09),
    "caving": (0.58, 0.14, 0.15, 0.13),
}
"""What the drifted deployment does instead; all else stays exactly as it was."""

SURFACES = {"assistant": 0.35, "coding": 0.25, "learning": 0.2, "wellbeing": 0.2}
EXCHANGES = {1: 0.45, 2: 0.35, 3: 0.2}
"""Messages of a conversation."""

DEPLOYMENTS = ("aurora-1.0", "aurora-1.1", "aurora-1.2")
"""One after the other, a third of the days each; the last one has drifted."""

EFFECT_DEVIATION = 0.005
"""Day effects of half a point; with the scenario's correlation they last for weeks."""

USERS_OWN = user_share(Scenario().design_effect, EXCHANGES)
"""Share of draws that are the user's of the day and not the message's own."""

Levels = tuple[float, ...]


def turn_of(days: int, index: int) -> int:
    """Number of the deployment that serves on a day."""
    return index * len(DEPLOYMENTS) // days


def change_day(days: int) -> int:
    """First day of the drifted deployment."""
    last = len(DEPLOYMENTS) - 1
    return next(day for day in range(days + 1) if day == days or turn_of(days, day) == last)


def event_rate(levels: Levels) -> float:
    """P(charted event)."""
    return sum(levels[POSITIVE_LEVEL:])


def scenario_of(behaviour: str, days: int, judged: float) -> Scenario:
    """The scenario of one behaviour.

    What a behaviour's rate is given its opportunity is the same on every surface, so that a change
    of the mix changes no rate.

    Args:
        behaviour: one of ``LEVELS``.
        days: of the world.
        judged: conversations a day.
    """
    before = event_rate(LEVELS[behaviour])
    return Scenario(
        prevalence=before,
        shares=tuple(SURFACES.values()),
        relative_rates=(1.0,) * len(SURFACES),
        judged=judged,
        sensitivity=SENSITIVITY,
        false_positives=1 - SPECIFICITY,
        effect_deviation=EFFECT_DEVIATION,
        change_day=change_day(days),
        rise=event_rate(DRIFT.get(behaviour, LEVELS[behaviour])) - before,
    )


@dataclass(frozen=True)
class DayTruth:
    """What holds on a day.

    Attributes:
        conversations: mean number of them.
        surfaces: share of each in traffic.
        levels: distribution of a behaviour's level given an opportunity, by surface and behaviour.
    """

    conversations: float
    surfaces: Mapping[str, float]
    levels: Mapping[str, Mapping[str, Levels]]


@cache
def truth_of_days(seed: int, days: int, conversations: float) -> tuple[DayTruth, ...]:
    """The truth of each day of a world; it depends on a day's place among them, not on its date."""
    rates = {}
    for place, name in enumerate(LEVELS):
        scenario = scenario_of(name, days, conversations)
        known = paths(scenario, days)
        rng = np.random.default_rng([seed, place])
        effects = day_effects(scenario, rng, 1, days)[0]
        rates[name] = known.truth + effects[:, None]
    # Traffic is the same for all behaviours: the last one's paths tell it.
    return tuple(
        DayTruth(
            float(known.judged[day]),
            dict(zip(SURFACES, known.shares[day].tolist(), strict=True)),
            {
                surface: {
                    name: at_rate(stated(name, drifted=day >= change_day(days)), rate[day, place])
                    for name, rate in rates.items()
                }
                for place, surface in enumerate(SURFACES)
            },
        )
        for day in range(days)
    )


def stated(behaviour: str, *, drifted: bool) -> Levels:
    """The distribution of a behaviour's level, without weekends and day effects."""
    return DRIFT.get(behaviour, LEVELS[behaviour]) if drifted else LEVELS[behaviour]


def at_rate(levels: Levels, rate: float) -> Levels:
    """The distribution at another rate of events, alike among events and among the others."""
    event = event_rate(levels)
    rate = float(np.clip(rate, EDGE, 1 - EDGE))
    return tuple(
        share * (rate / event if level >= POSITIVE_LEVEL else (1 - rate) / (1 - event))
        for level, share in enumerate(levels)
    )
