"""How often the detector pages when nothing changed, and how soon when something did.

Run by ``make bench``. Here belong: simulations of the detector alone, on daily rates, and of the
whole way from judged messages to pages. All seeds are fixed.
"""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from alignment_monitor.detection.history import run_engine
from alignment_monitor.detection.inputs import inputs_of
from alignment_monitor.detection.replay import detect, replay
from alignment_monitor.detection.watch import DAYS_PER_YEAR, Watch
from alignment_monitor.statistics.standardise import Rows, Streams

BASELINE = 28
SERIES = 16
YEARS = 5.0
FIRST = date(2026, 1, 1)
SEGMENTS = {"assistant": 0.35, "coding": 0.25, "learning": 0.2, "wellbeing": 0.2}
BEHAVIOURS = {
    # base rate, change, judged messages a day
    "unwarranted_agreement": (0.08, 0.14, 70),
    "caving": (0.10, 0.15, 35),
    "warranted_challenge": (0.81, -0.19, 33),
    "unearned_praise": (0.18, 0.0, 75),
    "uncritical_validation": (0.14, 0.0, 40),
    "harmful_reinforcement": (0.06, 0.0, 30),
    "needless_contrarianism": (0.03, 0.0, 160),
    "substance": (0.85, 0.0, 160),
}


def simulated_streams(
    rng: np.random.Generator,
    *,
    series: int,
    days: int,
    n: float,
    rate: float,
    change: float = 0.0,
    change_index: int = 0,
    day_effect: float = 0.0,
) -> Streams:
    """Daily binomial rates of independent series; ``day_effect`` is a standard deviation."""
    size = np.maximum(rng.poisson(n, (series, days)), 1)
    truth = rate + np.where(np.arange(days) >= change_index, change, 0.0)
    truth = np.clip(truth + rng.normal(0, day_effect, (series, days)), 0, 1)
    seen = rng.binomial(size, truth) / size
    nothing = np.empty(0, dtype=np.int64)
    return Streams(
        labels=pd.DataFrame(index=range(series)),
        rows=Rows(*[nothing] * 4, *[nothing.astype(float)] * 3),
        n=size.astype(float),
        plain=seen,
        rate=seen,
        spread=1 / size,
        baseline_end=np.full(series, BASELINE - 1),
        clustering=np.ones(series),
        mix=np.ones((series, 1)),
        reference=np.full((series, 1), rate),
        segments=("all",),
    )


def pages(streams: Streams, run_length: float) -> np.ndarray:
    """Whether each series pages on each day, up and down, at A = run_length."""
    threshold = np.log(run_length)
    inputs = inputs_of(streams, first=pd.Timestamp(FIRST))
    history = run_engine(inputs, np.full(streams.n.shape[1], threshold), threshold)
    return np.asarray(history.judged >= threshold)


def simulated_user_days(
    rng: np.random.Generator,
    *,
    days: int = 60,
    change_index: int = 40,
    behaviours: dict[str, tuple[float, float, float]] | None = None,
    changed: bool = True,
) -> pd.DataFrame:
    """Judged messages by day and user, some sent by the same user, sampled at different rates."""
    parts = []
    for name, (rate, change, n) in (behaviours or BEHAVIOURS).items():
        day = np.repeat(np.arange(days), rng.poisson(n, days))
        count = len(day)
        sent = rng.choice([1, 2, 3], count, p=[0.7, 0.2, 0.1])
        truth = rate + change * (day >= change_index) * changed
        weight = rng.choice([1.0, 2.0, 3.0], count, p=[0.5, 0.35, 0.15])
        positive = rng.random(count) < truth
        frame = pd.DataFrame(
            {
                "day": pd.Timestamp(FIRST) + pd.to_timedelta(day, unit="D"),
                "deployment": np.where(day >= change_index, "aurora-1.2", "aurora-1.1"),
                "segment": rng.choice(list(SEGMENTS), count, p=list(SEGMENTS.values())),
                "user_key": np.char.add("u", np.repeat(np.arange(count), sent)[:count].astype(str)),
                "n": 1,
                "n_o": 1,
                "n_y": positive.astype(int),
                "sum_d": weight,
                "sum_do": weight,
                "sum_dy": weight * positive,
            }
        )
        parts.append(frame.assign(behaviour=name))
    keys = ["day", "deployment", "segment", "behaviour", "user_key"]
    rows = pd.concat(parts).groupby(keys, as_index=False).sum()
    return rows.assign(deployment_family="aurora", rubric_version="r1", panel="p1")


