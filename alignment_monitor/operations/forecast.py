"""What judging days will cost, before any of it is spent.

Here belongs: the arithmetic from what there is to judge (workload) and what calls take and cost
(judging.money) to calls, tokens, USD and time. Here does not belong: how it is shown (terminal).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from alignment_monitor.judging.money import (
    CallCost,
    Usage,
    calls_allowed,
    price_advice,
    price_of,
    priced,
    usage,
)
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.operations.workload import Day, Messages, days_to_judge
from alignment_monitor.settings import Judge, Settings

RANGE_DEVIATIONS = 2.0
"""A range of USD reaches so many standard deviations to each side."""


@dataclass(frozen=True)
class Expected:
    """What a judge has before it.

    Attributes:
        judge: the judge.
        calls: messages about which it will be asked.
        usage: what a call takes.
        cost: what a call costs; null if the price is not known.
        calls_deviation: standard deviation of the calls, where the sample is not drawn yet.
    """

    judge: Judge
    calls: int
    usage: Usage
    cost: CallCost | None
    calls_deviation: float = 0.0

    @property
    def prompt_tokens(self) -> float:
        """Tokens to be read."""
        return self.calls * self.usage.prompt_tokens

    @property
    def completion_tokens(self) -> float:
        """Tokens to be written."""
        return self.calls * self.usage.completion_tokens

    @property
    def usd(self) -> float | None:
        """Cost of all calls; null if the price is not known."""
        return None if self.cost is None else self.calls * self.cost.mean

    @property
    def usd_deviation(self) -> float:
        """Standard deviation of that; 0 while it is guessed."""
        if self.cost is None or not self.cost.observed:
            return 0.0
        drawing = self.cost.mean * self.calls_deviation
        return math.hypot(self.cost.total_deviation(self.calls), drawing)

    @property
    def usd_range(self) -> tuple[float, float] | None:
        """What all calls will cost, within two standard deviations; null as ``usd``."""
        return _range(self.usd, self.usd_deviation)

    @property
    def seconds(self) -> float | None:
        """How long the calls last at the judge's limits; null if nothing tells.

        Tokens are counted as the limits reserve them: with the longest answer that is allowed.
        """
        judge, calls = self.judge, self.calls
        if judge.batch:
            return None
        bounds = []
        if self.usage.latency_seconds is not None:
            rounds = max(1.0, calls / judge.concurrency)
            bounds.append(rounds * self.usage.latency_seconds)
        if judge.requests_per_minute:
            bounds.append(calls * 60 / judge.requests_per_minute)
        if judge.tokens_per_minute:
            reserved = self.usage.prompt_tokens + judge.max_output_tokens
            bounds.append(calls * reserved * 60 / judge.tokens_per_minute)
        return max(bounds, default=None)


@dataclass(frozen=True)
class Forecast:
    """What judging a range of days will take.

    Attributes:
        days: how many.
        known: messages with known answers in them.
        drawn: messages of traffic that will be judged.
        over_budget: messages of traffic that only the budget keeps out.
        judges: what each has before it.
    """

    days: int
    known: int
    drawn: int
    over_budget: int
    judges: tuple[Expected, ...]

    @property
    def paid(self) -> tuple[Expected, ...]:
        """Judges that will be asked and are not simulated."""
        return tuple(one for one in self.judges if one.calls and not one.judge.simulated)

    @property
    def calls(self) -> int:
        """Calls of real judges."""
        return sum(one.calls for one in self.paid)

    @property
    def usd(self) -> float | None:
        """Cost of all; null if the price of one is not known."""
        costs = [one.usd for one in self.paid]
        return None if None in costs else sum(cost for cost in costs if cost is not None)

    @property
    def usd_deviation(self) -> float:
        """Standard deviation of the cost; costs of judges rise together, so theirs are added."""
        return sum(one.usd_deviation for one in self.paid)

    @property
    def usd_range(self) -> tuple[float, float] | None:
        """What all will cost, within two standard deviations; null as ``usd``."""
        return _range(self.usd, self.usd_deviation)

    @property
    def unknown_prices(self) -> tuple[str, ...]:
        """What to do about each price that is not known."""
        return tuple(price_advice(one.judge) for one in self.paid if one.cost is None)

    @property
    def guessed(self) -> bool:
        """A real judge has not answered enough to tell what its calls take."""
        return any(not one.usage.observed for one in self.paid)


def forecast(days: Sequence[Day], judges: Iterable[tuple[Judge, Usage]], allowed: int) -> Forecast:
    """What judging days will take.

    Args:
        days: what each holds.
        judges: each with what a call of it takes.
        allowed: messages a day about which each may be asked, known ones among them.
    """
    planned = [(day, day.within(allowed)) for day in days]
    expected = []
    for judge, taken in judges:
        calls = variance = 0.0
        for day, wanted in planned:
            answered = day.answered.get(judge.name, Messages(0, 0))
            new = max(0.0, wanted.drawn - answered.drawn)
            calls += new + max(0.0, wanted.known - answered.known)
            if wanted.drawn == day.wanted.drawn:  # what a budget cuts off is a fixed number
                variance += new * (1 - day.rate)
        price = price_of(judge)
        cost = None if price is None else priced(price, taken)
        asked = math.ceil(calls - 1e-6)
        expected.append(Expected(judge, asked, taken, cost, math.sqrt(variance)))
    drawn = sum(wanted.drawn for _, wanted in planned)
    return Forecast(
        days=len(planned),
        known=round(sum(wanted.known for _, wanted in planned)),
        drawn=round(drawn),
        over_budget=round(sum(day.wanted.drawn for day in days) - drawn),
        judges=tuple(expected),
    )


def forecast_days(
    settings: Settings, rubric: Rubric, store: Engine, first: date, last: date
) -> Forecast:
    """What judging the days from first to last will take, by what is already there.

    Raises:
        UnknownPriceError: a budget in USD is set, but a judge's price is not known.
    """
    days = days_to_judge(settings, rubric, store, first, last)
    return forecast(days, *_means(settings, rubric, store))


def ordinary_day(settings: Settings, rubric: Rubric, store: Engine) -> tuple[Forecast, Forecast]:
    """A new day with plenty of traffic: what it will take, and the most that it can take.

    Raises:
        UnknownPriceError: a budget in USD is set, but a judge's price is not known.
    """
    judges, allowed = _means(settings, rubric, store)
    judging = settings.judging
    given = judging.sentinels_per_day + 2 * judging.canaries_per_day
    usual, most = Messages(given, settings.sampling.messages_per_day), Messages(given, allowed)
    return forecast([Day(usual)], judges, allowed), forecast([Day(most)], judges, allowed)


def _range(mean: float | None, deviation: float) -> tuple[float, float] | None:
    reach = RANGE_DEVIATIONS * deviation
    return None if mean is None else (max(0.0, mean - reach), mean + reach)


def _means(
    settings: Settings, rubric: Rubric, store: Engine
) -> tuple[list[tuple[Judge, Usage]], int]:
    """What each judge's calls take, and how many a day may have."""
    judging = settings.judging
    judges = [(judge, usage(judge, rubric, judging, store)) for judge in judging.judges]
    return judges, calls_allowed(judging, rubric, store)
