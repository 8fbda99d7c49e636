"""The charts of the page of deployments, as pure functions of plain frames.

Here belong: marks, scales, axes and alternative texts. Here does not belong: what is compared
(pairs.py).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
from axes import QUIET_TITLE
from charts import FIT, PADDING
from pairs import Compared, SegmentShare
from palette import QUIET
from wording import count, moved, percent

from alignment_monitor.statistics.contrasts import added

POINTS = (
    "(datum.value > 0 ? '+' : datum.value < 0 ? '−' : '') + format(abs(datum.value) * 100, '~g')"
)
ROW, GAP = 46, 9
BAR = 26
MOST_SEGMENTS = 15
LABEL = 150
PLAIN, SAME = "as users get it", "at the same traffic"


def differences(
    compared: Sequence[Compared],
    names: tuple[str, str],
    title_of: Callable[[str], str],
    colours: Mapping[str, str],
) -> Any:
    """Each behaviour's difference with its interval, as it is and at the same traffic."""
    frame = _differences(compared, title_of)
    order = list(dict.fromkeys(frame["title"]))
    hues = [colours.get(name, QUIET) for name in dict.fromkeys(frame["behaviour"])]
    reach = max(frame[["lower", "upper", "change"]].abs().max().max(), 0.01)
    x = alt.X(
        "change:Q",
        title=f"← less often in {names[1]}   ·   points   ·   more often →",
        scale=alt.Scale(domain=[-reach, reach], nice=True),
        axis=alt.Axis(labelExpr=POINTS, tickCount=6, **QUIET_TITLE),
    )
    y = alt.Y(
        "title:N",
        sort=order,
        title="behaviour",
        scale=alt.Scale(type="band", padding=0),
        axis=alt.Axis(labelLimit=LABEL, labelFontSize=12, ticks=False, domain=False, **QUIET_TITLE),
    )
    colour = alt.Color("title:N", scale=alt.Scale(domain=order, range=hues), legend=None)
    layers = [_zero()]
    for kind, offset, filled in ((PLAIN, -GAP, True), (SAME, GAP, False)):
        rows = frame[frame["kind"] == kind]
        layers += _marks(rows, x, y, colour, alt.value(ROW / 2 + offset), filled=filled)
    height = ROW * len(order)
    return alt.layer(*layers, height=height, autosize=FIT, padding=PADDING)


def _marks(
    rows: pd.DataFrame, x: alt.X, y: alt.Y, colour: alt.Color, shift: Any, *, filled: bool
) -> list[alt.Chart]:
    """A difference and its interval: a full dot on a line, or a ring on a dashed one."""
    tooltip = [
        alt.Tooltip("title:N", title="behaviour"),
        alt.Tooltip("kind:N", title="difference"),
        alt.Tooltip("shown:N", title="points [95 %]"),
        alt.Tooltip("n:N", title=" "),
    ]
    base = alt.Chart(rows)
    fill = colour if filled else alt.value("transparent")
    return [
        base.mark_rule(strokeWidth=2, strokeDash=[1, 0] if filled else [3, 2]).encode(
            x=alt.X("lower:Q"),
            x2=alt.X2("upper:Q"),
            y=y,
            yOffset=shift,
            color=colour,
            tooltip=tooltip,
        ),
        base.mark_point(filled=filled, size=80, opacity=1, strokeWidth=2).encode(
            x=x, y=y, yOffset=shift, color=colour, fill=fill, tooltip=tooltip
        ),
    ]


def _zero() -> alt.Chart:
    """No difference."""
    frame = pd.DataFrame({"zero": [0.0]})
    return alt.Chart(frame).mark_rule(color=QUIET, strokeWidth=1.5).encode(x=alt.X("zero:Q"))


def differences_alt(
    compared: Sequence[Compared], names: tuple[str, str], title_of: Callable[[str], str]
) -> str:
    """The chart in words, for those who do not see it."""
    parts = [f"Differences of {names[1]} from {names[0]}."]
    for one in compared:
        if one.plain:
            shown = moved(one.plain.change, one.plain.lower, one.plain.upper)
            parts.append(f"{title_of(one.behaviour)}: {shown}, {_sizes(one)}.")
        else:
            parts.append(f"{title_of(one.behaviour)}: no data.")
    return " ".join(parts)


def contributions(one: Compared, colour: str) -> Any:
    """What each segment adds to a difference, largest first."""
    frame = pd.DataFrame(
        [
            {
                "segment": part.segment,
                "points": part.total,
                "total": moved(part.total, digits=1),
                "within": by_rate([part]),
                "mix": moved(part.mix, digits=1),
                "share": _share(part.share_before, part.share_after),
                "n": _sizes(part),
            }
            for part in one.segments[:MOST_SEGMENTS]
        ]
    )
    order = list(frame["segment"])
    base = alt.Chart(frame)
    x = alt.X(
        "points:Q",
        title="points that it adds to the difference",
        axis=alt.Axis(labelExpr=POINTS, tickCount=5, **QUIET_TITLE),
    )
    y = alt.Y(
        "segment:N", sort=order, title="segment",
        axis=alt.Axis(
            labelLimit=LABEL, labelFontSize=12, ticks=False, domain=False, **QUIET_TITLE
        ),
    )  # fmt: skip
    tooltip = [
        alt.Tooltip("segment:N"),
        alt.Tooltip("total:N", title="adds"),
        alt.Tooltip("within:N", title="by its own rate"),
        alt.Tooltip("mix:N", title="by its share"),
        alt.Tooltip("share:N", title="share of opportunities"),
        alt.Tooltip("n:N", title=" "),
    ]
    bars = base.mark_bar(color=colour, opacity=0.75, height=14).encode(x=x, y=y, tooltip=tooltip)
    height = BAR * len(order)
    return alt.layer(bars, _zero(), height=height, autosize=FIT, padding=PADDING)


def contributions_alt(one: Compared, title: str) -> str:
    """The chart in words."""
    parts = [
        f"{part.segment} {moved(part.total, digits=1)} (by its rate {by_rate([part])}; "
        f"{_sizes(part)})"
        for part in one.segments[:MOST_SEGMENTS]
    ]
    return f"What segments add to the difference in {title}: {', '.join(parts)}."


def _differences(compared: Sequence[Compared], title_of: Callable[[str], str]) -> pd.DataFrame:
    rows = []
    for one in compared:
        kinds = {PLAIN: one.plain, SAME: one.standardised}
        for kind, found in kinds.items():
            rows.append(
                {
                    "behaviour": one.behaviour,
                    "title": title_of(one.behaviour),
                    "kind": kind,
                    "change": found.change if found else None,
                    "lower": found.lower if found else None,
                    "upper": found.upper if found else None,
                    "shown": moved(found.change, found.lower, found.upper) if found else "no data",
                    "n": _sizes(one),
                }
            )
    frame = pd.DataFrame(rows)
    return frame.astype({name: float for name in ("change", "lower", "upper")})


def _sizes(one: Compared | SegmentShare) -> str:
    sizes = (count(row["n"]) if row else "0" for row in (one.before, one.after))
    return f"n {' and '.join(sizes)}"


def by_rate(parts: Sequence[SegmentShare]) -> str:
    """What the rates of segments add, with the interval."""
    known = [part.within for part in parts if part.within]
    found = added(known)
    return moved(found.change, found.lower, found.upper) if known else "not in both"


def _share(before: float | None, after: float | None) -> str:
    return " → ".join("–" if share is None else percent(share) for share in (before, after))
