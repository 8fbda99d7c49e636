"""What an alert's evidence is read from: estimates, statistics, verdicts and sentinels of a home.

Here belongs: reading, once per run what all alerts share. Here does not belong: what is told of it
(``alerting.evidence``) or any arithmetic.
"""

import json
from datetime import date, timedelta
from functools import cache, cached_property
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from alignment_monitor.alerting.alert import OF_TRAFFIC, PAGES
from alignment_monitor.alerting.evidence import SHOWN, Background, evidence
from alignment_monitor.alerting.lifecycle import fingerprint
from alignment_monitor.contracts import ESTIMATES, JUDGE_QUALITY
from alignment_monitor.judging.health import judge_health
from alignment_monitor.judging.quality import sentinel_items
from alignment_monitor.partitions import days_between
from alignment_monitor.resources import warehouse
from alignment_monitor.resources.annotations import all_annotations, nearest
from alignment_monitor.resources.detector import read_resets
from alignment_monitor.resources.exemplars import exemplars
from alignment_monitor.resources.monitor import Monitor
from alignment_monitor.statistics.cells import day_of
from alignment_monitor.statistics.change_parts import change_parts
from alignment_monitor.statistics.drivers import drivers
from alignment_monitor.statistics.epochs import standing_rows, steps
from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE, latest
from alignment_monitor.statistics.movers import movers
from alignment_monitor.statistics.signals import ANSWERED
from alignment_monitor.store import schema

EVIDENCE_WINDOW = 7
BEFORE_DAYS = 28
"""Days before a change that its movers are compared with."""

Signal = dict[str, Any]


