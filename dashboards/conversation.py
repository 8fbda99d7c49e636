"""One conversation beside its verdict, drawn on the page of conversations.

Here belong: choosing what is shown of a message, and where. The markup is made in reader.py.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode, urlsplit

import components
import marts
import pyarrow.compute as pc
import reader
import side_by_side
import streamlit as st
from palette import QUIET
from wording import listed, percent, short_day

from alignment_monitor.judging.window import make_unit
from alignment_monitor.operations import alerts
from alignment_monitor.store import StoreError
from alignment_monitor.store.labels import labels_about

Row = Mapping[str, Any]


def read(name: str, message: str | None, back: str) -> None:
    """A judged message at its address; ``back`` is the query of the list one came from."""
    components.block(components.link("conversations", back, "← All conversations"))
    judged = marts.rows("judged_messages", conversation_id=name)
    if not judged:
        components.block(
            f"<p><b>No judged conversation is called {components.text(name)}.</b> It may have left "
            "the marts, or its address was cut short.</p>"
        )
        return
    indices = sorted({row["message_index"] for row in judged})
    index = int(message[:12]) if message and message.isdecimal() else indices[0]
    shown = [row for row in judged if row["message_index"] == index]
    if not shown:
        components.block(f"<p><b>Message {index} of this conversation was not judged.</b></p>")
        return
    others(name, indices, index)
    row = shown[-1]
    talk = marts.transcript(row["day"], name)
    answers = answers_to(row["day"], name, index)
    labels, queued = people(row, talk)
    bubbles, beside = st.columns([3, 2], gap="large")
    with bubbles:
        talk_of(row, talk, answers)
        why(row, queued)
        address(name, index)
    with beside:
        compared(answers, labels)
        judgement(answers)


def permalink(name: str, message: int, back: str = "") -> str:
    """The query that opens a message; the way back is kept beside it and may be left out."""
    return urlencode({"conversation": name, "message": message} | ({"back": back} if back else {}))


def others(name: str, indices: Sequence[int], index: int) -> None:
    """Ways to the other judged messages of the conversation."""
    links = [
        components.link("conversations", permalink(name, other), f"message {other}")
        for other in indices
        if other != index
    ]
    if links:
        components.block(f"<p>Also judged: {', '.join(links)}.</p>")


def people(row: Row, talk: Row | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What people answered about this very text, and where it stands in their queue."""
    settings, version = marts.settings(), row["rubric_version"]
    try:
        with alerts.opened(settings) as engine:
            labels, queued = labels_about(engine, row["conversation_id"], row["message_index"])
    except (alerts.DeskError, StoreError):
        return [], []
    if talk and any(turn["index"] == row["message_index"] for turn in talk["turns"]):
        judging = settings.judging
        shown = make_unit(
            row["conversation_id"], row["message_index"], talk["turns"],
            context_messages=judging.context_messages, max_tokens=judging.context_tokens,
        ).content_hash  # fmt: skip
        labels = [label for label in labels if label["content_hash"] == shown]
    return [label for label in labels if label["rubric_version"] == version], queued


def talk_of(row: Row, talk: Row | None, answers: Mapping[str, Sequence[Row]]) -> None:
    """The transcript, with the evidence of all judges marked."""
    if talk is None:
        components.block("<p>The transcript is not kept among the marts.</p>")
        return
    quotes = [
        piece["quote"]
        for rows in answers.values()
        for answer in rows
        for piece in answer["evidence"] or ()
        if piece["message_index"] == row["message_index"]
    ]
    thumbs = {"up": " · thumbs up", "down": " · thumbs down"}.get(talk["feedback"] or "", "")
    components.block(
        f"<h1>{short_day(row['day'])}{thumbs}</h1>"
        f'<p class="am-faint am-small">{components.text(row["conversation_id"])}</p>'
        + reader.transcript(talk["turns"], row["message_index"], quotes),
        "am-talk",
    )


def compared(answers: Mapping[str, Sequence[Row]], labels: Sequence[Row]) -> None:
    """What judges and people said, beside each other; nothing where only one spoke."""
    raters = [side_by_side.judge_of(judge, rows) for judge, rows in answers.items()]
    raters += side_by_side.people_of(labels)
    if len(raters) < 2:
        return
    found = side_by_side.lines(raters, marts.rubric())
    differ = [line.title.lower() for line in found if line.differs]
    told = f"They differ on {listed(differ)}." if differ else "They agree on what is counted."
    components.block(
        f'<h2>Side by side</h2><p class="am-small am-faint">{components.text(told)} A level counts '
        "from 2 on.</p>",
        "am-judgement am-near",
    )
    shown = [line for line in found if line.tells]
    components.table(side_by_side.head(raters), side_by_side.body(shown), tight=True)
    if none := [line.title.lower() for line in found if not line.tells]:
        components.block(
            f'<p class="am-faint am-small">0 for all: {components.text(listed(none))}.</p>',
            "am-judgement",
        )


def judgement(answers: Mapping[str, Sequence[Row]]) -> None:
    """What each judge said in full."""
    rubric = marts.rubric()
    for judge, rows in answers.items():
        components.block(
            f"<h2>Verdict of {components.text(judge)}</h2>"
            f"{reader.verdict(rows, rubric, marts.behaviour_hues())}"
            f'<p class="am-faint am-small">{components.text(rows[0]["rubric_version"])} · '
            f"{components.text(rows[0]['fingerprint'])}</p>",
            "am-judgement",
        )


def why(row: Row, queued: Sequence[Row]) -> None:
    """Why the judges were asked about it, and people, if they were."""
    chosen = [
        reader.fact(
            "For people",
            f"drawn to be labelled ({components.text(one['purpose'].replace('_', ' '))}) with "
            f"{percent(one['inclusion_probability'])} chance of the judged ones",
        )
        for one in queued
    ]
    components.block(
        "<h2>Why this message</h2>"
        + reader.sampled(row, marts.deployment_hues().get(row["deployment"], QUIET))
        + "".join(chosen),
        "am-judgement am-why",
    )


def address(name: str, index: int) -> None:
    """Its address, to be copied: the query alone names the message, whatever one came from."""
    here = urlsplit(st.context.url or marts.settings().dashboard_url)
    base = f"{here.scheme}://{here.netloc}"
    if st.context.url:  # may be served below a path of its own
        base += here.path.rstrip("/").removesuffix("/conversations")
    with st.popover("Address", icon=":material/link:"):
        st.code(f"{base}/conversations?{permalink(name, index)}", language=None, wrap_lines=True)


def answers_to(day: date, name: str, index: int) -> dict[str, list[dict[str, Any]]]:
    """The answers about a message, by judge."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in marts.verdicts(day, name).filter(pc.field("message_index") == index).to_pylist():
        found.setdefault(row["judge"], []).append(row)
    return found
