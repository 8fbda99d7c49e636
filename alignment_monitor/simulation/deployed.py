"""What the detector makes of known deployments in simulated years.

Here belong: start mass and budget of years with deployments on known days. Here does not belong:
what a deployment does to the truth (``scenario``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from alignment_monitor.detection.day import Budget
from alignment_monitor.detection.start_mass import CREDIT, Deployment, start_mass, wanted_mass
from alignment_monitor.statistics.cells import Floats

FIRST = date(2001, 1, 1)


def masses_on(deployed: Sequence[int], days: int) -> Floats:
    """Start mass of each day.

    Args:
        deployed: days on which a known deployment begins.
        days: how many.
    """
    known = [FIRST + timedelta(days=int(day)) for day in deployed]
    return start_mass(wanted_mass([Deployment(None, day, day) for day in known], "", FIRST, days))


def with_credit(budget: Budget) -> Budget:
    """The budget of single series, both directions, from the first deployment on."""
    return replace(budget, log_page=np.logaddexp(budget.log_page, np.log(2 * CREDIT)))
