"""How long estimates take from sufficient statistics: two years at once, and one new day.

    python -m benchmarks.estimates_speed            # prints
    python -m benchmarks.estimates_speed --write    # and puts the tables into docs/benchmarks.md

Twenty deployments of four families, fifty segments and every charted question; windows of 1, 7 and
28 days. Rows are those of ``int_user_days``: a user, a day, a deployment, a segment, a question.
Either deployments replace each other, so that four serve at a time, or all twenty serve all the
time. Times are of this process's processor, one thread, so that a busy machine does not count
against it; nothing is written to disk.
"""

import argparse
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.statistics.estimation import cells_of, judge_scale
from alignment_monitor.statistics.sentinel_adjusted import Matrices, sentinel_adjusted
from alignment_monitor.statistics.standardised import STREAM, ReferenceMix, standardised
from alignment_monitor.statistics.windows import UserDays
from benchmarks.common import machine, table, write_section

FIRST = date(2024, 1, 1)
DAYS = 730
WINDOWS = (1, 7, 28)
FAMILIES, DEPLOYMENTS, SEGMENTS, USERS = 4, 20, 50, 20_000
BASELINE_DAYS = 28
NEW_DAYS = (30, 730)
SEED = 1


class Timed(NamedTuple):
    """A step's result."""

    estimates: int
    seconds: float


def user_days(rows: int, serving: int, days: range = range(DAYS)) -> pd.DataFrame:
    """Sufficient statistics of some days.

    Args:
        rows: rows a day, repeats of a user in a cell counted once.
        serving: deployments that serve at a time, a multiple of the families.
        days: which days of the two years.
    """
    rubric = load_rubric()
    questions = [*rubric.graded, *rubric.derived, *rubric.opportunities]
    rng = np.random.default_rng([SEED, days.start])
    day = np.repeat(np.asarray(days), rows)
    turn = day * (DEPLOYMENTS // serving) // DAYS
    drawn = pd.DataFrame(
        {
            "day": day,
            "deployment": turn * serving + rng.integers(0, serving, len(day)),
            "segment": rng.integers(0, SEGMENTS, len(day)),
            "behaviour": rng.integers(0, len(questions), len(day)),
            "user_key": rng.integers(0, USERS, len(day)),
        }
    ).drop_duplicates()
    count = len(drawn)
    weight = rng.choice([1.0, 2.0, 7.5], count)
    offered = rng.random(count) < 0.6
    positive = offered & (rng.random(count) < 0.1)

    def named(name: str, code: "pd.Series[int]", size: int) -> NDArray[np.object_]:
        return np.array([f"{name}-{i:02d}" for i in range(size)], dtype=object)[code]

    return pd.DataFrame(
        {
            "day": np.datetime64(FIRST, "s") + drawn["day"].to_numpy().astype("timedelta64[D]"),
            "deployment_family": named("family", drawn["deployment"] % FAMILIES, FAMILIES),
            "deployment": named("deployment", drawn["deployment"], DEPLOYMENTS),
            "segment": named("segment", drawn["segment"], SEGMENTS),
            "behaviour": np.array(questions, dtype=object)[drawn["behaviour"]],
            "rubric_version": "r1",
            "panel": "p1",
            "user_key": named("user", drawn["user_key"], USERS),
            "n": 1,
            "n_o": offered.astype(int),
            "n_y": positive.astype(int),
            "sum_d": weight,
            "sum_do": weight * offered,
            "sum_dy": weight * positive,
        }
    )


def baseline(rows: pd.DataFrame) -> pd.DataFrame:
    """The first days of every stream, as the warehouse sums them up."""
    early = rows[rows["day"] < np.datetime64(FIRST + timedelta(days=BASELINE_DAYS))]
    keys = [*STREAM, "day", "segment"]
    return early.groupby(keys, as_index=False)[["sum_do", "sum_dy"]].sum()


def matrices() -> Matrices:
    """A judge that errs a little, on every question."""
    rubric = load_rubric()
    errors = np.array([[57.0, 2, 1], [3, 55, 2], [1, 5, 54]])
    questions = (*rubric.graded, *rubric.derived, *rubric.opportunities)
    return {("p1", "r1", question): errors for question in questions}


def timed(step: Callable[..., int], *inputs: object, rounds: int = 1, **options: bool) -> Timed:
    """How many estimates a step makes, and its processor time in the best of some rounds."""
    best, count = float("inf"), 0
    for _ in range(rounds):
        begun = time.process_time()
        count = step(*inputs, **options)
        best = min(best, time.process_time() - begun)
    return Timed(count, best)


def two_years(rows: pd.DataFrame, *, every_mode: bool) -> int:
    """Estimate all days and windows; the number of estimates."""
    history = UserDays(rows)
    reference = ReferenceMix(baseline(rows), BASELINE_DAYS, history.names)
    judges, count = matrices(), 0
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        cells = cells_of(history, day, WINDOWS)
        count += len(judge_scale(cells, day))
        if every_mode:
            count += len(standardised(cells, reference, day))
            count += len(sentinel_adjusted(cells, judges, day))
    return count


def new_day(rows: pd.DataFrame, mix: pd.DataFrame, number: int) -> int:
    """Estimate one day in every mode from the days of its windows, as rows of the contract."""
    day = FIRST + timedelta(days=number - 1)
    history = UserDays(rows)
    cells = cells_of(history, day, WINDOWS)
    reference = ReferenceMix(mix, BASELINE_DAYS, history.names)
    frames = [
        judge_scale(cells, day),
        standardised(cells, reference, day),
        sentinel_adjusted(cells, matrices(), day),
    ]
    return sum(ESTIMATES.from_frame(frame).num_rows for frame in frames)


def of_two_years(size: int) -> str:
    """The table of two years."""
    lines: list[tuple[object, ...]] = []
    for serving in (FAMILIES, DEPLOYMENTS):
        rows = user_days(size, serving)
        for modes, every in (("judge scale", False), ("and the others", True)):
            found = timed(two_years, rows, every_mode=every)
            name = f"{serving} at a time, {modes}"
            made = f"{found.estimates / 1e6:.1f} million"
            lines.append((name, f"{len(rows):,}", made, f"{found.seconds:.1f}"))
    return table("deployments and modes | rows | estimates | seconds", lines)


def of_new_days(sizes: tuple[int, ...]) -> str:
    """The table of single days."""
    lines: list[tuple[object, ...]] = []
    for size in sizes:
        mix = baseline(user_days(size, FAMILIES, range(BASELINE_DAYS)))
        for number in NEW_DAYS:
            rows = user_days(size, FAMILIES, range(number - max(WINDOWS), number))
            found = timed(new_day, rows, mix, number, rounds=3)
            made = f"{found.estimates:,}"
            lines.append((f"day {number}", f"{size:,}", made, f"{found.seconds:.2f}"))
    return table("new day, every mode | rows a day | estimates | seconds", lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000, help="rows a day")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = "\n\n".join(
        (
            machine("numpy", "pandas"),
            of_two_years(options.rows),
            of_new_days((options.rows, 14 * options.rows)),
        )
    )
    print(text)
    if options.write:
        write_section("estimates_speed", text)


if __name__ == "__main__":
    main()
