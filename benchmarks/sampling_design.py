"""What does a learned sampling design gain, and would the screener's probabilities add to it?

    python -m benchmarks.sampling_design             # five worlds, 28 days each
    python -m benchmarks.sampling_design --write     # and puts the tables into docs/benchmarks.md

Worlds differ in where their three behaviours live: where the boosts of the settings expect them,
everywhere alike, elsewhere, rarely, or in one segment. The variance of a day's rate is that of its
messages given the true rates, without products of two messages of one conversation, which all
designs share; so only the past verdicts, which are drawn, vary. The
second table splits a bucket by a score whose area under the ROC curve is known, and allocates best.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from scipy.stats import norm

from alignment_monitor.sampling.boosts import learned
from alignment_monitor.sampling.design import (
    Candidate,
    Place,
    conversation_rates,
    draw_sample,
    message_probabilities,
)
from alignment_monitor.settings import BOOSTS, Sampling
from benchmarks.budget_bias import BUCKETS, DAY, OPPORTUNITY, RATE, SEGMENT_FACTOR, SEGMENTS
from benchmarks.common import machine, table, write_section

CONVERSATIONS = 1500
SETTINGS = Sampling(messages_per_day=150)
BEHAVIOURS = (0.5, 1.0, 1.5)
"""Three behaviours, by how frequent each is relative to the world's rates."""
DAYS = (1, 7, 28)
SEED = 3

WORLDS: dict[str, Callable[[str, str], float]] = {
    "as the settings expect": lambda segment, bucket: RATE[bucket] * SEGMENT_FACTOR[segment],
    "the same everywhere": lambda segment, bucket: 0.1,
    "in claims and work": lambda segment, bucket: 0.3 if bucket == "cued" else 0.04,
    "rare": lambda segment, bucket: 0.02 * SEGMENT_FACTOR[segment],
    "in one segment": lambda segment, bucket: 0.3 if segment == "wellbeing" else 0.02,
}
SCORES = (0.61, 0.70, 0.85)
"""Areas under the ROC curve: of another data set (docs/screener.md), better, of another model."""


def traffic(rng: np.random.Generator, name: str) -> list[Candidate]:
    """A day's conversations of one to six messages."""
    segments = rng.choice(list(SEGMENTS), CONVERSATIONS, p=list(SEGMENTS.values()))
    lengths = rng.integers(1, 7, CONVERSATIONS)
    kinds = rng.choice(list(BUCKETS), (CONVERSATIONS, 6), p=list(BUCKETS.values()))
    return [
        Candidate(
            f"{name}-{i}",
            "aurora",
            "aurora-1",
            str(segment),
            f"u{i}",
            {2 * n + 1: str(kinds[i, n]) for n in range(length)},
        )
        for i, (segment, length) in enumerate(zip(segments, lengths, strict=True))
    ]


def squares(world: Callable[[str, str], float], factor: float) -> dict[tuple[str, str], float]:
    """Expected squared residual of a message by segment and bucket, relative to their mean."""
    share = {(s, b): SEGMENTS[s] * BUCKETS[b] for s in SEGMENTS for b in BUCKETS}
    rate = {(s, b): factor * world(s, b) for s, b in share}
    offered = sum(w * OPPORTUNITY[b] for (_, b), w in share.items())
    theta = sum(w * OPPORTUNITY[b] * rate[s, b] for (s, b), w in share.items()) / offered
    found = {(s, b): OPPORTUNITY[b] * (rate[s, b] * (1 - 2 * theta) + theta**2) for s, b in share}
    mean = sum(w * found[place] for place, w in share.items())
    return {place: value / mean for place, value in found.items()}


def variance(
    pool: Sequence[Candidate],
    world: Callable[[str, str], float],
    boosts: Mapping[Place, float],
    settings: Sampling = SETTINGS,
) -> float:
    """Variance of a day's rate, averaged over behaviours, up to a factor."""
    weights = [candidate.weights(boosts, settings) for candidate in pool]
    rates = conversation_rates(pool, weights, settings)
    total = 0.0
    for found in (squares(world, factor) for factor in BEHAVIOURS):
        for candidate, given, rate in zip(pool, weights, rates, strict=True):
            e = [found[candidate.segment, b] for _, b in sorted(candidate.buckets.items())]
            chances = message_probabilities(given, 1)
            total += sum(x / p for x, p in zip(e, chances, strict=True)) / rate - sum(e)
    return total


