"""Whether a change of judged rates may be the judge's own, as far as sentinels can tell.

Here belongs: what sentinels since the onset of the change allow, held against that change. Asked
only where no labels speak. Here does not belong: the judge's charts (``instrument``), or what
becomes of a page (``tiers``).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from alignment_monitor.detection.baseline import SIGNS, Mask
from alignment_monitor.detection.instrument import WINDOW_DAYS, Judge
from alignment_monitor.statistics.adjusted import sentinel_effect
from alignment_monitor.statistics.cells import Floats, Integers
from alignment_monitor.statistics.intervals import smoothed

STANDARD_ERRORS = 3.0
"""By which a change must exceed what sentinels show of the judge: theirs and its own together.

With 1.96 one change of the judge in 25 paged on its first day, for several days and views are
looked at; changes of the model are found no later with 3."""


@dataclass(frozen=True)
class Recent:
    """A day that may lie after the onset of a change.

    Attributes:
        z: standardised deviations, series x view x direction.
        change: judged rate less that of the baseline, series x view.
        variance: of the judged rate.
        flagged: sentinels flagged, series x (positive, negative).
        sentinels: sentinels judged, the same.
    """

    z: Floats
    change: Floats
    variance: Floats
    flagged: Floats
    sentinels: Floats


class Attribution:
    """The last days of many series, as far back as an onset is looked for."""

    def __init__(self) -> None:
        self._days: deque[Recent] = deque(maxlen=WINDOW_DAYS)

    def covers(self, today: Recent, lead: Integers, judged: Floats, judge: Judge) -> Mask:
        """Where the judge may have made the change, by its sentinels; series x direction.

        Their estimate is not shrunk. So it is also where there are no sentinels at all.

        Args:
            today: the day that joins.
            lead: view that leads, series x direction; the whole is 0.
            judged: baseline rate as judged, series x view.
            judge: what the sentinels say.
        """
        self._days.append(today)
        facing = [
            self._allowed(column, judged, judge, sign, direction)
            for direction, (column, sign) in enumerate(zip(lead.T, SIGNS, strict=True))
        ]
        return np.stack(facing, axis=1)

    def _allowed(
        self, view: Integers, judged: Floats, judge: Judge, sign: float, direction: int
    ) -> Mask:
        rows = np.arange(len(view))
        z = np.stack([day.z[rows, view, direction] for day in self._days])[::-1]
        length = np.arange(1, len(z) + 1)[:, None]
        sums = np.nan_to_num(z, nan=0.0).cumsum(axis=0)
        since = (length - 1 <= (sums / np.sqrt(length)).argmax(axis=0))[::-1]
        change = np.stack([day.change[rows, view] for day in self._days])
        seen = since & np.isfinite(change)
        days = np.maximum(seen.sum(axis=0), 1)
        change = np.where(seen, change, 0).sum(axis=0) / days
        own = np.stack([day.variance[rows, view] for day in self._days])
        own = np.where(seen, own, 0).sum(axis=0) / days**2
        total, flagged = (
            (np.stack([getattr(day, name) for day in self._days]) * since[..., None]).sum(axis=0)
            for name in ("sentinels", "flagged")
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            errors, smooth = flagged / total, smoothed(flagged / total, total)
            truth = judge.prevalence(judged)[rows, view]
            effect = sentinel_effect(truth, tuple(errors.T), tuple(judge.reference.T))
            weights = np.stack([truth, 1 - truth], axis=1)
            variance = (weights**2 * smooth * (1 - smooth) / total).sum(axis=1)
            limit = sign * effect + STANDARD_ERRORS * np.sqrt(variance + own)
            unlike = limit < sign * change
        return ~(np.isfinite(limit) & unlike)
