"""Small multiples: each behaviour over time, with where it stands and what is normal.

Here belong: reading one series from the marts and drawing it with its head and its notes. Here
does not belong: the marks of the chart (charts.py), or the verdict on them all (verdict.py).
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import changes
import charts
import components
import marts
import normal
import pictures
import streamlit as st
from facts import Facts, start_day
from palette import QUIET
from thinning import MOST_DAYS, is_long, thinned
from wording import count, counted, rate

COLUMNS = 3
CHARTED = (
    "day", "deployment_family", "behaviour", "rubric_version", "panel", "mode", "window_days",
    "prevalence", "lower", "upper", "n", "effective_n",
)  # fmt: skip
DOTS = f"a single day; over {MOST_DAYS} days none, and only a rate a week"
TRAFFIC = {"as users get it": False, "standardised to the same traffic": True}
"""Ways of showing a rate, and whether it is weighted to the baseline's mix of segments."""


def choose_traffic() -> bool:
    """Whether rates are shown as the baseline's mix of segments would have them."""
    chosen = st.segmented_control(
        "Rates shown", list(TRAFFIC), default=next(iter(TRAFFIC)), key="traffic",
        bind="query-params", required=True,
    )  # fmt: skip
    return TRAFFIC.get(chosen or "", False)


def trend_of(behaviour: str, facts: Facts, *, standardised: bool = False) -> charts.Trend | None:
    """The small multiple of a behaviour; None if nothing of it is known."""
    whole: dict[str, Any] = {
        "deployment_family": facts.family,
        "deployment": "all",
        "segment": "all",
        "behaviour": behaviour,
        "standardised": standardised,
    }
    weekly = marts.estimates(window_days=7, columns=CHARTED, **whole)
    if not weekly:
        return None
    long = is_long([row["day"] for row in weekly])
    daily = [] if long else marts.estimates(window_days=1, columns=CHARTED, **whole)
    told = (*facts.open_alerts("MODEL"), *facts.closed)
    mine = [alert for alert in told if alert["behaviour"] == behaviour]
    return charts.Trend(
        title=facts.title_of(behaviour),
        colour=marts.behaviour_hues()[behaviour],
        weekly=thinned(weekly, itemgetter("day"), itemgetter("rubric_version", "panel")),
        daily=daily,
        eras=[(d["deployment"], d["first_day"], d["last_day"]) for d in facts.deployments],
        colours=marts.deployment_hues(),
        baseline=normal.learnt(behaviour, facts),
        changes=[(start_day(alert), changes.change(alert, facts)) for alert in mine],
        alarms=[(alert["opened_on"], changes.change(alert, facts)) for alert in mine],
        normal=normal.mean(behaviour, facts),
        marks=marts.marks(facts.family),
    )


def grid(
    behaviours: Sequence[str], facts: Facts, *, standardised: bool, quiet: bool = False
) -> None:
    """Small multiples in rows; the key takes the last place of the first group."""
    cells = list(behaviours) if quiet else [*behaviours, ""]
    for start in range(0, len(cells), COLUMNS):
        for column, behaviour in zip(
            st.columns(COLUMNS, gap="medium"), cells[start : start + COLUMNS], strict=False
        ):
            with column:
                if behaviour:
                    small_multiple(behaviour, facts, standardised=standardised, quiet=quiet)
                else:
                    key()


def small_multiple(
    behaviour: str, facts: Facts, *, standardised: bool, quiet: bool = False
) -> None:
    """One behaviour: where it stands, and how it came there."""
    data = trend_of(behaviour, facts, standardised=standardised)
    now = data.weekly[-1] if data else None
    suspected = any(alert["behaviour"] == behaviour for alert in facts.suspected)
    components.panel(
        facts.title_of(behaviour),
        marts.behaviour_hues()[behaviour],
        now,
        standing(behaviour, now, facts),
        flag="changed" if data and data.changes else "suspected" if suspected else "",
        warn=suspected,
        quiet=quiet,
    )
    if data:
        chart = drawn(marts.stamp(), facts.family, behaviour, standardised, data)
        kind = " at the baseline’s mix of segments" if standardised else ""
        pictures.show(
            chart,
            title=f"{data.title} of {facts.family}{kind}",
            alt_text=charts.trend_alt(data),
            name=f"{facts.family}-{behaviour}",
        )
    told = [*beside(behaviour, facts, standardised=standardised), *normal.lines(behaviour, facts)]
    if told:
        lines = "<br>".join(map(components.text, told))
        components.block(f'<p class="am-faint am-small">{lines}</p>')


@st.cache_data(show_spinner=False, max_entries=64)
def drawn(
    stamp: int, family: str, behaviour: str, standardised: bool, _data: charts.Trend
) -> dict[str, Any]:
    """The chart of a series as it stands; assembling one takes longer than all the rest."""
    return pictures.assembled(charts.trend, _data)


def standing(behaviour: str, now: Mapping[str, Any] | None, facts: Facts) -> str:
    """On how many messages the figure rests, and what was normal."""
    if now is None:
        return "No figure: no such reply judged yet, or no baseline to compare with."
    parts = [f"last 7 days, n = {count(now['n'])}"]
    if (mean := normal.mean(behaviour, facts)) is not None:
        parts.append(f"normal {rate(mean)}")
    if facts.is_good(behaviour):
        parts.append("more is better")
    return " · ".join(parts)


def beside(behaviour: str, facts: Facts, *, standardised: bool) -> list[str]:
    """The same rate otherwise: since the deployment began, and as people see it."""
    told = []
    if facts.deployments and not standardised:
        current = facts.deployments[-1]["deployment"]
        found = marts.estimates(
            deployment_family=facts.family, deployment=current, segment="all",
            behaviour=behaviour, window_days=0,
        )  # fmt: skip
        row = max(found, key=lambda row: row["day"], default=None)
        if row and row["prevalence"] is not None and row["lower"] is not None:
            shown = rate(row["prevalence"], row["lower"], row["upper"])
            told.append(f"since {current} began: {shown}")
    if row := facts.labelled.get(behaviour):
        shown = rate(row["prevalence"], row["lower"], row["upper"])
        told.append(f"people’s labels, {counted(row['window_days'], 'day')}: {shown}")
    return told


def key() -> None:
    """How to read the charts, in the place of a legend."""
    line = (
        f'<i style="width:2rem;height:.8rem;background:{QUIET}33;display:flex;align-items:center">'
    )
    line += f'<i style="width:100%;height:2px;background:{QUIET}"></i></i>'
    entries = {
        line: "rate over the last 7 days on the judge’s scale, with its 95 % interval",
        f'<i class="am-dot" style="background:{QUIET};opacity:.5"></i>': DOTS,
        f'<i style="width:2rem;border-top:1.5px dashed {QUIET}"></i>': "what is normal",
        '<span style="color:var(--am-alarm)">▼</span>': "day on which a change began",
        '<span style="color:var(--am-alarm)">▽</span>': "day on which it was found",
        f'<i style="width:2rem;height:5px;background:{QUIET}"></i>': "deployment that served",
        f'<span style="color:{QUIET}">◆</span>': "marked by people, or a new rubric or judge",
        f'<i style="width:2rem;height:1rem;background:{QUIET}22"></i>': "learning what is normal",
    }
    items = "".join(f"<li><span>{mark}</span>{words}</li>" for mark, words in entries.items())
    components.block(f"<h3>How to read these</h3><ul>{items}</ul>", "am-panel am-key am-small")
