"""How long an alarm lasts, and what each series says on each day.

Here belong: from the engine's verdicts, which are of one day, to a decision for every day. Here
does not belong: the verdicts (``tiers``) or the rows (``decisions``).

An alarm lasts as long as the statistic that raised it is above a tenth of its threshold. One that
labels alone raised lasts four weeks at least, since their detector begins anew with it. What could
not be told from a change of the judge becomes a page when sentinels clear the judge of it.
"""

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.detection.history import History
from alignment_monitor.statistics.cells import Floats

LASTING_SHARE = 0.1
"""Of the page threshold; below it an alarm is over."""

LABELS_DAYS = 28

Decisions = NDArray[np.str_]


def decided(history: History, log_thresholds: Floats) -> Decisions:
    """What is said of each stream, day and direction.

    Args:
        history: what the engine said.
        log_thresholds: log A of each day.

    Returns:
        PAGE, INDETERMINATE, TICKET, UNRESOLVED, WARN or NONE; stream x day x direction. A day
        that was not watched says NONE.
    """
    found = np.full(history.page.shape, "NONE", dtype="<U13")
    found[history.standing | history.opened] = "WARN"
    found[history.unresolved] = "UNRESOLVED"
    found[history.ticket] = "TICKET"
    lasting = _lasting(history, log_thresholds)
    for kind, alarm in (("INDETERMINATE", lasting == 1), ("PAGE", lasting == 2)):
        found[alarm] = kind
    watched = np.isfinite(history.z[:, :, 0])
    return np.where(watched, found, "NONE")


def _lasting(history: History, log_thresholds: Floats) -> NDArray[np.int8]:
    """2 while a page lasts, 1 while an indeterminate one does, else 0."""
    found = np.zeros(history.page.shape, dtype=np.int8)
    standing = np.zeros(history.page.shape[::2], dtype=np.int8)
    until = np.full(standing.shape, -1)
    for day, threshold in enumerate(log_thresholds):
        least = threshold + np.log(LASTING_SHARE)
        judged, labels = history.judged[:, day], history.labels[:, day]
        high = (judged >= least) | (labels >= least) | (day <= until)
        standing = np.where(high, standing, 0)
        page = history.page[:, day]
        until = np.where(page & (labels >= threshold), day + LABELS_DAYS, until)
        new = np.where(page, 2, np.where(history.indeterminate[:, day], 1, 0))
        cleared = (standing == 1) & (judged >= threshold) & ~history.covered[:, day]
        standing = np.maximum(np.where(cleared, 2, standing), new).astype(np.int8)
        found[:, day] = standing
    return found
