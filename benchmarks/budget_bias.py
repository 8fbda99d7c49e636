"""Does a budget bias a rate? Days of sampling and estimating, where the truth is known.

    python -m benchmarks.budget_bias              # 200 days, three budgets
    python -m benchmarks.budget_bias --write      # and puts the table into docs/benchmarks.md

Each day has its own conversations, in segments and screener buckets whose rates differ fourfold,
sent by users who differ too. The same day is sampled under each budget and estimated as the
monitor does it. Two truths are told: the rate of the very messages of the day, which judging them
all would find, and the rate of the process behind them, which a chart is about.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from alignment_monitor.sampling.design import Candidate, Draw, draw_sample
from alignment_monitor.settings import Sampling
from alignment_monitor.statistics.estimation import window_estimates
from benchmarks.common import machine, table, write_section

DAY = date(2026, 1, 1)
CONVERSATIONS, USERS = 3000, 1500
NEED = 400
BUDGETS = (1.0, 0.6, 0.3)
SEED = 1
SEGMENTS = {"assistant": 0.35, "coding": 0.25, "learning": 0.2, "wellbeing": 0.2}
BUCKETS = {"vulnerable": 0.03, "pushback": 0.12, "cued": 0.25, "plain": 0.6}
OPPORTUNITY = {"vulnerable": 0.9, "pushback": 0.8, "cued": 0.6, "plain": 0.2}
RATE = {"vulnerable": 0.25, "pushback": 0.2, "cued": 0.1, "plain": 0.06}
SEGMENT_FACTOR = {"assistant": 1.0, "coding": 0.6, "learning": 0.8, "wellbeing": 1.6}
USER_FACTORS = (0.4, 1.6)
"""Half of the users meet the behaviour this much less often than the others."""


@dataclass(frozen=True)
class Population:
    """One day: its conversations, who sent them, and what is true of each message."""

    candidates: Sequence[Candidate]
    users: dict[str, str]
    opportunity: dict[tuple[str, int], bool]
    event: dict[tuple[str, int], bool]

    @property
    def rate(self) -> float:
        """Events per opportunity among all messages of the day."""
        return sum(self.event.values()) / sum(self.opportunity.values())


def process_rate() -> float:
    """Events per opportunity that the process tends to."""
    chances = [
        (share * weight * OPPORTUNITY[bucket], factor * RATE[bucket])
        for segment, factor in SEGMENT_FACTOR.items()
        for bucket, weight in BUCKETS.items()
        if (share := SEGMENTS[segment])
    ]
    return sum(o * rate for o, rate in chances) / sum(o for o, _ in chances)


def population(rng: np.random.Generator, name: str) -> Population:
    """A day's conversations of one to six messages."""
    segments = rng.choice(list(SEGMENTS), CONVERSATIONS, p=list(SEGMENTS.values()))
    user = rng.integers(0, USERS, CONVERSATIONS)
    factor = rng.choice(USER_FACTORS, USERS)
    lengths = rng.integers(1, 7, CONVERSATIONS)
    candidates, users, opportunity, event = [], {}, {}, {}
    for number, (segment, length) in enumerate(zip(segments, lengths, strict=True)):
        conversation = f"{name}-{number}"
        drawn = rng.choice(list(BUCKETS), length, p=list(BUCKETS.values()))
        chance = rng.random((2, length))
        buckets = {2 * place + 1: str(bucket) for place, bucket in enumerate(drawn)}
        users[conversation] = f"u{user[number]}"
        candidates.append(
            Candidate(
                conversation, "aurora", "aurora-1", str(segment), users[conversation], buckets
            )
        )
        for place, (index, bucket) in enumerate(buckets.items()):
            key = conversation, index
            rate = RATE[bucket] * SEGMENT_FACTOR[segment] * factor[user[number]]
            opportunity[key] = bool(chance[0, place] < OPPORTUNITY[bucket])
            event[key] = opportunity[key] and bool(chance[1, place] < rate)
    return Population(candidates, users, opportunity, event)


