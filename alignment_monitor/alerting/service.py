"""What the shell calls: signals in, alerts kept, deliveries queued, tables out.

Here belong: reading and writing alerts in one transaction with what they tell. Decisions belong to
the lifecycle, sentences to the evidence, sending to the outbox.
"""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from alignment_monitor.alerting.channels import BrokenChannel, Channel, ChannelError, open_webhook
from alignment_monitor.alerting.evidence import ended, evidence
from alignment_monitor.alerting.lifecycle import (
    Alert,
    Reset,
    Signal,
    Transition,
    advance,
    fingerprint,
)
from alignment_monitor.alerting.outbox import enqueue
from alignment_monitor.contracts import (
    ALERTS,
    BASELINE_RESETS,
    DELIVERIES,
    DRIFT_SIGNALS,
    Table,
)
from alignment_monitor.settings import Settings, SettingsError
from alignment_monitor.store import schema, transaction
from alignment_monitor.store.resets import kept_resets

ANNOTATION_KINDS = ("deployment", "incident", "rubric", "judge")
MONITOR = "monitor"
"""Who makes the transitions that no person makes."""

_log = logging.getLogger(__name__)


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


def open_channels(settings: Settings) -> list[Channel]:
    """The channels of monitor.yaml.

    One that cannot be used is logged with what to set, and takes part all the same: what is meant
    for it waits in the outbox with that reason, and the other channels go on.

    Raises:
        SettingsError: two channels have the same name.
    """
    names = [channel.name for channel in settings.alerts.channels]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"alerts.channels: each needs its own name; used twice: {twice}")
    opened: list[Channel] = []
    for channel in settings.alerts.channels:
        try:
            opened.append(open_webhook(channel))
        except ChannelError as error:
            _log.error("%s", error)
            opened.append(BrokenChannel(channel.name, str(error)))
    return opened


def process_days(
    engine: Engine,
    signals: pa.Table,
    *,
    evidence_for: Callable[[dict[str, Any]], dict[str, Any]],
    channels: Sequence[Channel],
    now: datetime,
) -> Summary:
    """Apply signals to the alerts, day by day in order; each day is one transaction.

    Args:
        engine: the operational store.
        signals: rows of drift_signals; days processed before change nothing.
        evidence_for: the evidence of a signal, asked only where an alert needs it.
        channels: who is told.
        now: current time. That a run came so far is itself a signal of that day: it ends the
            alert of an earlier day's failed run.
    """
    by_day: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for signal in signals.to_pylist():
        by_day[signal["day"]].append(signal)
    states: list[str] = []
    for day in sorted(by_day):
        states += _process(engine, by_day[day], evidence_for, channels, now)
    completed = _run_signal(now.date(), "NONE")
    states += _process(engine, [completed], evidence_for, channels, now)
    return Summary(states.count("firing"), states.count("pending"), states.count("resolved"))


def raise_pipeline_alert(
    engine: Engine,
    *,
    day: date,
    reason: str,
    channels: Sequence[Channel],
    now: datetime,
    dashboard_url: str,
) -> None:
    """Open the PIPELINE alert of a failed run, or confirm it; told once until runs succeed again.

    Args:
        engine: the operational store.
        day: day of the failure.
        reason: one sentence, without text of conversations.
        channels: who is told.
        now: current time.
        dashboard_url: where the dashboard is served.
    """

    def told(signal: dict[str, Any]) -> dict[str, Any]:
        bundle = evidence(signal, [], [], title="Run", dashboard_url=dashboard_url, simulated=False)
        return {**bundle, "statement": reason}

    _process(engine, [_run_signal(day, "PAGE")], told, channels, now)


def record_annotation(engine: Engine, *, day: date, kind: str, label: str, details: str) -> str:
    """Mark a day of the time line; the same mark again only replaces its details.

    Returns:
        The annotation's id.

    Raises:
        ValueError: the kind is not one of ANNOTATION_KINDS.
    """
    if kind not in ANNOTATION_KINDS:
        raise ValueError(f"an annotation is one of {', '.join(ANNOTATION_KINDS)}, not {kind!r}")
    table = schema.annotations
    identity = hashlib.blake2b(f"{day}/{kind}/{label}".encode(), digest_size=8).hexdigest()
    row = {"annotation_id": identity, "day": day, "kind": kind, "label": label, "details": details}
    with transaction(engine) as connection:
        same = update(table).where(table.c.annotation_id == identity).values(details=details)
        if not connection.execute(same).rowcount:
            connection.execute(insert(table), row)
    return identity


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


