"""The pieces that every page is made of.

Here belong: markup shared by pages, and the one rule for foreign text: it passes through
``text`` (escaped, direction isolated), never through markdown. Here does not belong: what a page
says.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Protocol

import streamlit as st
from wording import rate

STYLE = Path(__file__).with_name("style.css")
SYMBOLS = {
    "change": "▲", "judge": "◆", "no_data": "○", "learning": "◔", "steady": "●", "unknown": "?",
    "stale": "○", "swayed": "◆", "fit": "●", "unfit": "▲", "silent": "○", "doubtful": "◆",
    "early": "◔", "few": "?",
}  # fmt: skip


class Told(Protocol):
    """A conclusion to be drawn: on a family of deployments, or on a judge."""

    @property
    def status(self) -> str:
        """Its kind: a key of SYMBOLS."""

    @property
    def label(self) -> str:
        """It in a few words."""

    @property
    def headline(self) -> str:
        """The one sentence."""

    @property
    def details(self) -> Sequence[str]:
        """Further sentences."""

    @property
    def assurance(self) -> str:
        """How sure this is."""

    @property
    def notices(self) -> Sequence[str]:
        """What limits it."""


def text(value: object) -> str:
    """Foreign text made inert: escaped, and its writing direction kept to itself."""
    return f"<bdi>{escape(str(value))}</bdi>"


def block(markup: str, kind: str = "") -> None:
    """Show markup that this module, and no stranger, has written."""
    st.html(f'<div class="am {kind}">{markup}</div>')


def style() -> None:
    """Load the sheet; once on every page."""
    st.html(STYLE)


def banner(about: Mapping[str, Any]) -> None:
    """Say that verdicts are simulated, where they are."""
    if about.get("simulated"):
        block(
            "<b>Simulated verdicts.</b> This demo’s judge answers from the known truth; nothing "
            "here is about a real model.",
            "am-banner",
        )


def stand_in(about: Mapping[str, Any]) -> None:
    """Say that a judge stands in for people, where one does."""
    if name := about.get("stand_in"):
        block(
            f"<b>No person labels here.</b> The judge {text(name)} stands in for people: a page "
            "rests on the agreement of two models.",
            "am-banner",
        )


def empty(title: str, reason: str) -> None:
    """A page that has nothing to show, and how to fill it."""
    block(
        f"<h1>{escape(title)}</h1><p>{escape(reason)}</p><ol>"
        "<li>To look around with simulated traffic: <code>make demo</code></li>"
        "<li>To monitor your own: <code>alignment-monitor import FILE</code>, then "
        "<code>alignment-monitor backfill</code></li></ol>"
        '<p class="am-faint am-small">This page fills itself as soon as a run has finished.</p>',
        "am-empty",
    )


def moment(when: datetime) -> str:
    """A time on one line."""
    return f'<span class="am-moment">{when:%Y-%m-%d %H:%M} UTC</span>'


def link(page: str, query: str, label: str) -> str:
    """A link to another address, as markup.

    A plain one that loads the page: the address always tells what is seen, the browser's way back
    works, and it can be opened in another tab. Streamlit's own links leave the address behind
    when the target has widgets bound to it.
    """
    address = f"{page}?{query}" if query else page
    return f'<a class="am-link" target="_self" href="{escape(address)}">{escape(label)}</a>'


def section(title: str, note: str = "") -> None:
    """A heading, with what one must know to read what follows."""
    small = f'<p class="am-faint am-small">{escape(note)}</p>' if note else ""
    block(f"<h2>{escape(title)}</h2>{small}", "am-section")


def verdict(told: Told, *, one_of_several: bool = False) -> None:
    """The verdict: what limits it, what it is, how sure it is."""
    notices = "".join(f'<p class="am-notice">{text(notice)}</p>' for notice in told.notices)
    details = "".join(f'<p class="detail">{text(detail)}</p>' for detail in told.details)
    heading = "h2" if one_of_several else "h1"
    block(
        f"{notices}"
        f'<p class="status {told.status}">{SYMBOLS[told.status]} {escape(told.label)}</p>'
        f"<{heading}>{text(told.headline)}</{heading}>{details}"
        f'<p class="assurance am-faint">{text(told.assurance)}</p>',
        "am-verdict am-several" if one_of_several else "am-verdict",
    )


def todo(kind: str, setting: str, now: int | None) -> None:
    """What to do where no known text of a kind has a verdict."""
    advice = (
        f"{now} a day are asked for, so the judge gave none a verdict: see its calls below."
        if now
        else f"Set <code>{setting}</code> in monitor.yaml to more than 0."
    )
    block(f"<p><b>No {kind} has a verdict.</b> {advice}</p>")


def dot(colour: str) -> str:
    """The mark of a behaviour."""
    return f'<i class="am-dot" style="background:{colour}"></i>'


def square(colour: str) -> str:
    """The mark of a deployment."""
    return f'<i class="am-square" style="background:{colour}"></i>'


def panel(title: str, colour: str, now: Mapping[str, Any] | None, note: str, *, flag: str = "",
          quiet: bool = False) -> None:  # fmt: skip
    """The head of a small multiple: what it is, where it stands, on how many messages."""
    if now is None or now["prevalence"] is None:
        shown = "no data"
    else:
        value, _, span = rate(now["prevalence"], now["lower"], now["upper"]).partition(" ")
        shown = f'{value} <span class="am-faint">{span}</span>'
    raised = f'<span class="am-flag">{escape(flag)}</span>' if flag else ""
    block(
        f"<h3>{dot(colour)}<span>{text(title)}</span>{raised}</h3>"
        f'<p class="now">{shown}</p><p class="am-faint am-small">{text(note)}</p>',
        "am-panel quiet" if quiet else "am-panel",
    )


def table(head: Sequence[str], body: Sequence[Sequence[str]], *, numbers: Sequence[int] = (),
          total: bool = False, tight: bool = False) -> None:  # fmt: skip
    """A table of finished markup; the first cell of a row names it."""

    def cell(place: int, markup: str, name: str) -> str:
        kind = ' class="number"' if place in numbers else ""
        return f"<{name}{kind}>{markup}</{name}>"

    top = "".join(cell(place, markup, "th") for place, markup in enumerate(head))
    lines = []
    for number, row in enumerate(body):
        cells = "".join(
            cell(place, markup, "th" if place == 0 else "td") for place, markup in enumerate(row)
        )
        last = total and number == len(body) - 1
        lines.append(f'<tr class="total">{cells}</tr>' if last else f"<tr>{cells}</tr>")
    markup = f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    block(markup, "am-scroll am-tight" if tight else "am-scroll")


def range_bar(row: Mapping[str, Any], most: float, colour: str) -> str:
    """An interval drawn under its figures, on the scale of its column."""
    if row["prevalence"] is None or row["lower"] is None or row["upper"] is None or not most:
        return ""
    left, right, point = (100 * row[name] / most for name in ("lower", "upper", "prevalence"))
    return (
        f'<div class="am-range"><i style="left:{left:.1f}%;width:{right - left:.1f}%;'
        f'background:{colour}"></i><b style="left:calc({point:.1f}% - 1.5px);'
        f'background:{colour}"></b></div>'
    )


def download(name: str, found: Sequence[Mapping[str, Any]]) -> None:
    """Offer the rows behind a table as CSV, written only when asked for."""
    if found:
        st.download_button(
            "CSV", lambda: as_csv(found), f"{name}.csv", "text/csv", key=f"download-{name}",
            type="tertiary", icon=":material/download:", on_click="ignore",
            help=f"Download this table ({len(found):,} rows)",
        )  # fmt: skip


def as_csv(found: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV; foreign text that a spreadsheet would run as a formula is quoted first."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(found[0]))
    writer.writeheader()
    for row in found:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return out.getvalue().encode()


def _harmless(value: object) -> object:
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value
