"""The inclusion probability of each conversation: strata, floors and what a user may have at most.

Here belongs: from the boosts of the day's conversations to probabilities, known before anything is
drawn. Here does not belong: where boosts come from (boosts), the draw and its budget (design).

Source: optimum allocation of a stratified sample (Neyman 1934; Cochran 1977, 5.5 to 5.8).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alignment_monitor.sampling.allocation import share_out


@dataclass(frozen=True, slots=True)
class Unit:
    """What the probability of a conversation depends on.

    Attributes:
        stratum: its stratum.
        user: who sent it.
        messages: how many of its messages are judged if it is drawn.
        boost: how often it is drawn, relative to others.
    """

    stratum: str
    user: str
    messages: int
    boost: float


class _Alike(NamedTuple):
    """Conversations that have the same probability."""

    stratum: str
    boost: float
    messages: int
    ceiling: float


def inclusion_probabilities(
    units: Sequence[Unit], target: float, *, minimum: float, per_user: float | None
) -> list[float]:
    """The inclusion probability of each conversation, so that ``target`` messages are expected.

    Proportional to boosts, at most the ceiling that its user leaves it, and at least what draws
    ``minimum`` messages of its stratum on average, as far as ceilings let it. Where a user's
    ceiling binds, others are drawn more often instead. All are positive, none falls as ``target``
    grows, and neither order nor names of strata and users matter.

    Args:
        units: the conversations of a day.
        target: expected number of messages.
        minimum: expected number of messages in each stratum, whatever its boost.
        per_user: expected number of messages that no user exceeds; null: no limit.
    """
    kinds = [
        _Alike(unit.stratum, unit.boost, unit.messages, ceiling)
        for unit, ceiling in zip(units, user_ceilings(units, per_user), strict=True)
    ]
    numbers = Counter(kinds)
    most = {kind: n * kind.messages * kind.ceiling for kind, n in numbers.items()}
    least = _floors(numbers, most, minimum)
    drawn = share_out(
        target,
        [least[kind] for kind in numbers],
        list(most.values()),
        [n * kind.messages * kind.boost for kind, n in numbers.items()],
    )
    found = {
        kind: min(kind.ceiling, expected / (n * kind.messages))
        for (kind, n), expected in zip(numbers.items(), drawn, strict=True)
    }
    return [found[kind] for kind in kinds]


def user_ceilings(units: Sequence[Unit], per_user: float | None) -> list[float]:
    """The highest probability of each conversation with which no user exceeds a number of messages.

    It depends on the user's own conversations alone, so that it stays where it is when others or
    the target change: a larger sample holds the smaller one.

    Args:
        units: the conversations of a day.
        per_user: messages of a user, expected at most; null: no limit.
    """
    ceilings = [1.0] * len(units)
    if per_user is None:
        return ceilings
    by_user: dict[str, list[int]] = {}
    for place, unit in enumerate(units):
        by_user.setdefault(unit.user, []).append(place)
    for places in by_user.values():
        sizes = [float(units[place].messages) for place in places]
        if sum(sizes) <= per_user:
            continue
        weights = [units[place].messages * units[place].boost for place in places]
        parts = share_out(per_user, [0.0] * len(places), sizes, weights)
        for place, part, size in zip(places, parts, sizes, strict=True):
            ceilings[place] = part / size
    return ceilings


def _floors(
    numbers: Counter[_Alike], most: dict[_Alike, float], minimum: float
) -> dict[_Alike, float]:
    """Expected messages of each kind, such that each stratum has the minimum by equal rates."""
    by_stratum: dict[str, list[_Alike]] = {}
    for kind in numbers:
        by_stratum.setdefault(kind.stratum, []).append(kind)
    floors = dict.fromkeys(numbers, 0.0)
    for kinds in by_stratum.values() if minimum else ():
        parts = share_out(
            minimum,
            [0.0] * len(kinds),
            [most[kind] for kind in kinds],
            [float(numbers[kind] * kind.messages) for kind in kinds],
        )
        floors.update(zip(kinds, parts, strict=True))
    return floors