class EvidenceReader:
    """Gives the evidence of signals of one run; what they share is read once.

    Args:
        monitor: the home.
        last: last day of the run.
    """

    def __init__(self, monitor: Monitor, last: date) -> None:
        self.monitor, self.last = monitor, last

    def __call__(self, signal: Signal) -> dict[str, Any]:
        """The evidence bundle of a row of drift_signals."""
        history = self._history(signal)
        settings, rubric = self.monitor.settings, self.monitor.rubric
        bundle = evidence(
            signal,
            self._estimates(signal),
            self._drivers(history, signal),
            title=rubric.title_of(signal["behaviour"]),
            dashboard_url=settings.dashboard_url,
            simulated=settings.simulated,
            background=self._background(history, signal),
        )
        return bundle | self._first_decision(signal)

    def _first_decision(self, signal: Signal) -> dict[str, Any]:
        """The decision that an open alert was raised by; it stays that alert's while it lasts."""
        table = schema.alerts
        query = select(table.c.severity, table.c.opened_on, table.c.evidence).where(
            table.c.fingerprint == fingerprint(signal),
            table.c.state.not_in(("pending", "resolved")),
        )
        with self.monitor.store.connect() as connection:
            alert = connection.execute(query).mappings().first()
        paged = signal["decision"] in PAGES
        if alert is None or (alert["severity"] == "warn" and paged):
            return {}  # it is raised today, or raised to a page
        if self._normal_since(alert["opened_on"], signal):
            return {}  # it ends today as re-baselined: what is raised is another alert
        decided = json.loads(alert["evidence"]).get("decided")
        return {"decided": decided} if decided else {}

    def _normal_since(self, opened_on: date, signal: Signal) -> bool:
        """Whether a series was declared normal after a day."""
        if signal["type"] not in OF_TRAFFIC or self._resets.empty:
            return False
        begun = steps(self._resets, signal["deployment_family"], signal["behaviour"]).recorded_on
        first, last = pd.Timestamp(opened_on), pd.Timestamp(signal["day"])
        return bool(((begun > first) & (begun <= last)).any())

    @cached_property
    def _quality(self) -> pa.Table:
        """All of judge_quality up to the last day."""
        lake = self.monitor.lake
        return lake.read(JUDGE_QUALITY, [d for d in lake.days(JUDGE_QUALITY) if d <= self.last])

    @cached_property
    def _resets(self) -> pd.DataFrame:
        return read_resets(self.monitor.store)

    @cached_property
    def _annotations(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = all_annotations(
            self.monitor.settings, self.monitor.store
        ).to_pylist()
        return rows

    def _annotation(self, signal: Signal) -> dict[str, Any] | None:
        """What was marked nearest to the first day of the change, if that is known."""
        if signal["change_day"] is None:
            return None
        return nearest(self._annotations, signal["deployment_family"], signal["change_day"])

    def _background(self, history: pd.DataFrame | None, signal: Signal) -> Background:
        parts = self._decomposition(history, signal)
        return Background(
            decomposition=parts,
            moved=self._moved(signal),
            exemplars=self._exemplars(signal),
            judges=self._judges(history, signal),
            judged_share=self._judged_share(signal["day"]),
            annotation=self._annotation(signal),
        )

    def _estimates(self, signal: Signal) -> list[dict[str, Any]]:
        """The whole family's estimate over the last week, on the judge's scale, as it stands."""
        if signal["type"] == "PIPELINE":
            return []
        of_day = self.monitor.lake.read(ESTIMATES, [signal["day"]])
        mine = pc.and_(
            pc.equal(of_day["behaviour"], signal["behaviour"]),
            pc.equal(of_day["deployment_family"], signal["deployment_family"]),
        )
        return [
            row
            for row in latest(of_day.filter(mine)).to_pylist()
            if row["deployment"] == row["segment"] == "all"
            and row["mode"] == JUDGE_SCALE
            and row["window_days"] == EVIDENCE_WINDOW
        ]

    def _history(self, signal: Signal) -> pd.DataFrame | None:
        """Statistics of the series from its baseline that stands on the day up to the day.

        None where no rate is watched.
        """
        if signal["type"] != "MODEL":
            return None
        names = ("deployment_family", "behaviour", "day")
        family, behaviour, day = (signal[name] for name in names)
        path = self.monitor.settings.warehouse
        rows = warehouse.user_days(path, date.min, day, (behaviour,))
        return standing_rows(rows, self._resets, family, behaviour, pd.Timestamp(day))

    def _drivers(self, history: pd.DataFrame | None, signal: Signal) -> list[dict[str, Any]]:
        if history is None or signal["change_day"] is None:
            return []
        return drivers(
            history,
            family=signal["deployment_family"],
            behaviour=signal["behaviour"],
            change_day=signal["change_day"],
            day=signal["day"],
        )

    def _decomposition(self, history: pd.DataFrame | None, signal: Signal) -> dict[str, Any] | None:
        if history is None:
            return None
        first = pd.to_datetime(history["day"]).min()
        days = [] if pd.isna(first) else days_between(first.date(), signal["day"])
        inside = pc.is_in(self._quality["day"], pa.array(days, pa.date32()))
        return change_parts(
            history,
            self._quality.filter(inside).to_pandas(),
            family=signal["deployment_family"],
            behaviour=signal["behaviour"],
            day=signal["day"],
            baseline_days=self.monitor.settings.detection.baseline_days,
            items=sentinel_items(self.monitor.rubric),
        )

    def _moved(self, signal: Signal) -> dict[str, list[dict[str, Any]]] | None:
        """Behaviours and opportunities of the family that moved most since the change."""
        if signal["type"] != "MODEL" or signal["change_day"] is None:
            return None
        return self._movers(signal["deployment_family"], signal["change_day"], signal["day"])

    @cache  # noqa: B019 - a reader lives for one run, in which series share what they moved with
    def _movers(self, family: str, change_day: date, day: date) -> dict[str, list[dict[str, Any]]]:
        rubric, first = self.monitor.rubric, change_day - timedelta(days=BEFORE_DAYS)
        path = self.monitor.settings.warehouse
        sums = warehouse.before_and_since(path, family, first, change_day, day)
        wanted = {
            "behaviours": (*rubric.graded, *rubric.derived),
            "opportunities": tuple(rubric.opportunities),
        }
        return {
            kind: [
                {**row, "title": rubric.title_of(row["question"])}
                for row in movers(sums, questions)[:SHOWN]
            ]
            for kind, questions in wanted.items()
        }

    def _exemplars(self, signal: Signal) -> list[dict[str, Any]] | None:
        told = self.monitor.settings.alerts.exemplars
        if told == "none" or signal["type"] != "MODEL" or signal["change_day"] is None:
            return None
        return exemplars(
            self.monitor.lake,
            list(days_between(signal["change_day"], signal["day"])),
            family=signal["deployment_family"],
            behaviour=signal["behaviour"],
            direction=signal["direction"],
            segment=signal["segment"],
            most=SHOWN,
            excerpts=told == "excerpts",
        )

    def _judges(self, history: pd.DataFrame | None, signal: Signal) -> list[dict[str, Any]]:
        rows = self._quality if history is None else history
        days = sorted(set(day_of(pd.Series(rows["day"].to_numpy())).dt.date))
        learned = days[: self.monitor.settings.detection.baseline_days]
        baseline = (learned[0], learned[-1]) if learned else None
        return judge_health(self._quality, signal["behaviour"], signal["day"], baseline=baseline)

    def _judged_share(self, day: date) -> float | None:
        """Judged messages among those that judging had an outcome for, over the last 7 days."""
        first = day - timedelta(days=EVIDENCE_WINDOW - 1)
        ledger = warehouse.ledger(self.monitor.settings.warehouse, first, day)
        counts = ledger[ledger["level"] == "message"].groupby("state")["count"].sum()
        answered = int(counts.reindex(list(ANSWERED), fill_value=0).sum())
        return float(counts.get("judged", 0)) / answered if answered else None
