"""Numbers and days in words, the same on every page.

Here belongs: how a day or a name is written. Here does not belong: a figure (alignment_monitor's
``figures``) or any sentence (verdict.py).
"""

from collections.abc import Iterable
from datetime import date

from alignment_monitor.figures import (
    SPACE,
    count,
    counted,
    digits_for,
    interval,
    moved,
    percent,
    points,
    rate,
)

__all__ = [
    "SPACE", "called", "capital", "count", "counted", "digits_for", "fold", "interval", "listed",
    "moved", "percent", "points", "rate", "short_day", "spoken",
]  # fmt: skip


def fold(ratio: float) -> str:
    """A ratio of rates as ``1.6``; from 10 on without decimals."""
    return f"{ratio:.{0 if ratio >= 10 else 1}f}"


def short_day(day: date, beside: date | None = None) -> str:
    """``4 Nov``, with the year where it differs from that of the day beside it."""
    year = f" {day.year}" if beside is None or day.year != beside.year else ""
    return f"{day.day} {day:%b}{year}".replace(" ", SPACE)


def listed(items: Iterable[str]) -> str:
    """``a, b and c``."""
    names = list(items)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def called(judge: str) -> str:
    """A judge within a sentence."""
    return "the judge" if judge == "judge" else f"judge {judge}"


def spoken(title: str) -> str:
    """A title inside a sentence."""
    return title[:1].lower() + title[1:]


def capital(sentence: str) -> str:
    """A phrase that begins a sentence."""
    return sentence[:1].upper() + sentence[1:]
