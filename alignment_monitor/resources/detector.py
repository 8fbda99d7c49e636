"""The detector as one home has it: by its settings, on its history.

Here belongs what must be the same wherever the detector is run. Here does not belong: the test.
"""

from dataclasses import dataclass, replace
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine, select

from alignment_monitor.contracts import JUDGE_QUALITY
from alignment_monitor.detection.replay import replay
from alignment_monitor.detection.sentinel_days import MEASURES
from alignment_monitor.detection.traffic import TrafficRun, replay_traffic
from alignment_monitor.detection.watch import Run, Watch
from alignment_monitor.judging.rubric import Rubric
from alignment_monitor.resources import served, warehouse
from alignment_monitor.resources.gold import label_evidence
from alignment_monitor.resources.lake import Lake
from alignment_monitor.resources.stand_in import stand_in_evidence
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.epochs import RESETS
from alignment_monitor.store import is_there, open_store, schema
from alignment_monitor.store.resets import kept_resets

MARKS = ("deployment_family", "day", "recorded_on")


@dataclass(frozen=True)
class Stored:
    """What a home's detector reads.

    Attributes:
        watch: by its settings.
        user_days: sufficient statistics by day, cell and user, of the questions watched.
        deployments: each with its first day.
        quality: counts of known messages, by judge and day.
        labels: as the detector takes them; null: no store is there yet.
        resets: baselines made anew; null likewise.
        flags: opportunities of the rubric.
        opportunities: sufficient statistics of these by day, family, user and turn; null: not read.
        marks: deployments that people marked; null likewise.
    """

    watch: Watch
    user_days: pd.DataFrame
    deployments: pd.DataFrame
    quality: pd.DataFrame
    labels: pd.DataFrame | None = None
    resets: pd.DataFrame | None = None
    flags: tuple[str, ...] = ()
    opportunities: pd.DataFrame | None = None
    marks: pd.DataFrame | None = None

    @property
    def traffic_watch(self) -> Watch:
        """The opportunities, watched as the behaviours are."""
        return replace(self.watch, behaviours=self.flags)

    def replay(self, from_day: date, to_day: date) -> Run:
        """Run the detector over all days that there are, up to the last."""
        return replay(
            self.user_days,
            self.watch,
            deployments=self.deployments,
            from_day=from_day,
            to_day=to_day,
            quality=self.quality,
            labels=self.labels,
            resets=self.resets,
            marks=self.marks,
        )

    def replay_traffic(self, from_day: date, to_day: date) -> TrafficRun:
        """The same of the opportunity rates.

        Raises:
            ValueError: these were not read.
        """
        if self.opportunities is None:
            raise ValueError("opportunities are read by with_opportunities")
        return replay_traffic(
            self.opportunities,
            self.traffic_watch,
            deployments=self.deployments,
            from_day=from_day,
            to_day=to_day,
            quality=self.quality,
            resets=self.resets,
        )


def read_stored(settings: Settings, rubric: Rubric, last: date) -> Stored:
    """Read what a home's detector takes, up to a day.

    Args:
        settings: of the home.
        rubric: its questions.
        last: last day.

    Raises:
        WarehouseError: the home's sufficient statistics cannot be read.
        StoreError: the record of baselines made anew cannot be read.
    """
    watch = Watch(
        behaviours=settings.detection.behaviours or rubric.monitored,
        average_run_length_years=settings.detection.average_run_length_years,
        baseline_days=settings.detection.baseline_days,
    )
    return Stored(
        watch=watch,
        user_days=warehouse.user_days(settings.warehouse, date.min, last, watch.behaviours),
        deployments=served.deployments(settings.warehouse),
        quality=sentinels(Lake(settings.lake), last),
        flags=tuple(rubric.opportunities),
        **_recorded(settings, rubric, last),
    )


def with_opportunities(stored: Stored, settings: Settings, last: date) -> Stored:
    """What a home's detector takes, with its opportunity rates up to a day.

    Raises:
        WarehouseError: the home's sufficient statistics cannot be read.
    """
    rows = warehouse.opportunity_days(settings.warehouse, last, stored.flags)
    return replace(stored, opportunities=rows)


def replay_home(settings: Settings, rubric: Rubric, *, from_day: date, to_day: date) -> Run:
    """Run a home's detector over all days that it has, up to the last.

    Args:
        settings: of the home.
        rubric: its questions.
        from_day: a day that the run reaches back to.
        to_day: last day.

    Raises:
        WarehouseError, StoreError: as ``read_stored``.
    """
    return read_stored(settings, rubric, to_day).replay(from_day, to_day)


def sentinels(lake: Lake, last: date) -> pd.DataFrame:
    """Counts of known messages up to a day."""
    days = [day for day in lake.days(JUDGE_QUALITY) if day <= last]
    table = lake.read(JUDGE_QUALITY, days)
    mine = table.filter(pc.is_in(table["measure"], pa.array(MEASURES)))
    found: pd.DataFrame = mine.to_pandas()
    return found


def read_resets(store: Engine) -> pd.DataFrame:
    """The baselines made anew, as ``statistics.epochs`` takes them."""
    with store.connect() as connection:
        rows = kept_resets(connection)
    return pd.DataFrame(rows, columns=list(RESETS), dtype=object)


def read_marks(store: Engine) -> pd.DataFrame:
    """The deployments that people marked, with the day on which each was recorded.

    Those from before that day was kept are not among them: they would change past decisions.
    """
    table = schema.annotations
    columns = [table.c[name] for name in MARKS]
    told = (table.c.kind == "deployment") & table.c.recorded_on.is_not(None)
    with store.connect() as connection:
        query = select(*columns).where(told).order_by(table.c.day, table.c.annotation_id)
        rows = connection.execute(query).tuples().all()
    return pd.DataFrame(rows, columns=list(MARKS), dtype=object)


def _recorded(settings: Settings, rubric: Rubric, to_day: date) -> dict[str, pd.DataFrame]:
    """What people recorded; nothing where no run has made a store yet, and none is made for it."""
    if not is_there(settings.store_url):
        return {}
    store = open_store(settings.store_url)
    try:
        if settings.judging.stand_in is None:
            labels = label_evidence(settings, rubric, store, to_day)
        else:
            labels = stand_in_evidence(settings, rubric, Lake(settings.lake), to_day)
        return {"resets": read_resets(store), "labels": labels, "marks": read_marks(store)}
    finally:
        store.dispose()
