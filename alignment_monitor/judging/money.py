"""What judging costs: prices, the cost of a call, and how many calls a day's budget allows.

Here belong: the price of a judge (its own setting, else the packaged table of genai-prices), what
its newest answers took, and the arithmetic of budgets. Here does not belong: which messages the
budget leaves out (sampling), or what days to come will cost (operations.forecast).
"""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from sqlalchemy import Engine, select

from alignment_monitor.judging.answer import answer_schema
from alignment_monitor.judging.backends.base import judge_key
from alignment_monitor.judging.backends.rationale import rationale_judge
from alignment_monitor.judging.journal import TRAFFIC, Answer
from alignment_monitor.judging.prompt import instructions
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.judging.window import estimate_tokens
from alignment_monitor.settings import Judge, Judging
from alignment_monitor.store.schema import verdict_journal

DECISIONS_PRICES = {"gpt-6-luna": (0.10, 0.0)}
"""USD per million tokens read and written, where an endpoint has prices of its own."""

OBSERVED = 500
"""So many of a judge's newest answers tell what the next ones will cost."""

FEWEST_OBSERVED = 100
SAFETY_DEVIATIONS = 3.0
"""A day's spending stays within its budget unless it deviates by more than this many sigmas."""

UNLIMITED = 10**9
_THOUSAND = 1000
"""Prices are looked up for a call of so many tokens: that of a million is a long context's."""


class UnknownPriceError(ValueError):
    """A budget in USD is set, but a judge's price is not known; says where to set it."""


