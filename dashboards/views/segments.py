"""Where behaviours stand out or changed: segments, opportunities, and what it is about."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import components
import heat
import heat_words
import marts
import streamlit as st
import tables
from components import text
from heat import Cell
from pairs import WINDOW, estimated
from wording import count, counted, moved, rate, short_day, spoken

from alignment_monitor.statistics.contrasts import Contrast, contrast

RUBRIC = marts.rubric()
SHOWN = 30  # segments drawn, those with most messages; all are in the CSV
RECENT, DEPLOYED, RATES = "recent", "deployment", "rates"
FAINT = '<span class="am-faint am-small">{}</span>'
Rows = list[dict[str, Any]]


def estimates(family: str, names: Sequence[str], **wanted: Any) -> Rows:
    """Figures of four weeks."""
    return marts.estimates(
        deployment_family=family, window_days=WINDOW, behaviour=list(names), **wanted
    )


def newest(family: str) -> date | None:
    """The last day with figures of a family."""
    return marts.newest(
        "estimates", deployment_family=family, deployment="all", segment="all", window_days=WINDOW
    )


def cells_of(show: str, family: str, last: date) -> tuple[list[Cell], str, str]:
    """The cells of the map, what they are compared with, and the days they are of."""
    names = RUBRIC.headline
    deployed = marts.deployments(family)
    if show == RECENT:
        middle = last - timedelta(days=WINDOW)
        now = estimates(family, names, deployment="all", day=last)
        before = estimates(family, names, deployment="all", day=middle)
        first = last - timedelta(days=WINDOW - 1)
        days = f"{short_day(first, last)} to {short_day(last)}, all deployments"
        return heat.changes(now, before, names), f"against the {WINDOW} days before", days
    current = deployed[-1]
    now = estimates(family, names, deployment=current["deployment"], day=current["last_day"])
    days = f"{current['deployment']}, its last {WINDOW} days to {short_day(current['last_day'])}"
    if show == RATES:
        return heat.against_others(now, names), "against the other segments", days
    former = deployed[-2]
    before = estimates(family, names, deployment=former["deployment"], day=former["last_day"])
    return heat.changes(now, before, names), f"against {former['deployment']}", days


def choose(family: str) -> str:
    """What the map shows, as the address says."""
    options = {RECENT: f"Change over {WINDOW} days"}
    deployed = marts.deployments(family)
    if len(deployed) > 1:
        options[DEPLOYED] = "Change of deployment"
    if deployed:
        options[RATES] = "Rates"
    chosen = st.segmented_control(
        "Show", list(options), default=RECENT, format_func=lambda name: options[name],
        key="show", bind="query-params",
    )  # fmt: skip
    return chosen if chosen in options else RECENT


def heat_map(cells: Sequence[Cell], show: str, days: str, against: str) -> None:
    """Segments by behaviours; colour is direction and size, a mark is what stands out."""
    components.section(
        "Segments by behaviour",
        f"{days}, {against}. Orange is more, blue is less, whether that is good or bad; ▲ ▼ in "
        "bold stand out. Brackets are 95 % intervals, n is judged messages with the opportunity. "
        "The last row is all segments, which are not tested here.",
    )
    columns = [
        name for name in RUBRIC.headline if any(c.behaviour == name and c.now for c in cells)
    ]
    order = list(dict.fromkeys(cell.segment for cell in cells))
    by_place = {(cell.segment, cell.behaviour): cell for cell in cells}
    most = max(
        (abs(cell.change.change) for cell in cells if cell.change and cell.is_told), default=0
    )
    draw = heat_words.rate_cell if show == RATES else heat_words.change_cell
    shown = [name for name in order if name != "all"][:SHOWN] + [n for n in order if n == "all"]
    lines = []
    for segment in shown:
        drawn = [draw(by_place[segment, name], most) for name in columns]
        parts = "".join(f'<td style="{style}">{markup}</td>' for markup, style in drawn)
        label = "All" if segment == "all" else segment
        lines.append(f'<tr><th scope="row">{text(label)}</th>{parts}</tr>')
    head = "".join(f'<th scope="col">{text(RUBRIC.title_of(name))}</th>' for name in columns)
    tables.scrolling(
        f'<table><thead><tr><th scope="col">Segment</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>",
        "Segments by behaviour",
        "am-heat",
    )
    if (left := len(order) - len(shown)) > 0:
        components.block(
            f'<p class="am-faint am-small">{counted(left, "smaller segment")} not drawn.</p>'
        )
    components.download("segments", [_flat(cell) for cell in cells])


def _flat(cell: Cell) -> dict[str, Any]:
    row: dict[str, Any] = {"segment": cell.segment, "behaviour": cell.behaviour}
    for side, found in (("now", cell.now), ("before", cell.before)):
        for name in ("prevalence", "lower", "upper", "n"):
            row[f"{side}_{name}"] = found[name] if found else None
    change = cell.change
    return row | {
        "change": change.change if change else None,
        "change_lower": change.lower if change else None,
        "change_upper": change.upper if change else None,
        "p_value": change.p_value if change else None,
        "stands_out": cell.is_marked,
    }


def opportunities(family: str, last: date) -> None:
    """How often each opportunity arises, and each behaviour among messages that have it."""
    deployed = marts.deployments(family)
    current = deployed[-1]["deployment"] if deployed else ""
    components.section(
        "Opportunities",
        f"What users offer, as judges see it. How often: share of judged messages over {WINDOW} "
        f"days, and its change against the {WINDOW} before. Then each behaviour of {current} among "
        "messages with that opportunity; a message may have several. Not corrected for looking at "
        "many.",
    )
    names = list(RUBRIC.opportunities)
    whole: dict[str, Any] = {"deployment": "all", "segment": "all"}
    now = {r["behaviour"]: r for r in estimates(family, names, day=last, **whole)}
    middle = last - timedelta(days=WINDOW)
    before = {r["behaviour"]: r for r in estimates(family, names, day=middle, **whole)}
    given = {
        (row["opportunity"], row["behaviour"]): row
        for row in marts.rows("opportunity_rates", deployment_family=family, deployment=current)
        if row["prevalence"] is not None
    }
    columns = [n for n in RUBRIC.headline if any(behaviour == n for _, behaviour in given)]

    def how_often(name: str) -> str:
        row = now.get(name)
        if row is None or row["prevalence"] is None:
            return FAINT.format("no data")
        shown = rate(row["prevalence"], row["lower"], row["upper"])
        return f"{shown}<br>{FAINT.format('n ' + count(row['n']))}"

    def moves(name: str) -> Contrast | None:
        here, there = now.get(name), before.get(name)
        if not (here and there) or None in (here["prevalence"], there["prevalence"]):
            return None
        return contrast(estimated(here), estimated(there))

    def change(name: str) -> str:
        found = moves(name)
        if found is None:
            return FAINT.format("no data before")
        return moved(found.change, found.lower, found.upper)

    def among(name: str, behaviour: str) -> str:
        row = given.get((name, behaviour))
        if row is None:
            return FAINT.format("–")
        shown = rate(row["prevalence"], row["lower"], row["upper"])
        return f"{shown}<br>{FAINT.format('n ' + count(row['n']))}"

    components.table(
        ["Opportunity", "How often", "Change", *(text(RUBRIC.title_of(n)) for n in columns)],
        [
            [
                text(RUBRIC.title_of(name)), how_often(name), change(name),
                *(among(name, behaviour) for behaviour in columns),
            ]
            for name in names
        ],
    )  # fmt: skip
    components.download(
        "opportunities",
        [
            _offered(name, "how often", "all", now[name], moves(name))
            for name in names
            if name in now
        ]
        + [_offered(*place, current, row) for place, row in sorted(given.items())],
    )


def _offered(
    opportunity: str, what: str, deployment: str, row: dict[str, Any], found: Contrast | None = None
) -> dict[str, Any]:
    """A figure of an opportunity as a row of CSV: how often it arises, or a behaviour there."""
    return {
        "opportunity": opportunity,
        "rate_of": what,
        "deployment": deployment,
        **{name: row[name] for name in ("prevalence", "lower", "upper", "n")},
        "change": found.change if found else None,
        "change_lower": found.lower if found else None,
        "change_upper": found.upper if found else None,
    }


def topics(family: str) -> None:
    """What flagged messages are about."""
    found = marts.rows("topics", deployment_family=family)
    harmful = [spoken(RUBRIC.title_of(n)) for n in RUBRIC.headline if not RUBRIC.is_good(n)]
    components.section(
        "Topics of flagged messages",
        f"What users had said before replies flagged for {', '.join(harmful)}, clustered by their "
        "words. A topic tells what is there, not what causes it: it grows with traffic too.",
    )
    if not found:
        components.block(
            "<p><b>No topics yet.</b> They take 40 flagged messages within four weeks, and are "
            "found at the end of a run.</p>"
        )
        return
    row: Mapping[str, Any] = found[0]
    drawn = "" if row["read"] == row["flagged"] else f", of which {count(row['read'])} were drawn"
    if left := row["read"] - sum(one["n"] for one in found):
        drawn += f"; {count(left)} of them in no topic shown"
    components.block(
        f'<p class="am-faint am-small">{short_day(row["from_day"], row["to_day"])} to '
        f"{short_day(row['to_day'])}, {counted(row['flagged'], 'flagged message')}{drawn}. "
        "TF-IDF and non-negative matrix factorisation; a term or topic of fewer than three users "
        "is not shown. Shares are design-weighted, with 95 % intervals, and not corrected for "
        "looking at several.</p>"
    )
    components.block("".join(heat_words.topic(row) for row in found))
    components.download(
        "topics",
        [
            {**row, "terms": " ".join(row["terms"]), "exemplars": len(row["exemplars"])}
            for row in found
        ],
    )


def main() -> None:
    """Draw the page."""
    families = marts.families()
    if not families:
        components.empty(
            "No segment has been judged yet", "Once a run has finished, segments stand here."
        )
        return
    family = components.family(families)
    last = newest(family)
    if last is None:
        components.title("Segments")
        components.block(f"<p><b>{text(family)} has no figures over {WINDOW} days.</b></p>")
        return
    show = choose(family)
    cells, against, days = cells_of(show, family, last)
    components.verdict(heat_words.told(cells, against, RUBRIC.title_of))
    heat_map(cells, show, days, against)
    opportunities(family, last)
    topics(family)


main()
