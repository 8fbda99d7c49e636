"""Marts of a large installation, made without a pipeline, on which the dashboard is measured.

    python -m benchmarks.full_marts FOLDER          # two years, a million judged messages

Three families, one of which has had twenty deployments one after another; fifty segments, every
charted question, two judges. Rows are as many as a real run writes, each mart in its own layout;
figures are invented, smooth and noisy. A folder that holds the same sizes already is left as it is.
"""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alignment_monitor.contracts import ESTIMATES, MARTS
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.parquet import write_parquet
from alignment_monitor.resources.marts import Marts
from alignment_monitor.settings import Acceptance
from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE, SENTINEL_ADJUSTED, TWO_PHASE
from benchmarks.full_messages import write_messages
from benchmarks.full_rows import cost_rows, ledger_rows, quality_rows, signal_rows, small_marts

FIRST = date(2024, 7, 1)
FAMILIES = {"aurora": 20, "borealis": 5, "corona": 5}
WINDOWS = (1, 7, 28)
SEED = 7
RUBRIC = load_rubric()
QUESTIONS = [*RUBRIC.graded, *RUBRIC.derived, *RUBRIC.opportunities]
SEGMENTS = [f"surface-{number // 10}/locale-{number % 10}" for number in range(50)]


def served(family: str, days: int) -> list[tuple[str, int, int]]:
    """The deployments of a family: name, first and last day as numbers, one after another."""
    count = FAMILIES[family]
    starts = [round(days * place / count) for place in range(count + 1)]
    return [(f"{family}-1.{place}", starts[place], starts[place + 1] - 1) for place in range(count)]


def estimates_of(numbers: np.ndarray, days: int) -> pd.DataFrame:
    """Rows of ``estimates`` of some days.

    Args:
        numbers: days since the first.
        days: of the installation.
    """
    parts = [pd.DataFrame(part) for part in _series(numbers, days)]
    rows = pd.concat(parts, ignore_index=True)
    rng = np.random.default_rng([SEED, int(numbers[0])])
    size = len(rows)
    window, segment = rows["window_days"].to_numpy(), rows["segment"].to_numpy()
    n = np.maximum(1, rng.poisson(np.where(segment < 0, 220, 5) * window))
    base = 0.04 + 0.3 * ((rows["behaviour"].to_numpy() * 7) % 13) / 13
    rate = np.clip(base + 0.02 * np.sin(rows["number"] / 40.0), 0.01, 0.95).to_numpy()
    effective = 0.8 * n
    shown = np.clip(rate + rng.normal(0, 1, size) * np.sqrt(rate * (1 - rate) / effective), 0, 1)
    half = 1.96 * np.sqrt(rate * (1 - rate) / effective)
    deployments = ["all", *(name for family in FAMILIES for name, *_ in served(family, days))]
    named = {
        "deployment_family": (rows["family"], list(FAMILIES)),
        "deployment": (rows["deployment"], deployments),
        "segment": (rows["segment"] + 1, ["all", *SEGMENTS]),
        "behaviour": (rows["behaviour"], QUESTIONS),
        "mode": (rows["mode"], [JUDGE_SCALE, SENTINEL_ADJUSTED, TWO_PHASE]),
        "rubric_version": (np.zeros(size, int), [RUBRIC.full_version]),
        "panel": (np.zeros(size, int), ["openai/gpt-judge/chat/7f3a"]),
        "method": (np.zeros(size, int), ["Hajek ratio, clustered by user; Wilson, t quantile"]),
    }
    columns: dict[str, Any] = {
        name: pd.Categorical.from_codes(np.asarray(codes), categories=kinds)
        for name, (codes, kinds) in named.items()
    }
    day = np.datetime64(FIRST) + rows["number"].to_numpy().astype("timedelta64[D]")
    columns |= {
        "day": pd.Categorical(pd.Series(day.astype("datetime64[s]")).dt.date),
        "window_days": window,
        "standardised": rows["standardised"].to_numpy(),
        "version": np.ones(size, int),
        "n": n,
        "judged": 3 * n,
        "users": (0.9 * n).astype(int) + 1,
        "labels": np.full(size, np.nan),
        "effective_n": effective,
        "offered": 2.0 * n,
        "opportunity_rate": np.full(size, 0.33),
        "joint_rate": 0.33 * shown,
        "prevalence": shown,
        "lower": np.clip(shown - half, 0, 1),
        "upper": np.clip(shown + half, 0, 1),
        "judged_prevalence": shown,
        "detectable_change": 2.8 * half,
        "reason": pd.Categorical([None] * size, categories=[""]),
    }
    return pd.DataFrame(columns)


