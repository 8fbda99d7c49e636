"""The records that were refused, a page at a time, drawn on the Health page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import components
import marts
import pyarrow.compute as pc
import streamlit as st
from components import text
from wording import count, counted, short_day

PER_PAGE = 10
ALL = "all"
Row = Mapping[str, Any]


def quarantine() -> None:
    """Which records were refused and why, and how they come in after all."""
    found = marts.table("quarantine")
    components.section(
        "Quarantine",
        "Records that were refused, with the rule they broke. Nothing of them is judged or counted "
        "but here.",
    )
    if not found.num_rows:
        components.block("<p>No record has been refused.</p>")
        return
    rules, sources = _options(found["rule"]), _options(found["source"])
    beside = st.columns([3, 3, 4])
    with beside[0]:
        rule = _choose("Rule", "rule", rules)
    with beside[1]:
        source = _choose("Source", "source", sources)
    for column, value in (("rule", rule), ("source", source)):
        if value != ALL:
            found = found.filter(pc.field(column) == value)
    found = found.sort_by([("day", "descending"), ("receipt_id", "ascending")])
    total = found.num_rows
    if not total:
        components.block("<p><b>No refused record matches.</b> Widen the filters above.</p>")
        return
    pages = -(-total // PER_PAGE)
    components.block(f'<p class="am-faint am-small">{counted(total, "refused record")}</p>')
    place = st.container()
    page = st.pagination(pages, key="refused", bind="query-params") if pages > 1 else 1
    with place:
        listed(found.slice((page - 1) * PER_PAGE, PER_PAGE).to_pylist())
    components.download("quarantine", found)
    replay(found.slice(0, 1).to_pylist()[0])


def listed(rows: Sequence[Row]) -> None:
    """One page of refused records."""
    items = "".join(
        '<article class="am-refused">'
        f'<p class="am-small am-faint">{short_day(row["day"])} · '
        f"{text(row['source'])} · {text(row['location'])} · "
        f"{text(row['conversation_id'] or 'no readable identifier')}</p>"
        f"<p><code>{text(row['rule'])}</code> {text(row['reason'])}</p>"
        f"{_excerpt(row)}</article>"
        for row in rows
    )
    components.block(items, "am-list")


def replay(row: Row) -> None:
    """How refused records are read anew."""
    with st.expander("How to read them anew"):
        components.block(
            "<ol><li>Mend what the reason names: the export, or a limit under <code>intake</code> "
            "in monitor.yaml. The location says which record of which file it was.</li>"
            "<li>Import the file again: <code>alignment-monitor import FILE</code>. What was "
            "accepted before is not taken twice; what was refused is read anew and leaves the "
            "quarantine once it is sound.</li>"
            "<li>Run its days again, for instance <code>alignment-monitor run --day "
            f"{row['day']}</code>. Only what is new is judged.</li></ol>",
            "am-howto",
        )


def _excerpt(row: Row) -> str:
    return f'<pre class="am-excerpt">{text(row["excerpt"])}</pre>' if row["excerpt"] else ""


def _options(column: Any) -> dict[str, int]:
    tally = Counter({one["values"]: one["counts"] for one in pc.value_counts(column).to_pylist()})
    return dict(tally.most_common())


def _choose(label: str, key: str, options: Mapping[str, int]) -> str:
    def shown(option: str) -> str:
        return "All" if option == ALL else f"{option} ({count(options[option])})"

    chosen: str = st.selectbox(
        label, [ALL, *options], key=key, bind="query-params", format_func=shown
    )
    return chosen
