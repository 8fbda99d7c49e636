"""Fewer points where a history is long: a chart some hundred pixels wide shows no more.

Here belongs: which points of a series are drawn, as pure functions. Here does not belong: how.
"""

from collections.abc import Callable, Hashable, Sequence
from datetime import date
from typing import TypeVar

MOST_DAYS = 200
"""Days of which each has a point of its own."""
STEP = 7

Point = TypeVar("Point")


def is_long(days: Sequence[date]) -> bool:
    """Whether a history is too long for a point a day."""
    return bool(days) and (max(days) - min(days)).days >= MOST_DAYS


def thinned(
    points: Sequence[Point], day_of: Callable[[Point], date], part_of: Callable[[Point], Hashable]
) -> list[Point]:
    """All points of a short history; of a long one a point a week, counted from the last.

    Windows of a week or more overlap, so that little is left out. The last point of each part of a
    series, as of a judge's version, stays, however short that was.

    Args:
        points: in the order of their days.
        day_of: the day of a point.
        part_of: the part of the series that it is drawn with.
    """
    days = [day_of(point) for point in points]
    if not is_long(days):
        return list(points)
    last_of = {part_of(point): place for place, point in enumerate(points)}
    kept = set(last_of.values())
    return [
        point
        for place, point in enumerate(points)
        if place in kept or (days[-1] - days[place]).days % STEP == 0
    ]
