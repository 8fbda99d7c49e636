"""The segments behind a difference of two deployments, drawn from what was compared.

Here belongs: this section. Here does not belong: any comparison (pairs.py).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import components
import pair_charts
import pictures
import streamlit as st
from components import text
from pair_charts import MOST_SEGMENTS, by_rate
from pairs import Compared, SegmentShare
from palette import QUIET
from wording import count, interval, moved, percent, spoken

FAINT = '<span class="am-faint am-small">{}</span>'
UNSURE = (
    "By its rate: 95 % intervals (MOVER), as if the shares of segments were known. By its share, "
    "and thus what it adds, has no interval here: how unsure a share is depends on how much each "
    "user wrote, which pages do not read."
)


def drivers(
    found: Sequence[Compared],
    names: tuple[str, str],
    title_of: Callable[[str], str],
    colours: Mapping[str, str],
) -> None:
    """The segments behind one difference."""
    components.section(
        "Segments that drive a difference",
        "What each segment adds, by its own rate and by its share of the opportunities (Kitagawa’s "
        "split, in which all segments add up to the difference). A sum, not a proof: single "
        "segments hold few messages.",
    )
    split = {one.behaviour: one for one in found if one.segments}
    if not split:
        reasons = {one.reason for one in found if one.reason} or {"no segment has data in both"}
        components.block(f"<p><b>Not known:</b> {text('; '.join(sorted(reasons)))}.</p>")
        return
    order = sorted(split, key=lambda name: (not split[name].is_marked, -_size(split[name])))
    with st.columns([3, 7])[0]:
        chosen = st.selectbox(
            "Behaviour", order, format_func=title_of, key="behaviour", bind="query-params"
        )
    one = split[chosen]
    title = spoken(title_of(chosen))
    pictures.show(
        pair_charts.contributions(one, colours.get(chosen, QUIET)),
        title=f"What each segment adds to the difference in {title}",
        alt_text=pair_charts.contributions_alt(one, title),
        name="contributions",
    )
    segments(one, names)


def _size(one: Compared) -> float:
    return abs(one.plain.change) if one.plain else 0.0


def segments(one: Compared, names: tuple[str, str]) -> None:
    """The same in figures."""

    def side(row: Mapping[str, Any] | None, share: float | None) -> str:
        if row is None or share is None:
            return FAINT.format("not seen")
        shown = f"{percent(row['prevalence'])} {interval(row['lower'], row['upper'])}"
        detail = f"n {count(row['n'])} · {percent(share)} of all"
        return f"{shown}<br>{FAINT.format(detail)}"

    def parts(some: Sequence[SegmentShare]) -> list[str]:
        sums = (sum(getattr(part, name) for part in some) for name in ("mix", "total"))
        return [by_rate(some), *(moved(value, digits=1) for value in sums)]

    shown, rest = one.segments[:MOST_SEGMENTS], one.segments[MOST_SEGMENTS:]
    body = [
        [
            text(part.segment),
            side(part.before, part.share_before),
            side(part.after, part.share_after),
            *parts([part]),
        ]
        for part in shown
    ]
    if rest:
        body.append([f"{len(rest)} further", "", "", *parts(rest)])
    body.append(["All", side(one.before, 1.0), side(one.after, 1.0), *parts(one.segments)])
    head = ["Segment", text(names[0]), text(names[1]), "By its rate", "By its share", "Adds"]
    components.table(head, body, total=True)
    components.block(f'<p class="am-faint am-small">{UNSURE}</p>')
    components.download(
        "segments-of-a-difference",
        [
            {
                "behaviour": one.behaviour,
                "segment": part.segment,
                "share_from": part.share_before,
                "share_to": part.share_after,
                **_rate("from", part.before),
                **_rate("to", part.after),
                "by_rate": part.within.change if part.within else None,
                "by_rate_lower": part.within.lower if part.within else None,
                "by_rate_upper": part.within.upper if part.within else None,
                "by_share": part.mix,
                "adds": part.total,
            }
            for part in one.segments
        ],
    )


def _rate(side: str, row: Mapping[str, Any] | None) -> dict[str, Any]:
    """A segment's estimate in one deployment, as columns of CSV."""
    names = {"rate": "prevalence", "lower": "lower", "upper": "upper", "n": "n"}
    return {f"{name}_{side}": row[column] if row else None for name, column in names.items()}
