"""Five simulated years through the whole life of alerts: how often people are called, and by what.

    python -m benchmarks.alert_stream                    # prints the tables, about twenty minutes
    python -m benchmarks.alert_stream --only drifts --series 8
    python -m benchmarks.alert_stream --write            # and puts them into docs/benchmarks.md

The detector's decisions go day by day through lifecycle, holding, damping, reminders, escalation,
routes and outbox, in a real store, to a channel that records. Here belong: the days as a home runs
them, and what is counted. Here does not belong: what is true or decided (``alert_stories``).
"""

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Engine, select

from alignment_monitor.alerting.books import policy_of
from alignment_monitor.alerting.channels import Delivery
from alignment_monitor.alerting.desk import Desk
from alignment_monitor.alerting.evidence import evidence
from alignment_monitor.alerting.outbox import deliver_due
from alignment_monitor.alerting.outlets import Outlet
from alignment_monitor.alerting.routing import Policy as Pace
from alignment_monitor.alerting.service import look_after, process_days
from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.settings import Settings
from alignment_monitor.store import open_store, schema
from benchmarks.alert_stories import FIRST, Drift, Told, day_rows, drifts, watch
from benchmarks.common import machine, table, write_section
from benchmarks.detection_cases import BASELINE_DAYS, RUN_LENGTH
from benchmarks.detection_figures import Rate, Share

SEED = 20267
YEARS = 5
QUIET_SERIES, DRIFTING_SERIES, TOGETHER = 200, 24, 4
PAGES, NOTIFICATIONS, REOPENED = 0.1, 3, 1
"""Aimed at: pages a year at most, notifications and returns of a drift."""

RUN_AT, ACKNOWLEDGED_AT = time(2), time(10)
"""When a day is run, and when somebody looks."""

BEGINNINGS = ("alert.firing", "alert.reopened")
URL = "http://localhost"


class Heard(NamedTuple):
    """Something that the channel was told.

    Attributes:
        day: index of the day of which it was told, the night after.
        event: what.
        type: of the alert.
        severity: page or warn.
        family: of the alert.
        alert_id: the alert.
    """

    day: int
    event: str
    type: str
    severity: str
    family: str
    alert_id: str


@dataclass
class Recorder:
    """A channel whose receiver keeps all it is told."""

    name: str = "recorder"
    heard: list[Heard] = field(default_factory=list)

    def send(self, delivery: Delivery) -> None:
        """Take it."""
        for item in delivery.items:
            data, at = item.data, datetime.fromisoformat(item.timestamp)
            day = (at.date() - FIRST).days - 1
            names = ("type", "severity", "deployment_family", "alert_id")
            self.heard.append(Heard(day, item.event, *(str(data[name]) for name in names)))


