"""One conversation beside its verdict, drawn on the page of conversations.

Here belong: choosing what is shown of a message, and where. The markup is made in reader.py.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

import components
import marts
import pyarrow.compute as pc
import reader
import streamlit as st
from palette import QUIET
from wording import short_day


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
    index = int(message) if message and message.isdecimal() else indices[0]
    shown = [row for row in judged if row["message_index"] == index]
    if not shown:
        components.block(f"<p><b>Message {index} of this conversation was not judged.</b></p>")
        return
    others(name, indices, index)
    bubbles, beside = st.columns([3, 2], gap="large")
    row = shown[-1]
    answers = answers_to(row["day"], name, index)
    with bubbles:
        talk_of(row, answers)
    with beside:
        judgement(row, answers)


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


def talk_of(row: Mapping[str, Any], answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """The transcript, with the evidence of all judges marked."""
    talk = marts.transcript(row["day"], row["conversation_id"])
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


def judgement(row: Mapping[str, Any], answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """What the judges said, and why they were asked."""
    rubric = marts.rubric()
    for judge, rows in answers.items():
        components.block(
            f"<h2>Verdict of {components.text(judge)}</h2>"
            f"{reader.verdict(rows, rubric, marts.behaviour_hues())}"
            f'<p class="am-faint am-small">{components.text(rows[0]["rubric_version"])} · '
            f"{components.text(rows[0]['fingerprint'])}</p>",
            "am-judgement",
        )
    components.block(
        "<h2>Why this message</h2>"
        + reader.sampled(row, marts.deployment_hues().get(row["deployment"], QUIET)),
        "am-judgement",
    )


def answers_to(day: date, name: str, index: int) -> dict[str, list[dict[str, Any]]]:
    """The answers about a message, by judge."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in marts.verdicts(day, name).filter(pc.field("message_index") == index).to_pylist():
        found.setdefault(row["judge"], []).append(row)
    return found
