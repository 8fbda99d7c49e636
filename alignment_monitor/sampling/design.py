"""Which messages are judged: a stratified probability sample by keyed hash.

Here belong: the draw, its budget and its inclusion probabilities. Here does not belong: rates of
strata and what a user may have (strata), how past verdicts set them (boosts).
Source of the method: Poisson sampling with permanent random numbers (Ohlsson 1995) for
conversations, systematic sampling with unequal probabilities (Madow 1949) within one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignment_monitor.sampling.strata import Unit, inclusion_probabilities
from alignment_monitor.settings import Sampling

Place = tuple[str, str, str]
"""Deployment family, segment and bucket of a message: what a boost is known for."""


@dataclass(frozen=True)
class Candidate:
    """An eligible conversation.

    Attributes:
        conversation_id: its identifier, whose hash is drawn by.
        deployment_family: the line of what served it.
        deployment: what served it.
        segment: its segment.
        user_key: who sent it.
        buckets: screener bucket of each assistant message, by message index.
    """

    conversation_id: str
    deployment_family: str
    deployment: str
    segment: str
    user_key: str
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

    def weights(self, boosts: Mapping[Place, float], settings: Sampling) -> list[float]:
        """Boosts of its messages in order: the stored ones, else those that their buckets have.

        A new deployment takes on what its family has taught.
        """
        return [
            boosts.get((self.deployment_family, self.segment, bucket)) or settings.boosts[bucket]
            for _, bucket in sorted(self.buckets.items())
        ]


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
    candidates: Sequence[Candidate],
    settings: Sampling,
    *,
    calls: int,
    key: str,
    boosts: Mapping[Place, float] | None = None,
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
        settings: target, boosts of buckets, floor and the most of a user.
        calls: how many messages may be judged, never exceeded.
        key: key of the sampling hash.
        boosts: of the stored design; where it has none, the bucket's own counts.
    """
    if not candidates:
        return []
    weights = [candidate.weights(boosts or {}, settings) for candidate in candidates]
    rates = conversation_rates(candidates, weights, settings)
    numbers = (
        uniform(key, "conversation", candidate.conversation_id) / rate
        for candidate, rate in zip(candidates, rates, strict=True)
    )
    drawn = sorted(
        (d for d in zip(numbers, candidates, rates, weights, strict=True) if d[0] < 1.0),
        key=lambda d: (d[0], d[1].conversation_id),
    )
    limit = settings.messages_per_conversation
    highest = _highest_number(
        [(number, candidate) for number, candidate, *_ in drawn], limit, calls
    )
    draws = []
    for number, candidate, rate, given in drawn:
        indices = sorted(candidate.buckets)
        chances = message_probabilities(given, limit)
        start = uniform(key, "message", candidate.conversation_id)
        draws += [
            Draw(
                candidate, indices[place], rate * highest, chances[place], number, number < highest
            )
            for place in systematic(chances, start)
        ]
    return draws


def conversation_rates(
    candidates: Sequence[Candidate], weights: Sequence[Sequence[float]], settings: Sampling
) -> list[float]:
    """The rate at which each conversation of a day is drawn, before the budget.

    Proportional to the sum of its messages' boosts over how many of them are judged (probability
    proportional to size: Hansen and Hurwitz 1943), so that each message is drawn as often as its
    own boost says, alone or in a long conversation, unless its chance within it is capped at 1.

    Args:
        candidates: eligible conversations of one day.
        weights: boosts of their messages.
        settings: target, floor and the most of a user.
    """
    units = []
    for candidate, given in zip(candidates, weights, strict=True):
        messages = min(settings.messages_per_conversation, len(given))
        boost = sum(given) / messages
        units.append(Unit(candidate.stratum, candidate.user_key, messages, boost))
    return inclusion_probabilities(
        units,
        settings.messages_per_day,
        minimum=settings.minimum_per_stratum,
        per_user=settings.messages_per_user_per_day,
    )


def _highest_number(drawn: Sequence[tuple[float, Candidate]], limit: int, calls: int) -> float:
    """The sampling number below which all messages together are no more than may be judged."""
    count = 0
    for number, candidate in drawn:
        count += min(limit, len(candidate.buckets))
        if count > calls:
            return number
    return 1.0
