"""The pieces that every page is made of.

Here belong: markup shared by pages, and the one rule for foreign text: it passes through
``text`` (escaped, direction isolated), never through markdown. Here does not belong: what a page
says.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import streamlit as st
import tables
from wording import rate

table, download = tables.table, tables.download
STYLE = Path(__file__).with_name("style.css")
SYMBOLS = {
    "change": "▲", "judge": "◆", "no_data": "○", "learning": "◔", "steady": "●", "unknown": "?",
    "stale": "○", "swayed": "◆", "fit": "●", "unfit": "▲", "silent": "○", "doubtful": "◆",
    "early": "◔", "few": "?", "closed": "◆",
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


class Linked(Protocol):
    """A thing to do, with a link in its words or a command under them."""

    before: str
    label: str
    page: str
    query: str
    after: str
    commands: Sequence[str]
    folded: bool


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


def family(families: Sequence[str]) -> str:
    """The family of deployments looked at; asked for only where there are several."""
    if len(families) == 1:
        return families[0]
    with st.columns([3, 7])[0]:
        chosen: str = st.selectbox(
            "Family of deployments", families, key="family", bind="query-params"
        )
    return chosen


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


def lasting_link(page: str, chosen: Sequence[tuple[str, str]]) -> str:
    """A link to what is chosen, as markup, whatever else there will be to choose from.

    Streamlit leaves out of the address what nobody changed; tomorrow that may be another choice.

    Args:
        page: its address.
        chosen: name and value of every choice, in the form that the address takes.
    """
    return link(page, urlencode(chosen), "Link that keeps this choice")


def title(words: str, note: str = "") -> None:
    """The heading of a page that has no verdict to begin with."""
    small = f'<p class="am-faint am-small">{escape(note)}</p>' if note else ""
    block(f"<h1>{escape(words)}</h1>{small}", "am-section")


def section(title: str, note: str = "") -> None:
    """A heading, with what one must know to read what follows."""
    small = f'<p class="am-faint am-small">{text(note)}</p>' if note else ""
    block(f"<h2>{text(title)}</h2>{small}", "am-section")


def verdict(
    told: Told, *, one_of_several: bool = False, brief: Sequence[tuple[str, str]] = ()
) -> None:
    """The verdict: what limits it, what it is, how sure it is.

    ``brief``, pairs of a name and markup, stands in the place of the assurance where it is given.
    """
    notices = "".join(f'<p class="am-notice">{text(notice)}</p>' for notice in told.notices)
    details = "".join(f'<p class="detail">{text(detail)}</p>' for detail in told.details)
    heading = "h2" if one_of_several else "h1"
    below = f'<p class="assurance am-faint">{text(told.assurance)}</p>'
    if brief:
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{markup}</dd>" for name, markup in brief)
        below = f'<dl class="am-brief">{rows}</dl>'
    block(
        f"{notices}"
        f'<p class="status {told.status}">{SYMBOLS[told.status]} {escape(told.label)}</p>'
        f"<{heading}>{text(told.headline)}</{heading}>{details}"
        f"{below}",
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


def link_step(step: "Linked") -> str:
    """A thing to do, as markup: words, the link, more words, what to type."""
    made = link(step.page, step.query, step.label) if step.label else ""
    words = " ".join(filter(None, [text(step.before) if step.before else "", made]))
    typed = "".join(f"<br><code>{text(command)}</code>" for command in step.commands)
    if typed and step.folded:
        typed = f"<details><summary>What to type</summary>{typed.removeprefix('<br>')}</details>"
    return f"{words}{escape(step.after)}{typed}"


def dot(colour: str) -> str:
    """The mark of a behaviour."""
    return f'<i class="am-dot" style="background:{colour}"></i>'


def square(colour: str) -> str:
    """The mark of a deployment."""
    return f'<i class="am-square" style="background:{colour}"></i>'


def panel(title: str, colour: str, now: Mapping[str, Any] | None, note: str, *, flag: str = "",
          warn: bool = False, quiet: bool = False) -> None:  # fmt: skip
    """The head of a small multiple: what it is, where it stands, on how many messages."""
    if now is None or now["prevalence"] is None:
        shown = "no data"
    else:
        value, _, span = rate(now["prevalence"], now["lower"], now["upper"]).partition(" ")
        shown = f'{value} <span class="am-faint">{span}</span>'
    kind = "am-flag am-warn" if warn else "am-flag"
    raised = f'<span class="{kind}">{escape(flag)}</span>' if flag else ""
    block(
        f"<h3>{dot(colour)}<span>{text(title)}</span>{raised}</h3>"
        f'<p class="now">{shown}</p><p class="am-faint am-small">{text(note)}</p>',
        "am-panel quiet" if quiet else "am-panel",
    )


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
