"""Is anything wrong, since when, how sure; then each behaviour over time and by segment."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

import charts
import components
import marts
import normal
import pyarrow.compute as pc
import streamlit as st
import verdict
from facts import Facts, start_day, telling
from palette import QUIET
from thinning import MOST_DAYS, is_long, thinned
from wording import called, count, rate, short_day

from alignment_monitor.alerting.evidence import if_expected
from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE, TWO_PHASE

COLUMNS = 3
CHARTED = (
    "day", "deployment_family", "behaviour", "rubric_version", "panel", "mode", "window_days",
    "prevalence", "lower", "upper", "n", "effective_n",
)  # fmt: skip
DOTS = f"a single day; over {MOST_DAYS} days none, and only a rate a week"
RUBRIC = marts.rubric()
GAUGES = [name for name in RUBRIC.monitored if name not in RUBRIC.headline]
COLOURS = marts.behaviour_hues()


def facts_of(family: str) -> Facts:
    """What the verdict rests on."""
    signals = marts.select("drift_signals", deployment_family=family)
    # A judge may be called like a family, but its series say nothing of one.
    signals = telling(signals.filter(pc.field("type") != "JUDGE"))
    return Facts(
        family=family,
        subject=RUBRIC.title,
        headline=RUBRIC.headline,
        signals=signals.to_pylist(),
        alerts=[
            alert
            for alert in marts.rows("alerts")
            if alert["deployment_family"] == family or alert["type"] != "MODEL"
        ],
        deployments=marts.deployments(family),
        about=marts.about(),
        now=datetime.now(UTC),
        title_of=RUBRIC.title_of,
        resets=marts.rows("baseline_resets", deployment_family=family),
    )


def trend_of(behaviour: str, facts: Facts) -> charts.Trend | None:
    """The small multiple of a behaviour; None if nothing of it is known."""
    whole: dict[str, Any] = {
        "deployment_family": facts.family,
        "deployment": "all",
        "segment": "all",
        "behaviour": behaviour,
    }
    weekly = marts.estimates(window_days=7, columns=CHARTED, **whole)
    if not weekly:
        return None
    long = is_long([row["day"] for row in weekly])
    daily = [] if long else marts.estimates(window_days=1, columns=CHARTED, **whole)
    return charts.Trend(
        title=RUBRIC.title_of(behaviour),
        colour=COLOURS[behaviour],
        weekly=thinned(weekly, itemgetter("day"), itemgetter("rubric_version", "panel")),
        daily=daily,
        eras=[(d["deployment"], d["first_day"], d["last_day"]) for d in facts.deployments],
        colours=marts.deployment_hues(),
        baseline=normal.learnt(behaviour, facts),
        changes=[
            (start_day(alert), verdict.change(alert, facts))
            for alert in facts.open_alerts("MODEL")
            if alert["behaviour"] == behaviour
        ],
        marks=marts.marks(facts.family),
    )


def small_multiple(behaviour: str, facts: Facts, *, quiet: bool = False) -> None:
    """One behaviour: where it stands, and how it came there."""
    data = trend_of(behaviour, facts)
    now = data.weekly[-1] if data else None
    flag = "changed" if data and data.changes else ""
    components.panel(
        RUBRIC.title_of(behaviour), COLOURS[behaviour], now, standing(behaviour, now, facts),
        flag=flag, quiet=quiet,
    )  # fmt: skip
    if data:
        chart = drawn(marts.stamp(), facts.family, behaviour, data)
        st.vega_lite_chart(chart, width="stretch", alt=charts.trend_alt(data))
    if declared := normal.lines(behaviour, facts):
        told = "<br>".join(map(components.text, declared))
        components.block(f'<p class="am-faint am-small">{told}</p>')


@st.cache_data(show_spinner=False, max_entries=64)
def drawn(stamp: int, family: str, behaviour: str, _data: charts.Trend) -> dict[str, Any]:
    """The chart of a series as it stands; assembling one takes longer than all the rest."""
    chart: dict[str, Any] = charts.trend(_data).to_dict(validate=False)
    return chart


def standing(behaviour: str, now: Mapping[str, Any] | None, facts: Facts) -> str:
    """On how many messages the figure rests, what was normal, and what people say."""
    if now is None:
        return "No message with this opportunity has been judged."
    parts = [f"last 7 days, n = {count(now['n'])}"]
    if (mean := normal.mean(behaviour, facts)) is not None:
        parts.append(f"normal {rate(mean)}")
    if RUBRIC.is_good(behaviour):
        parts.append("more is better")
    if labelled := by_people(now):
        parts.append(labelled)
    return " · ".join(parts)


def by_people(now: Mapping[str, Any]) -> str:
    """What labels say of the longest window up to the day of a figure; nothing without labels."""
    series = ("deployment_family", "behaviour", "rubric_version", "panel", "day")
    found = marts.estimates(mode=TWO_PHASE, **{name: now[name] for name in series})
    known = [row for row in found if row["prevalence"] is not None]
    if not known:
        return ""
    row = max(known, key=lambda row: row["window_days"])
    shown = rate(row["prevalence"], row["lower"], row["upper"])
    return f"people’s labels, {row['window_days']} days: {shown}"


def key() -> None:
    """How to read the charts, in the place of a legend."""
    line = (
        f'<i style="width:2rem;height:.8rem;background:{QUIET}33;display:flex;align-items:center">'
    )
    line += f'<i style="width:100%;height:2px;background:{QUIET}"></i></i>'
    entries = {
        line: "rate over the last 7 days on the judge’s scale, with its 95 % interval",
        f'<i class="am-dot" style="background:{QUIET};opacity:.5"></i>': DOTS,
        '<span style="color:var(--am-alarm)">▼</span>': "day on which a change began",
        f'<i style="width:2rem;height:5px;background:{QUIET}"></i>': "deployment that served",
        f'<span style="color:{QUIET}">◆</span>': "marked by people, or a new rubric or judge",
        f'<i style="width:2rem;height:1rem;background:{QUIET}22"></i>': "learning what is normal",
    }
    items = "".join(f"<li><span>{mark}</span>{words}</li>" for mark, words in entries.items())
    components.block(f"<h3>How to read these</h3><ul>{items}</ul>", "am-panel am-key am-small")


def grid(behaviours: list[str], facts: Facts, *, quiet: bool = False) -> None:
    """Small multiples in rows; the key takes the last place of the first group."""
    cells = behaviours if quiet else [*behaviours, ""]
    for start in range(0, len(cells), COLUMNS):
        for column, behaviour in zip(
            st.columns(COLUMNS, gap="medium"), cells[start : start + COLUMNS], strict=False
        ):
            with column:
                if behaviour:
                    small_multiple(behaviour, facts, quiet=quiet)
                else:
                    key()


def by_segment(family: str) -> None:
    """The current deployment, segment by segment."""
    deployed = marts.deployments(family)
    if not deployed:
        return
    current = deployed[-1]["deployment"]
    served = {"deployment_family": family, "deployment": current, "window_days": 28}
    last = marts.newest("estimates", **served, mode=JUDGE_SCALE, standardised=False)
    if last is None:
        return
    found = marts.estimates(first=last, last=last, **served)
    cells = {(r["segment"], r["behaviour"]): r for r in found}
    segments = sorted({segment for segment, _ in cells} - {"all"})
    components.section(
        f"{current} by segment",
        f"Last 28 days to {short_day(last)}. 95 % intervals; n is the number of judged messages "
        "with the opportunity. Where intervals overlap, a difference may be chance.",
    )
    columns = [name for name in RUBRIC.headline if any((s, name) in cells for s in segments)]
    most = {
        name: max(cells[s, name]["upper"] or 0 for s in [*segments, "all"] if (s, name) in cells)
        for name in columns
    }

    def cell(segment: str, name: str) -> str:
        row = cells.get((segment, name))
        if row is None or row["prevalence"] is None:
            return '<span class="am-faint">no data</span>'
        shown = rate(row["prevalence"], row["lower"], row["upper"])
        return (
            f"{shown}{components.range_bar(row, most[name], COLOURS[name])}"
            f'<span class="am-faint am-small">n {count(row["n"])}</span>'
        )

    components.table(
        ["Segment", *(components.text(RUBRIC.title_of(name)) for name in columns)],
        [
            [components.text("All" if s == "all" else s), *(cell(s, name) for name in columns)]
            for s in [*segments, "all"]
        ],
        total=True,
    )


def choose_family() -> str:
    """The family looked at; asked for only where there are several."""
    families = marts.families()
    if len(families) == 1:
        return families[0]
    return st.selectbox("Family of deployments", families, key="family", bind="query-params")


def read_on(facts: Facts) -> None:
    """From a change to the conversations behind it, and from a judge's alert to the judge."""
    for name in dict.fromkeys(alert["deployment_family"] for alert in facts.open_alerts("JUDGE")):
        query = urlencode({"judge": name})
        components.block(components.link("judges", query, f"See what is known of {called(name)}"))
    changes = facts.open_alerts("MODEL")
    if not changes or facts.day is None:
        return
    first = changes[0]
    since = [("days", str(start_day(first))), ("days", str(facts.day))]
    query = urlencode([*since, ("flagged", RUBRIC.title_of(first["behaviour"]))])
    components.block(components.link("conversations", query, "Read the conversations behind it"))
    expected(changes, facts)


