"""How long an alarm lasts, and what each series says on each day.

Here belong: from the engine's verdicts, which are of one day, to a decision for every day. Here
does not belong: the verdicts (``tiers``) or the rows (``decisions``).

An alarm lasts as long as its statistic is above a tenth of A, once it has been at A. One that
labels agreed to while it was below, and what labels left undecided, last while it is above the
level at which an episode would close by itself, or until another episode could open: that none did
before says nothing, and an alarm in the middle of a drift would seem to have ended on the next day.
One that labels alone raised lasts four weeks at least, since their detector begins anew with it.
What could not be told from a change of the judge becomes a page when sentinels clear the judge of
it. After an alarm its statistic wears off: until it is below that level once, what it suspects is
the old change, not another one, and is not said again. A page is said at any time.
"""

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.detection.history import History
from alignment_monitor.detection.tiers import (
    CLOSE_SHARE,
    LABELS_WARN_SHARE,
    QUIET_DAYS,
    WARN_SHARE,
)
from alignment_monitor.statistics.cells import Floats

LASTING_SHARE = 0.1
"""Of the page threshold; below it an alarm that was at the threshold is over."""

LABELS_DAYS = 28

UNDECIDED, UNATTRIBUTED, PAGED = 1, 2, 3
"""What lasts, the more the higher."""

WORDS = {UNDECIDED: "UNRESOLVED", UNATTRIBUTED: "INDETERMINATE", PAGED: "PAGE"}

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
    lasting, fading = _lasting(history, log_thresholds)
    found[(history.standing | history.opened) & ~fading] = "WARN"
    found[history.ticket] = "TICKET"
    for kind, word in WORDS.items():
        found[lasting == kind] = word
    watched = np.isfinite(history.z[:, :, 0])
    return np.where(watched, found, "NONE")


def _lasting(history: History, log_thresholds: Floats) -> tuple[NDArray[np.int8], Mask]:
    """What lasts, 0 where nothing does; and where only the rest of an alarm is left."""
    found = np.zeros(history.page.shape, dtype=np.int8)
    rest = np.zeros(found.shape, dtype=bool)
    standing = np.zeros(history.page.shape[::2], dtype=np.int8)
    peaked, fading = np.zeros(standing.shape, dtype=bool), np.zeros(standing.shape, dtype=bool)
    until, deaf = np.full(standing.shape, -1), np.full(standing.shape, -1)
    for day, threshold in enumerate(log_thresholds):
        judged, labels, page = (
            getattr(history, name)[:, day] for name in ("judged", "labels", "page")
        )
        tenth = threshold + np.log(LASTING_SHARE)
        open_still = judged >= threshold + np.log(WARN_SHARE * CLOSE_SHARE)
        high = np.where(peaked, judged >= tenth, open_still | (day < deaf))
        high |= (labels >= tenth) | (day <= until)
        fading |= (standing > 0) & ~high
        fading &= open_still | (labels >= threshold + np.log(LABELS_WARN_SHARE * CLOSE_SHARE))
        standing = np.where(high, standing, 0)
        standing[history.ticket[:, day] & (standing == UNDECIDED)] = 0
        alone = labels >= threshold
        until = np.where(page & alone, day + LABELS_DAYS, until)
        deaf = np.where(page & ~alone, day + QUIET_DAYS["page"], deaf)
        new = history.unresolved[:, day] & ~fading
        new = np.where(history.indeterminate[:, day], UNATTRIBUTED, new * UNDECIDED)
        new = np.where(page, PAGED, new)
        clear = (standing == UNATTRIBUTED) & (judged >= threshold) & ~history.covered[:, day]
        standing = np.maximum(np.where(clear, PAGED, standing), new).astype(np.int8)
        fading &= standing == 0
        peaked = (standing > UNDECIDED) & (peaked | (judged >= threshold))
        found[:, day], rest[:, day] = standing, fading
    return found, rest
