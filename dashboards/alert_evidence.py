"""The evidence bundle of an alert as it is read on its page.

Here belong: the parts of a bundle as markup, as pure functions; a part that an older run did not
write is left out. Here does not belong: what a bundle holds (alignment_monitor.alerting.evidence).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from components import link, text
from conversation import permalink
from reader import fact
from wording import count, moved, percent, rate

Told = Mapping[str, Any]

BEYOND = 1.96
"""Standard errors within which a movement is left out: chance alone moves as far, one in twenty."""


def evidence(told: Told) -> str:
    """A bundle as markup; empty if there is nothing in it but its sentence."""
    return "".join(fact(name, markup) for name, markup in _parts(told) if markup)


def _parts(told: Told) -> Iterator[tuple[str, str]]:
    if told.get("value") is not None and told.get("n"):
        normal = told.get("baseline")
        beside = "" if normal is None else f", normal {percent(normal)}"
        shown = rate(told["value"], told.get("lower"), told.get("upper"))
        yield "Rate, 7 days", f"{shown}{beside}, n\u00a0{count(told['n'])}"
    yield "Split", _split(told.get("decomposition") or {})
    yield "Segments", "<br>".join(_segment(row) for row in told.get("drivers") or ())
    yield "Moved too", "<br>".join(_movements(told))
    yield (
        "Replies",
        " · ".join(
            link(
                "conversations",
                permalink(one["conversation_id"], one["message_index"]),
                f"Read {number}",
            )
            for number, one in enumerate(told.get("exemplars") or (), 1)
        ),
    )
    yield "Judges", "<br>".join(_judge(row) for row in told.get("judges") or ())
    if (share := told.get("judged_share")) is not None:
        yield "Judged", f"{percent(share)} of the replies sampled in 7 days"
    yield "Enough data", text(told["power"]) if told.get("power") else ""
    if command := (told.get("links") or {}).get("explain"):
        yield "The arithmetic", f"<code>{text(command)}</code>"


def _split(parts: Told) -> str:
    """How much of the last 7 days' difference is traffic, rate and judge."""
    if parts.get("mix") is None or parts.get("rate") is None:
        return ""
    sources = (("mix", "other traffic"), ("rate", "the model"), ("judge", "the judge"))
    return ", ".join(
        f"{_change(parts[name], parts.get(f'{name}_error'))} by {source}"
        for name, source in sources
        if parts.get(name) is not None
    )


def _change(points: float, error: float | None) -> str:
    """A change with its 95 % interval; without one where no standard error is known."""
    if error is None:
        return moved(points, digits=1)
    return moved(points, points - BEYOND * error, points + BEYOND * error)


def _segment(row: Told) -> str:
    before = rate(row["before"], row.get("before_lower"), row.get("before_upper"))
    change = f"{before} → {rate(row['after'], row.get('lower'), row.get('upper'))}"
    return f"{text(row['segment'])} {change} · n\u00a0{count(row['n'] or 0)}"


def _movements(told: Told) -> Iterator[str]:
    """What else of the family moved beyond chance; with twenty questions one does by chance."""
    for rows in (told.get("moved") or {}).values():
        for row in rows:
            if row["question"] != told.get("behaviour") and abs(row["z"] or 0) > BEYOND:
                change = _change(row["difference"], row["error"])
                yield f"{text(row['title'])} {change} · n\u00a0{count(row['n'])}"


def _judge(row: Told) -> str:
    shown = [_right(row, measure) for measure in ("sensitivity", "specificity")]
    known = "; ".join(filter(None, shown)) or "no sentinel answered"
    return f"{text(row['judge'])}: {known}"


def _right(row: Told, measure: str) -> str:
    """Hits of 14 days beside those of the baseline."""

    def hits(side: Told | None) -> str:
        return f"{count(side['hits'])} of {count(side['n'])}" if side and side.get("n") else ""

    periods: Told = row.get(measure) or {}
    recent, before = hits(periods.get("recent")), hits(periods.get("baseline"))
    if not recent:
        return ""
    return f"{measure} {recent}" + (f", before {before}" if before else "")
