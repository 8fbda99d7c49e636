"""An alert's decision, computed again from what is stored and compared in every digit.

Here belongs: which decision an alert stands for, and what differs. Here does not belong: the
decision (``resources.signals``) or its arithmetic step by step (``operations.explain``).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import select

from alignment_monitor.alerting.evidence import DECIDED, exact
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.operations.freshness import Freshness
from alignment_monitor.resources.signals import home_signals
from alignment_monitor.settings import Settings
from alignment_monitor.statistics.row_hashes import hash_of
from alignment_monitor.store import is_there, open_store, schema

HASH = "evidence_hash"
RUN = "run"
EQUAL, DIFFERENT = "equal", "different"
NOT_KEPT = {"decided": (None, None)}
OLDER = (
    "The version that raised it did not keep what it decided, so there is nothing to compare with; "
    "`alignment-monitor explain` computes what comes out now."
)


class ReplayError(ValueError):
    """An alert cannot be replayed; the message says why and what there is."""


@dataclass(frozen=True)
class Replayed:
    """An alert's decision then and now.

    Attributes:
        alert_id: the alert.
        series: series of drift_signals.
        day: day of the decision that raised it.
        decision: what was decided.
        differences: by name of the figure what was kept and what comes out now.
        reason: why it differs, as far as that is known.
    """

    alert_id: str
    series: str
    day: str
    decision: str
    differences: Mapping[str, tuple[Any, Any]]
    reason: str = ""

    @property
    def equal(self) -> bool:
        """Every digit of the decision and of its inputs is the same."""
        return not self.differences

    def plain(self) -> dict[str, Any]:
        """The same as JSON has it."""
        return {
            "alert_id": self.alert_id,
            "series": self.series,
            "day": self.day,
            "decision": self.decision,
            "result": EQUAL if self.equal else DIFFERENT,
            "differences": {
                name: {"kept": kept, "now": now} for name, (kept, now) in self.differences.items()
            },
            "reason": self.reason,
        }


def replay_alerts(settings: Settings, wanted: Iterable[str] = ()) -> list[Replayed]:
    """Replay alerts, each for the day whose decision raised it.

    Args:
        settings: of the home.
        wanted: identifiers, or their beginnings; none: all alerts.

    Raises:
        ReplayError: there is no such alert.
        RubricError: the rubric of the settings cannot be used.
        WarehouseError: the sufficient statistics cannot be read.
        StoreError: the operational store cannot be read.
    """
    alerts = _wanted(_alerts(settings), list(wanted))
    rubric = load_rubric(settings.judging.rubric, settings.rubrics)

    @cache
    def decided(day: date) -> dict[str, dict[str, Any]]:
        rows = home_signals(settings, rubric, day, day).to_pylist()
        return {row["series"]: row for row in rows}

    found = []
    for alert in alerts:
        told = json.loads(alert["evidence"])
        kept = told.get("decided")
        if kept is None:
            opened = alert["opened_on"].isoformat()
            found.append(Replayed(alert["alert_id"], alert["series"], opened, "", NOT_KEPT, OLDER))
            continue
        if alert["behaviour"] == RUN:
            now, reason = _run_now(settings, kept, told.get("inputs") or {})
        else:
            row = decided(date.fromisoformat(kept["day"])).get(kept["series"])
            now, reason = _row_now(row), ""
        found.append(_compared(alert["alert_id"], kept, now, reason))
    return found


def lines(replayed: Replayed) -> Iterator[str]:
    """The result as text."""
    head = f"{replayed.alert_id} {replayed.series} on {replayed.day}"
    if replayed.differences == NOT_KEPT:
        yield f"not comparable {head}"
    else:
        yield f"{EQUAL if replayed.equal else DIFFERENT} {head}: {replayed.decision}"
        for name, (kept, now) in replayed.differences.items():
            yield f"  {name}: then {_said(kept)}, now {_said(now)}"
    if replayed.reason:
        yield f"  {replayed.reason}"


def _said(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _alerts(settings: Settings) -> list[dict[str, Any]]:
    if not is_there(settings.store_url):
        raise ReplayError(
            f"There is no store in {settings.home}: nothing was run there yet. Name another home "
            "by --home."
        )
    store = open_store(settings.store_url)
    try:
        query = select(schema.alerts).order_by(schema.alerts.c.opened_on, schema.alerts.c.alert_id)
        with store.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]
    finally:
        store.dispose()


def _wanted(alerts: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    if not names:
        return alerts
    found = []
    for name in names:
        mine = [alert for alert in alerts if name and alert["alert_id"].startswith(name)]
        if len(mine) != 1:
            known = "\n  ".join(f"{alert['alert_id']} {alert['series']}" for alert in alerts)
            which = "More than one alert begins" if mine else "No alert begins"
            there = f"There are:\n  {known}" if known else "There is none."
            raise ReplayError(f"{which} with {name!r}. {there}")
        found += mine
    return found


def _row_now(row: dict[str, Any] | None) -> dict[str, Any]:
    return {name: exact(row[name]) if row else None for name in DECIDED}


def _run_now(
    settings: Settings, kept: Mapping[str, Any], inputs: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """The decision on a run, from the inputs that its alert keeps, and from Dagster's record."""
    failed, reason = False, ""
    if inputs.get("kind") == "heartbeat":
        last_day = inputs["last_day"] and date.fromisoformat(inputs["last_day"])
        checked_at = datetime.fromisoformat(inputs["checked_at"])
        started = inputs.get("started_at")  # not kept by older versions
        started_at = started and datetime.fromisoformat(started)
        failed = Freshness(last_day, checked_at, inputs["max_age_hours"], started_at).stale
    elif inputs.get("kind") == "failed_run":
        failed, reason = _failed(settings, inputs["run_id"])
    else:
        reason = "What it was raised by was not kept."
    now = {**kept, "decision": "PAGE" if failed else "NONE"}
    return {**now, HASH: hash_of({}, inputs) if inputs else None}, reason


def _failed(settings: Settings, run_id: str) -> tuple[bool, str]:
    """Whether Dagster's own record says that a run failed, and why that is not known."""
    import dagster as dg

    from alignment_monitor.operations.pipeline import prepare_dagster_home

    prepare_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
    if run is None:
        return False, f"Dagster has no record of run {run_id[:8]} any more."
    return run.status is dg.DagsterRunStatus.FAILURE, f"Dagster says {run.status.value}."


def _compared(
    alert_id: str, kept: Mapping[str, Any], now: Mapping[str, Any], reason: str
) -> Replayed:
    names = [name for name in DECIDED if name != HASH] + [HASH]
    differences = {
        name: (kept.get(name), now[name]) for name in names if kept.get(name) != now[name]
    }
    if set(differences) == {HASH}:
        reason = "The inputs are others (late data, labels or settings); the decision is the same."
    elif HASH in differences:
        reason = "The inputs are others: late data, labels or settings."
    elif differences and not reason:
        reason = "The inputs are the same: the computation is another, by a new version."
    return Replayed(alert_id, kept["series"], kept["day"], kept["decision"], differences, reason)
