"""How long a judge takes to answer, and why it gives no verdict, as pure functions.

Here belong: percentiles, and errors gathered by their kind. Here does not belong: reading them
(judged.py).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

KIND_LENGTH = 90
_VARIES = (
    (re.compile(r"'[^']*'|\"[^\"]*\"|‘[^’]*’|“[^”]*”"), "…"),
    (re.compile(r"\b(?:[0-9a-f]{8,}|(?:req|msg|batch|file)[_-]\w+)\b"), "…"),
    (re.compile(r"(?<!\w)[\d.,]*\d(?!\w)"), "n"),
)
"""What differs between errors of one kind: quoted text, identifiers and numbers."""
STATUS_CODE = re.compile(r"\b[45]\d\d\b")


@dataclass(frozen=True)
class Delay:
    """The answers of a day.

    Attributes:
        day: on which they came, in UTC.
        n: how many.
        median: seconds within which half of them came.
        slow: seconds within which 95 of 100 came.
    """

    day: date
    n: int
    median: float
    slow: float


def delays(waits: Iterable[tuple[datetime, float]]) -> list[Delay]:
    """Percentiles of each day on which answers came, in order."""
    by_day: dict[date, list[float]] = {}
    for when, seconds in waits:
        by_day.setdefault(when.date(), []).append(seconds)
    return [_delay(day, by_day[day]) for day in sorted(by_day)]


def overall(waits: Sequence[tuple[datetime, float]]) -> Delay | None:
    """Percentiles of all answers, under the day of the newest; None without any."""
    if not waits:
        return None
    return _delay(max(when for when, _ in waits).date(), [seconds for _, seconds in waits])


def kinds(errors: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """Status, kind and number of lost calls, the most frequent first.

    Args:
        errors: rows of status, error and calls; errors of one kind differ in what they quote.
    """
    found: Counter[tuple[str, str]] = Counter()
    for row in errors:
        found[row["status"], kind_of(row["error"])] += row["calls"]
    order = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return [(status, kind, calls) for (status, kind), calls in order]


def kind_of(error: str) -> str:
    """An error without what differs from call to call; codes of HTTP stay."""
    line = " ".join(error.split())
    codes = STATUS_CODE.findall(line)
    for pattern, put in _VARIES:
        line = pattern.sub(lambda found, put=put: _kept(found.group(), codes, put), line)
    if not line:
        return "no reason given"
    return line if len(line) <= KIND_LENGTH else f"{line[:KIND_LENGTH].rstrip()}…"


def seconds(value: float) -> str:
    """A time as ``0.42 s``, ``12 s`` or ``3 min``."""
    if value < 10:
        return f"{value:.2g}\u00a0s"
    return f"{value:.0f}\u00a0s" if value < 120 else f"{value / 60:.0f}\u00a0min"


def _kept(found: str, codes: Sequence[str], put: str) -> str:
    return found if found in codes else put


def _delay(day: date, taken: Sequence[float]) -> Delay:
    median, slow = np.quantile(taken, [0.5, 0.95])
    return Delay(day, len(taken), float(median), float(slow))
