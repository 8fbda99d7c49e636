"""Which judged messages people label next: the second phase of a two-phase sample.

Here belong: strata of judged messages, the allocation of labels to them, the draw and its inclusion
probabilities. Here does not belong: where the queue is kept (store.labels) or how a rate is
estimated from labels (statistics).

Sources: two-phase sampling for stratification (Neyman 1938; Särndal, Swensson and Wretman 1992, ch.
9), optimum allocation (Neyman 1934; Cochran 1977, 5.5 to 5.9), Poisson sampling with permanent
random numbers (Brewer, Early and Joyce 1972; Ohlsson 1995).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from alignment_monitor.sampling.allocation import share_out
from alignment_monitor.sampling.design import uniform

POSITIVE, NEGATIVE, NO_OPPORTUNITY = "positive", "negative", "no_opportunity"
AGREED, SPLIT = "agreed", "split"

STRATA = tuple(
    f"{seen}|{judges}"
    for seen in (POSITIVE, NEGATIVE, NO_OPPORTUNITY)
    for judges in (AGREED, SPLIT)
)
"""What ``JudgedMessage.stratum`` may be."""

EXPECTED = {POSITIVE: 0.5, NEGATIVE: 0.1, NO_OPPORTUNITY: 0.05}
"""Share of messages in which people see the event, as expected before any label."""
EXPECTED_COUNTS = 2.0
"""How many labels that expectation is worth: as much as in Laplace's rule of succession."""
SPLIT_BOOST = 2.0
"""How much larger the standard deviation is taken to be where judges disagree."""
FLOOR = 3.0
"""Labels that a stratum gets on average however small it is, if it has as many messages."""


@dataclass(frozen=True)
class Verdict:
    """What one judge said of a message.

    Attributes:
        charted: headline behaviours at level 2 or more.
        opportunity: whether it saw any opportunity.
    """

    charted: frozenset[str]
    opportunity: bool


@dataclass(frozen=True)
class JudgedMessage:
    """A message that every judge of the panel answered.

    Attributes:
        day: UTC date under which it was judged; identifiers may repeat on other days.
        conversation_id: its conversation.
        message_index: its position.
        weight: design weight d of the first phase, one over its inclusion probability.
        verdicts: one for each judge.
    """

    day: date
    conversation_id: str
    message_index: int
    weight: float
    verdicts: tuple[Verdict, ...]

    @cached_property
    def stratum(self) -> str:
        """What the judges saw | whether they agree: ``positive|split``."""
        if any(verdict.charted for verdict in self.verdicts):
            seen = POSITIVE
        elif any(verdict.opportunity for verdict in self.verdicts):
            seen = NEGATIVE
        else:
            seen = NO_OPPORTUNITY
        return f"{seen}|{AGREED if len(set(self.verdicts)) <= 1 else SPLIT}"


@dataclass(frozen=True)
class GoldItem:
    """A message chosen to be labelled.

    Attributes:
        message: the message.
        stratum: its stratum when it was chosen.
        inclusion_probability: pi2, its probability of being chosen given the judged sample.
    """

    message: JudgedMessage
    stratum: str
    inclusion_probability: float


def allocate(
    messages: Iterable[JudgedMessage],
    n: int,
    known: Mapping[str, tuple[float, int]] | None = None,
) -> dict[str, float]:
    """Expected labels of each stratum: Neyman allocation between a floor and all of its messages.

    Minimises the variance of the stratified two-phase rate, sum_h W_h^2 S_h^2 / m_h, with W_h the
    design-weighted share of stratum h and m_h the effective size of its labels (Kish 1965: n_h over
    1 plus the squared coefficient of variation of d). So n_h is proportional to W_h S_h times the
    root of that factor; S_h is the binomial standard deviation at the smoothed share of events,
    twice as large where judges disagree. Floors and ceilings hold while the rest is shared out
    anew (Cochran 1977, 5.8). Each n_h never falls as ``n`` grows.

    Args:
        messages: the judged sample.
        n: labels wanted; more than there are messages is all of them.
        known: (events, labels) so far by stratum. They must come from other messages than these,
            or the labels would have a part in the probabilities of their own draw.

    Raises:
        ValueError: ``n`` is below 1.
    """
    if n < 1:
        raise ValueError(f"{n} labels cannot be allocated: ask for 1 or more")
    weights: dict[str, list[float]] = {}
    for message in messages:
        weights.setdefault(message.stratum, []).append(message.weight)
    sizes = {name: float(len(given)) for name, given in sorted(weights.items())}
    spreads = [
        deviation_of(name, known or {}) * math.sqrt(size * math.fsum(d * d for d in weights[name]))
        for name, size in sizes.items()
    ]
    floors = [min(FLOOR, size) for size in sizes.values()]
    return dict(zip(sizes, share_out(n, floors, list(sizes.values()), spreads), strict=True))


def draw_gold(
    messages: Sequence[JudgedMessage],
    n: int,
    *,
    key: str,
    known: Mapping[str, tuple[float, int]] | None = None,
) -> list[GoldItem]:
    """Draw about ``n`` messages to be labelled, each on its own, by a number that stays its own.

    Poisson sampling: a message is drawn if its keyed hash lies below pi2, the share of its stratum
    that gets a label. Every judged message has a positive pi2 and all of them sum to ``n``; how
    many are drawn varies around it. A larger ``n`` draws a superset. A message drawn from several
    samples was drawn with the largest of its pi2, since its number is the same in all of them.

    Args:
        messages: the judged sample.
        n: labels wanted on average.
        key: key of the hash.
        known: as in ``allocate``.

    Raises:
        ValueError: ``n`` is below 1.
    """
    expected = allocate(messages, n, known)
    sizes = dict.fromkeys(expected, 0)
    for message in messages:
        sizes[message.stratum] += 1
    shares = {name: min(1.0, expected[name] / size) for name, size in sizes.items()}
    return [
        GoldItem(message, message.stratum, shares[message.stratum])
        for message in messages
        if number_of(message, key) < shares[message.stratum]
    ]


def number_of(message: JudgedMessage, key: str, draw: str = "gold") -> float:
    """The permanent random number of a message in [0, 1) for a kind of draw, of its own."""
    place = (message.day.isoformat(), message.conversation_id, str(message.message_index))
    return uniform(key, draw, *place)


def deviation_of(stratum: str, known: Mapping[str, tuple[float, int]]) -> float:
    """Standard deviation of the event in a stratum, at its smoothed share, so never zero."""
    seen, agreement = stratum.split("|")
    events, labels = known.get(stratum, (0.0, 0))
    share = (events + EXPECTED_COUNTS * EXPECTED[seen]) / (labels + EXPECTED_COUNTS)
    return math.sqrt(share * (1 - share)) * (SPLIT_BOOST if agreement == SPLIT else 1.0)
