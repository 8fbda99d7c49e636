"""What is true of a monitored system, day by day, before anything is drawn.

Here belong: a scenario and the paths that follow from it. Here does not belong: what is drawn from
them, or any detector (``years``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from alignment_monitor.simulation.panel import RATES, Panel, chances, precision, ramped, shares
from alignment_monitor.statistics.cells import Floats

SHARES = (0.30, 0.20, 0.14, 0.10, 0.08, 0.08, 0.06, 0.04)
RELATIVE_RATES = (1.0, 0.7, 0.8, 1.3, 1.0, 1.2, 1.5, 1.25)
"""Eight segments that differ in size and in how often the behaviour shows."""

MIX_TILT = (0.4, 0.3, 0.5, 1.8, 1.0, 1.6, 3.0, 3.0)
"""By how much the segments grow when traffic moves to those with higher rates."""

WEEK, WEEKEND = 7, 5
"""Day 0 is a Monday."""

WEEKEND_SHARE = 2 / 7
EDGE = 0.0005
"""No rate comes nearer to 0 or 1."""


@dataclass(frozen=True)
class Scenario:
    """A monitored system and what changes in it.

    Attributes:
        prevalence: true rate before a change, over all segments.
        shares: of the segments in traffic; also the mix that rates are standardised to.
        relative_rates: of the segments, up to a factor.
        judged: messages a day on average, at least ``fewest``.
        gold: labels a day by verdict: event and none.
        sentinels: judged a day, half of them positive.
        sensitivity: of the judge.
        false_positives: its false positive rate.
        design_effect: variance of a day's count over the binomial: users send several messages.
        weekend_effect: true rate of weekends over that of weekdays.
        weekday_volume: messages of a weekday over the average; weekends take up the rest.
        effect_deviation: standard deviation of day effects common to all segments.
        effect_correlation: of a day's effect with the next one's.
        change_day: first day after the change; none: nothing changes.
        rise: change of the true rate; negative: over-correction.
        ramp: days that the rise takes; 0 or 1: it is there at once.
        segment: where ``segment_rise`` comes on top.
        segment_rise: change of the true rate there.
        masked: the judge's sensitivity changes too, so that the judged rate stays.
        sensitivity_shift: change of the sensitivity.
        false_positives_shift: change of the false positive rate.
        sentinels_see: the judge errs on sentinels as it does on traffic, also after the change.
        mix_tilt: by how much each segment grows; empty: the mix stays.
        late_share: of a day's messages that come later, whatever they say.
        late_days: how many days later; the day is then built again.
        panel: several judges with rates of their own, in place of the one; null: there is one.
    """

    prevalence: float = 0.10
    shares: tuple[float, ...] = SHARES
    relative_rates: tuple[float, ...] = RELATIVE_RATES
    judged: float = 500
    fewest: int = 50
    gold: tuple[int, int] = (7, 13)
    sentinels: int = 200
    sensitivity: float = 0.85
    false_positives: float = 0.05
    design_effect: float = 1.2
    weekend_effect: float = 0.01
    weekday_volume: float = 1.1
    effect_deviation: float = 0.0
    effect_correlation: float = 0.95
    change_day: int | None = None
    rise: float = 0.0
    ramp: int = 0
    segment: int | None = None
    segment_rise: float = 0.0
    masked: bool = False
    sensitivity_shift: float = 0.0
    false_positives_shift: float = 0.0
    sentinels_see: bool = True
    mix_tilt: tuple[float, ...] = ()
    late_share: float = 0.0
    late_days: int = 0
    panel: Panel | None = None

    def __post_init__(self) -> None:
        for complaint in complaints(self):
            raise ValueError(complaint)

    @property
    def segments(self) -> int:
        """Number of segments."""
        return len(self.shares)


@dataclass(frozen=True)
class Paths:
    """What holds on each day; the first axis is the day.

    Attributes:
        truth: true rate, day x segment, without random day effects.
        shares: of the segments in traffic, day x segment.
        judged: mean number of judged messages.
        weekend: Saturday or Sunday.
        votes: chances that all judges flag a message, all but one and so on, on traffic:
            day x (event, none) x votes; of a single judge yes and no.
        seen_votes: the same on sentinels.
    """

    truth: Floats
    shares: Floats
    judged: Floats
    weekend: np.ndarray
    votes: Floats
    seen_votes: Floats

    @property
    def errors(self) -> Floats:
        """Sensitivity and false positive rate on traffic, means over the judges, day x 2."""
        return self.votes @ shares(self.votes.shape[-1])

    @property
    def seen_errors(self) -> Floats:
        """The same on sentinels."""
        return self.seen_votes @ shares(self.seen_votes.shape[-1])


def paths(scenario: Scenario, days: int) -> Paths:
    """Rates, traffic and judge of each day; pure, nothing is drawn."""
    day = np.arange(days)
    weekend = day % WEEK >= WEEKEND
    grown = share_of_change(scenario, day)
    changed = grown > 0
    base = np.array(scenario.shares)
    relative = np.array(scenario.relative_rates) / (base @ np.array(scenario.relative_rates))
    calendar = scenario.weekend_effect * (weekend - WEEKEND_SHARE)
    truth = scenario.prevalence * relative + (scenario.rise * grown + calendar)[:, None]
    if scenario.segment is not None:
        truth[:, scenario.segment] += scenario.segment_rise * grown
    volume = scenario.weekday_volume
    weekend_volume = (1 - volume * (1 - WEEKEND_SHARE)) / WEEKEND_SHARE
    return Paths(
        np.clip(truth, EDGE, 1 - EDGE),
        np.where(changed[:, None], tilted(scenario), base),
        scenario.judged * np.where(weekend, weekend_volume, volume),
        weekend,
        *votes_of(scenario, day),
    )


def votes_of(scenario: Scenario, day: np.ndarray) -> tuple[Floats, Floats]:
    """Chances of votes on traffic and on sentinels, each day x (event, none) x votes."""
    if scenario.panel is not None:
        change = scenario.change_day
        return scenario.panel.votes(np.zeros_like(day) if change is None else day - change + 1)
    traffic = np.stack(judge_rates(scenario, share_of_change(scenario, day)), axis=1)
    before = np.array([scenario.sensitivity, scenario.false_positives])
    seen = traffic if scenario.sentinels_see else np.broadcast_to(before, traffic.shape)
    return chances(traffic[..., None]), chances(seen[..., None])


def told_precision(scenario: Scenario) -> float:
    """Effective messages that production tells for each one drawn; 1 with a single judge."""
    before, _ = votes_of(replace(scenario, change_day=None), np.zeros(1, dtype=np.int64))
    return precision(before[0], scenario.prevalence, scenario.design_effect)


def share_of_change(scenario: Scenario, day: np.ndarray) -> Floats:
    """How much of the change is there on each day, 0 to 1."""
    if scenario.change_day is None:
        return np.zeros(len(day))
    return ramped(day - scenario.change_day + 1, scenario.ramp)


def judge_rates(scenario: Scenario, grown: Floats) -> tuple[Floats, Floats]:
    """Sensitivity and false positive rate where so much of the change is there.

    A mask keeps the judged rate of all segments together: what it takes off the sensitivity is what
    the rise adds.
    """
    before, false = scenario.sensitivity, scenario.false_positives
    changed = (grown > 0).astype(float)
    sensitivity = before + scenario.sensitivity_shift * changed
    if scenario.masked:
        rate = scenario.prevalence
        truth = rate + overall_rise(scenario) * grown
        sensitivity = (rate * before + (1 - rate) * false - (1 - truth) * false) / truth
    return sensitivity, false + scenario.false_positives_shift * changed


def overall_rise(scenario: Scenario) -> float:
    """Change of the true rate over all segments, at the mix before the change."""
    where = scenario.segment
    local = 0.0 if where is None else scenario.segment_rise * scenario.shares[where]
    return scenario.rise + local


def tilted(scenario: Scenario) -> Floats:
    """Shares of the segments after the change."""
    base = np.array(scenario.shares)
    grown = base * (np.array(scenario.mix_tilt) if scenario.mix_tilt else 1.0)
    return grown / grown.sum()


def day_effects(scenario: Scenario, rng: np.random.Generator, replicates: int, days: int) -> Floats:
    """Day effects of each replicate, replicate x day: a stationary autoregression of order one."""
    if not scenario.effect_deviation:
        return np.zeros((replicates, days))
    phi = scenario.effect_correlation
    found = scenario.effect_deviation * rng.normal(size=(replicates, days))
    found[:, 1:] *= np.sqrt(1 - phi**2)
    for day in range(1, days):
        found[:, day] += phi * found[:, day - 1]
    return found


def user_share(design_effect: float, messages: Mapping[int, float]) -> float:
    """Share of messages that all do what their user does, so that counts have a design effect.

    Two messages of a user then agree with correlation c^2 beyond chance, and the variance of a
    count is 1 + (sum m^2 / sum m - 1) c^2 times the binomial (Kish 1965, 5.4).

    Args:
        design_effect: of a day's count.
        messages: how many users send so many in a day.
    """
    sent = sum(size * count for size, count in messages.items())
    squares = sum(size**2 * count for size, count in messages.items())
    return float(np.sqrt((design_effect - 1) / (squares / sent - 1)))


def complaints(scenario: Scenario) -> list[str]:
    """What is impossible about a scenario, each with the field's name."""
    found = [
        f"{field.name} must not be negative"
        for field in fields(scenario)
        if field.name
        in {"effect_deviation", "ramp", "sentinels", "fewest", "change_day", "late_days"}
        and (getattr(scenario, field.name) or 0) < 0
    ]
    count = scenario.segments
    if len(scenario.relative_rates) != count or len(scenario.mix_tilt) not in (0, count):
        found.append("relative_rates and mix_tilt must have as many values as shares")
    if min(scenario.shares) <= 0 or not np.isclose(sum(scenario.shares), 1):
        found.append("shares must be positive and add up to 1")
    if min(*scenario.relative_rates, *scenario.mix_tilt, 1.0) <= 0:
        found.append("relative_rates and mix_tilt must be positive")
    if scenario.design_effect < 1 or scenario.judged <= 0:
        found.append("design_effect must be at least 1, and judged above 0")
    if min(scenario.gold) < 0:
        found.append("gold must not be negative")
    if not 0 < scenario.weekday_volume < 1 / (1 - WEEKEND_SHARE):
        found.append("weekday_volume must leave something for weekends")
    if not 0 <= scenario.late_share < 1 or bool(scenario.late_share) != bool(scenario.late_days):
        found.append(
            "late_share must be at least 0 and below 1, with late_days where it is above 0"
        )
    if not 0 <= scenario.effect_correlation < 1:
        found.append("effect_correlation must be at least 0 and below 1")
    if scenario.segment is not None and not 0 <= scenario.segment < count:
        found.append("segment must be the index of one of the shares")
    if scenario.segment_rise and scenario.segment is None:
        found.append("segment_rise needs a segment")
    if scenario.masked and (scenario.sensitivity_shift or scenario.false_positives_shift):
        found.append("masked sets the judge itself: no other shift beside it")
    if scenario.panel is not None:
        own = (*RATES, *(f"{name}_shift" for name in RATES), "masked", "sentinels_see")
        found += [
            f"{name} is of a single judge: leave it out beside a panel"
            for name in own
            if getattr(scenario, name) != getattr(Scenario, name)
        ]
    return found or impossible_rates(scenario)


def impossible_rates(scenario: Scenario) -> list[str]:
    """Rates that leave the range between 0 and 1 before or after the change."""
    after = scenario.prevalence + overall_rise(scenario)
    if not (0 < scenario.prevalence < 1 and 0 < after < 1):
        return ["prevalence must lie between 0 and 1, before and after the change"]
    judge = judge_rates(scenario, np.array([0.0, 1.0]))
    return [
        f"{name} must lie between 0 and 1, before and after the change"
        for name, rates in zip(RATES, judge, strict=True)
        if not ((rates >= 0) & (rates <= 1)).all()
    ]
