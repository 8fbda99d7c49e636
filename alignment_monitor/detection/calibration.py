"""Thresholds by simulation: what a detector must reach so that false alarms are as rare as asked.

Here belongs: the mean time to a first false alarm as a function of the threshold, from simulated
days without a change. Here does not belong: what those days look like. A is a bound that holds for
any data; a threshold that was found here holds for the simulated kind of data alone.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from alignment_monitor.detection.edetector import SHIFTS, log_statistic, step
from alignment_monitor.statistics.cells import Floats

FEWEST_ALARMS = 100
"""First alarms that a run length is estimated from at least: a standard error of a tenth."""

RESOLUTION = 0.01
"""Of the threshold found, in log."""

Draw = Callable[[np.random.Generator, int], tuple[Floats, Floats]]
"""A day without a change of so many chains: z, and its log-moment-generating function."""


def null_paths(draw: Draw, *, chains: int, days: int, seed: int) -> Iterator[Floats]:
    """Log statistics of independent e-detectors, day by day, none of them ever restarted.

    Args:
        draw: gives a day; the log-moment-generating function has the shifts on its last axis.
        chains: detectors run side by side.
        days: watched.
        seed: of the simulation.
    """
    rng = np.random.default_rng(seed)
    components = np.full((chains, len(SHIFTS)), -np.inf)
    for _ in range(days):
        components = step(components, *draw(rng, chains), np.inf)
        yield log_statistic(components)


def calibrated_threshold(paths: Iterable[Floats], run_length: float) -> float:
    """Log of the smallest threshold at which a first false alarm takes so many days on average.

    The mean time is estimated for every threshold at once: days watched up to a chain's first
    alarm or its last day, over first alarms, which is the likelihood's answer where alarms come at
    a steady rate (Bartholomew 1957). A chain is below a threshold as long as its running maximum
    is. Watch for twice the run length or so: what comes before the rate is steady then counts
    little. The standard error is 1/sqrt(first alarms) of the run length.

    Args:
        paths: log statistics of independent chains under no change, day by day; any detector's.
        run_length: mean days to a first false alarm.

    Returns:
        The threshold, rounded up to ``RESOLUTION``.

    Raises:
        ValueError: too few chains came so far, or the run length is not above one day.
    """
    if not run_length > 1:
        raise ValueError(f"a run length of {run_length} days is not above one day")
    highest: Floats | None = None
    held = np.zeros(1)
    for statistic in paths:
        highest = statistic if highest is None else np.maximum(highest, statistic)
        level = np.bincount(_level(highest))
        size = max(len(level), len(held))
        held = np.pad(held, (0, size - len(held))) + np.pad(level, (0, size - len(level)))
    if highest is None:
        raise ValueError("no day was watched")
    reached = np.bincount(_level(highest), minlength=len(held))[::-1].cumsum()[::-1]
    below = np.concatenate([[0], held.cumsum()[:-1]])
    with np.errstate(divide="ignore"):
        mean_time = (below + reached) / reached
    enough = mean_time >= run_length
    found = int(enough.argmax())
    if not enough.any() or reached[found] < FEWEST_ALARMS:
        raise ValueError(
            f"fewer than {FEWEST_ALARMS} of {len(highest)} chains come so far: "
            "watch more of them, or for longer"
        )
    return found * RESOLUTION


def _level(statistic: Floats) -> np.ndarray:
    """Thresholds reached, from 0 upwards; a statistic below 1 reaches the one at 0 only."""
    return np.floor(np.maximum(statistic, 0) / RESOLUTION).astype(np.int64)
