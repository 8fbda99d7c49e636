"""The judged messages behind the figures, found by filters that the address holds."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

import components
import marts
import pyarrow as pa
import pyarrow.compute as pc
import reader
import streamlit as st
from conversation import permalink, read
from palette import QUIET
from wording import counted

PER_PAGE = 12
FILTERS = ("days", "deployment", "segment", "flagged", "status", "search", "page")
EVERYTHING, ANYTHING = "all", "any"
RUBRIC = marts.rubric()
COLOURS = marts.behaviour_hues()
DEPLOYED = marts.deployment_hues()


def label_of(option: str) -> str:
    """An option of a filter, for people; the address holds it too."""
    words = {EVERYTHING: "All", ANYTHING: "Anything flagged"}
    return words.get(option) or RUBRIC.title_of(option)


def choose() -> pa.Table:
    """The judged messages that the filters in the address ask for, newest first."""
    found = marts.table("judged_messages")
    days = pc.min_max(found["day"]).as_py()
    first_row, second_row = st.columns([4, 3, 3]), st.columns([4, 3, 3])
    with first_row[0]:
        chosen = st.date_input(
            "Days", (days["min"], days["max"]), min_value=days["min"], max_value=days["max"],
            key="days", bind="query-params", format="YYYY-MM-DD",
        )  # fmt: skip
    with first_row[1]:
        names = [row["deployment"] for row in marts.deployments()]
        deployment = _select("Deployment", "deployment", names)
    with first_row[2]:
        segment = _select("Segment", "segment", marts.segments())
    with second_row[0]:
        search = st.text_input("Words in the conversation", key="search", bind="query-params")
    with second_row[1]:
        flagged = st.selectbox(
            "Flagged for", [EVERYTHING, ANYTHING, *RUBRIC.graded], format_func=label_of,
            key="flagged", bind="query-params",
        )  # fmt: skip
    with second_row[2]:
        status = _select("Judge status", "status", sorted(pc.unique(found["status"]).to_pylist()))
    first, last = _range(chosen, days)
    found = found.filter((pc.field("day") >= first) & (pc.field("day") <= last))
    for column, value in (("deployment", deployment), ("segment", segment), ("status", status)):
        if value != EVERYTHING:
            found = found.filter(pc.field(column) == value)
    if flagged != EVERYTHING:
        found = found.filter(_flagged(found, None if flagged == ANYTHING else flagged))
    if search and search.strip():
        hits = marts.matching(search.strip(), first, last)
        keys = zip(found["day"].to_pylist(), found["conversation_id"].to_pylist(), strict=True)
        found = found.filter(pa.array([key in hits for key in keys], pa.bool_()))
    return found.sort_by(
        [("day", "descending"), ("highest_level", "descending"), ("conversation_id", "ascending")]
    )


def _select(label: str, key: str, options: Sequence[str]) -> str:
    return st.selectbox(
        label,
        [EVERYTHING, *options],
        key=key,
        bind="query-params",
        format_func=lambda option: "All" if option == EVERYTHING else option,
    )


def _range(chosen: Any, days: Mapping[str, date]) -> tuple[date, date]:
    """The range as chosen; half a choice is a range of one end to the last day."""
    given = tuple(chosen) if isinstance(chosen, list | tuple) else (chosen,)
    if not given:
        return days["min"], days["max"]
    return given[0], given[1] if len(given) > 1 else days["max"]


def _flagged(found: pa.Table, behaviour: str | None) -> pa.Array:
    flagged = found["flagged"].to_pylist()
    return pa.array(
        [bool(names) if behaviour is None else behaviour in (names or ()) for names in flagged],
        pa.bool_(),
    )


def browse() -> None:
    """Filters, and the list they leave."""
    components.section(
        "Conversations",
        "Messages that were sampled and judged. The address of this page holds the filters.",
    )
    found = choose()
    messages: dict[tuple[date, str, int], list[dict[str, Any]]] = {}
    for row in found.to_pylist():
        key = (row["day"], row["conversation_id"], row["message_index"])
        messages.setdefault(key, []).append(row)
    if not messages:
        components.block("<p><b>No judged message matches.</b> Widen the filters above.</p>")
        return
    pages = -(-len(messages) // PER_PAGE)
    components.block(f'<p class="am-faint am-small">{counted(len(messages), "judged message")}</p>')
    place = st.container()
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    back = urlencode([(n, v) for n in FILTERS for v in st.query_params.get_all(n)])
    shown = list(messages.values())[(page - 1) * PER_PAGE : page * PER_PAGE]
    with place:
        components.block("".join(listed(judged, back) for judged in shown), "am-list")


def listed(judged: Sequence[dict[str, Any]], back: str) -> str:
    """One message of the list."""
    message = judged[0]
    talk = marts.transcript(message["day"], message["conversation_id"])
    turns = talk["turns"] if talk else []
    reply = next((t for t in turns if t["index"] == message["message_index"]), None)
    asked = [t for t in turns if t["index"] < message["message_index"] and t["role"] == "user"]
    return reader.row(
        message,
        reader.flags(judged, RUBRIC, COLOURS),
        reader.excerpt(asked[-1]["content"]) if asked else "–",
        reader.excerpt(reply["content"]) if reply else "the transcript is not kept",
        DEPLOYED.get(message["deployment"], QUIET),
        components.link(
            "conversations",
            permalink(message["conversation_id"], message["message_index"], back),
            "Read",
        ),
    )


def main() -> None:
    """Draw the page."""
    if not marts.table("judged_messages").num_rows:
        components.empty(
            "No conversation has been judged yet",
            "Once a run has finished, the conversations behind every figure can be read here.",
        )
    elif name := st.query_params.get("conversation"):
        read(name, st.query_params.get("message"), st.query_params.get("back", ""))
    else:
        browse()


main()
