"""Alerts as the operational store keeps them, and the record of what was done to them.

Here belong: reading alerts and silences as values, and writing a transition together with what it
tells, in the caller's transaction. Here does not belong: which transition (lifecycle, attention,
actions), or when (service, desk).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, or_, select, text, update

from alignment_monitor.alerting.alert import ACKNOWLEDGED, Alert, Policy, Transition
from alignment_monitor.alerting.attention import Silence
from alignment_monitor.alerting.channels import Channel
from alignment_monitor.alerting.evidence import ended
from alignment_monitor.alerting.outbox import enqueue
from alignment_monitor.settings import Settings
from alignment_monitor.store import schema, transaction

_LOCK = 0x616C657274  # any number that no other application on the server uses
UNHEARD = "nobody is told: no channel takes it"
"""What is kept in place of what would have been told."""

_ALERTS = schema.alerts
_COLUMNS = [_ALERTS.c[item.name] for item in fields(Alert)]


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes alerts: one at a time, whatever process it is in.

    Each step looks at all open alerts; with locks of rows, which come and go, a run and a person
    would sooner or later wait for each other. SQLite has one writer anyway.
    """
    with transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection


def policy_of(settings: Settings) -> Policy:
    """How stubbornly people are told, as monitor.yaml says."""
    alerts = settings.alerts
    return Policy(
        minimum_effective_n=alerts.minimum_effective_n,
        renotify_days=alerts.renotify_days,
        escalate_after_hours=alerts.escalate_after_hours,
        repeat_limit=alerts.repeat_limit,
        hold_days=alerts.hold_days,
    )


def relevant(connection: Connection, fingerprints: Iterable[str] = ()) -> list[Alert]:
    """The latest alert of each fingerprint, and all open ones; oldest first."""
    wanted = set(fingerprints)
    query = (
        select(*_COLUMNS)
        .where(or_(_ALERTS.c.fingerprint.in_(wanted), _ALERTS.c.state != "resolved"))
        .order_by(_ALERTS.c.processed_on, _ALERTS.c.opened_on, _ALERTS.c.state != "resolved")
    )
    found = [Alert(**row) for row in connection.execute(query).mappings()]
    return list({alert.fingerprint: alert for alert in found}.values())


def one(connection: Connection, alert_id: str) -> Alert:
    """An alert by its whole name."""
    query = select(*_COLUMNS).where(_ALERTS.c.alert_id == alert_id)
    return Alert(**connection.execute(query).mappings().one())


def silences(connection: Connection, now: datetime) -> list[Silence]:
    """The silences that are in force or will be."""
    table = schema.alert_silences
    columns = [table.c[item.name] for item in fields(Silence)]
    query = select(*columns).where(table.c.ends_at > now).order_by(table.c.starts_at)
    return [Silence(**row) for row in connection.execute(query).mappings()]


def write(
    connection: Connection,
    transition: Transition,
    channels: Sequence[Channel],
    now: datetime,
    *,
    told: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Keep the alert and, where it deserves it, the transition; queue what it tells.

    Args:
        connection: in a transaction.
        transition: what happened.
        channels: who is told.
        now: current time.
        told: new evidence by alert, for those that a signal confirmed.
    """
    alert = transition.after
    values = asdict(alert)
    if transition.confirmed and told is not None:
        values["evidence"] = json_of(told[alert.alert_id])
    elif transition.ended:
        values["evidence"] = json_of(evidence_of(connection, alert) | ended(transition))
    if transition.before is None:
        connection.execute(insert(_ALERTS), values)
    else:
        same = _ALERTS.c.alert_id == alert.alert_id
        connection.execute(update(_ALERTS).where(same).values(values))
    if transition.recorded:
        last = evidence_of(connection, alert)
        queued = enqueue(connection, transition, channels, evidence=last, now=now)
        _record(connection, transition, now, heard=queued > 0)


def _record(connection: Connection, transition: Transition, now: datetime, *, heard: bool) -> None:
    before = transition.before
    # That it is acknowledged is told to few receivers, if any: their deliveries say so.
    event = None if transition.event == ACKNOWLEDGED else transition.event
    unheard = (UNHEARD,) if event and not heard else ()
    row = {
        "alert_id": transition.after.alert_id,
        "at": now,
        "from_state": before.state if before else None,
        "to_state": transition.after.state,
        "day": transition.day,
        "who": transition.who,
        "note": "; ".join(filter(None, (*unheard, transition.note))),
        "event": event if heard else None,
    }
    connection.execute(insert(schema.alert_transitions), row)


def evidence_of(connection: Connection, alert: Alert) -> dict[str, Any]:
    """The evidence of an alert, as it was last kept."""
    kept = select(_ALERTS.c.evidence).where(_ALERTS.c.alert_id == alert.alert_id)
    found: dict[str, Any] = json.loads(connection.execute(kept).scalar_one())
    return found


def json_of(evidence: dict[str, Any]) -> str:
    """Evidence as it is kept."""
    return json.dumps(evidence, allow_nan=False, ensure_ascii=False)
