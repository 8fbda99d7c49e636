"""The charts, as pure functions of plain frames.

Here belong: marks, scales, axes and alternative texts. Here does not belong: which rows are
drawn (pages) or which colours exist (palette.py). Days are drawn in UTC wherever the reader sits.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import altair as alt
import chart_marks
import pandas as pd
from axes import QUIET_TITLE, moment, over_days
from layers import Layers
from palette import QUIET
from wording import rate, short_day

PER_CENT = "format(datum.value * 100, '~g') + ' %'"
FAR_ABOVE_ZERO = 0.5
STRIP, BAND = -12, -7
"""Pixels above the plot between which the strip of deployments lies."""
CHARACTER = 0.022
"""Part of a small multiple's width that a character of an era's name takes."""
MOST_RULES = 10
"""Eras of which each beginning has a line; more would hide the rates, and the strip shows them."""
TREND_HEIGHT, LEDGER_HEIGHT = 150, 220
FIT = alt.AutoSizeParams(type="fit-x", contains="padding")
"""As wide as its column, while the plot keeps its height whatever stands above it."""
PADDING = {"left": 0, "right": 8, "top": 4, "bottom": 4}


@dataclass(frozen=True)
class Trend:
    """What one small multiple shows.

    Attributes:
        title: the behaviour, for people.
        colour: its colour.
        weekly: rows of ``estimates`` over 7 days.
        daily: rows of ``estimates`` over 1 day.
        eras: (deployment, first day, last day), in order.
        colours: colour of each deployment.
        baseline: first and last day from which normal was learnt, if any.
        changes: (start day, sentence) of each open alert.
        alarms: (day on which it was found, sentence) of the same.
        normal: the rate that is normal, if it is known.
        marks: (day, kind, label) of what was marked on the time line.
    """

    title: str
    colour: str
    weekly: Sequence[Mapping[str, Any]]
    daily: Sequence[Mapping[str, Any]]
    eras: Sequence[tuple[str, date, date]]
    colours: Mapping[str, str]
    baseline: tuple[date, date] | None = None
    changes: Sequence[tuple[date, str]] = ()
    alarms: Sequence[tuple[date, str]] = ()
    normal: float | None = None
    marks: Sequence[tuple[date, str, str]] = ()

    @property
    def span(self) -> tuple[date, date]:
        """First and last day drawn."""
        days = [row["day"] for row in (*self.weekly, *self.daily)]
        return min(days), max(days)


def trend(data: Trend) -> Any:
    """A behaviour over time: 7-day rate with its interval, single days, deployments, changes."""
    layers = [
        *chart_marks.learning(data.baseline),
        *chart_marks.normal(data.normal, _y(data)),
        *_eras(data),
        *chart_marks.layers(data.marks, *data.span),
        *_daily(data),
        *_weekly(data),
        *chart_marks.alarms(inside(data.alarms, data.span)),
        *chart_marks.changes(inside(data.changes, data.span), data.span[1]),
    ]
    return Layers(layers, {"height": TREND_HEIGHT, "autosize": FIT, "padding": PADDING})


def inside(told: Sequence[tuple[date, str]], span: tuple[date, date]) -> Sequence[tuple[date, str]]:
    """Those of the days drawn; another would stretch the axis over days without data."""
    return [one for one in told if span[0] <= one[0] <= span[1]]


def trend_alt(data: Trend) -> str:
    """The chart in words, for those who do not see it."""
    first, last = data.span
    known = [row for row in data.weekly if row["prevalence"] is not None]
    parts = [f"{data.title}, {short_day(first, last)} to {short_day(last)}."]
    if known:
        row = known[-1]
        shown = rate(row["prevalence"], row["lower"], row["upper"])
        parts.append(f"Over the last 7 days {shown} of {row['n']} messages.")
    if data.normal is not None:
        parts.append(f"Normal is {rate(data.normal)}.")
    parts += [f"A change began on {short_day(day)}." for day, _ in data.changes]
    parts += [f"It was found on {short_day(day)}." for day, _ in data.alarms]
    first, last = data.span
    parts += [f"{short_day(day)}: {label}." for day, _, label in data.marks if first <= day <= last]
    return " ".join(parts)


def ledger(
    rows: Sequence[Mapping[str, Any]],
    order: Sequence[str],
    colours: Sequence[str],
    counted: str = "rows",
) -> Any:
    """What became of each day's rows, stacked so that the height is what came in."""
    frame = pd.DataFrame(
        {
            "day": [moment(row["day"]) for row in rows],
            "date": [short_day(row["day"]) for row in rows],
            "state": [row["state"].replace("_", " ") for row in rows],
            "count": [row["count"] for row in rows],
            "place": [order.index(row["state"]) for row in rows],
        }
    )
    names = [state.replace("_", " ") for state in order]
    return (
        alt.Chart(frame)
        .mark_bar(stroke=None)
        .encode(
            x=over_days("utcyearmonthdate(day):T"),
            y=alt.Y(
                "count:Q", title=counted, axis=alt.Axis(tickCount=4, format=",d", **QUIET_TITLE)
            ),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=names, range=list(colours)),
                legend=None,  # the sum above the chart names the colours
            ),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("date:N", title="day"),
                alt.Tooltip("state:N", title="became"),
                alt.Tooltip("count:Q", title=counted, format=","),
            ],
        )
        .properties(height=LEDGER_HEIGHT, autosize=FIT)
    )


