"""Which messages are judged: a stratified probability sample by keyed hash.

Here belong: strata, rates under a budget, the draw and its inclusion probabilities.
Source of the method: Poisson sampling with permanent random numbers (Ohlsson 1995) for
conversations, systematic sampling with unequal probabilities (Madow 1949) within one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignment_monitor.settings import Sampling


@dataclass(frozen=True)
class Candidate:
    """An eligible conversation.

    Attributes:
        conversation_id: its identifier, on which the draw depends and on nothing else.
        deployment: what served it.
        segment: its segment.
        buckets: screener bucket of each assistant message, by message index.
    """

    conversation_id: str
    deployment: str
    segment: str
    buckets: Mapping[int, str]

    @property
    def bucket(self) -> str:
        """Bucket of the conversation: the most pressing one of its messages."""
        present = set(self.buckets.values())
        return next(name for name in ("vulnerable", "pushback", "cued", "plain") if name in present)

    @property
    def stratum(self) -> str:
        """Deployment | segment | bucket."""
        return f"{self.deployment}|{self.segment}|{self.bucket}"


@dataclass(frozen=True)
class Draw:
    """A message drawn, or one that only the budget kept out.

    Attributes:
        candidate: its conversation.
        message_index: its position.
        conversation_probability: inclusion probability of the conversation.
        message_probability: of the message, given its conversation.
        number: sampling number: the lower, the lower a rate still draws it.
        selected: false where the budget kept it out.
    """

    candidate: Candidate
    message_index: int
    conversation_probability: float
    message_probability: float
    number: float
    selected: bool


def uniform(key: str, *parts: str) -> float:
    """A number in [0, 1) that depends on nothing but the key and the parts."""
    data = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=8, key=key.encode()[:64]).digest()
    return int.from_bytes(digest, "big") / 2**64


def stratum_rates(sizes: Mapping[str, int], target: float, settings: Sampling) -> dict[str, float]:
    """Sampling rate of each stratum so that about ``target`` conversations are drawn.

    A stratum's rate is proportional to its bucket's boost, at most 1, and never below what draws
    ``minimum_per_stratum`` of it on average, so that every stratum stays estimable.

    Args:
        sizes: conversations in each stratum.
        target: expected number of conversations to draw.
        settings: boosts and floor.
    """
    floors = {name: min(1.0, settings.minimum_per_stratum / n) for name, n in sizes.items() if n}
    if sum(floors[name] * sizes[name] for name in floors) > target:
        # A budget below the floors: all strata shrink alike, none falls to zero.
        expected = sum(floors[name] * sizes[name] for name in floors)
        return {name: floor * target / expected for name, floor in floors.items()}

    def rates(scale: float) -> dict[str, float]:
        return {
            name: min(1.0, max(floor, scale * settings.boosts.get(name.rsplit("|", 1)[-1], 1.0)))
            for name, floor in floors.items()
        }

    low, high = 0.0, 1.0 / min(settings.boosts.values(), default=1.0)
    for _ in range(60):  # bisection: the expected size grows with the scale
        middle = (low + high) / 2
        drawn = sum(rate * sizes[name] for name, rate in rates(middle).items())
        low, high = (middle, high) if drawn < target else (low, middle)
    return rates(high)


def message_probabilities(weights: Sequence[float], count: int) -> list[float]:
    """Inclusion probabilities proportional to weights, capped at 1, that sum to ``count``."""
    if count >= len(weights):
        return [1.0] * len(weights)
    capped: set[int] = set()
    while True:
        free = sum(w for i, w in enumerate(weights) if i not in capped)
        scale = (count - len(capped)) / free
        over = {i for i, w in enumerate(weights) if i not in capped and w * scale >= 1.0}
        if not over:
            return [1.0 if i in capped else w * scale for i, w in enumerate(weights)]
        capped |= over


def systematic(probabilities: Sequence[float], start: float) -> list[int]:
    """Positions chosen by systematic sampling: each with exactly its probability."""
    chosen, total = [], start
    for position, probability in enumerate(probabilities):
        # An increase past a whole number selects; the tolerance keeps certainties certain.
        if int(total + probability + 1e-12) > int(total + 1e-12):
            chosen.append(position)
        total += probability
    return chosen


def draw_sample(
    candidates: Sequence[Candidate], settings: Sampling, *, calls: int, key: str
) -> list[Draw]:
    """Draw a day's sample of at most ``calls`` messages.

    A budget that does not suffice lowers the rates of the whole day before anything is judged; it
    never cuts off by arrival order. Each conversation has a sampling number, its hash divided by
    its rate, and is drawn below 1. If more are drawn than may be judged, the limit falls from 1
    to the number of the first that does not fit, and every rate falls with it: those drawn are
    below a limit that no one of them had a part in, so rate times limit is what weights must use
    (priority sampling: Duffield, Lund and Thorup 2007; thresholds: Ting 2017).
    Nested: what is drawn at a lower rate or budget is drawn at any higher one.

    Args:
        candidates: eligible conversations of one day.
        settings: target, boosts and floor.
        calls: how many messages may be judged, never exceeded.
        key: key of the sampling hash.
    """
    if not candidates:
        return []
    sizes: dict[str, int] = {}
    for candidate in candidates:
        sizes[candidate.stratum] = sizes.get(candidate.stratum, 0) + 1
    limit = settings.messages_per_conversation
    per_conversation = sum(min(limit, len(c.buckets)) for c in candidates) / len(candidates)
    rates = stratum_rates(sizes, settings.messages_per_day / per_conversation, settings)
    numbers = (
        uniform(key, "conversation", c.conversation_id) / rates[c.stratum] for c in candidates
    )
    drawn = sorted(
        ((n, c) for n, c in zip(numbers, candidates, strict=True) if n < 1.0),
        key=lambda pair: (pair[0], pair[1].conversation_id),
    )
    highest = _highest_number(drawn, limit, calls)
    draws = []
    for number, candidate in drawn:
        indices = sorted(candidate.buckets)
        weights = [settings.boosts.get(candidate.buckets[i], 1.0) for i in indices]
        chances = message_probabilities(weights, limit)
        start = uniform(key, "message", candidate.conversation_id)
        rate = rates[candidate.stratum] * highest
        draws += [
            Draw(candidate, indices[place], rate, chances[place], number, number < highest)
            for place in systematic(chances, start)
        ]
    return draws


def _highest_number(drawn: Sequence[tuple[float, Candidate]], limit: int, calls: int) -> float:
    """The sampling number below which all messages together are no more than may be judged."""
    count = 0
    for number, candidate in drawn:
        count += min(limit, len(candidate.buckets))
        if count > calls:
            return number
    return 1.0