def expected(changes: Sequence[Mapping[str, Any]], facts: Facts) -> None:
    """How an expected change becomes the new normal: typed where one is known, not clicked."""
    told = []
    for alert in changes[: verdict.SHOWN]:
        title = components.text(RUBRIC.title_of(alert["behaviour"]))
        if day := normal.declared_on(alert, facts):
            told.append(f"{title}: declared normal; the run of {short_day(day)} ends this alert.")
        else:
            command = components.text(if_expected(alert["alert_id"]))
            told.append(f"{title}: expected? <code>{command}</code>")
    components.block(f'<p class="am-small am-command">{"<br>".join(told)}</p>')


def main() -> None:
    """Draw the page."""
    if not marts.has("estimates"):
        components.empty(
            "Nothing measured yet", "No run has finished in this home, so nothing can be said."
        )
        return
    facts = facts_of(choose_family())
    components.verdict(verdict.judge(facts))
    read_on(facts)
    components.section(
        "Behaviours",
        "Share of replies that show the behaviour, among those that gave cause for it.",
    )
    grid(list(RUBRIC.headline), facts)
    if GAUGES:
        components.section(
            "Style and helpfulness", "Not sycophancy by themselves; watched beside it."
        )
        grid(GAUGES, facts, quiet=True)
    by_segment(facts.family)


main()
