"""What one simulated day shows, and how the detector takes it.

Here belong: verdicts and labels of a day for many replicates, and the part of them that is there on
the day itself. Here does not belong: how they are drawn (``years``).
"""

from dataclasses import dataclass, replace

import numpy as np

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.detection.day import Day
from alignment_monitor.detection.labels import Labels
from alignment_monitor.simulation.panel import half, shares
from alignment_monitor.simulation.scenario import Scenario, told_precision
from alignment_monitor.statistics.cells import Floats, Integers


@dataclass(frozen=True)
class Traffic:
    """A day's verdicts; arrays over replicates.

    Attributes:
        weekend: kind of the day.
        votes: effective messages that all judges flag, all but one, and so on down to none,
            replicate x segment x votes.
        sentinels: judged, replicate x (positive, negative).
        sentinel_votes: the same of them, one more axis.
        truth: true rate, replicate x segment.
        by_verdict: share of true events among those flagged and those not, one more axis.
    """

    weekend: bool
    votes: Integers
    sentinels: Integers
    sentinel_votes: Integers
    truth: Floats
    by_verdict: Floats

    @property
    def n(self) -> Integers:
        """Effective messages judged, replicate x segment."""
        return np.asarray(self.votes.sum(axis=-1))

    @property
    def flagged(self) -> Integers:
        """Of them those flagged, which at least half of the judges flag."""
        return half(self.votes)

    @property
    def rate(self) -> Floats:
        """Mean share of judges that flag a message, replicate x segment; 0 without any."""
        return self.votes @ shares(self.votes.shape[-1]) / np.maximum(self.n, 1)

    @property
    def sentinels_flagged(self) -> Floats:
        """Sentinels flagged, mean over the judges, replicate x (positive, negative)."""
        return self.sentinel_votes @ shares(self.sentinel_votes.shape[-1])

    @property
    def of_one_judge(self) -> bool:
        """A verdict is yes or no: the share of judges that flag a message is 0 or 1."""
        return self.votes.shape[-1] == 2

    @property
    def strata(self) -> Integers:
        """Messages by replicate x segment x verdict (event, none)."""
        return np.stack([self.flagged, self.n - self.flagged], axis=-1)


@dataclass(frozen=True)
class Gold:
    """A day's labels, replicate x segment x verdict (event, none).

    Attributes:
        n: labels.
        y: events among them.
        probability: with which such a message was labelled.
        burst: labels that belong to a burst, by replicate.
    """

    n: Integers
    y: Integers
    probability: Floats
    burst: Integers


def on_time(traffic: Traffic, late_share: float, rng: np.random.Generator) -> Traffic:
    """The part of a day that is there on the day: late messages are late whatever they say.

    Args:
        traffic: the whole day.
        late_share: probability of a message to come later.
        rng: draws which.
    """
    if not late_share:
        return traffic
    rest = traffic.n
    late = rng.binomial(rest, late_share)
    votes = traffic.votes.copy()
    for place in range(votes.shape[-1] - 1):
        here = traffic.votes[..., place]
        rest = rest - here
        gone = rng.hypergeometric(here, rest, late)
        votes[..., place] -= gone
        late = late - gone
    votes[..., -1] -= late
    return replace(traffic, votes=votes)


def figures(scenario: Scenario, traffic: Traffic, gold: Gold, young: Mask, burst: Mask) -> Day:
    """A day as the detector takes it: the whole at the scenario's mix, then the segments."""
    n, rate = traffic.n, traffic.rate
    some = n > 0
    mix = np.where(some, scenario.shares, 0.0)
    mix = mix / mix.sum(axis=1, keepdims=True)
    whole = (mix * rate).sum(axis=1, keepdims=True)
    effective = 1 / (mix**2 / np.maximum(n, 1)).sum(axis=1, keepdims=True)
    blank = np.where(some, 1.0, np.nan)
    return Day(
        rate=np.concatenate([whole, rate * blank], axis=1),
        n=np.concatenate([effective, n * blank], axis=1) * told_precision(scenario),
        weekend=traffic.weekend,
        young=young,
        watched=~young,
        flagged=traffic.sentinels_flagged,
        sentinels=traffic.sentinels.astype(float),
        labels=labels_of(traffic, gold, mix),
        burst=burst,
    )


def labels_of(traffic: Traffic, gold: Gold, mix: Floats) -> Labels:
    """Labels by segment and verdict, each worth mix over traffic over its probability.

    Args:
        traffic: the day.
        gold: its labels.
        mix: shares of the segments that rates are standardised to, replicate x segment.
    """
    replicates, segments = traffic.n.shape
    worth = mix * gold.n.sum(axis=(1, 2))[:, None] / np.maximum(traffic.n, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where(gold.probability > 0, worth[..., None] / gold.probability, 0.0)
    flagged, rate = (
        np.concatenate([(mix * x).sum(axis=1, keepdims=True), x], axis=1)
        for x in (traffic.flagged / np.maximum(traffic.n, 1), traffic.rate)
    )
    cells = np.arange(2 * segments)
    return Labels(
        n=gold.n.reshape(replicates, -1).astype(float),
        y=gold.y.reshape(replicates, -1).astype(float),
        scale=scale.reshape(replicates, -1),
        stratum=np.broadcast_to(cells % 2, (replicates, len(cells))),
        segment=np.broadcast_to(cells // 2, (replicates, len(cells))),
        shares=flagged,
        above=None if traffic.of_one_judge else flagged - rate,
    )
