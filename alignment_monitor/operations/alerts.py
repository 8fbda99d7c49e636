"""Alerts as people see and work them: for the command, and for the page.

Here belong: what is shown of alerts, in a form fit for JSON, and acts with the marts that they
change. Here does not belong: what an act does (``alerting.desk``), or how it is printed.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, select

from alignment_monitor.alerting.alert import OF_TRAFFIC, Alert
from alignment_monitor.alerting.attention import Silence
from alignment_monitor.alerting.books import policy_of, relevant, silences
from alignment_monitor.alerting.desk import Desk, DeskError, find_alert, precision_rows
from alignment_monitor.alerting.evidence import if_expected
from alignment_monitor.alerting.outlets import open_channels
from alignment_monitor.alerting.redelivery import redeliver
from alignment_monitor.alerting.service import export_alerts, export_deliveries
from alignment_monitor.contracts import ALERT_PRECISION, ALERT_STATES, ALERTS, DELIVERIES
from alignment_monitor.parquet import write_parquet
from alignment_monitor.settings import Settings
from alignment_monitor.store import is_there, open_store, schema

OPEN = tuple(state for state in ALERT_STATES if state != "resolved")
_ORDER = {"firing": 0, "acknowledged": 1, "silenced": 2, "pending": 3, "resolved": 4}
_SHOWN = (
    "alert_id", "type", "severity", "state", "deployment_family", "behaviour", "direction",
    "series", "opened_on", "returned_on", "returns", "updated_on", "resolved_on", "resolution",
    "told_at", "held_by", "reason",
)  # fmt: skip
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@contextmanager
def opened(settings: Settings) -> Iterator[Engine]:
    """The operational store, where there is one.

    Raises:
        DeskError: nothing was run in this home.
        StoreError: it cannot be opened.
    """
    if not is_there(settings.store_url):
        raise DeskError(
            f"There is no store in {settings.home}: nothing was run there yet. Name another home "
            "by --home, or run `alignment-monitor demo`."
        )
    engine = open_store(settings.store_url)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def working(settings: Settings, who: str, now: datetime) -> Iterator[Desk]:
    """A desk at which somebody acts; pages see at its end what was done.

    Raises:
        DeskError: as ``opened``, or nobody acts.
        StoreError: as ``opened``.
    """
    with opened(settings) as engine:
        yield Desk(engine, open_channels(settings), policy_of(settings), who, now)
        refresh_marts(settings, engine)


def refresh_marts(settings: Settings, engine: Engine) -> None:
    """Write what pages read of alerts."""
    found = {
        ALERTS: export_alerts(engine),
        DELIVERIES: export_deliveries(engine),
        ALERT_PRECISION: ALERT_PRECISION.table(precision_rows(engine)),
    }
    for contract, table in found.items():
        write_parquet(table, settings.marts / f"{contract.name}.parquet")


def listing(engine: Engine, states: Collection[str], now: datetime) -> dict[str, Any]:
    """Alerts in some states, those that need somebody first, with silences and precision.

    Raises:
        DeskError: there is no such state.
    """
    if unknown := set(states) - set(ALERT_STATES):
        raise DeskError(f"No state is called {min(unknown)!r}: {', '.join(ALERT_STATES)}, or all.")
    table = schema.alerts
    with engine.connect() as connection:
        found = connection.execute(select(table).where(table.c.state.in_(states))).mappings().all()
        sent = _sent(connection)
        ruling = silences(connection, now)
    rows = sorted(found, key=_urgency)
    return {
        "alerts": [_alert(row, sent[row["alert_id"]], ruling, now) for row in rows],
        "silences": [_plain(asdict(silence)) for silence in ruling],
        "precision": precision_rows(engine),
    }


def shown(engine: Engine, name: str, now: datetime) -> dict[str, Any]:
    """Everything about one alert: its evidence, what was done to it, and what was sent.

    Raises:
        DeskError: none is called so, or several are.
    """
    table = schema.alerts
    with engine.connect() as connection:
        alert_id = find_alert(connection, name)
        row = connection.execute(select(table).where(table.c.alert_id == alert_id)).mappings().one()
        told = _alert(row, _sent(connection)[alert_id], silences(connection, now), now)
        return {
            **told,
            "evidence": json.loads(row["evidence"]),
            "history": history(connection, alert_id),
            "deliveries_made": [
                found for found in delivery_rows(connection) if found["alert_id"] == alert_id
            ],
        }


def desk_view(
    engine: Engine, now: datetime
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """What a page shows beside the marts.

    Returns:
        Silences in force, each with the ids of the open alerts that it ``covers``; and the history
        of each open alert by its id.
    """
    table = schema.alerts
    columns = [table.c[item.name] for item in fields(Alert)]
    with engine.connect() as connection:
        query = select(*columns).where(table.c.state != "resolved")
        standing = [Alert(**row) for row in connection.execute(query).mappings()]
        ruling = [
            {**asdict(one), "covers": [a.alert_id for a in standing if one.covers(a, now)]}
            for one in silences(connection, now)
        ]
        return ruling, {one.alert_id: history(connection, one.alert_id) for one in standing}


def covered(engine: Engine, silence: Silence, now: datetime) -> int:
    """How many open alerts a silence covers: of a misspelt name none, and nobody would notice."""
    with engine.connect() as connection:
        return sum(silence.covers(alert, now) for alert in relevant(connection))


def history(connection: Connection, alert_id: str) -> list[dict[str, Any]]:
    """What was done to an alert and said of it, in order."""
    moves, comments = schema.alert_transitions, schema.alert_comments
    of_moves = (
        select(
            moves.c.at, moves.c.who, moves.c.event, moves.c.from_state, moves.c.to_state,
            moves.c.note,
        )
        .where(moves.c.alert_id == alert_id)
        .order_by(moves.c.transition_id)
    )  # fmt: skip
    of_comments = (
        select(comments.c.at, comments.c.who, comments.c.comment.label("note"))
        .where(comments.c.alert_id == alert_id)
        .order_by(comments.c.comment_id)
    )
    blank = {"event": None, "from_state": None, "to_state": None}
    rows = [dict(row) for row in connection.execute(of_moves).mappings()]
    rows += [{**blank, **row} for row in connection.execute(of_comments).mappings()]
    return [_plain(row) for row in sorted(rows, key=lambda row: row["at"])]


def delivery_rows(connection: Connection) -> list[dict[str, Any]]:
    """All deliveries, newest first; without what was sent."""
    table = schema.deliveries
    columns = [table.c[name] for name in DELIVERIES.schema.names]
    query = select(*columns).order_by(table.c.sequence.desc())
    return [_plain(dict(row)) for row in connection.execute(query).mappings()]


def redeliver_dead(
    settings: Settings, engine: Engine, channel: str | None, now: datetime
) -> tuple[int, int]:
    """Give dead deliveries another chance; see ``redelivery.redeliver``.

    Args:
        settings: of the home.
        engine: the operational store.
        channel: only of this one, which may have been taken out of the settings; null: of all.
        now: current time.

    Raises:
        DeskError: no channel is called so.
    """
    if channel is not None:
        column = schema.deliveries.c.channel
        with engine.connect() as connection:
            used: set[str] = set(connection.execute(select(column).distinct()).scalars())
        known = [one.name for one in settings.alerts.channels]
        known += sorted(used - set(known))
        if channel not in known:
            there = f"there are: {', '.join(known)}" if known else "there is none"
            raise DeskError(f"There is no channel {channel!r}; {there}.")
    return redeliver(engine, now=now, channel=channel)


def end_of_silence(lasting: str | None, until: datetime | None, now: datetime) -> datetime:
    """When a silence ends, by how long it lasts (``90m``, ``12h``, ``3d``, ``2w``) or until when.

    Raises:
        DeskError: neither or both are given, or the duration cannot be read.
    """
    if (lasting is None) == (until is None):
        raise DeskError("Say how long: either --for, as in 12h or 3d, or --until.")
    if until is not None:
        return until.replace(tzinfo=UTC) if until.tzinfo is None else until
    words = (lasting or "").strip()
    number, unit = words[:-1], words[-1:]
    if unit not in _UNITS or not number.isdecimal() or not 0 < int(number) < 10_000:
        raise DeskError(f"{words!r} is no duration: write 90m, 12h, 3d or 2w.")
    return now + timedelta(**{_UNITS[unit]: int(number)})


def next_step(alert: Alert) -> str | None:
    """What to type after an alert was ended as an expected change."""
    wanted = alert.resolution == "expected_change" and alert.type in OF_TRAFFIC
    return if_expected(alert.alert_id) if wanted else None


def _urgency(row: RowMapping) -> tuple[bool, bool, int, int]:
    newest = -(row["returned_on"] or row["opened_on"]).toordinal()
    return row["state"] == "resolved", row["severity"] != "page", _ORDER[row["state"]], newest


def _alert(
    row: RowMapping, sent: Mapping[str, int], ruling: Collection[Silence], now: datetime
) -> dict[str, Any]:
    alert = Alert(**{item.name: row[item.name] for item in fields(Alert)})
    by = [one.silence_id for one in ruling if alert.state != "resolved" and one.covers(alert, now)]
    expected = alert.type in OF_TRAFFIC and alert.state != "resolved"
    return _plain(
        {
            **{name: row[name] for name in _SHOWN},
            "told_at": row["told_at"] if sent else None,
            "statement": json.loads(row["evidence"]).get("statement", ""),
            "silenced_by": by,
            "deliveries": dict(sorted(sent.items())),
            "if_expected": if_expected(alert.alert_id) if expected else None,
        }
    )


def _sent(connection: Connection) -> dict[str, Counter[str]]:
    """Deliveries of each alert by status."""
    table = schema.deliveries
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for alert_id, status in connection.execute(select(table.c.alert_id, table.c.status)).tuples():
        found[str(alert_id)][str(status)] += 1
    return found


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row that JSON has: days and times as text."""
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in row.items()
    }
