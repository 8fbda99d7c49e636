"""The rows of the marts that a verdict rests on, and how alerts are read.

Here belong: choosing and reading rows, as pure functions. Here does not belong: any conclusion
(verdict.py) or file (marts.py).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from alignment_monitor.alerting.alert import FIRES, VERDICTS

if TYPE_CHECKING:
    from trust import Trust

Row = Mapping[str, Any]

OPEN = ("firing", "acknowledged", "silenced")


@dataclass(frozen=True)
class Facts:
    """What the verdict on one family of deployments rests on.

    Attributes:
        family: line of deployments judged.
        subject: what the rubric measures, as a title.
        headline: behaviours of the verdict, most important first.
        signals: rows of ``drift_signals`` of the family.
        alerts: rows of ``alerts`` of the family, or of the whole installation.
        deployments: rows of ``deployments`` of the family.
        about: ``about.json``.
        now: current time, to tell old news from new.
        title_of: the title of a behaviour, for people.
        resets: rows of ``baseline_resets`` of the family.
        is_good: whether more of a behaviour is better.
        gauges: behaviours watched beside the headline ones.
        judges: what is concluded of each judge.
        labelled: newest estimate from people's labels, by behaviour.
    """

    family: str
    subject: str
    headline: Sequence[str]
    signals: Sequence[Row]
    alerts: Sequence[Row]
    deployments: Sequence[Row]
    about: Row
    now: datetime
    title_of: Callable[[str], str]
    resets: Sequence[Row] = ()
    is_good: Callable[[str], bool] = lambda name: False
    gauges: Sequence[str] = ()
    judges: Mapping[str, "Trust"] = field(default_factory=dict)
    labelled: Mapping[str, Row] = field(default_factory=dict)

    @cached_property
    def day(self) -> date | None:
        """The last day decided on."""
        return max((row["day"] for row in self.signals), default=None)

    @cached_property
    def latest(self) -> list[Row]:
        """The last day's signals of the headline behaviours."""
        return [
            row
            for row in self.signals
            if row["day"] == self.day and row["behaviour"] in self.headline
        ]

    def open_alerts(self, *types: str) -> list[Row]:
        """Alerts not yet resolved, pages before warnings, headline behaviours first."""
        return self._sorted(
            row for row in self.alerts if row["state"] in OPEN and row["type"] in types
        )

    @property
    def suspected(self) -> list[Row]:
        """Warnings of a change of the model that have not become alerts."""
        return self._sorted(
            row for row in self.alerts if row["state"] == "pending" and row["type"] == "MODEL"
        )

    @property
    def closed(self) -> list[Row]:
        """Changes of the model that people closed while the last day's signals tell them still."""
        lasting = {
            row.get("series")
            for row in self.signals
            if row["day"] == self.day and row.get("decision") in FIRES
        }
        newest = {
            row.get("series"): row
            for row in sorted(self.alerts, key=lambda row: row["opened_on"])
            if row["type"] == "MODEL"
        }
        return self._sorted(
            row
            for series, row in newest.items()
            if series in lasting
            and row.get("resolution") in VERDICTS
            and row["state"] == "resolved"
        )

    def _sorted(self, found: Iterable[Row]) -> list[Row]:
        order = {name: place for place, name in enumerate(self.headline)}
        return sorted(
            found,
            key=lambda row: (
                row["severity"] != "page",
                order.get(row["behaviour"], len(order)),
                row["opened_on"],
            ),
        )


def telling(signals: pa.Table) -> pa.Table:
    """The rows of ``drift_signals`` that facts rest on, in their order.

    Those of the first and the last day, those from which normal was learnt, and of each series the
    newest with a baseline: of two years a small part.
    """
    day, series = signals["day"], signals["series"]
    ends = pc.min_max(day)
    kept = pc.or_(pc.equal(day, ends["min"]), pc.equal(day, ends["max"]))
    kept = pc.or_(kept, pc.equal(signals["phase"], "baseline"))
    known = signals.filter(pc.is_valid(signals["baseline_mean"])).group_by("series")
    for row in known.aggregate([("day", "max")]).to_pylist():
        newest = pc.and_(pc.equal(series, row["series"]), pc.equal(day, row["day_max"]))
        kept = pc.or_(kept, newest)
    return signals.filter(kept)


def evidence(alert: Row) -> dict[str, Any]:
    """The evidence bundle of an alert; empty if it cannot be read."""
    try:
        told = json.loads(alert.get("evidence") or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def statement(alert: Row) -> str:
    """The sentence that an alert brings with it."""
    return str(evidence(alert).get("statement") or "")


def start_day(alert: Row) -> date:
    """When the change began, as estimated; else when it was found."""
    opened: date = alert["opened_on"]
    return read_day(evidence(alert).get("start_day")) or opened


def read_day(text: Any) -> date | None:
    """A day written in evidence; None if it is not one."""
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def read_moment(text: Any) -> datetime | None:
    """A time written in about.json; None if it is not one."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
