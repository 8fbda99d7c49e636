"""What the engine is given for a day of many series, and what it tells of it.

Here belong: the figures that pass between the engine and whoever runs it. Here does not belong:
what is done with them (``engine``) or how they are kept (``history``).
"""

from dataclasses import dataclass

import numpy as np

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.detection.chart import Reading, Seen
from alignment_monitor.detection.instrument import Judge
from alignment_monitor.detection.labels import Labels
from alignment_monitor.detection.tiers import Verdict
from alignment_monitor.statistics.cells import Floats, Integers


@dataclass(frozen=True)
class Budget:
    """How rare false alarms are; natural logs.

    Attributes:
        log_page: log A of each series: stated run length in days times the number of series.
        log_judge: the same of the judge's charts.
        sentinels_required: without labels and without sentinels nothing pages, for the judge may
            have changed; else judged rates alone do.
    """

    log_page: Floats
    log_judge: float
    sentinels_required: bool = True

    @property
    def log_suspect(self) -> float:
        """Where the judge's charts hold a page."""
        return self.log_judge - 2.1


@dataclass(frozen=True)
class Day:
    """A day's figures; arrays over series, and views: the whole first, then the segments.

    Attributes:
        rate: judged rates, series x view, not a number without data; the whole at reference mix.
        n: their effective n.
        weekend: kind of the day.
        young: series whose baseline is being made.
        watched: series held against theirs.
        flagged: sentinels flagged, series x (positive, negative).
        sentinels: sentinels judged, the same; 0 where there are none.
        labels: those that came in on the day; null: none did.
        burst: series for which a burst that was asked for is among them.
        mass: start mass of each series, see ``start_mass``; null: one.
    """

    rate: Floats
    n: Floats
    weekend: bool
    young: Mask
    watched: Mask
    flagged: Floats
    sentinels: Floats
    labels: Labels | None = None
    burst: Mask | None = None
    mass: Floats | None = None

    @property
    def log_mass(self) -> Floats:
        """Log of the start mass, series."""
        return np.zeros(len(self.rate)) if self.mass is None else np.log(self.mass)


@dataclass(frozen=True)
class Told:
    """What the engine makes of a day.

    Attributes:
        chart: of every view.
        judge: what the sentinels say.
        effect: of the judge's own shift, series x view.
        margin: change of the true rate forgiven.
        judged: log statistic over the views, series x direction.
        labels: the same of the labels' own detector.
        reading: what the chart was given, less what is the judge's.
        covered: the change may be the judge's, as far as sentinels tell.
        verdict: of the episodes.
        wanted: series for which a burst of labels is asked for.
        segment: in which segment; -1: in all.
    """

    chart: Seen
    judge: Judge
    effect: Floats
    margin: Floats
    judged: Floats
    labels: Floats
    reading: Reading
    covered: Mask
    verdict: Verdict
    wanted: Mask
    segment: Integers
