"""What a message says in plain words, for channels that people read.

Here belong: titles and lines made of the evidence. Here does not belong: how a service wants them
marked up (each channel's own module). All of it is data: names come from outside.
"""

from collections import Counter
from typing import Any

from alignment_monitor.alerting.channels.base import (
    ACKNOWLEDGED,
    ESCALATED,
    REMINDER,
    REOPENED,
    TEST,
    Delivery,
    Item,
)
from alignment_monitor.alerting.lifecycle import FIRING, RESOLVED

LISTED = 20
"""Alerts of a group that are named; the dashboard has the rest."""

_EVENTS = {
    FIRING: "Firing",
    RESOLVED: "Resolved",
    REMINDER: "Still firing",
    ESCALATED: "Escalated",
    REOPENED: "Firing again",
    ACKNOWLEDGED: "Acknowledged",
    TEST: "Test",
}


def event(item: Item) -> str:
    """What happened, in a word or two."""
    return _EVENTS.get(item.event, item.event.removeprefix("alert.").replace("_", " ").capitalize())


def title(delivery: Delivery) -> str:
    """One line, such as a subject."""
    if delivery.grouped:
        counts = Counter(event(item) for item in delivery.items)
        parts = ", ".join(f"{count} {name.lower()}" for name, count in counts.items())
        return f"{len(delivery.items)} alerts: {parts}"
    (item,) = delivery.items
    about = [str(item.data[key]) for key in ("type", "severity") if item.data.get(key)]
    what = item.data.get("behaviour_title") or item.data.get("behaviour")
    words = [f"{event(item)}: {' '.join(about)}".strip()]
    if what:
        words.append(f"{what} of {item.data.get('deployment_family')}")
    return _one_line(", ".join(words))


def statement(item: Item) -> str:
    """The sentence that the evidence has."""
    return _one_line(str(item.data.get("statement") or event(item)))


def lines(delivery: Delivery) -> list[str]:
    """What is to be read below the title; of a group the first ``LISTED``."""
    if not delivery.grouped:
        (item,) = delivery.items
        return [statement(item), *facts(item)]
    told = [f"{event(item)}: {statement(item)}" for item in delivery.items[:LISTED]]
    more = len(delivery.items) - len(told)
    return [*told, f"and {more} more, on the dashboard"] if more else told


def facts(item: Item) -> list[str]:
    """What one should know besides the sentence, where it is known."""
    data = item.data
    found = [
        _fact("Since", data.get("start_day") or data.get("opened_on")),
        _fact("Near the start of", data.get("nearest_deployment")),
        _fact("If it was expected", data.get("if_expected")),
        _fact("Why it ended", data.get("ended")),
        _fact("Alert", data.get("alert_id")),
    ]
    return [fact for fact in found if fact]


def link(delivery: Delivery) -> str | None:
    """Where to look."""
    return next((str(item.data["link"]) for item in delivery.items if item.data.get("link")), None)


def worst(delivery: Delivery) -> str:
    """The highest severity of a message."""
    found = {item.data.get("severity") for item in delivery.items}
    return "page" if "page" in found else "warn"


def _fact(name: str, value: Any) -> str:
    return f"{name}: {_one_line(str(value))}" if value else ""


def _one_line(text: str) -> str:
    """Without line breaks and other control characters, which could fake a header or a line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
