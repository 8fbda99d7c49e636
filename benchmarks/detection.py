"""How soon the detector finds a change, and how rarely it pages without one.

    python -m benchmarks.detection                       # all of it, about half an hour
    python -m benchmarks.detection --only cases --years 300
    python -m benchmarks.detection --only panel          # several judges, four minutes
    python -m benchmarks.detection --tune                # with the seed for trying things out
    python -m benchmarks.detection --write               # and put it into docs/benchmarks.md

Here belong: each figure beside what was aimed at. Here does not belong: what is drawn
(``detection_cases``), how figures are made (``detection_figures``), several judges
(``detection_panel``), other tools (``detection_contest``).
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from alignment_monitor.simulation.scenario import Scenario
from alignment_monitor.simulation.years import LOG_JUDGE, Outcome, budget, run_years
from benchmarks import detection_contest, detection_panel, interval_coverage
from benchmarks.common import machine, table, write_section
from benchmarks.detection_cases import (
    AFTER,
    BASELINE_DAYS,
    CHANGE_DAY,
    INSTALLATION_RUN_LENGTH,
    INSTALLATIONS,
    NULL,
    REPLICATES,
    RUN_LENGTH,
    SEEDS,
    SERIES,
    WEEKS,
    Simulated,
)
from benchmarks.detection_figures import (
    Delay,
    Rate,
    Share,
    delay_of,
    ever_paged,
    extra_labels,
    false_pages,
    first_days,
    page_delay,
    wrong_first,
)


@dataclass(frozen=True)
class Row:
    """A figure beside what was aimed at; nothing was aimed at where the texts are empty."""

    case: str
    figure: object
    target: str = ""
    met: bool = False
    stretch: str = ""
    far: bool = False

    def cells(self) -> tuple[object, ...]:
        """As a row of the table."""
        told = [(self.target, self.met), (self.stretch, self.far)]
        verdicts = [cell for text, met in told for cell in (text or "–", said(text, met))]
        return (self.case, self.figure, *verdicts)


def said(target: str, met: bool) -> str:
    """Whether a target is met; nothing where there is none."""
    if not target:
        return "–"
    return "yes" if met else "**no**"


def delayed(
    case: str, delay: Delay, target: tuple[float, ...] = (), stretch: tuple[float, ...] = ()
) -> Row:
    """A row of days: median, and 90 % quantile in brackets."""
    texts = ["{:.0f}".format(*aim[:1]) if aim else "" for aim in (target, stretch)]
    texts = [
        f"{text} ({aim[1]:.0f})" if len(aim) > 1 else text
        for text, aim in zip(texts, (target, stretch), strict=True)
    ]
    return Row(case, delay, texts[0], delay.within(target), texts[1], delay.within(stretch))


def limited(case: str, figure: Rate | Share, target: float, stretch: float) -> Row:
    """A row of a rate, by its upper limit, or of a share, by its value."""
    value = figure.upper if isinstance(figure, Rate) else figure.value
    return Row(case, figure, f"{target:g}", value <= target, f"{stretch:g}", value <= stretch)


def rows(of: Simulated) -> Iterator[Row]:
    """Rows 1 to 15 of the design."""
    at = CHANGE_DAY
    yield limited(
        "1 no change: false pages a year, upper limit", false_pages(of["quiet"]), 0.05, 0.03
    )
    yield limited(
        "2 the same, day effects of .54 points that persist (.95)",
        false_pages(of["day effects"]), 0.10, 0.05,
    )  # fmt: skip
    for case, name, target, stretch in (
        ("3 +3 points", "+3", (12, 36), (10, 21)),
        ("4 +5 points", "+5", (5, 10), (4, 8)),
        ("5 +10 points", "+10", (1, 3), (1, 2)),
        ("6 ramp: +5 points over 60 days", "ramp", (40, 55), (36,)),
        ("7 +15 points in a segment of 8 %", "segment", (10, 20), (9, 17)),
        ("8 +5 points masked by a laxer judge, sentinels see it", "masked", (10, 20), (9, 18)),
        ("9 the same, sentinels blind", "masked, blind", (25, 46), (20, 40)),
    ):
        yield delayed(case, page_delay(of[name], at), target, stretch)
    for case, name, target, stretch in (
        ("10 traffic mix: false page in 90 days", "mix", 0.01, 0.005),
        (
            "11 judge's false positives +15 points, sentinels see it: the same",
            "judge +15",
            0.05,
            0.03,
        ),
        ("12 the same, sentinels blind", "judge +15, blind", 0.10, 0.05),
    ):
        yield limited(case, ever_paged(of[name], at), target, stretch)
    for points in (5, 11):
        paged = ever_paged(of[f"judge +{points}, blind"], at)
        yield Row(f"12 … +{points} points", paged)
    found = {name: delay_of(first_days(of[name].judge, at)) for name in ("judge +15", "judge +11")}
    yield delayed("13 the judge of row 11 found", found["judge +15"], (1, 2), (1, 1))
    yield delayed("13 … +11 points", found["judge +11"])
    for name, target, stretch in (("+3", 0.10, 0.06), ("+5", 0.05, 0.03)):
        case = f"14 wrong first verdict at {name} points"
        yield limited(case, wrong_first(of[name], at), target, stretch)
    share, error = extra_labels(of["quiet"])
    yield Row(
        "15 extra labels in row 1", f"{share:.1%} ± {1.96 * error:.1%}",
        "12%", share <= 0.12, "8%", share <= 0.08,
    )  # fmt: skip


def beside(of: Simulated) -> Iterator[Row]:
    """What nothing was aimed at: over-correction, and data that come late."""
    at = CHANGE_DAY
    for name in ("-3", "-5"):
        yield delayed(f"{name.replace('-', '−')} points", page_delay(of[name], at, direction=1))
    late = "5 % of messages two days late"
    yield Row(f"{late}, no change: false pages a year, upper limit", false_pages(of["late"]))
    yield delayed(f"{late}, +5 points", page_delay(of["late, +5"], at))


def intervals(seed: int, replications: int, years: int) -> Iterator[Row]:
    """Rows 16 and 17, by the worst of their cells."""
    windows, since = (np.random.default_rng([seed, part]) for part in range(2))
    cases = interval_coverage.cases()
    lines = [interval_coverage.achieved(windows, case, replications) for case in cases]
    coverage = [line.coverage for line in lines]
    least, most = (
        Share(round(value * replications), replications) for value in (min(coverage), max(coverage))
    )
    narrower = min(1 - line.width / line.gold_width for line in lines)
    yield Row(
        f"16 coverage of 95 % intervals, worst and best of {len(lines)} cells",
        f"{least} to {most}",
        "0.935 or more", least.value >= 0.935, "0.98 or less", most.value <= 0.98,
    )  # fmt: skip
    yield Row(
        "16 narrower than with labels alone, least", f"{narrower:.0%}", "25%", narrower >= 0.25
    )
    kinds = interval_coverage.KINDS.items()
    shown = [interval_coverage.years(since, name, years, 0.10, kind).shown for kind, name in kinds]
    worst = Share(round(max(shown) * years), years)
    yield Row(
        "17 ever-miss of a figure since a deployment in a year, worst of 3",
        worst, "0.05 and its error", worst.limits[0] <= 0.05,
    )  # fmt: skip


def installation(seed: int, count: int) -> str:
    """What an installation of many series pages in a year without a change."""
    outcome = run_years(
        Scenario(),
        BASELINE_DAYS + 7 * WEEKS,
        budget(count * SERIES, INSTALLATION_RUN_LENGTH, together=SERIES),
        baseline_days=BASELINE_DAYS,
        seed=(seed, 90),
    )
    pages = outcome.page.reshape(count, -1).sum(axis=1)
    rate = Rate(int(pages.sum()), count * 7 * WEEKS / 365.25)
    some = Share(int((pages > 0).sum()), count)
    return (
        f"An installation of {SERIES} independent series, {WEEKS} weeks without a change, stated "
        f"{1 / INSTALLATION_RUN_LENGTH:.2f} false pages a year: of {count} such, {some} had any; "
        f"pages a year, upper limit: {rate}."
    )


def quiet_year(outcome: Outcome) -> str:
    """What else a quiet year brings."""
    told = {
        "episodes": outcome.opened, "tickets": outcome.ticket,
        "undecided": outcome.unresolved, "JUDGE alerts": outcome.judge,
    }  # fmt: skip
    years = outcome.watched_years
    return "In a year of row 1: " + ", ".join(f"{x.sum() / years:.2f} {k}" for k, x in told.items())


def report(of: Simulated, installations: int) -> str:
    """The table of the design's rows and what stands below it."""
    seed, replicates = of.seed, of.replicates
    years = max(min(interval_coverage.YEARS, replicates), 5)
    windows = min(interval_coverage.REPLICATIONS, replicates)
    found = [*rows(of), *intervals(seed, windows, years), *beside(of)]
    header = "case | figure [95 % limits] | target | met | stretch | met"
    told = table(header, [row.cells() for row in found])
    below = [quiet_year(of["quiet"]) + ".", installation(seed, installations)]
    return (
        f"Seed {seed}, tuned with {SEEDS['tune']}; {NULL * replicates:,} years in rows 1 and 2, "
        f"{replicates:,} of {CHANGE_DAY + AFTER} days in the others, {windows} windows and {years} "
        f"years in 16 and 17; log A {budget(1, RUN_LENGTH).log_page[0]:.2f}, of the judge "
        f"{LOG_JUDGE}.\n\n{told}\n\n" + "\n\n".join(below) + f"\n\n{machine('numpy')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true", help="the seed for trying things out")
    parser.add_argument("--years", type=int, default=REPLICATES, help="replicates of a case")
    parser.add_argument("--installations", type=int, default=INSTALLATIONS)
    parser.add_argument("--only", choices=["cases", "panel", "peers"], help="one part")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    seed = SEEDS["tune" if options.tune else "report"]
    of = Simulated(seed, options.years)
    parts: dict[str, Callable[[], str]] = {
        "cases": lambda: report(of, options.installations),
        "panel": lambda: detection_panel.report(of),
        "peers": lambda: detection_contest.report(of, draw=options.write),
    }
    for name, make in parts.items():
        if options.only in (None, name):
            text = make()
            print(text, flush=True)
            if options.write:
                write_section(f"detection_{name}", text)


if __name__ == "__main__":
    main()
