"""Real labelled dialogues through the detector: false pages without a change, delays with one.

Run as ``python -m benchmarks.real_replays [null | changes]`` with the labelled data beside the
checkout (../shared/data). Here belongs: enough replays for a rate and for quantiles. What labels
count as and how days are drawn is told in ``tests/real_data``. All seeds are fixed.
"""

import sys
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tests.real_data import pools as real
from tests.real_data.pools import Pool
from tests.real_data.replays import (
    YEARS,
    Spell,
    false_pages,
    first_pages,
    signals,
    upper_limit,
    user_days,
)

BEFORE, AFTER = 56, 30
LOT = 40
"""Replays held in memory at once."""

NULL_REPLAYS = 200
CHANGED_REPLAYS = 80


def conduct(
    spells: Sequence[Spell],
    seed: int,
    *,
    messages: int,
    few: int,
    replays: int,
    years: float = YEARS,
) -> list[pd.DataFrame]:
    """What the detector says of independent replays, lot by lot."""
    said = []
    for lot in range(replays // LOT):
        rng = np.random.default_rng([seed, lot])
        rows = user_days(rng, spells, messages=messages, few=few, replays=LOT)
        said.append(signals(rows, spells, replays=LOT, years=years))
    return said


def spiral_null() -> list[Spell]:
    pooled = real.merged("both", real.spiral(real.OLD), real.spiral(real.NEW))
    return [Spell(pooled, 0, BEFORE + AFTER)]


def pushback_null() -> list[Spell]:
    pools = [
        real.merged("both", *(real.pushback(model, name) for model in (real.FIRM, real.YIELDING)))
        for name in real.ARMS
    ]
    return [Spell(pool, 0, BEFORE + AFTER) for pool in pools]


def change(*pairs: tuple[Pool, Pool]) -> list[Spell]:
    return [
        spell for old, new in pairs for spell in (Spell(old, 0, BEFORE), Spell(new, BEFORE, AFTER))
    ]


def report_null() -> None:
    days = BEFORE + AFTER
    print(f"No change: series that page, {NULL_REPLAYS} replays of {days} days")
    for name, spells, messages, few, years in (
        ("spiral, 2 messages of a dialogue", spiral_null(), 60, 2, YEARS),
        ("spiral, whole dialogues", spiral_null(), 60, 19, YEARS),
        ("spiral, a hundredth of the run length", spiral_null(), 60, 2, YEARS / 100),
        ("pushback, all arms", pushback_null(), 300, 4, YEARS),
    ):
        found = [
            false_pages(said, years)
            for said in conduct(
                spells, 1, messages=messages, few=few, replays=NULL_REPLAYS, years=years
            )
        ]
        paged, stated = sum(count for count, _ in found), sum(most for _, most in found)
        limit = upper_limit(paged)
        shown = "within the stated rate" if limit <= stated else "not shown to be within it"
        print(f"  {name}, run length {years:g} years: {paged} ", end="")
        print(f"(95 % limit {limit:.2f}), stated at most {stated:.2f}: {shown}")


def report_changes() -> None:
    old, new = real.spiral(real.OLD), real.spiral(real.NEW)
    arms = [(real.pushback(real.FIRM, arm), real.pushback(real.YIELDING, arm)) for arm in real.ARMS]
    print(f"A change: days to a page in {CHANGED_REPLAYS} replays, {AFTER} days watched")
    for name, spells, messages, few in (
        ("spiral", change((old, new)), 60, 1),
        ("spiral, 2 messages of a dialogue", change((old, new)), 60, 2),
        ("spiral, reversed", change((new, old)), 60, 1),
        ("pushback", change(*arms), 300, 4),
        ("pushback, reversed", change(*((then, first) for first, then in arms)), 300, 4),
    ):
        lots = conduct(spells, 2, messages=messages, few=few, replays=CHANGED_REPLAYS)
        waits = pd.concat([first_pages(said, since=BEFORE) for said in lots])
        early = pd.concat([first_pages(said) for said in lots]).le(BEFORE).sum().sum()
        print(f"  {name}: {early} series paged before the change")
        for (behaviour, direction), days in waits.dropna(axis="columns", how="all").items():
            low, median, late, last = days.quantile([0.0, 0.5, 0.9, 1.0])
            print(f"    {behaviour} {direction}: {days.notna().mean():.0%} page, ", end="")
            print(f"of these median {median:.0f} (90 % {late:.0f}, {low:.0f} to {last:.0f}) days")


if __name__ == "__main__":
    if not (real.SPIRAL.exists() and real.PUSHBACK.exists()):
        sys.exit("the labelled data is not beside the checkout (../shared/data)")
    parts = {"null": report_null, "changes": report_changes}
    for part in sys.argv[1:] or parts:
        parts[part]()
