"""The charts of the page of judges, as pure functions of plain frames.

Here belong: marks, scales, axes and alternative texts. Here does not belong: which rows are drawn
(the page), or what is made of them (record.py, trust.py).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import altair as alt
import control_marks
import pandas as pd
from axes import FLOOR, QUIET_TITLE, moment, over_days
from charts import FIT, PADDING, PER_CENT, TREND_HEIGHT
from control import Limits
from control_marks import FEWEST
from layers import Layers
from palette import QUIET
from record import CHARTED, WINDOW, Era, Point
from wording import counted, listed, rate, short_day

SENSITIVITY_DASH, SPECIFICITY_DASH = [1, 0], [5, 3]
ROUNDED = 0.1
SWAY_HEIGHT = 260
"""As tall as the table of kinds beside it."""


@dataclass(frozen=True)
class Record:
    """What one small multiple shows.

    Attributes:
        title: the question, for people.
        colour: its colour.
        points: its scores over the days.
        eras: versions of the judge that the points are of.
        least: sensitivity and specificity that a judge must show.
        limits: control limits of the points that have any.
        floor: where the axis begins, the same for all questions.
    """

    title: str
    colour: str
    points: Sequence[Point]
    eras: Sequence[Era]
    least: tuple[float, float]
    floor: float
    limits: Sequence[Limits] = ()


@dataclass(frozen=True)
class Sway:
    """How far attacks sway a judge, day by day.

    Attributes:
        colour: its colour.
        signals: rows of ``drift_signals`` of the daily gate.
        eras: versions of the judge.
        limit: how much is tolerated.
    """

    colour: str
    signals: Sequence[Mapping[str, Any]]
    eras: Sequence[Era]
    limit: float


def floor_of(records: Sequence[Sequence[Point]], least: tuple[float, float]) -> float:
    """Where an axis must begin for all of these to be seen, in round figures."""
    scores = (s for points in records for point in points for s in (point.found, point.passed))
    rates = [score.rate for score in scores if score.rate is not None and score.n >= FEWEST]
    return max(0.0, math.floor(min([*rates, *least]) / ROUNDED - 1e-9) * ROUNDED)


def record(data: Record) -> Any:
    """Sensitivity and specificity over time with their intervals, limits and new versions."""
    frame = _scores(data.points)
    layers = [
        *_limits(data.least, (data.colour, QUIET)),
        *control_marks.layers(data.limits, data.colour),
        *_measure(frame, data, "passed", QUIET, SPECIFICITY_DASH),
        *_measure(frame, data, "found", data.colour, SENSITIVITY_DASH),
        _hover(
            frame,
            ("date", f"{CHARTED} days to"),
            ("found_shown", "sensitivity [95 %]"),
            ("found_n", "n with it"),
            ("passed_shown", "specificity [95 %]"),
            ("passed_n", "n without it"),
        ),
        *_news(data.eras),
    ]
    return _framed(layers)


def record_alt(data: Record) -> str:
    """The chart in words, for those who do not see it."""
    if not data.points:
        return f"{data.title}: no sentinel."
    last = data.points[-1]
    parts = [
        f"{data.title} on sentinels, {short_day(data.points[0].day, last.day)} to "
        f"{short_day(last.day)}. Over the last {CHARTED} days sensitivity "
        f"{rate(last.found.rate, *last.found.interval)} of {last.found.n}, specificity "
        f"{rate(last.passed.rate, *last.passed.interval)} of {last.passed.n}."
    ]
    if days := [one.point.day for one in data.limits if one.outside]:
        parts.append(
            f"Beyond its control limits on {counted(len(days), 'day')}, last {short_day(days[-1])}."
        )
    return " ".join([*parts, *_news_alt(data.eras)])


def sway(data: Sway) -> Any:
    """Surplus of verdicts that attacks moved their way, with its limits and what is tolerated."""
    frame = pd.DataFrame(
        {
            "day": [moment(row["day"]) for row in data.signals],
            "date": [short_day(row["day"]) for row in data.signals],
            "rate": [row["observed"] if row["n"] >= FEWEST else None for row in data.signals],
            "lower": [row["effect_lower"] if row["n"] >= FEWEST else None for row in data.signals],
            "upper": [row["effect_upper"] if row["n"] >= FEWEST else None for row in data.signals],
            "shown": [
                rate(row["observed"], row["effect_lower"], row["effect_upper"])
                for row in data.signals
            ],
            "n": [row["n"] for row in data.signals],
            "era": [era_of(row["day"], data.eras) for row in data.signals],
        }
    )
    domain = _sway_domain(data)
    axis = alt.Axis(labelExpr=PER_CENT, tickCount=4, **QUIET_TITLE)
    scale = alt.Scale(domain=domain, nice=True, clamp=True)
    y = alt.Y("rate:Q", title="surplus of moved verdicts", scale=scale, axis=axis)
    base = alt.Chart(frame)
    layers = [
        *_limits([data.limit], [data.colour]),
        _label(data.limit, "tolerated"),
        base.mark_area(color=data.colour, opacity=0.2, clip=True).encode(
            x=over_days(), y=alt.Y("lower:Q"), y2=alt.Y2("upper:Q"), detail=alt.Detail("era:N")
        ),
        base.mark_line(color=data.colour, strokeWidth=2.2).encode(
            x=over_days(), y=y, detail=alt.Detail("era:N")
        ),
        _hover(
            frame,
            ("date", f"{WINDOW} days to"),
            ("shown", "surplus [98 %]"),
            ("n", "attempts"),
        ),
        *_news(data.eras),
    ]
    return _framed(layers, SWAY_HEIGHT)


def sway_alt(data: Sway) -> str:
    """The chart in words."""
    last = data.signals[-1]
    shown = rate(last["observed"], last["effect_lower"], last["effect_upper"])
    told = (
        f"Surplus of verdicts moved by injection, to {short_day(last['day'])}: {shown} of "
        f"{last['n']} attempts, {rate(data.limit)} tolerated."
    )
    return " ".join([told, *_news_alt(data.eras)])


def _scores(points: Sequence[Point]) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {
        "day": [moment(point.day) for point in points],
        "date": [short_day(point.day) for point in points],
        "era": [point.era for point in points],
    }
    for name in ("found", "passed"):
        scores = [getattr(point, name) for point in points]
        columns |= {
            f"{name}_rate": [score.rate if score.n >= FEWEST else None for score in scores],
            f"{name}_lower": [score.interval[0] if score.n >= FEWEST else None for score in scores],
            f"{name}_upper": [score.interval[1] if score.n >= FEWEST else None for score in scores],
            f"{name}_shown": [rate(score.rate, *score.interval) for score in scores],
            f"{name}_n": [score.n for score in scores],
        }
    return pd.DataFrame(columns)


def _measure(
    frame: pd.DataFrame, data: Record, name: str, colour: str, dash: Sequence[int]
) -> list[Any]:
    axis = alt.Axis(labelExpr=PER_CENT, tickCount=4, **QUIET_TITLE)
    scale = alt.Scale(domain=[data.floor, 1.0], nice=False, zero=False, clamp=True)
    y = alt.Y(f"{name}_rate:Q", title="right verdicts", scale=scale, axis=axis)
    base = alt.Chart(frame)
    return [
        base.mark_area(color=colour, opacity=0.16, clip=True).encode(
            x=over_days(),
            y=alt.Y(f"{name}_lower:Q"),
            y2=alt.Y2(f"{name}_upper:Q"),
            detail=alt.Detail("era:N"),
        ),
        base.mark_line(color=colour, strokeWidth=2, strokeDash=list(dash)).encode(
            x=over_days(), y=y, detail=alt.Detail("era:N")
        ),
    ]


def _sway_domain(data: Sway) -> list[float]:
    """Every rate drawn, the limit, and the newest interval; older and wider ones are cut off."""
    rates = [row["observed"] for row in data.signals if row["n"] >= FEWEST]
    last = data.signals[-1]
    low = min([*rates, -data.limit, last["effect_lower"]])
    high = max([*rates, 2 * data.limit, last["effect_upper"]])
    return [max(-1.0, low), min(1.0, high)]


def _limits(limits: Sequence[float], colours: Sequence[str]) -> list[Any]:
    """A thin line at each limit, in the colour of what it limits."""
    return [
        alt.Chart(pd.DataFrame({"at": [at]}))
        .mark_rule(color=colour, strokeDash=[1, 3], strokeWidth=1.2)
        .encode(y=alt.Y("at:Q"))
        for at, colour in zip(limits, colours, strict=True)
    ]


def _news(eras: Sequence[Era]) -> list[Any]:
    """Where a new version of the judge began: lines on its two sides are not comparable."""
    new = [era for era in eras if era.changed]
    if not new:
        return []
    frame = pd.DataFrame(
        {
            "day": [moment(era.first) for era in new],
            "date": [short_day(era.first) for era in new],
            "news": [listed(era.changed) for era in new],
        }
    )
    base = alt.Chart(frame)
    tooltip = [alt.Tooltip("date:N", title="from"), alt.Tooltip("news:N", title=" ")]
    return [
        base.mark_rule(color=QUIET, strokeDash=[2, 3], strokeWidth=1.2).encode(
            x=over_days(), y=alt.YValue(0), y2=FLOOR, tooltip=tooltip
        ),
        base.mark_point(shape="diamond", color=QUIET, filled=True, size=60, opacity=1).encode(
            x=over_days(), y=alt.YValue(0), tooltip=tooltip
        ),
    ]


def _news_alt(eras: Sequence[Era]) -> list[str]:
    return [f"From {short_day(era.first)} on {listed(era.changed)}." for era in eras if era.changed]


def _hover(frame: pd.DataFrame, *told: tuple[str, str]) -> Any:
    """Wide invisible targets, so that a day is easy to point at."""
    return (
        alt.Chart(frame)
        .mark_rule(strokeWidth=8, opacity=0)
        .encode(x=over_days(), tooltip=[alt.Tooltip(name, title=title) for name, title in told])
    )


def _label(at: float, words: str) -> Any:
    """What a line means, above its right end."""
    return (
        alt.Chart(pd.DataFrame({"at": [at], "label": [f"{rate(at)} {words}"]}))
        .mark_text(align="right", baseline="bottom", dy=-3, fontSize=11, color=QUIET)
        .encode(x=alt.XValue("width"), y=alt.Y("at:Q"), text=alt.Text("label:N"))
    )


def _framed(layers: Sequence[Any], height: int = TREND_HEIGHT) -> Any:
    return Layers(layers, {"height": height, "autosize": FIT, "padding": PADDING})


def era_of(day: date, eras: Sequence[Era]) -> int:
    """The place of the era that the gate took on a day: the newest begun."""
    return max((place for place, era in enumerate(eras) if era.first <= day), default=0)
