"""What became of everything, as one drawing in which each part has the height of its count.

Here belong: the parts and where they stand, as pure functions. Here does not belong: marks
(flow_chart.py), or which days are counted (the Health page).

Conversations received split into what became of them; the assistant messages that accepted ones
offered split likewise. The two bars have scales of their own, since one conversation offers many
messages: a band leads from the accepted conversations to the whole of the second bar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from palette import BAD, GOOD, LOST, PENDING, QUIET
from wording import capital, count, percent

from alignment_monitor.contracts import CONVERSATION_STATES, MESSAGE_STATES

HUES = {
    "accepted": GOOD, "ineligible": QUIET, "quarantined": BAD,
    "sampled_out": QUIET, "over_budget": LOST, "awaiting_verdict": PENDING, "judged": GOOD,
    "judged_partly": "#5f8c4a", "judge_refused": "#8566c4", "judge_invalid": "#c4527f",
    "judge_failed": BAD,
}  # fmt: skip
WIDTH, HEIGHT = 1000.0, 240.0
BAR, FIRST, SECOND, ENDS = 12.0, 210.0, 450.0, 720.0
"""Width of a bar, and where bars and the ends of bands stand."""
GAP, LEAST, LINE, STEPS = 12.0, 1.5, 20.0, 16
"""Between ends of bands, the least height that is seen, that of a label, points of a band."""


End = tuple[float, float, float]
"""Where a band begins or ends: x, top and height."""


@dataclass(frozen=True)
class Drawing:
    """What a chart draws.

    Attributes:
        boxes: x, x2, y, y2 and hue of each bar.
        bands: of each band points with x, y, y2, hue, opacity and its number.
        labels: x, y and text.
    """

    boxes: list[dict[str, Any]]
    bands: list[dict[str, Any]]
    labels: list[dict[str, Any]]

    def box(self, x: float, top: float, height: float, hue: str) -> None:
        """Add a bar, at least so high that it is seen."""
        end = top + max(height, LEAST)
        self.boxes.append({"x": x, "x2": x + BAR, "y": top, "y2": end, "hue": hue})

    def band(self, start: End, end: End, hue: str, opacity: float = 0.3) -> None:
        """Add a band that leaves and arrives level."""
        number = len(self.bands)
        for step in range(STEPS + 1):
            share = step / STEPS
            bend = share * share * (3 - 2 * share)
            x = start[0] + share * (end[0] - start[0])
            top = start[1] + bend * (end[1] - start[1])
            height = max(LEAST, start[2] + bend * (end[2] - start[2]))
            self.bands.append({"x": x, "y": top, "y2": top + height, "hue": hue,
                               "opacity": opacity, "band": number})  # fmt: skip

    def label(self, x: float, top: float, state: str, number: int) -> None:
        """Add a label beside a bar."""
        words = f"{capital(state.replace('_', ' '))}  {count(number)}"
        self.labels.append({"x": x + BAR + 8, "y": top + LINE / 2, "label": words})


@dataclass(frozen=True)
class Part:
    """One state.

    Attributes:
        state: of the contract.
        count: how many ended in it.
        top: where it begins in its bar.
        height: in its bar, in proportion to its count.
    """

    state: str
    count: int
    top: float
    height: float


def parts(totals: Mapping[str, int], states: Sequence[str], height: float) -> list[Part]:
    """The states that have any, one below the other; their heights add up to that of the bar."""
    whole = sum(totals.get(state, 0) for state in states)
    found, top = [], 0.0
    for state in states:
        if number := totals.get(state, 0):
            size = height * number / whole
            found.append(Part(state, number, top, size))
            top += size
    return found


def spread(sizes: Sequence[float], least: float, within: float) -> list[float]:
    """Where ends of these sizes begin, each at least ``least`` from the one before.

    They stay in order and begin at 0; they reach beyond ``within`` only if there are too many.
    """
    slots = [max(size, least) for size in sizes]
    free = max(0.0, within - sum(slots))
    gap = min(GAP, free / max(1, len(slots) - 1))
    tops, at = [], 0.0
    for slot in slots:
        tops.append(at)
        at += slot + gap
    return tops


def drawn(conversations: Mapping[str, int], messages: Mapping[str, int]) -> Drawing:
    """Where everything stands: conversations received, what became of them, and of replies."""
    first = parts(conversations, CONVERSATION_STATES, HEIGHT)
    second = parts(messages, MESSAGE_STATES, HEIGHT)
    accepted = next((part for part in first if part.state == "accepted"), None)
    lost = [part for part in first if part is not accepted]
    at = HEIGHT - LINE * len(lost)
    found = Drawing([], [], [])
    found.box(0, 0, HEIGHT, QUIET)
    found.label(0, 0, "received", sum(conversations.values()))
    for part in first:
        hue = HUES[part.state]
        found.band((BAR, part.top, part.height), (FIRST, part.top, part.height), hue)
        found.box(FIRST, part.top, part.height, hue)
    for place, part in enumerate(lost):
        found.label(FIRST, at + place * LINE, part.state, part.count)
    if accepted is None or not second:
        return found
    found.label(FIRST, 0, "accepted", accepted.count)
    start = (FIRST + BAR, accepted.top, accepted.height)
    found.band(start, (SECOND, 0, HEIGHT), GOOD, opacity=0.15)
    found.box(SECOND, 0, HEIGHT, GOOD)
    found.label(SECOND, 0, "replies", sum(messages.values()))
    tops = spread([part.height for part in second], LINE, HEIGHT)
    for part, top in zip(second, tops, strict=True):
        hue = HUES[part.state]
        start = (SECOND + BAR, part.top, part.height)
        found.band(start, (ENDS, top, part.height), hue)
        found.box(ENDS, top, part.height, hue)
        found.label(ENDS, top, part.state, part.count)
    return found


def told(conversations: Mapping[str, int], messages: Mapping[str, int]) -> str:
    """The flow in words."""
    return (
        f"{count(sum(conversations.values()))} conversations received: "
        f"{_listed(conversations, CONVERSATION_STATES)}. Accepted ones offered "
        f"{count(sum(messages.values()))} replies: {_listed(messages, MESSAGE_STATES)}."
    )


def rows(totals: Mapping[str, int], states: Sequence[str]) -> list[tuple[str, int, str]]:
    """State, count and share of the whole, of the states that have any."""
    whole = sum(totals.get(state, 0) for state in states)
    return [
        (state, totals[state], percent(totals[state] / whole, 1))
        for state in states
        if totals.get(state)
    ]


def _listed(totals: Mapping[str, int], states: Sequence[str]) -> str:
    found = [f"{count(totals[s])} {s.replace('_', ' ')}" for s in states if totals.get(s)]
    return ", ".join(found) or "none"
