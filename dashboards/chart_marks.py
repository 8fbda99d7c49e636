"""Marks on the time line of a chart: what people wrote down, and new rubrics and judges.

Here belongs: how a marked day looks. Here does not belong: which days are marked (marts.py), or
deployments, which charts show as eras.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import altair as alt
import pandas as pd
from axes import moment, over_days
from palette import ALARM, QUIET
from wording import rate, short_day

LONGEST = 16
"""Characters of a label that fit beside a mark; all of it is in the tooltip."""
ROOM = 0.31
"""Share of the chart's width that so many characters take."""
RISE = -8
"""Pixels above the floor on which labels stand: the top belongs to changes."""


def layers(marks: Sequence[tuple[date, str, str]], first: date, last: date) -> list[Any]:
    """A thin rule with a diamond and a short label for each marked day inside the chart.

    Args:
        marks: (day, kind, label), in any order.
        first: first day drawn.
        last: last day drawn.
    """
    inside = sorted(mark for mark in marks if first <= mark[0] <= last)
    if not inside:
        return []
    placed = _placed(inside, first, last)
    frame = pd.DataFrame(
        {
            "day": [moment(day) for day, _, _ in inside],
            "date": [short_day(day) for day, _, _ in inside],
            "kind": [kind for _, kind, _ in inside],
            "label": [label for _, _, label in inside],
            "shown": [text for text, _ in placed],
            "side": [side for _, side in placed],
        }
    )
    tooltip = [
        alt.Tooltip("date:N", title="marked"),
        alt.Tooltip("kind:N", title="as"),
        alt.Tooltip("label:N", title=" "),
    ]
    base = alt.Chart(frame)
    texts = [
        base.transform_filter(alt.datum.side == side)
        .mark_text(
            align=side, baseline="middle", dx=dx, dy=RISE, fontSize=10, color=QUIET, limit=160
        )
        .encode(x=over_days(), y=alt.YValue("height"), text=alt.Text("shown:N"))
        for side, dx in (("left", 6), ("right", -6))
        if any(text for text, at in placed if at == side)
    ]
    return [
        base.mark_rule(color=QUIET, strokeWidth=1, strokeDash=[1, 2]).encode(
            x=over_days(), tooltip=tooltip
        ),
        base.mark_point(shape="diamond", color=QUIET, filled=True, size=34, opacity=1).encode(
            x=over_days(), y=alt.YValue("height"), tooltip=tooltip
        ),
        *texts,
    ]


def learning(baseline: tuple[date, date] | None) -> list[Any]:
    """The days from which normal was learnt, as a wash."""
    if baseline is None:
        return []
    first, last = baseline
    frame = pd.DataFrame({"day": [moment(first)], "end": [moment(last)]})
    return [
        alt.Chart(frame)
        .mark_rect(color=QUIET, opacity=0.13)
        .encode(x=over_days(), x2=alt.X2("end:T"))
    ]


def normal(level: float | None, y: alt.Y) -> list[Any]:
    """What is normal, as a level line; ``y`` is the scale of the chart."""
    if level is None:
        return []
    frame = pd.DataFrame({"rate": [level], "shown": [rate(level)]})
    return [
        alt.Chart(frame)
        .mark_rule(color=QUIET, strokeWidth=1.2, strokeDash=[5, 4], clip=True)
        .encode(y=y, tooltip=[alt.Tooltip("shown:N", title="normal")])
    ]


def changes(told: Sequence[tuple[date, str]], last: date) -> list[Any]:
    """The days on which changes began: a rule, a full mark and the day."""
    if not told:
        return []
    base, tooltip = _statements(
        told, "change", [f"since {short_day(day, last)}" for day, _ in told]
    )
    return [
        base.mark_rule(color=ALARM, strokeWidth=1.6).encode(x=over_days(), tooltip=tooltip),
        base.mark_point(shape="triangle-down", color=ALARM, filled=True, size=70, opacity=1).encode(
            x=over_days(), y=alt.YValue(4), tooltip=tooltip
        ),
        base.mark_text(
            align="right", baseline="top", dx=-7, dy=0, color=ALARM, fontSize=11, fontWeight=600
        ).encode(x=over_days(), y=alt.YValue(1), text=alt.Text("label:N")),
    ]


def alarms(told: Sequence[tuple[date, str]]) -> list[Any]:
    """The days on which changes were found: a hollow mark on a thin rule."""
    if not told:
        return []
    base, tooltip = _statements(told, "alarm", [f"found {short_day(day)}" for day, _ in told])
    return [
        base.mark_rule(color=ALARM, strokeWidth=1, strokeDash=[2, 3]).encode(
            x=over_days(), tooltip=tooltip
        ),
        base.mark_point(
            shape="triangle-down", color=ALARM, filled=False, size=60, opacity=1, strokeWidth=1.5
        ).encode(x=over_days(), y=alt.YValue(4), tooltip=tooltip),
    ]


def _statements(
    told: Sequence[tuple[date, str]], kind: str, labels: Sequence[str]
) -> tuple[alt.Chart, list[alt.Tooltip]]:
    """What was said of some days, and how it is shown beside the pointer."""
    frame = pd.DataFrame(
        {
            "day": [moment(day) for day, _ in told],
            "label": labels,
            "statement": [text for _, text in told],
        }
    )
    tooltip = [alt.Tooltip("label:N", title=kind), alt.Tooltip("statement:N", title=" ")]
    return alt.Chart(frame), tooltip


def _placed(
    marks: Sequence[tuple[date, str, str]], first: date, last: date
) -> list[tuple[str, str]]:
    """Label and alignment of each mark: to its right, else to its left, else without a label.

    A label neither leaves the chart nor crosses another mark or label.
    """
    placed: list[tuple[str, str]] = []
    free_from = first
    for place, (day, _, label) in enumerate(marks):
        text = label if len(label) <= LONGEST else f"{label[: LONGEST - 1].rstrip()}…"
        room = timedelta(days=(last - first).days * ROOM * len(text) / LONGEST)
        before = max(free_from, marks[place - 1][0]) if place else free_from
        after = marks[place + 1][0] if place + 1 < len(marks) else last
        if day + room <= after:
            placed.append((text, "left"))
            free_from = day + room
        elif day - room >= before:
            placed.append((text, "right"))
            free_from = day
        else:
            placed.append(("", "left"))
            free_from = day
    return placed
