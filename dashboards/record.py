"""A judge's record: how it did on what is known, counted over windows of days.

Here belong: pooling rows of ``judge_quality`` into scores with intervals, and where one version of
a judge ends and the next begins, as pure functions. Here does not belong: whether a score is good
enough (trust.py), or how it is drawn (judge_charts.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from alignment_monitor.judging.quality import AC1, ALPHA, SENSITIVITY, SPECIFICITY
from alignment_monitor.statistics.intervals import wilson

Row = Mapping[str, Any]

WINDOW = 28
"""Days that a judgement of the judge rests on, as in the daily gate."""
CHARTED = 14
"""Days over which charts pool: sentinel rates move no faster than the drift detector lets them."""
NORMAL = 1.959964


@dataclass(frozen=True)
class Score:
    """Right verdicts among those that could be right."""

    n: int = 0
    hits: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.n + other.n, self.hits + other.hits)

    @property
    def rate(self) -> float | None:
        """Their share; None without any."""
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Wilson's 95 % interval. It takes verdicts on one sentinel on two days for independent."""
        if not self.n:
            return None, None
        lower, upper = wilson(self.hits / self.n, self.n, NORMAL)
        return float(lower), float(upper)


class Version(NamedTuple):
    """What makes a judge's series comparable with itself; a change of any starts a new one."""

    fingerprint: str
    rubric: str
    known: str


@dataclass(frozen=True)
class Era:
    """The days of one version.

    Attributes:
        version: which.
        first: its first day.
        last: its last day.
        changed: what differs from the era before, for people; empty for the first.
    """

    version: Version
    first: date
    last: date
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """A judge's scores on one question over the days up to one.

    Attributes:
        day: last day of the window.
        era: place of its era; windows never reach across.
        found: events that it saw, among those there were (sensitivity).
        passed: messages without the event that it let pass (specificity).
    """

    day: date
    era: int
    found: Score
    passed: Score


@dataclass(frozen=True)
class Agreement:
    """How far a panel agrees on a question.

    Attributes:
        n: messages rated by at least two judges.
        alpha: Krippendorff's, None where ratings do not vary.
        ac1: Gwet's.
    """

    n: int
    alpha: float | None
    ac1: float | None


def telling(rows: pa.Table, headline: Sequence[str], last: date) -> pa.Table:
    """The rows of ``judge_quality`` that a judge's page rests on, in their order.

    Those of the window that ends on a day; sentinels of the headline questions, of all days; and
    of each version of a judge those of its first and its last day.
    """
    sentinels = pc.is_in(rows["measure"], pa.array([SENSITIVITY, SPECIFICITY]))
    charted = pc.and_(sentinels, pc.is_in(rows["question"], pa.array(list(headline), pa.string())))
    recent = pc.greater(rows["day"], pa.scalar(last - timedelta(days=WINDOW), pa.date32()))
    kept = pc.or_(charted, recent)
    names = ["judge", "fingerprint", "rubric_version", "known_version"]
    for era in rows.group_by(names).aggregate([("day", "min"), ("day", "max")]).to_pylist():
        ends = pa.array([era["day_min"], era["day_max"]], pa.date32())
        of_era = pc.is_in(rows["day"], ends)
        for name in names:
            of_era = pc.and_(of_era, pc.equal(rows[name], era[name]))
        kept = pc.or_(kept, of_era)
    return rows.filter(kept)


def version_of(row: Row) -> Version:
    """The version that a row of ``judge_quality`` is of."""
    return Version(row["fingerprint"], row["rubric_version"], row["known_version"])


def eras(rows: Iterable[Row]) -> list[Era]:
    """The versions in the rows of one judge, in the order in which they began."""
    days: dict[Version, list[date]] = defaultdict(list)
    for row in rows:
        days[version_of(row)].append(row["day"])
    found = sorted(
        (Era(version, min(of), max(of)) for version, of in days.items()),
        key=lambda era: (era.first, era.last, era.version),
    )
    later = [
        Era(now.version, now.first, now.last, _changed(before.version, now.version))
        for before, now in pairwise(found)
    ]
    return [*found[:1], *later]


def current(found: Sequence[Era]) -> Era | None:
    """The era that counts today: of those with the newest day the one that the gate takes."""
    return max(found, key=lambda era: (era.last, era.version), default=None)


def within(rows: Iterable[Row], era: Era, last: date, days: int = WINDOW) -> list[Row]:
    """The rows of an era among the days that end on one."""
    first = last - timedelta(days=days - 1)
    return [row for row in rows if version_of(row) == era.version and first <= row["day"] <= last]


def pooled(rows: Iterable[Row]) -> dict[tuple[str, str], Score]:
    """Scores by measure and question."""
    found: dict[tuple[str, str], Score] = defaultdict(Score)
    for row in rows:
        if row["measure"] in (SENSITIVITY, SPECIFICITY):
            found[row["measure"], row["question"]] += Score(row["n"], row["hits"])
    return dict(found)


def rolling(
    rows: Sequence[Row], found: Sequence[Era], question: str, days: int = CHARTED
) -> list[Point]:
    """A question's scores over the days up to each day of each era.

    Args:
        rows: of one judge.
        found: their eras.
        question: of the rubric.
        days: length of a window.
    """
    counts: dict[tuple[Version, str, date], Score] = defaultdict(Score)
    for row in rows:
        if row["question"] == question and row["measure"] in (SENSITIVITY, SPECIFICITY):
            counts[version_of(row), row["measure"], row["day"]] += Score(row["n"], row["hits"])

    def sums(era: Era, measure: str) -> list[Score]:
        """Of each day of an era: the difference of two running totals, not a sum of its window."""
        each = (
            counts.get((era.version, measure, day), Score()) for day in _days(era.first, era.last)
        )
        total = list(accumulate(each, initial=Score()))
        starts = (max(0, end - days) for end in range(1, len(total)))
        return [
            Score(now.n - total[start].n, now.hits - total[start].hits)
            for now, start in zip(total[1:], starts, strict=True)
        ]

    return [
        Point(day, place, seen, passed)
        for place, era in enumerate(found)
        for day, seen, passed in zip(
            _days(era.first, era.last), sums(era, SENSITIVITY), sums(era, SPECIFICITY), strict=True
        )
    ]


def agreement(rows: Iterable[Row]) -> dict[str, Agreement]:
    """The panel's agreement by question: daily coefficients, weighted by their messages."""
    of: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        of[row["question"], row["measure"]].append(row)

    def mean(question: str, measure: str) -> float | None:
        known = [r for r in of.get((question, measure), ()) if r["value"] is not None and r["n"]]
        weight = sum(row["n"] for row in known)
        return sum(row["n"] * row["value"] for row in known) / weight if weight else None

    return {
        question: Agreement(
            sum(row["n"] for row in of.get((question, AC1), of.get((question, ALPHA), []))),
            mean(question, ALPHA),
            mean(question, AC1),
        )
        for question in {question for question, measure in of if measure in (ALPHA, AC1)}
    }


def _changed(before: Version, now: Version) -> tuple[str, ...]:
    """What differs, for people. A new rubric also alters the hash that ends a fingerprint."""
    names = [version.fingerprint.rpartition("/") for version in (before, now)]
    found = []
    if names[0][0] != names[1][0]:
        found.append("another model")
    if before.rubric != now.rubric:
        found.append("another rubric")
    elif names[0][2] != names[1][2] and not found:
        found.append("another prompt or other parameters")
    if before.known != now.known:
        found.append("other sentinels")
    return tuple(found)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