@dataclass(frozen=True)
class Price:
    """USD per million tokens read (prompt) and written (completion)."""

    prompt: float
    completion: float

    def of(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Cost in USD."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


@dataclass(frozen=True)
class Usage:
    """What calls of a judge take.

    Attributes:
        calls: tokens read and written by each of its newest answers; one guess if there are few.
        observed: from how many answers; 0 if guessed from the longest that is allowed.
        latency_seconds: median; null if guessed.
    """

    calls: tuple[tuple[float, float], ...]
    observed: int
    latency_seconds: float | None

    @property
    def prompt_tokens(self) -> float:
        """Tokens read, on average."""
        return statistics.fmean(prompt for prompt, _ in self.calls)

    @property
    def completion_tokens(self) -> float:
        """Tokens written, on average."""
        return statistics.fmean(completion for _, completion in self.calls)


@dataclass(frozen=True)
class CallCost:
    """What one call of a judge costs in USD.

    Attributes:
        mean: expected.
        deviation: standard deviation between calls.
        observed: from how many answers; 0 if guessed from the longest that is allowed.
    """

    mean: float
    deviation: float
    observed: int

    def total_deviation(self, calls: float) -> float:
        """Standard deviation of what so many calls cost.

        The calls differ, and the mean itself is known from ``observed`` answers only.
        """
        doubt = calls**2 / self.observed if self.observed else 0.0
        return self.deviation * math.sqrt(calls + doubt)


def price_of(judge: Judge) -> Price | None:
    """A judge's price: as set, else as packaged; null if neither knows it.

    A price that is set is taken as it is, for batches too.
    """
    prompt = judge.usd_per_million_prompt_tokens
    completion = judge.usd_per_million_completion_tokens
    if prompt is not None and completion is not None:
        return Price(prompt, completion)
    if judge.simulated:
        return Price(0.0, 0.0)
    known = _packaged(judge.provider, judge.backend, judge.model, batch=judge.batch)
    if known is None:
        return None
    return Price(
        known[0] if prompt is None else prompt, known[1] if completion is None else completion
    )


@cache
def _packaged(
    provider: str, backend: str, model: str, *, batch: bool
) -> tuple[float, float] | None:
    """USD per million tokens by the table that genai-prices ships; it asks no server.

    Where a price depends on the hour it is the dearest one's, so that a day that is run again
    says the same. Where a batch has none of its own, it is the ordinary one.
    """
    if backend == "decisions":
        return DECISIONS_PRICES.get(model)
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for given in (provider, None):  # the model alone, if its provider is one the table lacks
        try:
            found = [
                calc_price(
                    Tokens(input_tokens=_THOUSAND, output_tokens=_THOUSAND),
                    model,
                    provider_id=given,
                    genai_request_timestamp=midnight + timedelta(hours=hour),
                    price_context={"processing": "batch"} if batch else None,
                )
                for hour in range(24)
            ]
        except LookupError:
            continue
        scale = 1e6 / _THOUSAND
        read, written = (f.input_price for f in found), (f.output_price for f in found)
        return float(max(read)) * scale, float(max(written)) * scale
    return None


def price_advice(judge: Judge) -> str:
    """What to do about a price that is not known."""
    return (
        f"the price of {judge.model!r} is not known: set usd_per_million_prompt_tokens and "
        f"usd_per_million_completion_tokens of judge {judge.name!r} (0 for a server of your own)"
    )


def cost(judge: Judge, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
    """Price of a call in USD; null where the price or the token count is unknown."""
    price = price_of(judge)
    if price is None or prompt_tokens is None or completion_tokens is None:
        return None
    return price.of(prompt_tokens, completion_tokens)


def unit_cost(judge: Judge, answer: Answer) -> float | None:
    """Price of all that was asked about a unit in USD; null where a part of it is unknown."""
    verdict = cost(judge, answer.prompt_tokens, answer.completion_tokens)
    if verdict is None or answer.text is None or judge.backend != "decisions":
        return verdict
    tokens = json.loads(answer.text).get("rationale_tokens")
    reasons = cost(rationale_judge(judge), *tokens) if tokens else 0.0
    return None if reasons is None else verdict + reasons


def usage(judge: Judge, rubric: Rubric, judging: Judging, store: Engine) -> Usage:
    """What the next calls of a judge will take, by what its newest answers took.

    Before there are enough, the guess is high: all that is told it, a full window of context and
    the longest answer that is allowed.
    """
    table = verdict_journal
    query = (
        select(table.c.prompt_tokens, table.c.completion_tokens, table.c.latency_seconds)
        .where(
            table.c.judge_key == judge_key(judge, rubric, judging),
            table.c.rubric_version == rubric.full_version,
            table.c.occasion == TRAFFIC,
            table.c.prompt_tokens.is_not(None),
            table.c.completion_tokens.is_not(None),
        )
        .order_by(table.c.received_at.desc())
        .limit(OBSERVED)
    )
    with store.connect() as connection:
        rows = connection.execute(query).all()
    if len(rows) < FEWEST_OBSERVED:
        return Usage(((_longest_prompt(rubric, judging), judge.max_output_tokens),), 0, None)
    calls = tuple((row.prompt_tokens, row.completion_tokens) for row in rows)
    return Usage(calls, len(calls), statistics.median(row.latency_seconds for row in rows))


def _longest_prompt(rubric: Rubric, judging: Judging) -> int:
    told = instructions(rubric) + json.dumps(answer_schema(rubric))
    return estimate_tokens(told) + judging.context_tokens


def call_cost(judge: Judge, rubric: Rubric, judging: Judging, store: Engine) -> CallCost | None:
    """What the next calls of a judge will cost; null if its price is not known."""
    price, told = price_of(judge), usage(judge, rubric, judging, store)
    if price is None:
        return None
    spent = priced(price, told)
    if judge.backend != "decisions" or judge.rationale_model is None:
        return spent
    # Reasons are asked of flagged messages only; the budget must hold if all of them are flagged.
    reasons = price_of(rationale_judge(judge))
    if reasons is None:
        return None
    longest = reasons.of(_longest_prompt(rubric, judging), judge.max_output_tokens)
    return CallCost(spent.mean + longest, spent.deviation, spent.observed)


def priced(price: Price, taken: Usage) -> CallCost:
    """What a call costs that takes so much."""
    costs = [price.of(*tokens) for tokens in taken.calls]
    deviation = statistics.stdev(costs) if taken.observed else 0.0
    return CallCost(statistics.fmean(costs), deviation, taken.observed)


def affordable_calls(budget: float, costs: Sequence[CallCost]) -> int:
    """How many messages all judges can be asked about for a budget in USD.

    The largest n with n m + k s sqrt(n + n^2 / N) <= budget: m and s are the mean and standard
    deviation of what one message costs, known from N answers, and k = SAFETY_DEVIATIONS. The
    judges' costs of a message rise together with its length, so their deviations are added.
    """
    mean = math.fsum(one.mean for one in costs)
    if mean <= 0:
        return UNLIMITED
    if budget <= 0:
        return 0
    square = (SAFETY_DEVIATIONS * math.fsum(one.deviation for one in costs)) ** 2
    doubt = max((1 / one.observed for one in costs if one.observed), default=0.0)
    # The smaller root of (m^2 - k^2 s^2 / N) n^2 - (2 B m + k^2 s^2) n + B^2 = 0, both sides
    # divided by B, in the form that neither overflows nor cancels.
    share = square / budget
    root = math.sqrt(share * (share + 4 * mean) + 4 * square * doubt)
    return min(UNLIMITED, math.floor(2 * budget / (2 * mean + share + root) + 1e-9))


def calls_allowed(judging: Judging, rubric: Rubric, store: Engine) -> int:
    """Messages about which each judge may be asked in a day, known ones among them.

    Raises:
        UnknownPriceError: a budget in USD is set, but a judge's price is not known.
    """
    if judging.usd_per_day is None:
        return judging.calls_per_day
    costs = []
    for judge in judging.judges:
        if (found := call_cost(judge, rubric, judging, store)) is None:
            raise UnknownPriceError(f"judging.usd_per_day is set, but {price_advice(judge)}")
        costs.append(found)
    return min(judging.calls_per_day, affordable_calls(judging.usd_per_day, costs))
