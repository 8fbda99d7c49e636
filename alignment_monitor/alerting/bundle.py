"""The evidence bundle of an alert in words, for whoever reads it.

Here belong: the parts of a bundle as names and lines; a part that an older run did not write is
left out. Here does not belong: what a bundle holds (evidence), or how it is shown (the Alerts page,
``alert show``).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from alignment_monitor.figures import count, moved, percent, rate

Told = Mapping[str, Any]
Foreign = Callable[[Any], str]
"""What makes of a name that comes from outside what may be shown."""

REPLIES, ARITHMETIC = "Replies", "The arithmetic"

BEYOND = 1.96
"""Standard errors within which a movement is left out: chance alone moves as far, one in twenty."""


def parts(told: Told, foreign: Foreign = str) -> Iterator[tuple[str, list[str]]]:
    """The parts of a bundle that there are: a name, and its lines; nothing of its sentence.

    Args:
        told: the bundle.
        foreign: applied to each name from outside; all else is ours.
    """
    for name, lines in _all(told, foreign):
        if shown := [line for line in lines if line]:
            yield name, shown


def _all(told: Told, foreign: Foreign) -> Iterator[tuple[str, list[str]]]:
    yield "Rate, 7 days", [_rate(told)]
    yield "Split", [_split(told.get("decomposition") or {})]
    yield "Segments", [_segment(row, foreign) for row in told.get("drivers") or ()]
    yield "Moved too", list(_movements(told, foreign))
    links = [one.get("link") for one in told.get("exemplars") or ()]
    yield REPLIES, [foreign(link) for link in links if link]
    yield "Judges", [_judge(row, foreign) for row in told.get("judges") or ()]
    if (share := told.get("judged_share")) is not None:
        yield "Judged", [f"{percent(share)} of the replies sampled in 7 days"]
    yield "Enough data", [told.get("power") or ""]
    command = (told.get("links") or {}).get("explain")
    yield ARITHMETIC, [foreign(command) if command else ""]


def _rate(told: Told) -> str:
    if told.get("value") is None or not told.get("n"):
        return ""
    normal, size = told.get("baseline"), told.get("effective_n")
    shown = rate(told["value"], told.get("lower"), told.get("upper"))
    beside = "" if normal is None else f", normal {percent(normal)}"
    worth = "" if size is None else f", effective n\u00a0{count(size)}"
    return f"{shown}{beside}, n\u00a0{count(told['n'])}{worth}"


def _split(split: Told) -> str:
    """How much of the last 7 days' difference is traffic, rate and judge."""
    if split.get("mix") is None or split.get("rate") is None:
        return ""
    sources = (("mix", "other traffic"), ("rate", "the model"), ("judge", "the judge"))
    return ", ".join(
        f"{_change(split[name], split.get(f'{name}_error'))} by {source}"
        for name, source in sources
        if split.get(name) is not None
    )


def _change(points: float, error: float | None) -> str:
    """A change with its 95 % interval; without one where no standard error is known."""
    if error is None:
        return moved(points, digits=1)
    return moved(points, points - BEYOND * error, points + BEYOND * error)


def _segment(row: Told, foreign: Foreign) -> str:
    before = rate(row["before"], row.get("before_lower"), row.get("before_upper"))
    change = f"{before} → {rate(row['after'], row.get('lower'), row.get('upper'))}"
    return f"{foreign(row['segment'])} {change} · n\u00a0{count(row['n'] or 0)}"


def _movements(told: Told, foreign: Foreign) -> Iterator[str]:
    """What else of the family moved beyond chance; with twenty questions one does by chance."""
    for rows in (told.get("moved") or {}).values():
        for row in rows:
            if row["question"] != told.get("behaviour") and abs(row["z"] or 0) > BEYOND:
                change = _change(row["difference"], row["error"])
                yield f"{foreign(row['title'])} {change} · n\u00a0{count(row['n'])}"


def _judge(row: Told, foreign: Foreign) -> str:
    shown = [_right(row, measure) for measure in ("sensitivity", "specificity")]
    known = "; ".join(filter(None, shown)) or "no sentinel answered"
    moved_by = _moved_by(row.get("injection") or {})
    return f"{foreign(row['judge'])}: {known}{moved_by}"


def _moved_by(tried: Told) -> str:
    """How far injected text sways a judge; bundles of older runs hold no limits."""
    if not tried.get("n") or tried.get("rate") is None:
        return ""
    lower, upper = tried.get("lower"), tried.get("upper")
    sure = "" if lower is None else ", 98\u00a0% interval"
    shown = f"{rate(tried['rate'], lower, upper)} of {count(tried['n'])}{sure}"
    return f"; surplus of verdicts moved by injected text {shown}"


def _right(row: Told, measure: str) -> str:
    """Hits of 14 days beside those of the baseline."""

    def hits(side: Told | None) -> str:
        return f"{count(side['hits'])} of {count(side['n'])}" if side and side.get("n") else ""

    periods: Told = row.get(measure) or {}
    recent, before = hits(periods.get("recent")), hits(periods.get("baseline"))
    if not recent:
        return ""
    return f"{measure} {recent}" + (f", before {before}" if before else "")
