"""The smallest change that the detector would find in time.

Here belong: power statements, so that "nothing found" is never read as "nothing there".

Method: the statistic is run on its expected path, the same z each day, from its start; the change
at which it reaches the threshold on the last day is found by bisection. That path crosses near the
median of the real ones; the checks of the method compare it with simulated detection.
"""

import numpy as np

from alignment_monitor.detection.edetector import SHIFTS
from alignment_monitor.statistics.cells import Floats

_HALVINGS = 30


def detectable_change(
    *,
    largest: Floats,
    handicap: Floats,
    scale: Floats,
    log_mgf: Floats,
    log_threshold: Floats,
    days: int,
) -> Floats:
    """Smallest absolute change found within so many days about half of the time.

    Args:
        largest: the largest change there can be: the room up to 1 or down to 0.
        handicap: what is taken off a day's change before it counts.
        scale: what it is then divided by to give z.
        log_mgf: ``null_log_mgf`` of such a day, shifts on the last axis.
        log_threshold: log of the alarm threshold.
        days: within how many days.

    Returns:
        The change; not a number where even the largest would not be found.
    """

    def found(change: Floats) -> np.ndarray:
        growth = ((change - handicap) / scale)[..., None] * SHIFTS - log_mgf
        components = np.full_like(growth, -np.inf)
        for _ in range(days):
            components = np.logaddexp(components, 0.0) + growth
        mixture = np.logaddexp.reduce(components, axis=-1) - np.log(len(SHIFTS))
        return mixture >= log_threshold

    low, high = np.zeros_like(largest), largest
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = found(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(found(largest), high, np.nan)
