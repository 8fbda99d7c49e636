"""What the shell calls: signals in, alerts kept, deliveries queued, tables out.

Here belong: what a run does with alerts, each day in one transaction with what it tells. Decisions
belong to the lifecycle and to attention, rows to the books, sentences to the evidence, sending to
the outbox, and what people do to the desk.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import IntegrityError

from alignment_monitor.alerting.alert import RUN_SERIES
from alignment_monitor.alerting.attention import attend
from alignment_monitor.alerting.books import relevant, silences, write, writing
from alignment_monitor.alerting.channels import Channel
from alignment_monitor.alerting.evidence import run_evidence
from alignment_monitor.alerting.lifecycle import (
    Policy,
    Reset,
    Surroundings,
    Transition,
    advance,
    fingerprint,
)
from alignment_monitor.contracts import (
    ALERTS,
    BASELINE_RESETS,
    DELIVERIES,
    DRIFT_SIGNALS,
    Table,
)
from alignment_monitor.store import schema
from alignment_monitor.store.resets import kept_resets

ATTEMPTS = 8
"""How often a day is planned anew when a person or another worker was faster."""


class _OvertakenError(Exception):
    """Alerts changed between planning and writing, so that evidence is missing."""


@dataclass(frozen=True)
class Summary:
    """How many alerts the days moved.

    Attributes:
        opened: began to fire.
        warned: became pending.
        resolved: ended.
    """

    opened: int = 0
    warned: int = 0
    resolved: int = 0


def process_days(
    engine: Engine,
    signals: pa.Table,
    *,
    evidence_for: Callable[[dict[str, Any]], dict[str, Any]],
    channels: Sequence[Channel],
    now: datetime,
    policy: Policy | None = None,
    deployed: Mapping[str, Sequence[date]] | None = None,
    fresh: bool = True,
) -> Summary:
    """Apply signals to the alerts, day by day in order; each day is one transaction.

    Args:
        engine: the operational store.
        signals: rows of drift_signals; days processed before change nothing.
        evidence_for: the evidence of a signal, asked only where an alert needs it.
        channels: who is told.
        now: current time. That a run came so far is itself a signal of that day: it ends the
            alert of a failed run.
        policy: how stubbornly people are told; null: as by default.
        deployed: days by family on which a deployment began, or an earlier one came back.
        fresh: the newest completed day is as new as it has to be; else this run, maybe of an old
            day, says nothing of the one that failed, and its alert stays.
    """
    around = Surroundings(policy=policy or Policy(), deployed=deployed or {}, now=now)
    by_day: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for signal in signals.to_pylist():
        by_day[signal["day"]].append(signal)
    states: list[str] = []
    for day in sorted(by_day):
        states += _process(engine, by_day[day], evidence_for, channels, around, now)
    if fresh:
        completed = _run_signal(now.date(), "NONE", now)
        states += _process(engine, [completed], evidence_for, channels, around, now)
    return Summary(states.count("firing"), states.count("pending"), states.count("resolved"))


def raise_pipeline_alert(
    engine: Engine,
    *,
    day: date,
    reason: str,
    channels: Sequence[Channel],
    policy: Policy,
    now: datetime,
    dashboard_url: str,
    inputs: Mapping[str, Any] | None = None,
) -> None:
    """Open the PIPELINE alert of a failed run, or confirm it; told once until runs succeed again.

    Args:
        engine: the operational store.
        day: day of the failure.
        reason: one sentence, without text of conversations.
        channels: who is told.
        policy: how stubbornly; of all alerts, since each step looks at all of them.
        now: current time.
        dashboard_url: where the dashboard is served.
        inputs: what the alert can be replayed from, see ``operations.alert_replay``.
    """

    def told(signal: dict[str, Any]) -> dict[str, Any]:
        return run_evidence(signal, reason, inputs or {}, dashboard_url=dashboard_url)

    around = Surroundings(policy=policy, now=now)
    _process(engine, [_run_signal(day, "PAGE", now)], told, channels, around, now)


def look_after(
    engine: Engine, channels: Sequence[Channel], *, policy: Policy, now: datetime
) -> int:
    """Do what the time asks for: end silences, tell what is held no more, remind and escalate.

    Args:
        engine: the operational store.
        channels: who is told.
        policy: how stubbornly.
        now: current time.

    Returns:
        How many alerts were told.
    """
    with writing(engine) as connection:
        steps = attend(
            relevant(connection),
            silences=silences(connection, now),
            policy=policy,
            now=now,
            repeat=True,
        )
        for step in steps:
            write(connection, step, channels, now)
    return sum(step.event is not None for step in steps)


def export_alerts(engine: Engine) -> pa.Table:
    """All alerts, as pages read them."""
    return _export(engine, ALERTS)


def export_deliveries(engine: Engine) -> pa.Table:
    """The outbox, as pages read it; without the bodies."""
    return _export(engine, DELIVERIES)


def export_resets(engine: Engine) -> pa.Table:
    """The baselines made anew, as pages read them."""
    return _export(engine, BASELINE_RESETS)


def _export(engine: Engine, contract: Table) -> pa.Table:
    table = schema.metadata.tables[contract.name]
    with engine.connect() as connection:
        query = select(*(table.c[name] for name in contract.schema.names))
        return contract.table([dict(row) for row in connection.execute(query).mappings()])


def _run_signal(day: date, decision: str, now: datetime) -> dict[str, Any]:
    """What a run says of itself, in the form of any other signal; there may be several a day."""
    known = {
        "day": day,
        "at": now.isoformat(),
        "series": RUN_SERIES,
        "deployment_family": "all",
        "behaviour": "run",
        "direction": "down",
        "type": "PIPELINE",
        "phase": "watching",
        "decision": decision,
        "n": 0,
        "version": 1,
    }
    return {**dict.fromkeys(DRIFT_SIGNALS.schema.names), **known}


def _process(
    engine: Engine,
    signals: list[dict[str, Any]],
    evidence_for: Callable[[dict[str, Any]], dict[str, Any]],
    channels: Sequence[Channel],
    around: Surroundings,
    now: datetime,
) -> list[str]:
    """Apply one day; returns the state that each alert changed to."""
    told = dict[str, dict[str, Any]]()
    for _ in range(ATTEMPTS):
        with engine.connect() as connection:
            planned = _advance(connection, signals, around, now)
        # Outside of the transaction: evidence reads files, and writers must not wait for that.
        confirmed = [step for step in planned if step.confirmed]
        told |= {
            step.after.alert_id: evidence_for(dict(step.signal or {}))
            for step in confirmed
            if step.after.alert_id not in told
        }
        sizes = {
            step.after.series: told[step.after.alert_id].get("effective_n") for step in confirmed
        }
        try:
            return _apply(engine, signals, told, channels, replace(around, sizes=sizes), now)
        except (IntegrityError, _OvertakenError):
            continue
    raise _OvertakenError(
        f"others changed the alerts {ATTEMPTS} times meanwhile; run the day again"
    )


def _apply(
    engine: Engine,
    signals: list[dict[str, Any]],
    told: dict[str, dict[str, Any]],
    channels: Sequence[Channel],
    around: Surroundings,
    now: datetime,
) -> list[str]:
    with writing(engine) as connection:
        changes = []
        steps = _advance(connection, signals, around, now)
        if any(step.confirmed and step.after.alert_id not in told for step in steps):
            raise _OvertakenError
        for step in steps:
            write(connection, step, channels, now, told=told)
            if step.changed:
                changes.append(step.after.state)
    return changes


def _advance(
    connection: Connection, signals: list[dict[str, Any]], around: Surroundings, now: datetime
) -> list[Transition]:
    rows = kept_resets(connection)
    resets = [Reset(**{name: row[name] for name in Reset._fields}) for row in rows]
    ruling = silences(connection, now)
    alerts = relevant(connection, map(fingerprint, signals))
    return advance(alerts, signals, replace(around, resets=resets, silences=ruling))