def _run_signal(day: date, decision: str) -> dict[str, Any]:
    """What a run says of itself, in the form of any other signal."""
    known = {
        "day": day,
        "series": "PIPELINE/all/run/down",
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
    now: datetime,
) -> list[str]:
    """Apply one day; returns the state that each alert changed to."""
    with engine.connect() as connection:
        planned = _advance(connection, signals)
    # Outside of the transaction: evidence reads files, and writers must not wait for that.
    told = {
        transition.after.alert_id: evidence_for(dict(transition.signal))
        for transition in planned
        if transition.confirmed
    }
    try:
        return _apply(engine, signals, told, channels, now)
    except IntegrityError:  # another worker opened the alert in between: it is seen now
        return _apply(engine, signals, told, channels, now)


def _apply(
    engine: Engine,
    signals: list[dict[str, Any]],
    told: dict[str, dict[str, Any]],
    channels: Sequence[Channel],
    now: datetime,
) -> list[str]:
    with transaction(engine) as connection:
        changes = []
        for transition in _advance(connection, signals):
            _keep(connection, transition, told)
            if transition.changed:
                _tell(connection, transition, channels, now)
                changes.append(transition.after.state)
    return changes


def _advance(connection: Connection, signals: list[dict[str, Any]]) -> list[Transition]:
    rows = kept_resets(connection)
    resets = [Reset(**{name: row[name] for name in Reset._fields}) for row in rows]
    return advance(_latest(connection, signals), signals, resets=resets)


def _latest(connection: Connection, signals: Iterable[Signal]) -> list[Alert]:
    """The latest alert of each fingerprint; locked until the end of the transaction."""
    table = schema.alerts
    query = (
        select(*(table.c[item.name] for item in fields(Alert)))
        .where(table.c.fingerprint.in_({fingerprint(signal) for signal in signals}))
        .order_by(table.c.processed_on, table.c.opened_on)
        .with_for_update()
    )
    found = {row["fingerprint"]: Alert(**row) for row in connection.execute(query).mappings()}
    return list(found.values())


def _keep(connection: Connection, transition: Transition, told: dict[str, dict[str, Any]]) -> None:
    alert, table = transition.after, schema.alerts
    values = asdict(alert)
    if transition.confirmed:
        values["evidence"] = _json(told[alert.alert_id])
    elif transition.ended:
        values["evidence"] = _json(_evidence_of(connection, alert) | ended(transition))
    if transition.before is None:
        connection.execute(insert(table), values)
    else:
        same = table.c.alert_id == alert.alert_id
        connection.execute(update(table).where(same).values(values))


def _tell(
    connection: Connection, transition: Transition, channels: Sequence[Channel], now: datetime
) -> None:
    alert, before, reset = transition.after, transition.before, transition.reset
    row = {
        "alert_id": alert.alert_id,
        "at": now,
        "from_state": before.state if before else None,
        "to_state": alert.state,
        "day": transition.day,
        "who": reset.author if reset else MONITOR,
        "note": f"{transition.ended}: {reset.reason}" if reset else transition.ended or "",
    }
    connection.execute(insert(schema.alert_transitions), row)
    last = _evidence_of(connection, alert)
    enqueue(connection, transition, channels, evidence=last, now=now)


def _evidence_of(connection: Connection, alert: Alert) -> dict[str, Any]:
    """The evidence of an alert, as it was last kept."""
    kept = select(schema.alerts.c.evidence).where(schema.alerts.c.alert_id == alert.alert_id)
    found: dict[str, Any] = json.loads(connection.execute(kept).scalar_one())
    return found


def _json(evidence: dict[str, Any]) -> str:
    return json.dumps(evidence, allow_nan=False, ensure_ascii=False)
