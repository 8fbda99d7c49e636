"""How often 95 % intervals hold the truth: two-phase windows, and figures since a deployment.

    python -m benchmarks.interval_coverage            # prints the tables, about two minutes
    python -m benchmarks.interval_coverage --tune     # the same with the seed for trying things out
    python -m benchmarks.interval_coverage --write    # and puts them into docs/benchmarks.md

The messages are those of ``judged_world``. A replication is a cell to the estimator, so that
hundreds are one call. Ours is compared with as many labels drawn by chance, and a sequence with an
ordinary interval looked at as often.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alignment_monitor.statistics.cells import Floats, tally
from alignment_monitor.statistics.sequences import (
    Daily,
    RunningVariance,
    Sequence,
    daily_figures,
    mean_sequence,
    ratio_sequence,
)
from alignment_monitor.statistics.two_phase import TwoPhase, pseudo_outcomes, two_phase
from benchmarks.common import machine, table, write_section
from benchmarks.judged_world import (
    GOLD,
    JUDGED,
    LEVELS,
    USERS,
    Case,
    Judged,
    allocation,
    drawn,
    judged,
)

SEEDS = {"report": 20260, "tune": 7}
"""What is printed for readers never comes from the seed that choices were made with."""

REPLICATIONS, YEARS = 600, 200
KINDS = {
    "mean": "judge scale, of all messages",
    "ratio": "judge scale, of opportunities",
    "labels": f"human labels, {GOLD} a day, of all messages",
}
WINDOWS = (7, 28)
BASES = (0.05, 0.10, 0.15)
YEAR, FIRST_LOOK, BEFORE = 365, 14, 28
QUANTILE = 1.959964
BATCH, YEARS_AT_ONCE = 50, 5


def window(rng: np.random.Generator, sample: Judged, *, conditional: bool) -> list[TwoPhase]:
    """Two-phase estimates with gold by verdict and level, and by chance: gold only."""
    found, cells = [], int(sample.cell[-1]) + 1
    days, wanted = int(sample.day[-1]) + 1, allocation()
    for stratified in (True, False):
        stratum = sample.verdict * len(LEVELS) + sample.level if stratified else 0 * sample.level
        quota = wanted.ravel() if stratified else np.array([GOLD])
        by_day = (sample.cell * days + sample.day) * len(quota) + stratum
        taken, probability = drawn(rng, by_day, np.tile(quota, cells * days))
        found.append(
            two_phase(
                weight=sample.weight,
                stratum=stratum,
                user=sample.user,
                event=np.where(taken, sample.event, np.nan),
                offered=sample.offered if conditional else None,
                gold_probability=probability,
                cell=sample.cell,
            )
        )
    return found


@dataclass(frozen=True)
class Line:
    """What both ways to draw gold achieve in one case."""

    case: Case
    coverage: float
    gold_coverage: float
    width: float
    gold_width: float
    bias: float
    bias_error: float
    replications: int


def cases() -> Iterator[Case]:
    """Windows, base rates, drift and kinds of rate."""
    for conditional in (False, True):
        for base in BASES if not conditional else BASES[1:2]:
            for drift in (False, True):
                for days in WINDOWS:
                    yield Case(days, base, drift, conditional)


def achieved(rng: np.random.Generator, case: Case, replications: int) -> Line:
    """One line, replications simulated a few at a time to spare memory."""
    hits, widths, errors = [], [], []
    for start in range(0, replications, BATCH):
        sample = judged(rng, case, min(BATCH, replications - start))
        both = window(rng, sample, conditional=case.conditional)
        hits.append([(each.lower <= case.truth) & (case.truth <= each.upper) for each in both])
        widths.append([each.upper - each.lower for each in both])
        errors.append(both[0].rate - case.truth)
    covered, width = (np.concatenate(part, axis=1).mean(axis=1) for part in (hits, widths))
    error = np.concatenate(errors)
    spread = error.std() / np.sqrt(replications)
    return Line(case, *covered, *width, error.mean(), spread, replications)


@dataclass(frozen=True)
class Year:
    """One figure since a deployment: shares of years in which an interval is ever wrong."""

    name: str
    fixed: float
    apart: float
    shown: float
    width: float
    years: int


def ever_missed(found: Sequence, true: float) -> Floats:
    """Whether the sequence leaves out the truth on some day, for each year."""
    return ((found.lower > true) | (found.upper < true)).any(axis=-1)


def ever_missed_fixed(estimate: Floats, variance: Floats, true: float) -> Floats:
    """The same of an ordinary 95 % interval, looked at from the same day on."""
    days = np.arange(1, estimate.shape[-1] + 1)
    missed = np.abs(estimate - true) * days > QUANTILE * np.sqrt(variance)
    return missed[..., FIRST_LOOK - 1 :].any(axis=-1)


def years(rng: np.random.Generator, name: str, count: int, base: float, kind: str) -> Year:
    """Years of a figure of one kind, tuned on the 28 days before their first day."""
    parts, case = [], Case(BEFORE + YEAR, base, conditional=kind == "ratio")
    for start in range(0, count, YEARS_AT_ONCE):
        sample = judged(rng, case, min(YEARS_AT_ONCE, count - start))
        # On the judge's scale the rate of what the judge flags is itself the truth.
        outcome = labelled(rng, sample) if kind == "labels" else sample.event
        parts.append(looked_at(*daily(sample, outcome), case.truth, kind))
    shares = np.concatenate(parts, axis=1).mean(axis=1)
    return Year(name, *shares, count)


def daily(sample: Judged, outcome: Floats) -> tuple[Daily, Daily]:
    """Figures of the days before and of the year."""
    found = []
    for first, last in ((0, BEFORE), (BEFORE, BEFORE + YEAR)):
        kept = (sample.day >= first) & (sample.day < last)
        weight = sample.weight[kept]
        found.append(
            daily_figures(
                day=sample.day[kept] - first,
                user=sample.user[kept],
                series=sample.cell[kept],
                sum_d=weight,
                sum_dy=weight * outcome[kept],
                sum_do=weight * sample.offered[kept],
                days=last - first,
            )
        )
    return found[0], found[1]


def labelled(rng: np.random.Generator, sample: Judged) -> Floats:
    """What labels tell of each message, predicted by its stratum's mean in the days before."""
    days, wanted = int(sample.day[-1]) + 1, allocation().ravel()
    cells = int(sample.cell[-1]) + 1
    stratum = sample.verdict * len(LEVELS) + sample.level
    by_day = (sample.cell * days + sample.day) * len(wanted) + stratum
    taken, probability = drawn(rng, by_day, np.tile(wanted, cells * days))
    code, size = sample.cell * len(wanted) + stratum, cells * len(wanted)
    weight = sample.weight / probability * (taken & (sample.day < BEFORE))
    mean = tally(code, weight * sample.event, size) / np.maximum(tally(code, weight, size), 1)
    return pseudo_outcomes(np.where(taken, sample.event, np.nan), mean[code], probability)


