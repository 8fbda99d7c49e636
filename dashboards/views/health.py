"""Is the monitor itself well: what arrived, what became of it, what it cost, who was told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import charts
import components
import flow
import flow_chart
import marts
import pictures
import streamlit as st
from health_money import money
from health_quarantine import quarantine
from health_versions import versions
from wording import called, capital, count, counted, short_day, spoken

from alignment_monitor.contracts import CONVERSATION_STATES, MESSAGE_STATES

LEVELS = {
    "conversation": ("Conversations", "received", CONVERSATION_STATES),
    "message": ("Replies in accepted conversations", "offered", MESSAGE_STATES),
}
RUBRIC = marts.rubric()
SENT = 100  # the newest deliveries, as many as are shown
PERIODS = {"7 days": 7, "28 days": 28, "all": None}
text = components.text


def freshness() -> None:
    """How far each table reaches."""
    rows = marts.rows("freshness")
    if not rows:
        return
    newest = max(row["last_day"] for row in rows)
    components.section("Freshness", f"The newest day in the lake is {short_day(newest)}.")
    body = []
    for row in sorted(rows, key=lambda row: (row["last_day"], row["table"])):
        behind = (newest - row["last_day"]).days
        state = (
            f'<span class="am-warn">{counted(behind, "day")} behind</span>'
            if behind
            else "up to date"
        )
        body.append([
            text(row["table"]), short_day(row["last_day"]), state, count(row["rows"]),
            components.moment(row['written_at']),
        ])  # fmt: skip
    components.table(
        ["Table", "Last day", "State", "Rows that day", "Written"], body, numbers=(3,),
        name="freshness", rows=rows,
    )  # fmt: skip


def ledger() -> None:
    """What became of everything that came in."""
    rows = marts.rows("ledger_daily")
    if not rows:
        return
    components.section(
        "What became of everything",
        "Each conversation and each reply ends in exactly one state, so the parts add up.",
    )
    period = st.segmented_control(
        "Period", list(PERIODS), default="28 days", key="period", bind="query-params",
        required=True,
    )  # fmt: skip
    length = PERIODS[period or "all"]
    last: date = max(row["day"] for row in rows)
    if length:
        rows = [row for row in rows if row["day"] > last - timedelta(days=length)]
    totals: dict[str, Counter[str]] = {level: Counter() for level in LEVELS}
    for row in rows:
        totals[row["level"]][row["state"]] += row["count"]
    parts = totals["conversation"], totals["message"]
    if parts[0].total():
        with st.container(key="flow"):
            drawn = flow.drawn(*parts)
            pictures.show(
                flow_chart.chart(drawn, pictures.ink()),
                still=flow_chart.chart(drawn, pictures.INK),
                title="What became of all that came in",
                alt_text=flow.told(*parts),
                name="outcomes",
            )
    for column, level in zip(st.columns(2, gap="medium"), LEVELS, strict=True):
        with column:
            by_day(level, totals[level], [row for row in rows if row["level"] == level])
    components.download("outcomes", rows)


def by_day(level: str, totals: Mapping[str, int], rows: Sequence[Mapping[str, Any]]) -> None:
    """One level of the ledger: the sum, then its days."""
    title, verb, states = LEVELS[level]
    counted_as = spoken(title.partition(" ")[0])
    whole = sum(totals.values())
    parts = "".join(
        f'<li><i class="am-square" style="background:{flow.HUES[state]}"></i>'
        f"{capital(state.replace('_', ' '))}<b>{count(number)}</b>"
        f'<span class="am-faint">{share}</span></li>'
        for state, number, share in flow.rows(totals, states)
    )
    components.block(
        f"<h3>{title}</h3><ul>{parts}<li class='sum'>= {verb}<b>{count(whole)}</b>"
        "<span></span></li></ul>",
        "am-flow",
    )
    if seen := [state for state in states if totals.get(state)]:
        shown = [row for row in rows if row["state"] in seen]
        words = ", ".join(f"{count(totals[state])} {state.replace('_', ' ')}" for state in seen)
        pictures.show(
            charts.ledger(shown, seen, [flow.HUES[state] for state in seen], counted_as),
            title=f"{title}, by what became of them",
            alt_text=f"{title} per day by what became of them. In total {words}.",
            name=f"ledger-{level}",
        )


def quality() -> None:
    """The data-quality results, failures first."""
    rows = marts.rows("quality")
    if not rows:
        return
    met = sum(row["success"] for row in rows)
    checked = max(row["checked_at"] for row in rows)
    components.section(
        "Data quality",
        f"{met} of {counted(len(rows), 'expectation')} met, last checked {checked:%Y-%m-%d %H:%M} "
        "UTC. A critical one that fails stops the stages below it.",
    )
    failed = [row for row in rows if not row["success"]]
    if failed:
        expectations(failed, "expectations-failed")
    with st.expander(f"The {counted(met, 'expectation')} that were met"):
        expectations([row for row in rows if row["success"]], "expectations-met")


def expectations(rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """A table of expectations."""
    components.table(
        ["Table", "Expectation", "Column", "Severity", "Broken by", "Detail"],
        [
            [
                text(row["table"]),
                text(row["expectation"].removeprefix("expect_").replace("_", " ")),
                text(row["column"] or "whole table"),
                text(row["severity"])
                if row["success"]
                else f'<b class="am-warn">{text(row["severity"])}</b>',
                f"{count(row['unexpected'] or 0)} of {count(row['rows'])}",
                text(row["detail"] or ""),
            ]
            for row in rows
        ],
        numbers=(4,),
        name=name,
        rows=rows,
    )


def deliveries() -> None:
    """Who was told of which alert."""
    newest = [("created_at", "descending"), ("delivery_id", "ascending")]
    rows = marts.rows("deliveries", order=newest, limit=SENT)
    components.section("Alert deliveries", "Each change of an alert is sent once to each channel.")
    if not rows:
        components.block("<p>Nothing has been sent: no alert changed, or no channel is set up.</p>")
        return
    kinds = {"delivered": "", "pending": "am-warn", "dead": "am-alarm"}
    about = {alert["alert_id"]: alert for alert in marts.rows("alerts")}
    components.table(
        ["Alert", "Event", "Channel", "Status", "Attempts", "Queued", "Last error"],
        [
            [
                named(row["alert_id"], about), text(row["event"].removeprefix("alert.")),
                text(row["channel"]),
                f'<span class="{kinds.get(row["status"], "")}">{text(row["status"])}</span>',
                count(row["attempts"]), components.moment(row['created_at']),
                text(row["last_error"] or ""),
            ]
            for row in rows
        ],
        numbers=(4,),
        name="deliveries",
        rows=rows,
    )  # fmt: skip


def named(alert_id: str | None, alerts: Mapping[str, Mapping[str, Any]]) -> str:
    """An alert as people know it: what it is about."""
    if alert_id is None:
        return text("Test of the channel")
    alert = alerts.get(alert_id)
    if alert is None:
        return text(alert_id)
    title = RUBRIC.title_of(alert["behaviour"])
    if alert["type"] == "JUDGE":
        title = f"{title} on {called(alert['deployment_family'])}"
    return text(f"{title} {alert['direction']}, {alert['type']}")


def main() -> None:
    """Draw the page."""
    if not any(marts.has(name) for name in ("freshness", "ledger_daily")):
        components.empty(
            "Nothing has run yet", "Freshness, counts and costs appear with a first run."
        )
        return
    components.title("Health", "Whether the monitor itself is well.")
    for part in (freshness, ledger, quality, quarantine, money, deliveries, versions):
        part()


main()
