"""Changes that alerts tell of, in words.

Here belong: what moved, from what to what, since when, and which way that is, as pure functions.
Here does not belong: what follows from it (verdict.py, briefing.py).
"""

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

from facts import Facts, Row, evidence, read_day, start_day
from wording import counted, digits_for, listed, percent, points, rate, short_day, spoken

DRIVERS = 2
TOGETHER_DAYS = 3
"""Changes that began within so many days are told as one."""


def change(alert: Row, facts: Facts) -> str:
    """One drift: what moved, from what to what, since when, next to which deployment."""
    return f"{moved(alert, facts)}{since(alert, facts)}."


def moved(alert: Row, facts: Facts) -> str:
    """What moved, and from what to what."""
    told = evidence(alert)
    title = spoken(facts.title_of(alert["behaviour"]))
    verb = "rose" if alert["direction"] == "up" else "fell"
    value, before = told.get("value"), told.get("baseline")
    if value is not None and before is not None:
        lower, upper = told.get("lower"), told.get("upper")
        digits = 1 if percent(before) == percent(value) else digits_for(lower, upper)
        return (
            f"{title} {verb} from {percent(before, digits)} to {rate(value, lower, upper, digits)}"
        )
    if (effect := told.get("effect")) is not None:
        return f"{title} {verb} by {points(effect)}"
    return f"{title} {verb}"


def since(alert: Row, facts: Facts) -> str:
    """When it began, and how far from the start of which deployment; empty if not known."""
    told = evidence(alert)
    start = read_day(told.get("start_day"))
    if start is None:
        return ""
    words = f" since {short_day(start, facts.day)}"
    began = {row["deployment"]: row["first_day"] for row in facts.deployments}
    if (name := told.get("nearest_deployment")) not in began:
        return words
    apart = (start - began[name]).days
    if apart == 0:
        return f"{words}, the day {name} began"
    side = "after" if apart > 0 else "before"
    return f"{words}, {counted(abs(apart), 'day')} {side} {name} began"


def together(changes: Sequence[Row], facts: Facts) -> list[Row]:
    """The first change and those of the same kind that began with it."""
    first = changes[0]

    def same(alert: Row) -> bool:
        near = abs((start_day(alert) - start_day(first)).days) <= TOGETHER_DAYS
        return near and is_headline(alert, facts) == is_headline(first, facts)

    return [alert for alert in changes if same(alert)]


def is_headline(alert: Row, facts: Facts) -> bool:
    """Whether it is of what the rubric measures, and not of a gauge beside it."""
    return alert["behaviour"] in facts.headline


def turn(changes: Sequence[Row], facts: Facts) -> str:
    """Which way the whole moved: ``has risen``, ``has fallen`` or ``has changed``."""
    worse = {
        (alert["direction"] == "up") != facts.is_good(alert["behaviour"])
        for alert in changes
        if is_headline(alert, facts)
    }
    return {True: "has risen", False: "has fallen"}[worse.pop()] if len(worse) == 1 else "changed"


def driven(alert: Row, facts: Facts) -> list[str]:
    """The segments that moved more than the others, if its evidence names any."""
    known = [
        part
        for part in evidence(alert).get("drivers") or ()
        if part.get("before") is not None and part.get("after") is not None
    ]
    if not known:
        return []
    title = facts.title_of(alert["behaviour"])
    parts = [
        f"{part['segment']} ({percent(part['before'])} to {percent(part['after'])})"
        for part in (known if len(known) == 1 else outstanding(known))
    ]
    if not parts:
        return [f"{title} moved about as much in every segment; none stands out."]
    noun = "segment" if len(parts) == 1 else "segments"
    return [f"{title} moved most in the {noun} {listed(parts[:DRIVERS])}."]


def outstanding(known: Sequence[Row]) -> list[Row]:
    """Segments whose rate moved further than chance lets it, against their common move.

    Two standard errors; of the rates since the change, doubled in variance for what users share and
    for the rates before. A rule of thumb for a sentence: the page of segments has the tests.
    """
    whole = sum(part["n"] for part in known)
    moves = [part["after"] - part["before"] for part in known]
    common = sum(part["n"] * move for part, move in zip(known, moves, strict=True)) / max(whole, 1)
    found = []
    for part, move in zip(known, moves, strict=True):
        rate = min(max(part["after"], 0.02), 0.98)
        error = math.sqrt(2 * rate * (1 - rate) / max(part["n"], 1))
        if (move - common) * math.copysign(1, common) > 2 * error:
            found.append(part)
    return found


def quiet(facts: Facts) -> list[str]:
    """Headline behaviours that are watched and of which no alert tells."""
    found = (*facts.open_alerts("MODEL"), *facts.suspected, *facts.closed)
    told = {alert["behaviour"] for alert in found}
    watched = {row["behaviour"] for row in facts.latest if row["phase"] == "watching"}
    return [name for name in facts.headline if name in watched - told]


def closed(facts: Facts) -> str:
    """What people closed though it is still seen, and as what; empty if there is none."""
    return listed(
        f"{moved(alert, facts)}{since(alert, facts)} ({alert['resolution'].replace('_', ' ')})"
        for alert in facts.closed
    )


def names(behaviours: Sequence[str], facts: Facts) -> str:
    """Behaviours within a sentence."""
    return listed(spoken(facts.title_of(name)) for name in behaviours)


def until(day: date | None) -> str:
    """Up to which day something was seen."""
    return f" up to {short_day(day)}" if day else ""


def deployment_of(alert: Row, facts: Facts) -> tuple[str, str]:
    """The deployment that a change came with and the one before it; empty where not known."""
    told: Any = evidence(alert).get("nearest_deployment")
    served = [str(row["deployment"]) for row in facts.deployments]
    if told not in served:
        return "", ""
    place = served.index(told)
    return told, served[place - 1] if place else ""
