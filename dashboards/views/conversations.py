"""The judged messages behind the figures, found by filters that the address holds."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

import components
import listing
import marts
import reader
import streamlit as st
from conversation import permalink, read
from palette import QUIET
from wording import counted, short_day

PER_PAGE = 12
FILTERS = ("days", "deployment", "segment", "flagged", "status", "search", "page")
EVERYTHING = "all"
RUBRIC = marts.rubric()
COLOURS = marts.behaviour_hues()
DEPLOYED = marts.deployment_hues()


def label_of(option: str) -> str:
    """An option of a filter, for people; the address holds it too."""
    words = {EVERYTHING: "All", listing.ANY: "Anything flagged"}
    return words.get(option) or RUBRIC.title_of(option)


def choose() -> listing.Filters:
    """What the filters in the address ask for."""
    days = marts.span("judged_messages")
    assert days is not None, "the page is drawn only where there are messages"
    first_row, second_row = st.columns([4, 3, 3]), st.columns([4, 3, 3])
    with first_row[0]:
        chosen = st.date_input(
            "Days", days, min_value=days[0], max_value=days[1],
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
            "Flagged for", [EVERYTHING, listing.ANY, *RUBRIC.graded], format_func=label_of,
            key="flagged", bind="query-params",
        )  # fmt: skip
    with second_row[2]:
        statuses = [status for (status,) in marts.distinct("judged_messages", "status")]
        status = _select("Judge status", "status", statuses)
    first, last = _range(chosen, days)
    deployment, segment, status, flagged = (
        None if value == EVERYTHING else value for value in (deployment, segment, status, flagged)
    )
    return listing.Filters(
        first, last, deployment, segment, status, flagged, (search or "").strip()
    )


def _select(label: str, key: str, options: Sequence[str]) -> str:
    return st.selectbox(
        label,
        [EVERYTHING, *options],
        key=key,
        bind="query-params",
        format_func=lambda option: "All" if option == EVERYTHING else option,
    )


def _range(chosen: Any, days: tuple[date, date]) -> tuple[date, date]:
    """The range as chosen; half a choice is a range of one end to the last day."""
    given = tuple(chosen) if isinstance(chosen, list | tuple) else (chosen,)
    if not given:
        return days
    return given[0], given[1] if len(given) > 1 else days[1]


def browse() -> None:
    """Filters, and the list they leave."""
    components.title(
        "Conversations",
        "Messages that were sampled and judged. The address of this page holds the filters.",
    )
    asked = choose()
    found = listing.find(asked)
    searched = told(asked, found)
    if not found.messages:
        components.block(
            f"<p><b>No judged message matches.</b> Widen the filters above.</p>{searched}"
        )
        return
    pages = -(-found.messages // PER_PAGE)
    counting = counted(found.messages, "judged message")
    keeping = components.lasting_link("conversations", address_of(asked))
    components.block(f'<p class="am-faint am-small">{counting} · {keeping}</p>{searched}')
    place = st.container()
    page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    back = urlencode([(n, v) for n in FILTERS for v in st.query_params.get_all(n)])
    shown = listing.page(asked, found, page, PER_PAGE)
    talks = transcripts_of(shown)
    with place:
        components.block("".join(listed(judged, talks, back) for judged in shown), "am-list")
    components.download("judged-messages", [row for judged in shown for row in judged])


def address_of(asked: listing.Filters) -> list[tuple[str, str]]:
    """All filters as the address holds them, the days too where nobody chose them."""
    chosen = {
        "deployment": asked.deployment, "segment": asked.segment, "status": asked.status,
        "flagged": asked.flagged and label_of(asked.flagged), "search": asked.text,
    }  # fmt: skip
    days = [("days", day.isoformat()) for day in (asked.first, asked.last)]
    return [*days, *((name, value) for name, value in chosen.items() if value)]


def told(asked: listing.Filters, found: listing.Found) -> str:
    """How far a search has reached, where it did not reach the first day asked for."""
    if found.since is None or found.since <= asked.first:
        return ""
    return (
        '<p class="am-warn am-small">The words were looked for in '
        f"{counted(found.read, 'conversation')} of {short_day(found.since, asked.last)} to "
        f"{short_day(asked.last)}, not in older ones. To search those, end the days above "
        "earlier.</p>"
    )


def transcripts_of(shown: Sequence[Sequence[Mapping[str, Any]]]) -> dict[tuple[date, str], Any]:
    """The conversations of some messages, as far as they are kept."""
    names: dict[date, set[str]] = {}
    for message, *_ in shown:
        names.setdefault(message["day"], set()).add(message["conversation_id"])
    return {
        (day, name): talk
        for day, of_day in names.items()
        for name, talk in marts.transcripts(day, sorted(of_day)).items()
    }


def listed(
    judged: Sequence[dict[str, Any]], talks: Mapping[tuple[date, str], Any], back: str
) -> str:
    """One message of the list."""
    message = judged[0]
    talk = talks.get((message["day"], message["conversation_id"]))
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
    if not marts.has("judged_messages"):
        components.empty(
            "No conversation has been judged yet",
            "Once a run has finished, the conversations behind every figure can be read here.",
        )
    elif name := st.query_params.get("conversation"):
        read(name, st.query_params.get("message"), st.query_params.get("back", ""))
    else:
        browse()


main()