def _y(data: Trend) -> alt.Y:
    """From 0, unless all is far above it; as high as full weeks and single days reach.

    The first windows hold a day or two: their intervals would flatten all that follows.
    """
    first, _ = data.span
    full = [row for row in data.weekly if (row["day"] - first).days >= 6] or data.weekly
    single = [row["prevalence"] for row in data.daily]
    low = [value for value in (*(row["lower"] for row in full), *single) if value is not None]
    high = [value for value in (*(row["upper"] for row in full), *single) if value is not None]
    floor = min(low, default=0.0)
    domain = [
        math.floor(floor * 10) / 10 if floor > FAR_ABOVE_ZERO else 0.0,
        max(high, default=1.0),
    ]
    return alt.Y(
        "rate:Q",
        title="share of replies",
        scale=alt.Scale(domain=domain, nice=True, zero=False, clamp=True),
        axis=alt.Axis(labelExpr=PER_CENT, tickCount=4, **QUIET_TITLE),
    )


def _weekly(data: Trend) -> list[alt.Chart]:
    base = alt.Chart(_points(data.weekly))  # once for all three: to make it takes its time
    detail = alt.Detail("series:N")
    band = base.mark_area(color=data.colour, opacity=0.2, clip=True).encode(
        x=over_days(), y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q"), detail=detail
    )
    line = base.mark_line(color=data.colour, strokeWidth=2.2, clip=True).encode(
        x=over_days(), y=_y(data), detail=detail
    )
    return [band, line, _hover(base)]


def _hover(base: alt.Chart) -> alt.Chart:
    """Wide invisible targets, so that a day is easy to point at."""
    return base.mark_rule(strokeWidth=8, opacity=0).encode(
        x=over_days(),
        tooltip=[
            alt.Tooltip("date:N", title="7 days to"),
            alt.Tooltip("shown:N", title="rate [95 %]"),
            alt.Tooltip("n:Q", title="n", format=","),
            alt.Tooltip("effective_n:Q", title="effective n", format=",.0f"),
            alt.Tooltip("mode:N", title="mode"),
        ],
    )


def _daily(data: Trend) -> list[alt.Chart]:
    if not data.daily:
        return []
    return [
        alt.Chart(_points(data.daily))
        .mark_circle(color=data.colour, opacity=0.4, size=16, clip=True)
        .encode(
            x=over_days(),
            y=_y(data),
            tooltip=[
                alt.Tooltip("date:N", title="single day"),
                alt.Tooltip("shown:N", title="rate [95 %]"),
                alt.Tooltip("n:Q", title="n", format=","),
            ],
        )
    ]


def _eras(data: Trend) -> list[alt.Chart]:
    first, last = data.span
    eras = [
        (name, max(begin, first), min(end, last), begin > first)
        for name, begin, end in data.eras
        if begin <= last and end >= first
    ]
    if not eras:
        return []
    frame = pd.DataFrame(
        {
            "name": [name for name, *_ in eras],
            "day": [moment(begin) for _, begin, *_ in eras],
            "end": [moment(end) for _, _, end, _ in eras],
            "label": [
                name if (end - begin).days >= CHARACTER * len(name) * (last - first).days else ""
                for name, begin, end, _ in eras
            ],
            "began": [f"began {short_day(begin)}" for _, begin, *_ in eras],
            "new": [new for *_, new in eras],
        }
    )
    names = list(frame["name"])
    hue = alt.Color(
        "name:N",
        scale=alt.Scale(domain=names, range=[data.colours.get(name, QUIET) for name in names]),
        legend=None,
    )
    tooltip = [alt.Tooltip("name:N", title="deployment"), alt.Tooltip("began:N", title=" ")]
    base = alt.Chart(frame)
    layers = [
        base.mark_rect().encode(
            x=over_days(),
            x2=alt.X2("end:T"),
            y=alt.YValue(STRIP),
            y2=alt.Y2Value(BAND),
            color=hue,
            tooltip=tooltip,
        ),
        base.mark_text(align="left", baseline="bottom", fontSize=10.5, dy=-2, limit=110).encode(
            x=over_days(), y=alt.YValue(STRIP), text=alt.Text("label:N"), color=hue
        ),
    ]
    if any(new for *_, new in eras) and len(eras) <= MOST_RULES:
        began = base.transform_filter("datum.new").mark_rule(strokeDash=[2, 3], strokeWidth=1)
        y, floor = alt.YValue(BAND), alt.Y2Value("height")
        layers.append(began.encode(x=over_days(), y=y, y2=floor, color=hue))
    return layers


def _points(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of ``estimates`` as drawn; a new rubric version or panel breaks the line."""
    return pd.DataFrame(
        {
            "day": [moment(row["day"]) for row in rows],
            "date": [short_day(row["day"]) for row in rows],
            "rate": [row["prevalence"] for row in rows],
            "lower": [row["lower"] for row in rows],
            "upper": [row["upper"] for row in rows],
            "shown": [rate(row["prevalence"], row["lower"], row["upper"]) for row in rows],
            "n": [row["n"] for row in rows],
            "effective_n": [row["effective_n"] for row in rows],
            "mode": [row["mode"] for row in rows],
            "series": [f"{row['rubric_version']} {row['panel']}" for row in rows],
        }
    )
