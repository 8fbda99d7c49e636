"""What is true of one simulated message: the distributions and the draw of labels from them.

Here belong: how often users offer what, and the draw of what the assistant does from the day's
distributions (``behaviours``). Days, users and words belong elsewhere.

A message offers at most one opportunity, and the distribution of a behaviour's level given its
opportunity depends on the day and on nothing else. So the true rates hold in every segment and for
every mix of traffic, and only the behaviours named in ``DRIFT`` change.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random
from typing import TypeVar

from alignment_monitor.judging.rubric import POSITIVE_LEVEL, load_rubric
from alignment_monitor.simulation.behaviours import (
    LEVELS,
    USERS_OWN,
    Levels,
    event_rate,
    stated,
)
from alignment_monitor.simulation.truth import Labels

SIDES = {
    "claim": {"status": {"wrong": 0.5, "correct": 0.25, "contestable": 0.17, "unverifiable": 0.08}},
    "work": {"merit": {"weak": 0.35, "mixed": 0.38, "strong": 0.15, "unclear": 0.12}},
    "conflict": {"user_fault": {"shared": 0.45, "main": 0.3, "none": 0.1, "unclear": 0.15}},
    "pushback": {"new_evidence": {"none": 0.7, "weak": 0.2, "strong": 0.1}},
    "vulnerable": {"risk": {"low": 0.5, "medium": 0.32, "high": 0.18}},
}
"""The side question drawn for each opportunity."""

DESERVED = {
    ("unwarranted_agreement", "claim"): "correct",
    ("unearned_praise", "work"): "strong",
    ("uncritical_validation", "conflict"): "none",
    ("caving", "pushback"): "strong",
}
"""Side answers that earn a behaviour's level 0; the other answers make up for it on average."""

OFFERS = {
    "assistant": {"claim": 45, "work": 25, "conflict": 16, "vulnerable": 7, "plain": 7},
    "coding": {"claim": 45, "work": 45, "conflict": 2, "vulnerable": 2, "plain": 6},
    "learning": {"claim": 62, "work": 22, "conflict": 6, "vulnerable": 4, "plain": 6},
    "wellbeing": {"claim": 15, "work": 3, "conflict": 37, "vulnerable": 41, "plain": 4},
}
"""What users offer on each surface, in percent, unless they push back."""

PUSHBACK = 0.42
"""Share of exchanges after the first in which the user pushes back."""

TAKES_NO_POSITION = 0.3
"""Share of replies to plain questions that favour nothing."""

Option = TypeVar("Option")


def draw(rng: Random, weights: Mapping[Option, float]) -> Option:
    """One option, with probability in proportion to its weight."""
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def rates(*, drifted: bool) -> dict[str, float]:
    """P(charted event | opportunity) of every behaviour, guard and derived series."""
    rubric = load_rubric()
    true = {name: event_rate(stated(name, drifted=drifted)) for name in rubric.graded}
    for name, rule in rubric.derived.items():
        flag = next(iter(rule.when)).split(".")[0]
        given = _undeserved(rule.of, flag, stated(rule.of, drifted=drifted))
        true[name] = sum(given[level] for level in rule.equals)
    return true


@dataclass(frozen=True, slots=True)
class Setting:
    """What the messages of one conversation have in common.

    Attributes:
        surface: where it takes place.
        levels: distribution of each behaviour's level there on the day.
        user: the user's own draw of the day for each behaviour, 0 to 1.
    """

    surface: str
    levels: Mapping[str, Levels]
    user: Mapping[str, float]


def draw_labels(rng: Random, setting: Setting, previous: Labels | None) -> Labels:
    """Draw what a user's turn offers and what the reply to it does.

    Args:
        rng: source of randomness.
        setting: of the conversation.
        previous: labels of the reply before, in the same conversation.
    """
    pushed = previous is not None and rng.random() < PUSHBACK
    flag = "pushback" if pushed else draw(rng, OFFERS[setting.surface])
    sides = {side: draw(rng, options) for side, options in SIDES.get(flag, {}).items()}
    levels = _draw_levels(rng, flag, next(iter(sides.values()), None), setting)
    choices = {"no_position": "no"}
    if flag == "plain" and rng.random() < TAKES_NO_POSITION:
        choices["no_position"] = "yes"
    if flag == "pushback":
        evidence = sides["new_evidence"]
        sides["prior_position"] = _prior_position(evidence, previous)
        choices["outcome_on_challenge"] = _outcome(evidence, levels["caving"])
    return {
        "opportunities": {} if flag == "plain" else {flag: sides},
        "levels": levels,
        "choices": choices,
        "stance": _stance(levels, sides),
    }


@cache
def _undeserved(behaviour: str, flag: str, levels: Levels) -> Levels:
    """The distribution where level 0 is not deserved, so that the average is as stated."""
    answer = DESERVED.get((behaviour, flag))
    deserved = next(iter(SIDES[flag].values()))[answer] if answer else 0.0
    raised = [share / (1 - deserved) for share in levels[1:]]
    return (1 - sum(raised), *raised)


@cache
def _applicable(flag: str) -> tuple[str, ...]:
    questions = load_rubric().graded
    return tuple(name for name in LEVELS if not (needs := questions[name].needs) or flag in needs)


def _draw_levels(rng: Random, flag: str, answer: str | None, setting: Setting) -> dict[str, int]:
    drawn = {}
    for name in _applicable(flag):
        deserved = answer is not None and DESERVED.get((name, flag)) == answer
        weights = _undeserved(name, flag, setting.levels[name])
        alike, own = rng.random() < USERS_OWN, rng.random()
        level = _level(weights, setting.user[name] if alike else own)
        drawn[name] = 0 if deserved else level
    return drawn


def _level(weights: Levels, number: float) -> int:
    """The level at a number between 0 and 1: small ones are the high levels."""
    return max(0, 3 - bisect_right(list(accumulate(reversed(weights))), number))


def _prior_position(evidence: str, previous: Labels | None) -> str:
    if evidence == "strong":
        return "wrong"
    sided = previous is not None and previous["stance"] == 2
    return "contestable" if sided else "correct"


def _outcome(evidence: str, caving: int) -> str:
    if evidence == "strong":
        return "updated_on_evidence"
    return "caved" if caving >= POSITIVE_LEVEL else "held_sound"


def _stance(levels: dict[str, int], sides: dict[str, str]) -> int:
    if levels["needless_contrarianism"] >= POSITIVE_LEVEL:
        return -2
    siding = ("unwarranted_agreement", "caving", "uncritical_validation")
    if sided := max(levels.get(name, 0) for name in siding):
        return 2 if sided >= POSITIVE_LEVEL else 1
    if sides.get("status") == "correct" or sides.get("new_evidence") == "strong":
        return 1
    return -1 if sides.get("status") == "wrong" or "new_evidence" in sides else 0
