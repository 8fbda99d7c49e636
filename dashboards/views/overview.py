"""Is anything wrong, since when, how sure, what next; then each behaviour over time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import briefing
import components
import judge_facts
import marts
import pyarrow.compute as pc
import streamlit as st
import verdict
from components import text
from facts import OPEN, Facts, telling
from multiples import choose_traffic, grid
from trust import Trust, trust
from wording import count, listed, rate, short_day, spoken

from alignment_monitor.statistics.estimate_rows import JUDGE_SCALE, TWO_PHASE

RUBRIC = marts.rubric()
GAUGES = [name for name in RUBRIC.monitored if name not in RUBRIC.headline]
PAGES = {path.stem for path in Path(__file__).parent.glob("*.py")}
LATELY = timedelta(days=28)
BY_SEGMENT = (
    "deployment", "day", "window_days", "segment", "behaviour", "prevalence", "lower", "upper", "n",
    "effective_n",
)  # fmt: skip
OF_ALL = ("JUDGE", "PIPELINE")  # alerts that concern every family


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
            if alert["type"] in OF_ALL or alert["deployment_family"] == family
        ],
        deployments=marts.deployments(family),
        about=marts.about(),
        now=datetime.now(UTC),
        title_of=RUBRIC.title_of,
        resets=marts.rows("baseline_resets", deployment_family=family),
        is_good=RUBRIC.is_good,
        gauges=GAUGES,
        judges=judges(marts.stamp()),
        labelled=labelled(family),
    )


@st.cache_data(show_spinner=False, max_entries=4)
def judges(stamp: int) -> dict[str, Trust]:
    """What is concluded of each judge."""
    day, quality, costs = judge_facts.recorded(RUBRIC)
    return {
        name: trust(judge_facts.known_of(name, day, *mine, RUBRIC))
        for name, mine in judge_facts.by_judge(day, quality, costs).items()
    }


def labelled(family: str) -> dict[str, dict[str, Any]]:
    """What people's labels lately say of each behaviour: the newest day, and its longest window."""
    asked = {"mode": TWO_PHASE, "deployment_family": family}
    last = marts.newest("estimates", **asked)
    if last is None:
        return {}
    found = [
        row
        for row in marts.estimates(first=last - LATELY, **asked)
        if row["prevalence"] is not None
    ]
    found.sort(key=lambda row: (row["day"], row["window_days"]))
    return {row["behaviour"]: row for row in found}


def top(facts: Facts) -> None:
    """The verdict and what follows from it."""
    told = verdict.judge(facts)
    steps = [components.link_step(step) for step in briefing.steps(told, facts, PAGES)]
    brief = {
        "How sure": text(briefing.sureness(told, facts)),
        "Enough data": text(briefing.enough(told, facts)),
        "Alerts": f"{text(briefing.alerts(facts))} {components.link('alerts', '', 'See alerts')}",
        "What next": f"<ol>{''.join(f'<li>{step}</li>' for step in steps)}</ol>",
    }
    shown = [(name, markup) for name, markup in brief.items() if markup != text("")]
    components.verdict(told, brief=shown)


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
    found = marts.estimates(first=last, last=last, columns=BY_SEGMENT, **served)
    cells = {(r["segment"], r["behaviour"]): r for r in found}
    segments = sorted({segment for segment, _ in cells} - {"all"})
    components.section(
        f"{current} by segment",
        f"28 days to {short_day(last)}, or since it began on "
        f"{short_day(deployed[-1]['first_day'], last)} if that is later. 95 % intervals; n is the "
        "number of judged messages with the opportunity. Where intervals overlap, a difference "
        "may be chance.",
    )
    columns = [name for name in RUBRIC.headline if any((s, name) in cells for s in segments)]
    most = {
        name: max(cells[s, name]["upper"] or 0 for s in [*segments, "all"] if (s, name) in cells)
        for name in columns
    }

    colours = marts.behaviour_hues()

    def cell(segment: str, name: str) -> str:
        row = cells.get((segment, name))
        if row is None or row["prevalence"] is None:
            return '<span class="am-faint">no data</span>'
        shown = rate(row["prevalence"], row["lower"], row["upper"])
        return (
            f"{shown}{components.range_bar(row, most[name], colours[name])}"
            f'<span class="am-faint am-small">n {count(row["n"])}</span>'
        )

    components.table(
        ["Segment", *(components.text(RUBRIC.title_of(name)) for name in columns)],
        [
            [components.text("All" if s == "all" else s), *(cell(s, name) for name in columns)]
            for s in [*segments, "all"]
        ],
        total=True,
        name="segments",
        rows=[cells[s, name] for s in [*segments, "all"] for name in columns if (s, name) in cells],
    )


def choose_family() -> str:
    """The family looked at; asked for only where there are several, those with alerts first."""
    burning = {
        row["deployment_family"]
        for row in marts.rows("alerts")
        if row["state"] in OPEN and row["type"] not in OF_ALL
    }
    families = sorted(marts.families(), key=lambda name: name not in burning)
    if len(families) == 1:
        return families[0]
    chosen: str = st.selectbox("Family of deployments", families, key="family", bind="query-params")
    if others := [name for name in families if name in burning - {chosen}]:
        links = [components.link("/", urlencode({"family": name}), name) for name in others]
        components.block(f"<p>Alerts are open for {listed(links)} as well.</p>", "am-small")
    return chosen


def first_sentence(title: str, summary: str) -> str:
    """What the rubric measures, in its own words."""
    said = spoken(summary.split(". ", maxsplit=1)[0].strip().rstrip("."))
    return f"{title}: {said}." if said else ""


def main() -> None:
    """Draw the page."""
    if not marts.has("estimates"):
        components.empty(
            "Nothing measured yet", "No run has finished in this home, so nothing can be said."
        )
        return
    facts = facts_of(choose_family())
    top(facts)
    components.section(
        "Behaviours",
        "Share of replies that show the behaviour, among those where it could occur. "
        + first_sentence(RUBRIC.title, RUBRIC.summary),
    )
    standardised = choose_traffic()
    if standardised:
        components.block(
            '<p class="am-faint am-small">Weighted to the segments’ shares in the baseline, so '
            "that a shift of traffic between segments cannot move a rate.</p>"
        )
    grid(RUBRIC.headline, facts, standardised=standardised)
    if GAUGES:
        components.section(
            "The other extreme, style and helpfulness",
            "Not sycophancy by themselves: a correction that went too far shows here.",
        )
        grid(GAUGES, facts, standardised=standardised, quiet=True)
    by_segment(facts.family)


main()
