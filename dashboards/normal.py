"""What was declared normal: baselines made anew, and how one makes another, as pure functions.

Here belong: which of them a series rests on, and their sentences. Here does not belong: what
decisions make of them (statistics.epochs), or how a sentence looks.
"""

from collections.abc import Sequence
from datetime import date

from facts import Facts, Row
from wording import short_day

SHOWN = 3
"""Baselines made anew that are told of a series; older ones are in the record."""


def resets_of(behaviour: str, resets: Sequence[Row]) -> list[Row]:
    """Those of a behaviour, newest first."""
    mine = [row for row in resets if row["behaviour"] in (None, behaviour)]
    return sorted(mine, key=lambda row: row["reset_id"], reverse=True)


def standing(behaviour: str, facts: Facts) -> Row | None:
    """The one by which the last day was decided; None if that is the first baseline."""
    day = facts.day
    known = [row for row in facts.resets if day is not None and row["recorded_on"] <= day]
    return next(iter(resets_of(behaviour, known)), None)


def learnt(behaviour: str, facts: Facts) -> tuple[date, date] | None:
    """First and last day from which normal was learnt, as far as signals tell; else None."""
    days = [
        row["day"]
        for row in facts.signals
        if row["behaviour"] == behaviour and row["phase"] == "baseline"
    ]
    if reset := standing(behaviour, facts):
        days = [day for day in days if day >= reset["recorded_on"]]
        return (reset["from_day"], max(days)) if days else None
    return (min(days), max(days)) if days else None


def mean(behaviour: str, facts: Facts) -> float | None:
    """The rate that is normal by the baseline that stands; None while that is being learnt."""
    reset = standing(behaviour, facts)
    means: list[float] = [
        row["baseline_mean"]
        for row in facts.signals
        if row["behaviour"] == behaviour
        and row["baseline_mean"] is not None
        and (reset is None or row["day"] >= reset["recorded_on"])
    ]
    return means[-1] if means else None


def lines(behaviour: str, facts: Facts) -> list[str]:
    """What was declared normal in a behaviour, newest first, one sentence each."""
    told = []
    for row in resets_of(behaviour, facts.resets)[:SHOWN]:
        waits = facts.day is None or row["recorded_on"] > facts.day
        use = f" Used from {short_day(row['recorded_on'])} on." if waits else ""
        told.append(
            f"New normal from {short_day(row['from_day'])}, declared on "
            f"{short_day(row['recorded_on'])} by {row['author']}: {row['reason']}.{use}"
        )
    return told


def declared_on(alert: Row, facts: Facts) -> date | None:
    """The day on which an open alert's change was declared normal: its run ends the alert."""
    days = [row["recorded_on"] for row in resets_of(alert["behaviour"], facts.resets)]
    return min((day for day in days if day > alert["opened_on"]), default=None)