def _series(numbers: np.ndarray, days: int) -> Iterator[dict[str, np.ndarray]]:
    """Keys of rows as codes: families, deployments, segments (-1: all), questions and windows."""
    begun = 1
    for family, name in enumerate(FAMILIES):
        yield from _block(family, 0, numbers, WINDOWS)
        for place, (_, first, last) in enumerate(served(name, days)):
            for window in WINDOWS:
                inside = numbers[(numbers >= first) & (numbers < last + window)]
                if len(inside):
                    yield from _block(family, begun + place, inside, (window,))
        begun += FAMILIES[name]


def _block(
    family: int, deployment: int, numbers: np.ndarray, windows: tuple[int, ...]
) -> Iterator[dict[str, np.ndarray]]:
    every, whole = np.arange(-1, len(SEGMENTS)), np.array([-1])
    kinds = [(every, 0, False), (whole, 0, True), (whole, 1, False), (whole, 2, False)]
    for segments, mode, standardised in kinds:
        grid = np.meshgrid(
            numbers, segments, np.arange(len(QUESTIONS)), np.array(windows), indexing="ij"
        )
        number, segment, behaviour, window = (axis.ravel() for axis in grid)
        size = len(number)
        yield {
            "number": number,
            "segment": segment,
            "behaviour": behaviour,
            "window_days": window,
            "family": np.full(size, family),
            "deployment": np.full(size, deployment),
            "mode": np.full(size, mode),
            "standardised": np.full(size, standardised),
        }


def write(home: Path, days: int = 730, messages: int = 1_000_000) -> dict[str, int]:
    """Write the marts into a home folder; what is there with the same sizes stays.

    Returns:
        Rows of each mart.
    """
    folder, note = home / "marts", home / "sizes.json"
    asked = {"days": days, "messages": messages, "version": 2}
    if note.exists() and (told := json.loads(note.read_text()))["asked"] == asked:
        counts: dict[str, int] = told["rows"]
        return counts
    marts, counts = Marts(folder), {}
    dates = [FIRST + timedelta(days=number) for number in range(days)]
    counts["estimates"] = 0
    for _, of_month in groupby(range(days), lambda number: dates[number].replace(day=1)):
        numbers = np.array(list(of_month))
        table = ESTIMATES.from_frame(estimates_of(numbers, days))
        marts.replace_month(ESTIMATES, dates[numbers[0]], table)
        counts["estimates"] += table.num_rows
    deployed = {family: served(family, days) for family in FAMILIES}
    counts["judged_messages"] = write_messages(marts, dates, messages, deployed, SEGMENTS)
    small = small_marts(dates, deployed)
    small |= {
        "drift_signals": signal_rows(dates, list(FAMILIES)),
        "judge_quality": quality_rows(dates),
        "cost_daily": cost_rows(dates),
        "ledger_daily": ledger_rows(dates),
    }
    for name, rows in small.items():
        write_parquet(MARTS[name].table(rows), marts.whole(name))
        counts[name] = len(rows)
    about = {
        "simulated": False,
        "rubric_version": RUBRIC.full_version,
        "judges": ["judge (gpt-judge)", "second (other-judge)"],
        "acceptance": Acceptance().model_dump(),
        "sentinels_per_day": 60,
        "canaries_per_day": 6,
        "baseline_days": 28,
        "average_run_length_years": 5.0,
        "segment_by": ["surface", "locale"],
        "generated_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
    note.write_text(json.dumps({"asked": asked, "rows": counts}), encoding="utf-8")
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--messages", type=int, default=1_000_000)
    options = parser.parse_args()
    begun = time.perf_counter()
    print(write(options.folder, options.days, options.messages))
    print(f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