def judged(
    rng: np.random.Generator, world: Callable[[str, str], float], days: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What so many days bring, drawn by the boosts of the settings."""
    cells, sample = [], []
    for number in range(days):
        day = DAY + timedelta(days=number)
        for d in draw_sample(traffic(rng, str(day)), SETTINGS, calls=10**6, key="benchmark"):
            bucket, segment = d.candidate.buckets[d.message_index], d.candidate.segment
            p = d.conversation_probability * d.message_probability
            sample.append((day, "aurora", segment, bucket, p))
            for factor in BEHAVIOURS:
                o = rng.random() < OPPORTUNITY[bucket]
                y = o and rng.random() < factor * world(segment, bucket)
                sums = 1, int(o), 1 / p, o / p, y / p
                cells.append(("aurora", segment, bucket, str(factor), *sums))
    place = ["deployment_family", "segment", "bucket"]
    names = [*place, "behaviour", "n", "n_o", "sum_d", "sum_do", "sum_dy"]
    summed = pd.DataFrame(cells, columns=names).groupby(names[:4], as_index=False).sum()
    return summed, pd.DataFrame(sample, columns=["day", *place, "inclusion_probability"])


def gains() -> list[tuple[object, ...]]:
    """For each world, variances relative to that of the settings' boosts."""
    rng = np.random.default_rng(SEED)
    pool, lines = traffic(rng, "today"), []
    for name, world in WORLDS.items():
        base = variance(pool, world, {})
        equal = dict.fromkeys((("aurora", s, b) for s in SEGMENTS for b in BUCKETS), 1.0)
        found = [variance(pool, world, equal)]
        for days in DAYS:
            rows = learned(*judged(rng, world, days), BOOSTS)
            places = zip(rows["deployment_family"], rows["segment"], rows["bucket"], strict=True)
            found.append(variance(pool, world, dict(zip(places, rows["boost"], strict=True))))
        lines.append((name, *(f"{value / base:.2f}" for value in found)))
    return lines


def split_gain(area: float, behaviours: int, share: float, messages: int = 1_000_000) -> float:
    """Variance after splitting a bucket by the highest score of its behaviours, relative to before.

    Half of the messages offer an opportunity, a tenth of these show the behaviour.

    Args:
        area: under the ROC curve, of each behaviour's score.
        behaviours: how many, each with a score of its own.
        share: of the messages, those that count as high.
        messages: simulated.
    """
    rng, theta = np.random.default_rng(SEED), 0.1
    o = rng.random((behaviours, messages // behaviours)) < 0.5
    y = o & (rng.random(o.shape) < theta)
    score = (rng.normal(size=o.shape) + np.sqrt(2) * norm.ppf(area) * y).max(axis=0)
    high = score > np.quantile(score, 1 - share)
    square = ((y - theta * o) ** 2).mean(axis=0)
    parts = [(part.mean(), square[part].mean()) for part in (high, ~high)]
    return float(sum(w * np.sqrt(s) for w, s in parts) ** 2 / square.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    after = " | ".join(f"learned, {days} d" for days in DAYS)
    first = table(f"where behaviours live | equal boosts | {after}", gains())
    rows = [
        (f"{area:.2f}", *(f"{split_gain(area, n, 0.25):.3f}" for n in (1, 5))) for area in SCORES
    ]
    second = table("area under the ROC curve | one behaviour | highest of five", rows)
    text = f"Variance relative to the settings' boosts:\n\n{first}\n\nVariance of a bucket that a score splits, relative to one that is whole:\n\n{second}"  # noqa: E501
    print(f"{text}\n{machine()}")
    if options.write:
        write_section("sampling_design", text)


if __name__ == "__main__":
    main()