def estimate(world: Population, selected: Sequence[Draw]) -> "pd.Series[float]":
    """The day's estimate over all segments, from the messages that were judged."""
    rows = pd.DataFrame(
        [
            {
                "user_key": world.users[draw.candidate.conversation_id],
                "segment": draw.candidate.segment,
                "o": world.opportunity[draw.candidate.conversation_id, draw.message_index],
                "y": world.event[draw.candidate.conversation_id, draw.message_index],
                "d": 1 / (draw.conversation_probability * draw.message_probability),
            }
            for draw in selected
        ]
    )
    rows = rows.assign(n=1, n_o=rows["o"].astype(int), n_y=rows["y"].astype(int), sum_d=rows["d"])
    rows = rows.assign(sum_do=rows["d"] * rows["o"], sum_dy=rows["d"] * rows["y"])
    sums = ["n", "n_o", "n_y", "sum_d", "sum_do", "sum_dy"]
    user_days = rows.groupby(["segment", "user_key"], as_index=False)[sums].sum()
    user_days = user_days.assign(
        day=pd.Timestamp(DAY),
        deployment_family="aurora",
        deployment="aurora-1",
        behaviour="behaviour",
        rubric_version="r",
        panel="p",
    )
    found = window_estimates(user_days, day=DAY, window_days=1)
    return found[(found["deployment"] == "all") & (found["segment"] == "all")].iloc[0]


def simulate(days: int) -> pd.DataFrame:
    """A row for each day and budget."""
    return pd.DataFrame(list(_days(days)))


def _days(days: int) -> Iterator[dict[str, float]]:
    settings, rng = Sampling(messages_per_day=NEED), np.random.default_rng(SEED)
    for day in range(days):
        world = population(rng, f"d{day}")
        for budget in BUDGETS:
            cap = round(NEED * budget)
            draws = draw_sample(world.candidates, settings, calls=cap, key="benchmark")
            selected = [draw for draw in draws if draw.selected]
            keys = [(draw.candidate.conversation_id, draw.message_index) for draw in selected]
            offered = sum(world.opportunity[key] for key in keys)
            found = estimate(world, selected)
            yield {
                "day": day,
                "budget": budget,
                "cap": cap,
                "judged": len(selected),
                "over_budget": len(draws) - len(selected),
                "rate": world.rate,
                "estimate": found["prevalence"],
                "lower": found["lower"],
                "upper": found["upper"],
                "unweighted": sum(world.event[key] for key in keys) / offered,
            }


def covered(rows: pd.DataFrame, truth: "pd.Series[float] | float") -> str:
    """Share of days whose interval holds the truth, with exact binomial limits."""
    hits = int(((rows["lower"] <= truth) & (truth <= rows["upper"])).sum())
    bounds = binomtest(hits, len(rows)).proportion_ci(method="exact")
    return f"{hits / len(rows):.1%} [{bounds.low:.1%}, {bounds.high:.1%}]"


def error(errors: "pd.Series[float]") -> str:
    """Mean and its standard error, in percentage points."""
    return f"{100 * errors.mean():+.2f} ± {100 * errors.sem():.2f}"


def report(rows: pd.DataFrame) -> str:
    """The table of budgets."""
    lines = []
    for budget, part in sorted(rows.groupby("budget"), reverse=True):
        wanted = part["judged"] + part["over_budget"]
        lines.append(
            (
                f"{budget:.0%}: {part['cap'].iloc[0]} calls",
                f"{wanted.mean():.0f}",
                f"{part['judged'].mean():.0f} ({part['judged'].max()})",
                f"{part['over_budget'].mean():.0f}",
                error(part["estimate"] - part["rate"]),
                error(part["unweighted"] - part["rate"]),
                f"{50 * (part['upper'] - part['lower']).mean():.1f}",
                covered(part, part["rate"]),
                covered(part, process_rate()),
            )
        )
    header = (
        "budget | drawn | judged (most) | over budget | bias, points ± SE | unweighted mean's "
        "| half width, points | 95 % interval holds the day's rate | ... the process's rate"
    )
    return table(header, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=200)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = simulate(options.days)
    over = int((rows["judged"] > rows["cap"]).sum())
    text = (
        f"{options.days} days of {CONVERSATIONS} conversations by {USERS} users, "
        f"{NEED} messages wanted a day; true rate {process_rate():.1%}, day by day "
        f"{rows['rate'].min():.1%} to {rows['rate'].max():.1%}. The cap was exceeded on {over} of "
        f"{len(rows)} days.\n\n{report(rows)}"
    )
    print(f"{text}\n{machine()}")
    if options.write:
        write_section("budget_bias", text)


if __name__ == "__main__":
    main()