def looked_at(before: Daily, year: Daily, true: float, kind: str) -> Floats:
    """For each year: whether a fixed interval, one of days apart, and ours ever miss; its width."""
    ratio = kind == "ratio"
    # The earlier days say what variance to expect; so does their ratio.
    about = before.numerator.sum(axis=1) / before.denominator.sum(axis=1) if ratio else 0.0
    level = about[:, None] if ratio else 0.0
    expected = before.variance.at(level)[:, -1:]
    apart = RunningVariance(*(part[:1] for part in year.variance))
    if not ratio:
        both = [mean_sequence(year.numerator, v.at(0.0), expected) for v in (apart, year.variance)]
        estimate, spread = both[1].estimate, year.variance.at(0.0)
    else:
        both = [
            ratio_sequence(year.numerator, year.denominator, v, expected)
            for v in (apart, year.variance)
        ]
        estimate = both[1].estimate
        mean = np.cumsum(year.denominator, axis=1) / np.arange(1, YEAR + 1)
        spread = year.variance.at(estimate) / mean**2
    width = (both[1].upper - both[1].lower)[:, -1]
    missed = [ever_missed(each, true) for each in both]
    return np.stack([ever_missed_fixed(estimate, spread, true), *missed, width])


def plus_minus(share: float, count: int) -> str:
    """A simulated share and its standard error."""
    return f"{share:.3f} ± {np.sqrt(share * (1 - share) / count):.3f}"


def report_windows(lines: list[Line]) -> str:
    """The table of windows."""
    rows = [
        (
            f"{line.case.days} days, {'of opportunities' if line.case.conditional else 'of all'}, "
            f"{line.case.base:.0%}{', judge drifts' if line.case.drift else ''}",
            plus_minus(line.coverage, line.replications),
            plus_minus(line.gold_coverage, line.replications),
            f"{100 * line.width:.1f}",
            f"{100 * line.gold_width:.1f}",
            f"{1 - line.width / line.gold_width:.0%}",
            f"{100 * line.bias:+.2f} ± {100 * line.bias_error:.2f}",
        )
        for line in lines
    ]
    header = (
        "case | coverage, two-phase | gold only | width, two-phase, points | gold only "
        "| narrower by | bias, points"
    )
    return table(header, rows)


def report_years(lines: list[Year]) -> str:
    """The table of years."""
    rows = [
        (
            line.name,
            plus_minus(line.fixed, line.years),
            plus_minus(line.apart, line.years),
            plus_minus(line.shown, line.years),
            f"{100 * line.width:.1f}",
        )
        for line in lines
    ]
    header = (
        "figure | ever misses: ordinary 95 % interval | sequence, days taken as independent "
        "| sequence as shown | its width after a year, points"
    )
    return table(header, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--years", type=int, default=YEARS)
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    seed = SEEDS["tune" if options.tune else "report"]
    windows, since = (np.random.default_rng([seed, part]) for part in range(2))
    lines = [achieved(windows, case, options.replications) for case in cases()]
    figures = [years(since, name, options.years, 0.10, kind) for kind, name in KINDS.items()]
    text = (
        f"{JUDGED} judged and {GOLD} gold labels a day, {USERS} users who come back; seed {seed}; "
        f"{options.replications} windows and {options.years} years a line, ± one standard error.\n"
        f"\n{report_windows(lines)}\n\nSince a deployment, base rate 10 %, looked at every day "
        f"from day {FIRST_LOOK} to {YEAR}:\n\n{report_years(figures)}"
    )
    print(f"{text}\n{machine()}")
    if options.write:
        write_section("interval_coverage", text)


if __name__ == "__main__":
    main()
