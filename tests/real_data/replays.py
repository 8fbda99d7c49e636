"""Replays of real labelled dialogues: daily statistics drawn from pools, and what was made of them.

Here belong: the draw of dialogues for each day, and what the detector said. Here does not belong:
what labels count as (``pools``) or what is to be expected of a replay.

A day is a sample of dialogues with replacement, of each at most ``few`` labelled messages, at
random and without replacement, until there are as many messages as wanted. Each draw is a user of
its own (day and draw): the same dialogue drawn twice is two draws from what could have been said.
A message weighs the inverse of its share of the dialogue's labels, so that rates are of messages,
however few of a dialogue are drawn.

Many replays go through the detector at once, each as a family of its own. The detector divides its
budget among all series of an installation, so the stated run length is divided by the number of
replays: each is then watched exactly as an installation that holds nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from alignment_monitor.detection.replay import detect, replay
from alignment_monitor.detection.watch import DAYS_PER_YEAR, Watch
from tests.real_data.pools import Pool

FIRST = date(2026, 1, 1)
YEARS = 5.0
"""Stated run length of the installation, as by default."""


@dataclass(frozen=True)
class Spell:
    """Consecutive days, from an index on, on which a pool is drawn from."""

    pool: Pool
    begin: int
    days: int


def user_days(
    rng: np.random.Generator,
    spells: Sequence[Spell],
    *,
    messages: int,
    few: int,
    replays: int,
) -> pd.DataFrame:
    """Sufficient statistics by day and user of independent replays of the same spells.

    Args:
        rng: source of randomness.
        spells: who serves when.
        messages: labelled messages on each day.
        few: most messages taken of one draw.
        replays: how many; each is a deployment family.
    """
    return pd.concat(
        [_spell_rows(rng, spell, messages, few, replays) for spell in spells], ignore_index=True
    )


def signals(
    rows: pd.DataFrame, spells: Sequence[Spell], *, replays: int, years: float = YEARS
) -> pd.DataFrame:
    """What the detector says of every replay on every day, in its own words."""
    behaviours = tuple(sorted({name for spell in spells for name in spell.pool.behaviours}))
    served = [
        {
            "deployment_family": family_of(number),
            "deployment": spell.pool.deployment,
            "first_day": FIRST + timedelta(days=spell.begin),
        }
        for number in range(replays)
        for spell in spells
    ]
    last = max(spell.begin + spell.days for spell in spells) - 1
    run = replay(
        rows,
        Watch(behaviours, years / replays),
        deployments=pd.DataFrame(served).drop_duplicates(),
        from_day=FIRST,
        to_day=FIRST + timedelta(days=last),
    )
    return detect(run, FIRST)


def first_pages(said: pd.DataFrame, *, since: int = 0) -> pd.DataFrame:
    """Days from an index on until each series first pages, that day counted.

    Returns:
        A row for each replay; columns are behaviour and direction; not a number where none came.
    """
    keys = ["deployment_family", "behaviour", "direction"]
    late = said[said["day"] >= FIRST + timedelta(days=since)]
    paged = late[late["decision"] == "PAGE"].groupby(keys)["day"].min()
    waited = paged.map(lambda day: (day - FIRST).days - since + 1.0)
    every = pd.MultiIndex.from_frame(said[keys].drop_duplicates())
    return waited.reindex(every).unstack(["behaviour", "direction"]).sort_index(axis=1)


def false_pages(said: pd.DataFrame, years: float = YEARS) -> tuple[int, float]:
    """Series that paged though nothing changed, and how many the stated rate allows at most.

    M_t - t is a supermartingale under no change, so a series reaches A within t days with
    probability t/A at most, and all series of an installation together within t over the stated
    run length.
    """
    paged = said.loc[said["decision"] == "PAGE", "series"].nunique()
    watched = said.loc[said["phase"] == "watching", ["deployment_family", "day"]].drop_duplicates()
    return paged, len(watched) / (years * DAYS_PER_YEAR)


def upper_limit(count: int, confidence: float = 0.95) -> float:
    """Exact upper confidence limit of the mean of a Poisson count (Garwood 1936)."""
    return float(chi2.ppf(confidence, 2 * (count + 1)) / 2)


def family_of(replay_number: int) -> str:
    """The family that stands for a replay."""
    return f"replay-{replay_number:03d}"


def _spell_rows(
    rng: np.random.Generator, spell: Spell, messages: int, few: int, replays: int
) -> pd.DataFrame:
    pool, widest = spell.pool, int(spell.pool.size.max())
    draws = -(-messages // min(few, int(pool.size.min())))
    shape = (replays * spell.days, draws)
    dialogue = rng.integers(len(pool.size), size=shape)
    size = pool.size[dialogue]
    before = np.cumsum(np.minimum(size, few), axis=1) - np.minimum(size, few)
    taken = np.clip(messages - before, 0, np.minimum(size, few))
    group, draw = np.nonzero(taken)
    dialogue, size, taken = dialogue[group, draw], size[group, draw], taken[group, draw]

    # The smallest of a dialogue's random numbers are its sample; places beyond its end never are.
    chance = rng.random((len(taken), widest), dtype=np.float32)
    chance[np.arange(widest) >= size[:, None]] = 2
    place = np.argsort(chance, axis=1)[:, :few]
    drawn = np.arange(place.shape[1]) < taken[:, None]
    message = pool.start[dialogue][:, None] + np.where(drawn, place, 0)
    counts = (pool.events[message] * drawn[..., None]).sum(axis=1)
    parts = [
        _rows(spell, name, group, draw, taken, counts[:, column], size / taken)
        for column, name in enumerate(pool.behaviours)
    ]
    return pd.concat(parts, ignore_index=True)


def _rows(
    spell: Spell,
    behaviour: str,
    group: NDArray[np.int64],
    draw: NDArray[np.int64],
    taken: NDArray[np.int64],
    counted: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> pd.DataFrame:
    number, since = np.divmod(group, spell.days)
    day = since + spell.begin
    return pd.DataFrame(
        {
            "day": pd.Timestamp(FIRST) + pd.to_timedelta(day, unit="D"),
            "deployment_family": _named(family_of, number),
            "deployment": spell.pool.deployment,
            "segment": "all",
            "behaviour": behaviour,
            "rubric_version": "research labels",
            "panel": "as published",
            "user_key": _named("{}-{}".format, day, draw),
            "n": taken,
            "n_o": taken,
            "n_y": counted,
            "sum_d": weight * taken,
            "sum_do": weight * taken,
            "sum_dy": weight * counted,
        }
    )


def _named(name: Callable[..., str], *columns: NDArray[np.int64]) -> pd.Series:
    """A name for each row; each combination of numbers is named once."""
    base = max(int(column.max()) for column in columns) + 1
    code = columns[0] if len(columns) == 1 else columns[0] * base + columns[1]
    unique, place = np.unique(code, return_inverse=True)
    given = zip(*(np.divmod(unique, base) if len(columns) == 2 else (unique,)), strict=True)
    names = pd.Series([name(*map(int, one)) for one in given], dtype="str")
    return names.take(place).reset_index(drop=True)
