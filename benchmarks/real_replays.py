"""Real labelled dialogues through the detector: false pages without a change, delays with one.

    python -m benchmarks.real_replays [--write]

The labelled data must be beside the checkout (../shared/data). Here belongs: enough replays for a
rate and for quantiles. What labels count as and how days are drawn is told in ``tests/real_data``.
All seeds are fixed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from benchmarks.common import machine, table, write_section
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


def null_lines() -> Iterator[tuple[object, ...]]:
    """Rows of what pages without a change."""
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
        held = "yes" if limit <= stated else "not shown"
        yield name, f"{years:g}", paged, f"{limit:.1f}", f"{stated:.1f}", held


def change_lines() -> Iterator[tuple[object, ...]]:
    """Rows of how soon a change pages, and of whatever else does."""
    old, new = real.spiral(real.OLD), real.spiral(real.NEW)
    arms = [(real.pushback(real.FIRM, arm), real.pushback(real.YIELDING, arm)) for arm in real.ARMS]
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
        for (behaviour, direction), days in waits.dropna(axis="columns", how="all").items():
            low, median, late, last = days.quantile([0.0, 0.5, 0.9, 1.0])
            told = f"{median:.0f} ({late:.0f}), {low:.0f} to {last:.0f}"
            paged = f"{days.notna().mean():.0%}"
            yield f"{name}: {behaviour} {direction}", paged, told, early


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if not (real.SPIRAL.exists() and real.PUSHBACK.exists()):
        sys.exit("the labelled data is not beside the checkout (../shared/data)")
    null = table(
        "no change | stated run length, years | series that page | 95 % limit | stated at most "
        "| held",
        list(null_lines()),
    )
    changed = table(
        "a change, and what pages | replays | days to it, median (90 %), range "
        "| series paged before the change",
        list(change_lines()),
    )
    text = (
        f"{NULL_REPLAYS} replays of {BEFORE + AFTER} days without a change, {CHANGED_REPLAYS} with "
        f"one that are watched for {AFTER} days after it.\n\n{null}\n\n{changed}\n\n"
        f"{machine('numpy')}"
    )
    print(text)
    if options.write:
        write_section("real_replays", text)


if __name__ == "__main__":
    main()
