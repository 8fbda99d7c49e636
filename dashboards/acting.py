"""What people do to alerts, from the page: who they are, the forms, and what came of it.

Only an operator may; without sign-in everybody is one, and types their name.

Here belong: widgets that act on the operational store, through ``operations.alerts``. Here does
not belong: any rule of what may be done (alignment_monitor.alerting).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import access
import components
import marts
import streamlit as st
import visitor
from alert_words import ENDED

from alignment_monitor.alerting.alert import VERDICTS
from alignment_monitor.alerting.desk import Desk, DeskError
from alignment_monitor.operations import alerts
from alignment_monitor.store import StoreError

Row = Mapping[str, Any]

DURATIONS = {"1 hour": 1, "12 hours": 12, "1 day": 24, "3 days": 72, "1 week": 168}
HINTS = {
    "true_drift": "the behaviour changed, and it mattered",
    "expected_change": "it changed as planned: make it the new normal",
    "false_alarm": "nothing changed",
}


def who() -> None:
    """Say who acts; without sign-in ask once, and keep it while the session lasts."""
    person = visitor.current()
    if told := access.lacking(person, "act"):
        components.block(f'<p class="am-faint am-small">{told}</p>')
    if person != access.ANYBODY:
        return
    st.text_input(
        "Your name",
        value=st.session_state.get("actor", ""),
        key="who",
        max_chars=100,
        placeholder="kept with what you do",
        on_change=lambda: st.session_state.update(actor=st.session_state["who"]),
        width=260,
    )


def outcome() -> None:
    """What the last act came to."""
    if done := st.session_state.pop("done", None):
        components.block(f"<p>{done}</p>", "am-done")
    if failed := st.session_state.pop("failed", None):
        st.error(failed)


def buttons(alert: Row) -> None:
    """What can be done to an open alert."""
    if not access.may(visitor.current(), "act"):
        return
    name = alert["alert_id"]
    with st.container(horizontal=True, gap="small"):
        if alert["state"] in ("firing", "silenced"):
            st.button(
                "Acknowledge", key=f"ack-{name}", icon=":material/check:",
                type="primary" if alert["state"] == "firing" else "secondary",
                on_click=_do, args=("Acknowledged.", lambda desk: desk.acknowledge(name)),
            )  # fmt: skip
        with st.popover("Comment", icon=":material/chat:"):
            _comment(name)
        with st.popover("Silence", icon=":material/notifications_off:"):
            _silence(alert)
        if alert["state"] != "pending":
            with st.popover("Resolve", icon=":material/task_alt:"):
                _resolve(name)


def judge_ended(ended: Mapping[str, str]) -> None:
    """Give a verdict on an alert that has ended; ``ended`` are names by id."""
    if not access.may(visitor.current(), "act"):
        return
    with (
        st.popover("Say what one was", icon=":material/rate_review:"),
        st.form("judge-ended", border=False, clear_on_submit=True),
    ):
        name = st.selectbox("Alert", list(ended), format_func=lambda one: ended[one])
        verdict, note = _verdict("judge-ended")
        if st.form_submit_button("Save", type="primary"):
            _resolved(name, verdict, note)


def end_silence(silence_id: str) -> None:
    """A button that ends a silence now."""
    if not access.may(visitor.current(), "act"):
        return
    st.button(
        "End it", key=f"end-{silence_id}", on_click=_do,
        args=("The silence has ended.", lambda desk: desk.unsilence(silence_id)),
    )  # fmt: skip


def _comment(name: str) -> None:
    with st.form(f"comment-{name}", border=False, clear_on_submit=True):
        said = st.text_area("Comment", max_chars=2000, height=90)
        if st.form_submit_button("Add", type="primary"):
            _act("Noted.", lambda desk: desk.comment(name, said))


def _silence(alert: Row) -> None:
    scopes = {
        "this series only": {"series": alert["series"]},
        f"everything of {alert['deployment_family']}": {"family": alert["deployment_family"]},
        f"all of type {alert['type']}": {"type": alert["type"]},
        "all alerts": {"type": "*"},
    }
    with st.form(f"silence-{alert['alert_id']}", border=False, clear_on_submit=True):
        scope = st.selectbox("What", list(scopes))
        lasting = st.selectbox("For how long", list(DURATIONS), index=2)
        reason = st.text_input("Why", max_chars=2000)
        if st.form_submit_button("Silence", type="primary"):
            hours = timedelta(hours=DURATIONS[lasting])
            _act(
                "Silenced.",
                lambda desk: desk.silence(scopes[scope], desk.now + hours, reason),
            )


def _resolve(name: str) -> None:
    with st.form(f"resolve-{name}", border=False, clear_on_submit=True):
        verdict, note = _verdict(name)
        if st.form_submit_button("Resolve", type="primary"):
            _resolved(name, verdict, note)


def _verdict(key: str) -> tuple[str, str]:
    verdict = st.radio(
        "It was a",
        VERDICTS,
        format_func=lambda name: ENDED[name],
        captions=[HINTS[name] for name in VERDICTS],
        key=f"verdict-{key}",
    )
    return verdict, st.text_input("Note", max_chars=1900, key=f"note-{key}")


def _resolved(name: str, verdict: str, note: str) -> None:
    def act(desk: Desk) -> str | None:
        command = alerts.next_step(desk.resolve(name, verdict, note))
        return (
            f" To make it the new normal: <code>{components.text(command)}</code>"
            if (command)
            else None
        )

    _act("Resolved.", act)


def _act(words: str, act: Callable[[Desk], object]) -> None:
    """From the body of the script: what is drawn above is out of date afterwards."""
    _do(words, act)
    st.rerun()


def _do(words: str, act: Callable[[Desk], object]) -> None:
    person = visitor.current()
    if told := access.lacking(person, "act"):  # a role may be taken away while a page is open
        st.session_state["failed"] = told
        return
    name = person.email or st.session_state.get("who", "").strip()
    if not name:
        st.session_state["failed"] = "Type your name at the top first: it is kept with what you do."
        return
    try:
        with alerts.working(marts.settings(), name, datetime.now(UTC)) as desk:
            more = act(desk)
    except (DeskError, StoreError) as error:
        st.session_state["failed"] = str(error)
    else:
        st.session_state["done"] = words + (
            more if isinstance(more, str) and more[:1] == " " else ""
        )
