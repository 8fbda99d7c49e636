"""An alert in words and markup: where it stands, what keeps it from being sent, who did what.

Here belong: reading rows of alerts, deliveries and their history, as pure functions. Here does not
belong: any button (acting.py) or the order of the page (views/alerts.py).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import urlencode

from components import link, moment, text
from facts import statement
from wording import called, capital, count, counted, listed, rate, short_day

Row = Mapping[str, Any]

DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
ORDER = {"firing": 0, "acknowledged": 1, "silenced": 2, "pending": 3}
ENDED = {
    "quiet": "went away by itself",
    "re-baselined": "declared normal",
    "contradicted": "labels spoke against it",
    "true_drift": "true drift",
    "expected_change": "expected change",
    "false_alarm": "false alarm",
}
STATES = {
    "firing": "firing",
    "acknowledged": "acknowledged",
    "silenced": "silenced",
    "pending": "only a warning, nobody was told",
}


def open_ones(alerts: Sequence[Row]) -> list[Row]:
    """Alerts that have not ended: pages before warnings, what was sent and has nobody yet first."""
    found = [row for row in alerts if row["state"] in ORDER]
    return sorted(
        found,
        key=lambda row: (
            row["severity"] != "page",
            ORDER[row["state"]],
            row["held_by"] is not None,
            -(row["returned_on"] or row["opened_on"]).toordinal(),
        ),
    )


def head(alert: Row, title: str, notices: Sequence[str], sent: str) -> str:
    """The part of an alert that is read first: how bad, what, since when, told to whom."""
    page = alert["severity"] == "page"
    loud = page and alert["state"] == "firing" and not alert["held_by"]
    kind, symbol = ("change", "▲") if loud else ("judge", "▲" if page else "◆")
    if alert["state"] in ("acknowledged", "silenced"):
        kind = "quiet"
    state = STATES[alert["state"]] + (", held" if alert["held_by"] else "")
    label = f"{'Page' if page else 'Warning'} · {alert['type']} · {state}"
    said = statement(alert) or f"{title} of {alert['deployment_family']} changed."
    told = "".join(f'<p class="am-held">{notice}</p>' for notice in notices)
    return (
        f'<p class="status {kind}">{symbol} {escape(label)}</p>'
        f"<h2>{_whole_days(text(said))}</h2>{told}"
        f'<p class="am-faint am-small">{escape(since(alert))} · {sent} · {_read_on(alert)}</p>'
    )


def since(alert: Row) -> str:
    """Since when it stands, and whether it had gone before."""
    opened, returned = alert["opened_on"], alert["returned_on"]
    told = f"Since {short_day(opened)}"
    if returned:
        told = f"Back since {short_day(returned)}, first on {short_day(opened)}"
    return f"{told}, last confirmed {short_day(alert['updated_on'])}"


def notices(alert: Row, others: Mapping[str, Row], silences: Sequence[Row]) -> list[str]:
    """What keeps an alert from being sent, as markup."""
    told = []
    if holder := alert["held_by"]:
        other = others.get(holder)
        why = f": {text(statement(other))}" if other and statement(other) else ""
        told.append(f"<b>Held</b> by {text(holder[:8])}, which explains it{why}")
    told += [
        f"<b>Silenced</b> until {moment(row['ends_at'])} by {text(row['who'])}: "
        f"{text(row['reason'])}"
        for row in silences
    ]
    if alert["reason"]:
        told.append(f"<b>No page</b>: {text(alert['reason'])}")
    return told


def sent(deliveries: Sequence[Row]) -> str:
    """Who was told of an alert, as markup."""
    if not deliveries:
        return "not sent to anybody"
    last: dict[str, Row] = {}
    for row in sorted(deliveries, key=lambda row: row["created_at"]):
        last[row["channel"]] = row
    kinds = {"pending": "am-warn", "dead": "am-alarm"}
    words = {"delivered": "told", "pending": "being sent", "dead": "could not be told"}
    return ", ".join(
        f"{text(channel)} <span class='{kinds.get(row['status'], '')}'>"
        f"{words.get(row['status'], row['status'])}</span> ({_event(row['event'])})"
        for channel, row in sorted(last.items())
    )


def steps(history: Sequence[Row]) -> str:
    """What was done to an alert and said of it, as a list."""
    items = "".join(
        f'<li><span class="am-faint">{moment(datetime.fromisoformat(row["at"]))}</span>'
        f"<span><b>{text(row['who'])}</b> {_step(row)}</span></li>"
        for row in history
    )
    return f"<ul>{items}</ul>"


def precision(rows: Sequence[Row]) -> str:
    """How often alerts were right, in one sentence; what is missing if nobody has said."""
    whole = next((row for row in rows if row["type"] == "all"), None)
    if whole is None:
        return ""
    fired = f"{counted(whole['fired'], 'alert')} fired so far"
    if not whole["n"]:
        return (
            f"How often alerts are right is not known: {fired}, and nobody has called one a true "
            "drift or a false alarm."
        )
    shown = rate(whole["precision"], whole["lower"], whole["upper"], digits=0)
    parts = [
        f"{row['type']} {count(row['true_drifts'])} of {count(row['n'])}"
        for row in rows
        if row["n"] and row["type"] != "all"
    ]
    return (
        f"True drifts among the alerts that people judged: {shown}, n = {count(whole['n'])} "
        f"({listed(parts)}). {capital(fired)}; {count(whole['expected_changes'])} called expected."
    )


def name_of(alert: Row, title: str) -> str:
    """An alert in a few words, for lists."""
    what = f"{title} {alert['direction']}"
    if alert["type"] == "JUDGE":
        return f"{what} on {called(alert['deployment_family'])}"
    return f"{what}, {alert['deployment_family']}"


def ended(alert: Row) -> str:
    """How an alert ended."""
    return ENDED.get(alert["resolution"] or "", alert["resolution"] or "ended")


def pattern(silence: Row) -> str:
    """What a silence matches."""
    names = ("type", "severity", "family", "behaviour", "series")
    return ", ".join(f"{name} {silence[name]}" for name in names if silence[name])


def _whole_days(markup: str) -> str:
    """Days that no line breaks within."""
    return DAY.sub(r'<span class="am-day">\g<0></span>', markup)


def _step(row: Row) -> str:
    if row["to_state"] is None:
        return f"noted: {text(row['note'])}"
    moved = row["from_state"] != row["to_state"]
    parts = [escape(row["to_state"])] if moved else []
    parts += [f"told: {_event(row['event'])}"] if row["event"] else []
    parts += [text(row["note"])] if row["note"] else []
    return " · ".join(parts)


def _event(event: str) -> str:
    return escape(event.removeprefix("alert."))


def _read_on(alert: Row) -> str:
    family = urlencode({"family": alert["deployment_family"]})
    if alert["type"] == "PIPELINE":
        return link("health", "", "See Health")
    if alert["type"] == "JUDGE":
        return link("judges", urlencode({"judge": alert["deployment_family"]}), "See the judge")
    return link("/", family, "See the figures")
