"""How much start mass the e-detector is given each day: more where a deployment begins.

Here belong: the days around deployments on which a change is likelier, and the account that keeps
the mean at one a day. Here does not belong: the test (``edetector``).

With known parameters M less the mass put in so far is a supermartingale under no change, whatever
masses g_t are chosen before the day's figures are seen (Shin, Ramdas and Rinaldo 2023). So at the
day of an alarm at A' the mean of M, which is A' at least, is no more than the mean of the mass put
in. Here no stretch of days, wherever it begins and ends, is given more mass than it has days, and
``CREDIT`` beside. Hence, with A' = A + CREDIT, the mean time to an alarm is at least A days, as it
is with a mass of one a day and A. Where nothing is deployed, mass and threshold are these.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from alignment_monitor.statistics.cells import Floats

EXTRA = (8.0, 4.0, 2.0, 1.0)
"""Start mass beside the usual on the day of a deployment and on those after it."""

REPAID = 0.5
"""Of the usual mass, what another day does without until the extra is made up for."""

CREDIT = 2 * sum(EXTRA)
"""Extra mass that may be outstanding: of two deployments. What it costs is days of run length."""


@dataclass(frozen=True)
class Deployment:
    """A day from which a family may behave differently.

    Attributes:
        family: line of deployments; null: all.
        day: its first day.
        known_from: first day that may be decided with it; a mark made later than the day changes
            no decision made before.
    """

    family: str | None
    day: date
    known_from: date


def start_mass(wanted: Iterable[float]) -> Floats:
    """Start mass of each day, from the extra that deployments ask for.

    As much of the extra is given as the account holds: ``CREDIT``, less what was given and not yet
    repaid. Days that ask for none repay. Where deployments follow each other too closely to be
    repaid the extra runs dry and every day has a mass of one: if every day is likelier than others,
    none is.

    Args:
        wanted: extra mass asked for, day by day.

    Returns:
        The same number of masses. Those of days s to t add up to at most t - s + 1 + ``CREDIT``,
        for all s and t.
    """
    account, masses = CREDIT, []
    for extra in wanted:
        given = min(extra, account) if extra > 0 else -min(REPAID, CREDIT - account)
        account -= given
        masses.append(1.0 + given)
    return np.array(masses)


def wanted_mass(deployments: Iterable[Deployment], family: str, first: date, days: int) -> Floats:
    """Extra start mass that a family's deployments ask for; of several the largest.

    Args:
        deployments: of any family.
        family: whose.
        first: day 0.
        days: how many.
    """
    wanted = np.zeros(days)
    for one in deployments:
        if one.family not in (None, family):
            continue
        for later, extra in enumerate(EXTRA):
            index = (one.day - first).days + later
            if max(0, (one.known_from - first).days) <= index < days:
                wanted[index] = max(wanted[index], extra)
    return wanted


def masses_of(
    deployments: Sequence[Deployment], begins: Mapping[str, int], first: date, days: int
) -> tuple[dict[str, Floats], Floats]:
    """Start masses of each family, and by how much the run length is raised for them.

    Args:
        deployments: of all families. Those of a family's first day change nothing that is watched.
        begins: index of the first day of each family.
        first: day 0.
        days: how many.

    Returns:
        Masses of each day by family, of families that have a later deployment; and by day either
        ``CREDIT``, from the first on that asks for more mass, or 0.
    """
    masses, asked = {}, np.zeros(days, dtype=bool)
    for family, begun in begins.items():
        later = [one for one in deployments if (one.day - first).days > begun]
        wanted = wanted_mass(later, family, first, days)
        if wanted.any():
            masses[family] = start_mass(wanted)
            asked |= wanted > 0
    return masses, np.where(np.logical_or.accumulate(asked), CREDIT, 0.0)
