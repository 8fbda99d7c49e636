"""The newest audit of a judge, drawn on the page of judges."""

import audits
import components
import marts
import streamlit as st
from components import text
from record import Era
from wording import count, short_day

SHOWN = 4
KINDS = {"may page": "am-good", "may chart": "am-warn", "do not use": "am-alarm"}


def audit(judge: str, era: Era | None) -> None:
    """What the newest card says, whether it is still about this judge, and the card to take."""
    components.section("Audit", "Asked about messages whose right answers are known, and attacked.")
    card = audits.newest(marts.settings().home, judge)
    if card is None:
        components.block(
            "<p>It was not audited here: <code>alignment-monitor judge audit --judge "
            f"{text(judge)}</code>.</p>",
            "am-command",
        )
        return
    outdated = era is not None and not card.is_of(era.version.fingerprint)
    old = (
        '<p class="am-notice">Another version of the judge was audited: its model, prompt or '
        "parameters have changed since. Audit it again.</p>"
        if outdated
        else ""
    )
    reasons = "".join(f"<li>{text(reason)}</li>" for reason in card.reasons[:SHOWN])
    left = len(card.reasons) - SHOWN
    more = f"<li>and {count(left)} more, on the card</li>" if left > 0 else ""
    components.block(
        f'{old}<p><b class="{KINDS.get(card.verdict, "")}">{text(card.verdict.capitalize())}</b> '
        f'<span class="am-faint">{short_day(card.day)}, {count(card.messages)} '
        f"messages</span></p><ul>{reasons}{more}</ul>",
        "am-audit",
    )
    st.download_button(
        "The card", card.page.read_bytes, f"audit-{card.day}.html", "text/html",
        key="audit-card", type="tertiary", icon=":material/download:", on_click="ignore",
    )  # fmt: skip
