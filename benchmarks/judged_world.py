"""Judged messages with a known truth, many replications at once, for benchmarks of intervals.

Here belong: traffic, a judge that errs, and the drawing of gold labels. Here does not belong: what
is estimated from them.

A judged message has a segment and a screener level that set its inclusion probability, and a user
who meets the behaviour more or less often than others and comes back. Gold labels are right; the
judge errs. The truth is the rate of the process behind all this.
"""

from dataclasses import dataclass

import numpy as np

from alignment_monitor.statistics.cells import Floats, Integers

JUDGED, GOLD = 500, 20
"""A day."""

LEVELS = np.array([0.60, 0.28, 0.12])
"""Share of screener levels in traffic: plain, cued, strongly cued."""

SEGMENTS = np.array([0.6, 0.4])
SAMPLED = np.array([[1.0, 0.5], [2.0, 1.0], [4.0, 2.0]])
"""Relative inclusion probability by level and segment."""

RISK = np.array([[0.5, 0.9], [1.1, 1.9], [2.0, 3.4]])
"""Relative rate of events by level and segment: it goes with the weight inside every stratum."""

OFFERED = np.array([0.35, 0.7, 0.9])
"""Share of messages with an opportunity by level, for conditional rates."""

USERS = 3000
LIFETIME = 60
"""Users at any time, and days after which another takes the place of each."""

USER_FACTORS = np.array([0.4, 1.6])
"""Half of the users meet the behaviour this much less often than the others."""

JUDGE = np.array([0.80, 0.05])
DRIFTED = np.array([0.60, 0.11])
"""Sensitivity and false positive rate; the drifted judge's hold from mid-window on."""


@dataclass(frozen=True)
class Case:
    """What is simulated.

    Attributes:
        days: length of a replication.
        base: rate of the process behind events.
        drift: whether the judge becomes laxer from the middle on.
        conditional: whether only some messages offer an opportunity.
    """

    days: int
    base: float
    drift: bool = False
    conditional: bool = False

    @property
    def truth(self) -> float:
        """Events per message of traffic, or per opportunity."""
        if not self.conditional:
            return self.base
        joint = LEVELS * OFFERED
        return float(joint @ rates(self.base) @ SEGMENTS / joint.sum())


@dataclass(frozen=True)
class Judged:
    """Judged messages of all replications, one element each."""

    cell: Integers
    day: Integers
    user: Integers
    level: Integers
    weight: Floats
    event: Floats
    offered: Floats
    verdict: Integers


def rates(base: float) -> Floats:
    """Chance of an event by level and segment, for a rate of the process of ``base``."""
    return base * RISK / (LEVELS @ RISK @ SEGMENTS)


def judged(rng: np.random.Generator, case: Case, replications: int) -> Judged:
    """Messages as sampled and judged: a few users send much more than the others."""
    days = case.days
    size = replications * days * JUDGED
    cell = np.repeat(np.arange(replications), days * JUDGED)
    day = np.tile(np.repeat(np.arange(days), JUDGED), replications)
    seen = LEVELS[:, None] * SEGMENTS * SAMPLED
    place = rng.choice(seen.size, size, p=(seen / seen.sum()).ravel())
    level, segment = np.divmod(place, len(SEGMENTS))
    slot = (USERS * rng.random(size) ** 2).astype(np.int64)
    stay = (day + slot % LIFETIME) // LIFETIME
    user = (cell * (days // LIFETIME + 2) + stay) * USERS + slot
    factor = USER_FACTORS[rng.integers(0, 2, int(user.max()) + 1)]
    offered = rng.random(size) < OFFERED[level] if case.conditional else np.ones(size, dtype=bool)
    # Events are as frequent per opportunity as they would be per message.
    event = offered & (rng.random(size) < rates(case.base)[level, segment] * factor[user])
    errors = np.where((case.drift & (2 * day >= days))[:, None], DRIFTED, JUDGE)
    verdict = rng.random(size) < np.where(event, errors[:, 0], errors[:, 1])
    return Judged(
        cell,
        day,
        user,
        level,
        1 / SAMPLED[level, segment],
        event.astype(float),
        offered.astype(float),
        verdict.astype(np.int64),
    )


def allocation() -> Integers:
    """Daily gold labels by stratum (verdict x level), Neyman's for an undrifted judge at 10 %."""
    seen = LEVELS[:, None] * SEGMENTS * SAMPLED
    weight = (LEVELS[:, None] * SEGMENTS).sum(axis=1)
    risk = (seen * rates(0.10)).sum(axis=1) / seen.sum(axis=1)
    flagged = risk * JUDGE[0] + (1 - risk) * JUDGE[1]
    among = np.array([risk * (1 - JUDGE[0]) / (1 - flagged), risk * JUDGE[0] / flagged])
    share = weight * np.array([1 - flagged, flagged])
    want = share * np.sqrt(among * (1 - among))
    want = want / want.sum() * GOLD
    whole = np.maximum(np.floor(want), 1)
    order = np.argsort(np.ravel(whole - want))[: int(GOLD - whole.sum())]
    whole.ravel()[order] += 1
    return whole.astype(np.int64)


def drawn(rng: np.random.Generator, stratum: Integers, wanted: Integers) -> tuple[Floats, Floats]:
    """Which messages get a label, ``wanted`` from each stratum, and its realised probability."""
    size = np.bincount(stratum, minlength=len(wanted))
    order = np.argsort(stratum + rng.random(len(stratum)))
    rank = np.empty(len(stratum), dtype=np.int64)
    rank[order] = np.arange(len(stratum)) - (np.cumsum(size) - size)[stratum[order]]
    taken = rank < wanted[stratum]
    return taken, np.minimum(1.0, wanted / np.maximum(size, 1))[stratum]