def live(
    told: Told,
    engine: Engine,
    *,
    together: int = 1,
    acknowledges: bool = False,
    deployed: Sequence[int] = (),
    first: int = 0,
) -> list[Heard]:
    """Run the days as a home with default settings does, and return what its channel heard.

    Args:
        told: by the detector.
        engine: an empty store.
        together: series that are behaviours of one family.
        acknowledges: somebody does so with each page on the morning after.
        deployed: days on which every family is seen to be served by another deployment.
        first: day that is run first.
    """
    recorder, settings = Recorder(), Settings()
    policy, channels = policy_of(settings), [Outlet(recorder, Pace())]
    dates = [FIRST + timedelta(days=day) for day in deployed]
    known = {f"f{number:03d}": dates for number in range(told.shape[0] // together)}
    sending = {
        "retry_base_seconds": settings.alerts.retry_base_seconds,
        "retry_limit": settings.alerts.retry_limit,
    }
    for day in range(first, told.shape[1]):
        now = datetime.combine(FIRST + timedelta(days=day + 1), RUN_AT, UTC)
        look_after(engine, channels, policy=policy, now=now)
        signals = DRIFT_SIGNALS.table(list(day_rows(told, day, together)))
        process_days(
            engine,
            signals,
            evidence_for=_evidence,
            channels=channels,
            now=now,
            policy=policy,
            deployed=known,
        )
        deliver_due(engine, channels, now=now, **sending)
        if acknowledges:
            morning = datetime.combine(now.date(), ACKNOWLEDGED_AT, UTC)
            desk = Desk(engine, channels, policy, "somebody", morning)
            for name in _firing(engine):
                desk.acknowledge(name)
    return recorder.heard


def _evidence(signal: dict[str, Any]) -> dict[str, Any]:
    title = signal["behaviour"]
    return evidence(signal, [], [], title=title, dashboard_url=URL, simulated=True)


def _firing(engine: Engine) -> list[str]:
    query = select(schema.alerts.c.alert_id).where(schema.alerts.c.state == "firing")
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def heard_of(told: Told, **how: Any) -> list[Heard]:
    """The same with a store of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        engine = open_store(f"sqlite:///{Path(folder) / 'store.sqlite'}")
        try:
            return live(told, engine, **how)
        finally:
            engine.dispose()


def pages(heard: Sequence[Heard], series: int, days: int) -> Rate:
    """MODEL pages, first ones and returns, over watched years of series."""
    count = sum(
        one.type == "MODEL" and one.severity == "page" and one.event in BEGINNINGS for one in heard
    )
    return Rate(count, series * (days - BASELINE_DAYS) / 365.25)


@dataclass(frozen=True)
class Calls:
    """What one true drift made a channel hear of one family.

    Attributes:
        events: of MODEL alerts, by event.
        own: of them, those of alerts that began while the drift was there.
        messages: the same as a channel with default settings sends it, several alerts in one.
    """

    events: Counter[str]
    own: int
    messages: int

    @property
    def total(self) -> int:
        """Notifications."""
        return self.events.total()


def calls(heard: Sequence[Heard], families: int, told: Sequence[Drift]) -> dict[str, list[Calls]]:
    """What each drift made of each family's alerts, by drift.

    All that is heard of MODEL alerts from a drift's first day to the next one's counts, whatever
    its direction: what is false in between, and what the end of the drift sets off, counts too.
    """
    ends = [*(one.first for one in told[1:]), np.inf]
    found = {}
    for drift, end in zip(told, ends, strict=True):
        mine = [one for one in heard if one.type == "MODEL" and drift.first <= one.day < end]
        names = [f"f{family:03d}" for family in range(families)]
        found[drift.name] = [
            _calls([one for one in mine if one.family == name], drift.last) for name in names
        ]
    return found


def _calls(heard: Sequence[Heard], last: int) -> Calls:
    began = {one.alert_id for one in heard if one.event == "alert.firing" and one.day <= last}
    pace = Pace(group_above=3)
    rounds = Counter((one.day, one.event) for one in heard).values()  # as ``claims`` groups them
    return Calls(
        Counter(one.event for one in heard),
        sum(one.alert_id in began for one in heard),
        sum(1 if pace.together(n) else n for n in rounds),
    )


def drift_rows(
    way: str, found: dict[str, list[Calls]], *, by_message: bool = False
) -> list[tuple[object, ...]]:
    """A line of the table for each drift, and one for all."""
    everything = [one for each in found.values() for one in each]
    return [
        _line(f"{way}: {name}", each, by_message)
        for name, each in [*found.items(), ("all of them", everything)]
    ]


def _line(name: str, found: Sequence[Calls], by_message: bool) -> tuple[object, ...]:
    totals = np.array([one.messages if by_message else one.total for one in found])
    again = np.array([one.events["alert.reopened"] for one in found])
    kinds = Counter[str]()
    for one in found:
        kinds.update(one.events)
    told = ", ".join(f"{kinds[kind] / len(found):.2f} {kind[6:]}" for kind in sorted(kinds))
    own = [one.own for one in found]
    beyond = sum(one > NOTIFICATIONS for one in own)
    many = Share(int((totals > NOTIFICATIONS).sum()), len(found))
    often = Share(int((again > REOPENED).sum()), len(found))
    missed = Share(int((totals == 0).sum()), len(found))
    return (
        name, len(found), f"{totals.mean():.2f}", int(totals.max()), many, max(own), beyond,
        int(again.max()), often, missed.hits, told,
    )  # fmt: skip


HEADER = (
    "who acts, and drift | drifts | notifications, mean | most | share above "
    f"{NOTIFICATIONS} | of its own alerts, most | drifts above {NOTIFICATIONS} | "
    f"returns, most | share above {REOPENED} | never told | of them"
)


def quiet(series: int, seed: int = SEED) -> str:
    """How often series call people where nothing changes."""
    days = BASELINE_DAYS + round(YEARS * 365.25)
    rate = pages(heard_of(watch(series, days, [], (seed, 0))), series, days)
    met = "met" if rate.upper <= PAGES else "not met"
    return (
        f"Seed {seed}; {series} series of {YEARS} years without a change, stated run length "
        f"{RUN_LENGTH:g} years. MODEL pages a year, upper limit: {rate}; aimed at {PAGES}: {met}."
    )


def drifted(series: int, seed: int = SEED) -> str:
    """What true drifts make people hear."""
    told, days = drifts(), BASELINE_DAYS + round(YEARS * 365.25)
    said, lines = watch(series, days, told, (seed, 1)), []
    ends = [one.last + 1 for one in told]
    for way, how in (
        ("nobody", {}),
        ("nobody, its end is seen as a deployment", {"deployed": ends}),
        ("acknowledged next morning", {"acknowledges": True}),
    ):
        lines += drift_rows(way, calls(heard_of(said, **how), series, told))
        print(*lines[-len(told) - 1 :], sep="\n", flush=True)
    heard = heard_of(said, together=TOGETHER)
    found = calls(heard, series // TOGETHER, told)
    way = f"nobody, {TOGETHER} behaviours at once, messages"
    lines += drift_rows(way, found, by_message=True)[-1:]
    return (
        f"Seed {seed}; {series} series of {YEARS} years with {len(told)} drifts each, default "
        f"settings.\n\n{table(HEADER, lines)}\n\n{machine('numpy')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, help="another number of them")
    parser.add_argument("--only", choices=["quiet", "drifts"], help="one of the two parts")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    parts = {"quiet": (quiet, QUIET_SERIES), "drifts": (drifted, DRIFTING_SERIES)}
    for name, (make, series) in parts.items():
        if options.only in (None, name):
            text = make(options.series or series)
            print(text, flush=True)
            if options.write:
                write_section(f"alert_stream_{name}", text)


if __name__ == "__main__":
    main()
