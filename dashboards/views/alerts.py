"""What fires, what people did about it, and how often alerts were right."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import acting
import alert_evidence
import alert_words
import components
import facts
import marts
import streamlit as st
from sqlalchemy.exc import SQLAlchemyError
from wording import counted, short_day

from alignment_monitor.alerting.desk import DeskError
from alignment_monitor.operations import alerts
from alignment_monitor.store import StoreError

KEPT = 20
RUBRIC = marts.rubric()
text = components.text


def kept() -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]], str]:
    """Silences in force, the history of open alerts, and why there are none to be read.

    A home without a store has neither, which is no fault; a store that cannot be read is one.
    """
    try:
        with alerts.opened(marts.settings()) as engine:
            return *alerts.desk_view(engine, datetime.now(UTC)), ""
    except DeskError:
        return [], {}, ""
    except (StoreError, SQLAlchemyError) as error:
        return [], {}, f"{getattr(error, 'orig', None) or error}"


def open_alert(alert: dict[str, Any], head: str, history: list[dict[str, Any]]) -> None:
    """One alert with what can be done about it."""
    with st.container(border=True, key=f"alert-{alert['alert_id']}"):
        components.block(head, "am-alert")
        acting.buttons(alert)
        if told := alert_evidence.evidence(facts.evidence(alert)):
            with st.expander("Evidence", type="compact"):
                components.block(told, "am-judgement")
        if history:
            comments = sum(row["to_state"] is None for row in history)
            label = "What was done" + (f", {counted(comments, 'comment')}" if comments else "")
            with st.expander(label, type="compact"):
                components.block(alert_words.steps(history), "am-steps-list")


def open_section(rows: list[dict[str, Any]], silences: list[dict[str, Any]],
                 history: dict[str, list[dict[str, Any]]]) -> None:  # fmt: skip
    """All open alerts, those that need somebody first."""
    by_id = {row["alert_id"]: row for row in rows}
    deliveries = defaultdict(list)
    for row in marts.rows("deliveries"):
        deliveries[row["alert_id"]].append(row)
    for alert in alert_words.open_ones(rows):
        name = alert["alert_id"]
        covering = [one for one in silences if name in one["covers"]]
        head = alert_words.head(
            alert,
            RUBRIC.title_of(alert["behaviour"]),
            alert_words.notices(alert, by_id, covering),
            alert_words.sent(deliveries[name]),
        )
        open_alert(alert, head, history.get(name, []))


def silence_section(silences: list[dict[str, Any]]) -> None:
    """The silences in force, each with its early end."""
    if not silences:
        return
    components.section("Silences", "Nobody is told of what they match; the page shows it all.")
    for silence in silences:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            said = f"{text(silence['who'])}: {text(silence['reason'])}"
            components.block(
                f"<p><b>{text(alert_words.pattern(silence))}</b> until "
                f"{components.moment(silence['ends_at'])}</p>"
                f'<p class="am-faint am-small">{said}</p>'
            )
            acting.end_silence(silence["silence_id"])


def history_section(rows: list[dict[str, Any]]) -> None:
    """Alerts that have ended, newest first, and what people called them."""
    over = sorted(
        (row for row in rows if row["state"] == "resolved"),
        key=lambda row: (row["resolved_on"] or row["updated_on"], row["opened_on"]),
        reverse=True,
    )
    components.section("Ended", "Newest first. A verdict is what the precision above rests on.")
    if not over:
        components.block('<p class="am-faint">No alert has ended yet.</p>')
        return
    components.table(
        ["Alert", "Type", "From", "To", "How it ended"],
        [
            [
                text(alert_words.name_of(row, RUBRIC.title_of(row["behaviour"]))),
                text(f"{row['type']}, {row['severity']}"),
                short_day(row["opened_on"]),
                short_day(row["resolved_on"] or row["updated_on"]),
                text(alert_words.ended(row)),
            ]
            for row in over[:KEPT]
        ],
        name="alerts-ended",
        rows=over,
    )
    if len(over) > KEPT:
        components.block(f'<p class="am-faint am-small">and {len(over) - KEPT:,} before.</p>')
    if judgeable := {
        row["alert_id"]: f"{alert_words.name_of(row, RUBRIC.title_of(row['behaviour']))}, "
        f"{short_day(row['opened_on'])}"
        for row in over[:KEPT]
        if row["fired_on"]
    }:
        acting.judge_ended(judgeable)


def main() -> None:
    """Draw the page."""
    rows = marts.rows("alerts")
    if not rows and not marts.has("drift_signals"):
        components.empty("Nothing watched yet", "Alerts appear once a run has finished.")
        return
    standing = alert_words.open_ones(rows)
    pages = sum(row["severity"] == "page" for row in standing)
    warnings = len(standing) - pages
    title = "No alert is open"
    if standing:
        title = ", ".join(
            counted(number, noun) for number, noun in ((pages, "page"), (warnings, "warning"))
            if number
        ) + " open"  # fmt: skip
    told = alert_words.precision(marts.rows("alert_precision"))
    components.block(
        f'<h1>{title}</h1><p class="am-faint am-small">{text(told)}</p>', "am-verdict am-section"
    )
    acting.outcome()
    silences, history, fault = kept()
    if fault:
        st.error(
            "What was done about alerts, and which are silenced, cannot be read: "
            f"`{fault.replace('`', '')}`. The alerts below are as the last run left them."
        )
    if standing or silences or rows:
        acting.who()
    open_section(rows, silences, history)
    components.download("alerts-open", standing)
    silence_section(silences)
    history_section(rows)


main()
