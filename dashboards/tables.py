"""Tables: finished markup on the page, plain rows in a file.

Here belong: drawing a table and offering it as CSV. Here does not belong: what stands in one.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape, unescape
from typing import Any

import pyarrow as pa
import streamlit as st


def table(head: Sequence[str], body: Sequence[Sequence[str]], *, numbers: Sequence[int] = (),
          total: bool = False, tight: bool = False, look: str = "", name: str = "",
          rows: Sequence[Mapping[str, Any]] = ()) -> None:  # fmt: skip
    """A table of finished markup; the first cell of a row names it.

    Args:
        head: names of columns, as markup.
        body: cells, row by row.
        numbers: places of columns with numbers.
        total: the last row is the sum.
        tight: rows close together.
        look: further classes of the sheet.
        name: of the file in which it can be had; empty: as no file.
        rows: what the file holds instead of the cells as they are shown.
    """

    def cell(place: int, markup: str, tag: str, scope: str = "") -> str:
        kind = ' class="number"' if place in numbers else ""
        return f"<{tag}{scope}{kind}>{markup}</{tag}>"

    top = "".join(cell(place, markup, "th", ' scope="col"') for place, markup in enumerate(head))
    lines = []
    for number, row in enumerate(body):
        cells = "".join(
            cell(place, markup, "td") if place else cell(place, markup, "th", ' scope="row"')
            for place, markup in enumerate(row)
        )
        last = total and number == len(body) - 1
        lines.append(f'<tr class="total">{cells}</tr>' if last else f"<tr>{cells}</tr>")
    scrolling(
        f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>",
        f"Table {name.replace('-', ' ')} by {plain(head[0])}",
        f"{'am-tight' if tight else ''} {look}",
    )
    if name:
        download(name, rows or shown(head, body))


def scrolling(markup: str, spoken: str, kind: str = "") -> None:
    """A table that may be wider than its window: it scrolls by itself, by keyboard too.

    Args:
        markup: the table.
        spoken: what it is called where it is not seen.
        kind: further classes of the sheet.
    """
    st.html(
        f'<div class="am am-scroll {kind}" tabindex="0" role="region" '
        f'aria-label="{escape(spoken)}">{markup}</div>'
    )


def plain(markup: str) -> str:
    """What a reader sees of markup made here."""
    return unescape(re.sub("<[^>]*>", " ", markup)).replace("\u00a0", " ").strip()


def shown(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """The cells of a table as they are seen; columns of one name are told apart by a number."""
    seen: Counter[str] = Counter()
    names = []
    for markup in head:
        name = plain(markup)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return [dict(zip(names, map(plain, row), strict=True)) for row in body]


def download(name: str, found: Sequence[Mapping[str, Any]] | pa.Table) -> None:
    """Offer the rows behind a table as CSV, written only when asked for."""
    if len(found):
        st.download_button(
            "CSV", lambda: as_csv(found), f"{name}.csv", "text/csv", key=f"download-{name}",
            type="tertiary", icon=":material/download:", on_click="ignore",
            help=f"Download this table ({len(found):,} rows)",
        )  # fmt: skip


def as_csv(found: Sequence[Mapping[str, Any]] | pa.Table) -> bytes:
    """Rows as CSV; foreign text that a spreadsheet would run as a formula is quoted first."""
    if isinstance(found, pa.Table):
        found = found.to_pylist()
    out = io.StringIO()
    writer = csv.DictWriter(out, list(found[0]))
    writer.writeheader()
    for row in found:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return out.getvalue().encode()


def _harmless(value: object) -> object:
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value
