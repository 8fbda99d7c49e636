"""Since when, next to which deployment, and by how much.

Here belong: what is said about a change once one is suspected. Here does not belong: whether there
is one. The change day maximises (sum of the last w z) / sqrt(w), the likelihood of a step in a
series of unit variance.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from alignment_monitor.detection.history import History
from alignment_monitor.statistics.cells import Floats
from alignment_monitor.statistics.intervals import difference, effective_n, t_quantile, wilson
from alignment_monitor.statistics.standardise import Streams, window_rate

LONGEST = 90
"""Days looked back upon."""

NEAR_DAYS = 7


@dataclass(frozen=True)
class Effect:
    """Rate since the change minus baseline, with its 95 % interval."""

    change: float
    lower: float
    upper: float


def change_index(z: Floats) -> int:
    """Day on which the change began; z of all days until now, not a number where unwatched."""
    days = np.flatnonzero(np.isfinite(z))[-LONGEST:]
    sums = np.cumsum(z[days][::-1])
    best = int(np.argmax(sums / np.sqrt(np.arange(1, len(days) + 1))))
    return int(days[len(days) - 1 - best])


def nearest_deployment(
    deployments: pd.DataFrame, family: str, change: pd.Timestamp, today: pd.Timestamp
) -> str | None:
    """The family's deployment that began nearest to the change, at most a week away; else None.

    Args:
        deployments: deployment_family, deployment and first_day as a day.
        family: deployment family.
        change: first day of the change.
        today: later deployments are not known yet.
    """
    known = (deployments["deployment_family"] == family) & (deployments["first_day"] <= today)
    candidates = deployments[known]
    distance = (candidates["first_day"] - change).abs().dt.days
    near = candidates.assign(distance=distance)[distance <= NEAR_DAYS]
    if near.empty:
        return None
    return str(near.sort_values(["distance", "first_day", "deployment"])["deployment"].iloc[0])


def effect_since(streams: Streams, history: History, stream: int, first: int, last: int) -> Effect:
    """Change of a stream's rate from its baseline, over a range of days."""
    rate, variance, users = window_rate(streams, stream, first, last)
    seen = history.n[stream, first : last + 1]
    seen = seen[np.isfinite(seen)]
    baseline = history.baseline
    mean = baseline.mean[stream, last]
    variance += baseline.between[stream, last] / len(seen)
    n = float(effective_n(rate, variance, seen.sum()))
    after = wilson(rate, n, t_quantile(users))
    smooth = baseline.rate[stream, last]
    n_before = smooth * (1 - smooth) / baseline.mean_variance[stream, last]
    before = wilson(mean, n_before, t_quantile(baseline.freedom[stream, last] + 1))
    lower, upper = difference(
        rate, (float(after[0]), float(after[1])), mean, (float(before[0]), float(before[1]))
    )
    return Effect(float(rate - mean), lower, upper)
