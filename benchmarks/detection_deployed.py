"""What it gains, and what it costs, to know when something was deployed.

    python -m benchmarks.detection_deployed              # prints the table, about two minutes
    python -m benchmarks.detection_deployed --write      # and puts it into docs/benchmarks.md

Rows 1 to 5 of ``detection`` again, with the same seeds, beside those with deployments that the
detector knows of: on the day of the change, or every 30 days where nothing changes.
"""

import argparse

from alignment_monitor.simulation.years import Outcome, budget, run_years
from benchmarks.common import machine, table, write_section
from benchmarks.detection_cases import (
    BASELINE_DAYS,
    CHANGE_DAY,
    RUN_LENGTH,
    SCENARIOS,
    SEEDS,
    days_of,
    seed_of,
)
from benchmarks.detection_figures import extra_labels, false_pages, page_delay, wrong_first

REPLICATES = 200
EVERY = 30
QUIET = {"1 no change": "quiet", "2 the same, day effects that persist": "day effects"}
CHANGED = {"3 +3 points": "+3", "4 +5 points": "+5", "5 +10 points": "+10"}


def years(name: str, replicates: int, seed: int, deployed: tuple[int, ...]) -> Outcome:
    """A case of ``detection`` with deployments on some days."""
    return run_years(
        SCENARIOS[name],
        days_of(name),
        budget(replicates, RUN_LENGTH),
        baseline_days=BASELINE_DAYS,
        seed=seed_of(name, seed),
        deployed=deployed,
    )


def quiet_line(case: str, outcome: Outcome) -> tuple[object, ...]:
    """False pages, and what else a quiet year brings."""
    share, error = extra_labels(outcome)
    episodes = outcome.opened.sum() / outcome.watched_years
    return case, false_pages(outcome), f"{episodes:.2f}", f"{share:.1%} ± {1.96 * error:.1%}"


def changed_line(case: str, outcome: Outcome) -> tuple[object, ...]:
    """Days to a page, and wrong first verdicts."""
    return case, page_delay(outcome, CHANGE_DAY), wrong_first(outcome, CHANGE_DAY)


def report(seed: int, replicates: int) -> str:
    """Both tables."""
    quiet, changed = [], []
    for case, name in CHANGED.items():
        for way, deployed in (("nothing known", ()), ("deployed that day", (CHANGE_DAY,))):
            outcome = years(name, replicates, seed, deployed)
            changed.append(changed_line(f"{case}, {way}", outcome))
            print(*changed[-1], sep=" | ", flush=True)
    for case, name in QUIET.items():
        often = tuple(range(BASELINE_DAYS, days_of(name), EVERY))
        for way, deployed in (("nothing known", ()), (f"deployed every {EVERY} days", often)):
            outcome = years(name, 2 * replicates, seed, deployed)
            quiet.append(quiet_line(f"{case}, {way}", outcome))
            print(*quiet[-1], sep=" | ", flush=True)
    delays = table("case | days to a page, median (90 %) | wrong first verdict", changed)
    header = "case | false pages a year, upper limit | episodes a year | extra labels"
    return (
        f"Seed {seed}; {replicates:,} replicates with a change, {2 * replicates:,} years without."
        f"\n\n{delays}\n\n{table(header, quiet)}\n\n{machine('numpy')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tune", action="store_true", help="the seed for trying things out")
    parser.add_argument("--years", type=int, default=REPLICATES, help="replicates of a case")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    text = report(SEEDS["tune" if options.tune else "report"], options.years)
    print(text, flush=True)
    if options.write:
        write_section("detection_deployed", text)


if __name__ == "__main__":
    main()