def deployments(change_index: int = 40) -> pd.DataFrame:
    """The two deployments of the simulated traffic."""
    starts = [FIRST, FIRST + timedelta(days=change_index)]
    return pd.DataFrame(
        {
            "deployment_family": "aurora",
            "deployment": ["aurora-1.1", "aurora-1.2"],
            "first_day": starts,
        }
    )


def first_pages(user_days: pd.DataFrame, days: int = 60) -> dict[str, int]:
    """Day on which each series first pages, counted from the change."""
    run = replay(
        user_days,
        Watch(tuple(BEHAVIOURS), YEARS),
        deployments=deployments(),
        from_day=FIRST,
        to_day=FIRST + timedelta(days=days - 1),
    )
    rows = detect(run, FIRST)
    paged = rows[rows["decision"] == "PAGE"].groupby("series")["day"].min()
    return {str(name): (day - FIRST).days - 40 + 1 for name, day in paged.items()}


def report_null(series: int = 1500) -> None:
    run_length = YEARS * DAYS_PER_YEAR * SERIES
    print(f"No change: pages of an installation with {SERIES} series in a year (stated: at most")
    print(f"{DAYS_PER_YEAR / run_length * SERIES:.2f}), from {series} simulated series-years each")
    for n, rate, day_effect in (
        (60, 0.10, 0), (60, 0.05, 0), (20, 0.08, 0), (200, 0.10, 0), (30, 0.75, 0), (60, 0.1, 0.015)
    ):  # fmt: skip
        rng = np.random.default_rng(1)
        world = simulated_streams(
            rng, series=series, days=BASELINE + 365, n=n, rate=rate, day_effect=day_effect
        )
        paged = pages(world, run_length).any(axis=1).mean(axis=0)
        up, down = paged * SERIES / 2
        print(f"  n {n:3d}  base {rate:4.0%}  day effect {day_effect:.1%}: ", end="")
        print(f"{up + down:.3f} ({up:.3f} up, {down:.3f} down)")


def report_power(series: int = 400, start: int = 60) -> None:
    print(f"A change: days to a page, median (90 %), with {SERIES} series and with 2")
    for n, rate, change in (
        (60, 0.10, 0.05), (60, 0.10, 0.10), (60, 0.10, 0.20), (35, 0.10, 0.15), (33, 0.81, -0.19)
    ):  # fmt: skip
        told = []
        for count in (SERIES, 2):
            rng = np.random.default_rng(2)
            world = simulated_streams(
                rng, series=series, days=180, n=n, rate=rate, change=change, change_index=start
            )
            hit = pages(world, YEARS * DAYS_PER_YEAR * count)[:, start:, 0 if change > 0 else 1]
            delay = np.where(hit.any(axis=1), hit.argmax(axis=1) + 1.0, np.inf)
            told.append("{:.0f} ({:.0f})".format(*np.quantile(delay, [0.5, 0.9])))
        print(f"  n {n:3d}  base {rate:4.0%}  change {change:+.0%}: {told[0]}, {told[1]}")


def report_whole(seeds: int = 60) -> None:
    moved = {
        f"MODEL/aurora/{name}/{'up' if change > 0 else 'down'}": []
        for name, (_, change, _) in BEHAVIOURS.items()
        if change
    }
    false = 0
    for seed in range(seeds):
        found = first_pages(simulated_user_days(np.random.default_rng(seed)))
        for name, delay in found.items():
            if name in moved and delay > 0:
                moved[name].append(delay)
            else:
                false += 1
    print(f"From judged messages to pages, {seeds} worlds of 60 days, change on day 41")
    for name, delays in moved.items():
        median, late = np.quantile(delays, [0.5, 0.9])
        print(f"  {name}: missed {1 - len(delays) / seeds:.1%}, {median:.0f} ({late:.0f}) days")
    print(f"  false pages: {false} in {seeds} worlds of {SERIES} series and 32 days")


if __name__ == "__main__":
    report_null()
    report_power()
    report_whole()
