"""Alerts in words for the terminal.

Here belong: lines about rows that ``operations.alerts`` gives. Here does not belong: the evidence
in words (alerting.bundle) or any command (alert.py).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from alignment_monitor.alerting.bundle import parts

Row = Mapping[str, Any]


def shown(row: Row) -> Iterator[str]:
    """All of one alert, line by line."""
    yield f"{row['alert_id']}  {row['type']} {row['severity']}, {row['state']}"
    yield row["statement"]
    since = f"Since {row['opened_on']}, last confirmed {row['updated_on']}"
    since += f"; back since {row['returned_on']}" if row["returned_on"] else ""
    yield since + (
        f"; ended {row['resolved_on']}: {row['resolution']}" if row["resolution"] else ""
    )
    yield f"Series {row['series']}"
    if row["held_by"]:
        yield f"Held by {row['held_by']}: it explains this one, which is sent when that has ended."
    if row["silenced_by"]:
        yield f"Silenced by {', '.join(row['silenced_by'])}"
    if row["reason"]:
        yield f"No page: {row['reason']}."
    if row["if_expected"]:
        yield f"If it was expected: {row['if_expected']}"
    for name, lines in parts(row["evidence"] or {}, _plain):
        if len(lines) == 1:
            yield f"{name}: {lines[0]}"
        else:
            yield f"{name}:"
            yield from (f"  {line}" for line in lines)
    for step in row["history"]:
        yield "  " + _step(step)
    for sent in row["deliveries_made"]:
        error = f" ({sent['last_error']})" if sent["last_error"] else ""
        what = f"{sent['delivery_id']} {sent['event']} to {sent['channel']}"
        yield f"  {what}: {sent['status']}{error}"


def _step(step: Row) -> str:
    moved = step["to_state"] is not None and step["from_state"] != step["to_state"]
    what = step["to_state"] if moved else "" if step["to_state"] else "comment"
    told = f"told: {step['event'].removeprefix('alert.')}" if step["event"] else ""
    said = "; ".join(filter(None, (what, told, step["note"])))
    return f"{step['at'][:16].replace('T', ' ')}  {step['who']}: {said}"


def silence(row: Row) -> str:
    """A silence in a line."""
    names = ("type", "severity", "family", "behaviour", "series")
    what = ", ".join(f"{name} {row[name]}" for name in names if row[name])
    until = row["ends_at"][:16].replace("T", " ")
    return (
        f"Silence {row['silence_id']}: {what}; until {until} UTC, by {row['who']}: {row['reason']}"
    )


def precision(row: Row) -> str:
    """How often alerts were right, with its interval."""
    rate, lower, upper = (100 * row[name] for name in ("precision", "lower", "upper"))
    return (
        f"True drifts among the alerts that people judged: {rate:.0f} % "
        f"[{lower:.0f}, {upper:.0f}], n = {row['n']}"
    )


def _plain(name: str) -> str:
    """A name from outside without what a terminal would act on."""
    return "".join(character if character.isprintable() else " " for character in name)
