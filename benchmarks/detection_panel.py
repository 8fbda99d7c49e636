"""What a panel of three judges does to the detector's figures.

    python -m benchmarks.detection --only panel

Here belongs: the table of these cases, by how far the judges err together. Here does not belong:
what is drawn (``detection_cases``).
"""

from collections.abc import Callable

from benchmarks.common import machine, table
from benchmarks.detection_cases import CHANGE_DAY, DEPENDENCES, NULL, Simulated, of_panel
from benchmarks.detection_figures import (
    Delay,
    Share,
    delay_of,
    ever_paged,
    false_pages,
    first_days,
    page_delay,
)


def lines(of: Simulated) -> list[tuple[object, ...]]:
    """Rows of the table: a case, and its figure at each dependence."""

    def paged(name: str) -> Share:
        return ever_paged(of[name], CHANGE_DAY)

    def found(name: str) -> Delay:
        return delay_of(first_days(of[name].judge, CHANGE_DAY))

    told: list[tuple[str, str, Callable[[str], object]]] = [
        (
            "no change: false pages a year, upper limit",
            "quiet",
            lambda name: false_pages(of[name]),
        ),
        ("+5 points: days to a page", "+5", lambda name: page_delay(of[name], CHANGE_DAY)),
        (
            "one judge's false positives +15 points, sentinels see it: days to a JUDGE alert",
            "judge +15",
            found,
        ),
        ("the same: false page in 90 days", "judge +15", paged),
        ("the same where nobody labels", "judge +15, no labels", paged),
        (
            "one judge's sensitivity −30 points in 60 days, sentinels blind: false page in 90 days",
            "judge drifts, blind",
            paged,
        ),
    ]
    return [
        (case, *(figure(of_panel(name, dependence)) for dependence in DEPENDENCES))
        for case, name, figure in told
    ]


def report(of: Simulated) -> str:
    """The table and what it was made with."""
    header = ["case, with figure [95 % limits]", *(f"dependence {x:g}" for x in DEPENDENCES)]
    return (
        f"Seed {of.seed}; {NULL * of.replicates:,} years without a change, {of.replicates:,} "
        f"replicates in the others.\n\n{table(' | '.join(header), lines(of))}\n\n"
        f"{machine('numpy')}"
    )
