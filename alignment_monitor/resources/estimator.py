"""Estimates as one home has them: by its settings, from its statistics, sentinels and labels.

Here belongs what must be read for the days of a run, once, and which modes a day gets. Here does
not belong: any estimate (statistics).
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
from sqlalchemy import Engine

from alignment_monitor.contracts import ESTIMATES, JUDGE_QUALITY
from alignment_monitor.judging.quality import sentinel_items
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.partitions import days_between
from alignment_monitor.resources import served, warehouse
from alignment_monitor.resources.gold import labelled_days
from alignment_monitor.resources.lake import Lake
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.estimate_rows import revised
from alignment_monitor.statistics.estimation import cells_of, judge_scale
from alignment_monitor.statistics.sentinel_adjusted import (
    SENTINEL_DAYS,
    confusions,
    sentinel_adjusted,
)
from alignment_monitor.statistics.sequences import FIRST_LOOK
from alignment_monitor.statistics.since_deployment import (
    DAYS_BEFORE,
    Deployment,
    since_deployment,
)
from alignment_monitor.statistics.standardised import ReferenceMix, standardised
from alignment_monitor.statistics.windows import UserDays


class Estimator:
    """All estimates of the days of a run; it reads the days of their windows and no others.

    A figure since a deployment has a window as long as the deployment, and the 28 days before it.
    """

    def __init__(
        self, settings: Settings, rubric: Rubric, lake: Lake, store: Engine, days: Sequence[date]
    ) -> None:
        """Read what the estimates of these days rest on.

        Args:
            settings: of the home.
            rubric: whose labels and sentinels count.
            lake: the row tables.
            store: the operational store, for labels.
            days: of the run, in order.

        Raises:
            WarehouseError: the home's sufficient statistics cannot be read.
        """
        self._windows, self._lake = settings.detection.windows, lake
        first, last = days[0] - timedelta(days=max(self._windows) - 1), days[-1]
        path = settings.warehouse
        self._history = UserDays(warehouse.user_days(path, first, last))
        learnt = settings.detection.baseline_days
        baseline = warehouse.baseline_segments(path, learnt)
        self._reference = ReferenceMix(baseline, learnt, self._history.names)
        since = days[0] - timedelta(days=SENTINEL_DAYS - 1)
        quality = lake.read(JUDGE_QUALITY, days_between(since, last))
        self._quality, self._items = quality.to_pandas(), sentinel_items(rubric)
        self._labelled = labelled_days(settings, rubric, store, first, last)
        self._since = list(_since_deployment(path, days))

    def of_day(self, day: date) -> pa.Table:
        """Every estimate of a day in every version, those kept before among them."""
        cells = cells_of(self._history, day, self._windows)
        ages = (self._quality["day"] <= day) & (
            self._quality["day"] > day - timedelta(days=SENTINEL_DAYS)
        )
        matrices = confusions(self._quality[ages], self._items)
        frames = [
            judge_scale(cells, day),
            standardised(cells, self._reference, day),
            sentinel_adjusted(cells, matrices, day),
        ]
        if self._labelled is not None:
            frames.append(self._labelled.estimates(day, self._windows))
        frames += [rows[rows["day"] == day] for rows in self._since]
        tables = [ESTIMATES.from_frame(frame) for frame in frames]
        before = self._lake.read(ESTIMATES, [day])
        return revised(before, ESTIMATES.conform(pa.concat_tables(tables)))


def _since_deployment(path: Path, days: Sequence[date]) -> Iterator[pd.DataFrame]:
    """The figures of those deployments that are old enough on one of the days."""
    known = served.deployments(path)
    first_days, last_days = (
        pd.to_datetime(known[name]).dt.date for name in ("first_day", "last_day")
    )
    for deployment in zip(
        known["deployment_family"], known["deployment"], first_days, last_days, strict=True
    ):
        one = Deployment(*deployment)
        newest = min(one.last, days[-1])
        if newest >= max(days[0], one.first + timedelta(days=FIRST_LOOK - 1)):
            start = one.first - timedelta(days=DAYS_BEFORE)
            rows = warehouse.family_user_days(path, one.family, start, newest)
            yield since_deployment(rows, one, days)
