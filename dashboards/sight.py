"""Which change could have been seen: the sentences on whether there is enough data.

Here belong: everything said of power, as pure functions of the last day's signals. Here does not
belong: what was found (verdict.py), or how power is computed (alignment_monitor.detection.power).
"""

from collections.abc import Mapping

from facts import Facts, Row
from wording import counted, fold, listed, points, spoken

WORTH_SEEING = 2.0
"""A rate so many times the normal one, or of a good behaviour that part of it, must be seen."""
HALF = "about half of the time"
"""How often a change of the size named is found by then: power is stated at the median."""


def power(facts: Facts) -> str:
    """Which change is found, at best and at worst; empty if that is unknown."""
    soon, later = detectable(facts, "detectable_7d"), detectable(facts, "detectable_30d")
    if not soon and not later:
        return ""
    parts = []
    for found, days in ((soon, 7), (later, 30)):
        if found:
            parts.append(f"of {_span(found)} within {counted(days, 'day')}")
    worst = max((later or soon).items(), key=lambda item: item[1])[0]
    sentence = f"Enough to find, {HALF}, a change {', or '.join(parts)}"
    if len(later or soon) > 1:
        sentence += f"; {spoken(facts.title_of(worst))} is the hardest to see"
    if times := _folds(facts):
        sentence += f". Within 30 days that means a rise to {times} the normal rate"
    if blind := [name for name in facts.headline if name not in (later or soon)]:
        names = listed(spoken(facts.title_of(name)) for name in blind)
        sentence += f". What could be seen in {names} is not known"
    return sentence + "."


def too_few(facts: Facts) -> list[str]:
    """Headline behaviours of which not even a doubling would be seen within 30 days.

    Of a behaviour that is good, a halving.
    """
    rows = {row["behaviour"]: row for row in facts.latest if _is_harm(row, facts)}
    return [name for name in facts.headline if name in rows and not _is_seen(rows[name], facts)]


def detectable(facts: Facts, column: str) -> dict[str, float]:
    """The worse direction of each behaviour: the promise must hold for both."""
    found: dict[str, float] = {}
    for row in facts.latest:
        if row[column] is not None:
            found[row["behaviour"]] = max(row[column], found.get(row["behaviour"], 0.0))
    return found


def _is_harm(row: Row, facts: Facts) -> bool:
    return bool((row.get("direction", "up") == "down") == facts.is_good(row["behaviour"]))


def _is_seen(row: Row, facts: Facts) -> bool:
    mean, change = row.get("baseline_mean"), row["detectable_30d"]
    if change is None:
        return False
    if mean is None:
        return True
    worth = 1 - 1 / WORTH_SEEING if facts.is_good(row["behaviour"]) else WORTH_SEEING - 1
    return bool(change <= worth * mean)


def _folds(facts: Facts) -> str:
    """The rises found within 30 days, as multiples of what is normal."""
    times = [
        1 + row["detectable_30d"] / row["baseline_mean"]
        for row in facts.latest
        if _is_harm(row, facts)
        and not facts.is_good(row["behaviour"])
        and row["detectable_30d"] is not None
        and row.get("baseline_mean")
    ]
    if not times:
        return ""
    least, most = fold(min(times)), fold(max(times))
    return f"{least} times" if least == most else f"{least} to {most} times"


def _span(found: Mapping[str, float]) -> str:
    least, most = points(min(found.values())), points(max(found.values()))
    if least == most:
        return least
    return f"{least.split()[0]} to {most}"
