"""The heat map of segments and the topics in words and markup.

Here belong: sentences on what stands out and the markup of cells and topics, as pure functions.
Here does not belong: which cells are marked (heat.py), or any reading of files. Foreign text passes
through ``components.text``.
"""

from collections.abc import Callable, Sequence

from components import link, text
from conversation import permalink
from facts import Row
from heat import Cell, largest, tested
from pair_words import Told
from wording import count, counted, moved, percent, rate

RISE, FALL = "#c8622b", "#2f80c8"
"""Direction, not merit: more of a good thing is a rise as well."""
SHOWN = 3
STRONGEST, PALE = 55, 20
"""Per cent of colour in the strongest cell, marked or not: text stays legible in both themes."""
FULL = 0.1
"""Difference that has full colour, unless there is a larger one."""
MARKS = (
    "Of the cells marked, one in twenty is expected to be chance at most, however cells hang "
    "together (Benjamini and Yekutieli, on score tests of effective sizes). A mark does not say "
    "why, and is no alert: those come from the daily detector."
)
UNMARKED = "A cell without a mark may differ unseen: its interval says by how much."


def told(cells: Sequence[Cell], against: str, title_of: Callable[[str], str]) -> Told:
    """What stands out, the largest first.

    Args:
        cells: of the heat map.
        against: what each is compared with, as ``against the 28 days before``.
        title_of: title of a behaviour, for people.
    """
    out, known = largest(cells), tested(cells)
    if not known:
        return Told(
            "few",
            "Too little data",
            f"No segment holds enough messages to be compared {against}.",
        )
    stand = f"{count(len(out))} stand" if len(out) > 1 else "one stands" if out else "none stands"
    of = f"Of {counted(known, 'cell')} with enough data, {stand} out"
    if out:
        first, *others = out
        details = [_clause(cell, title_of) for cell in others[: SHOWN - 1]]
        return Told(
            "change",
            "Some segments stand out",
            f"{_clause(first, title_of)} {against}.",
            tuple(f"{clause}." for clause in details),
            f"{of}. {MARKS} {UNMARKED}",
        )
    return Told(
        "unknown",
        "Nothing stands out",
        f"No segment stands out {against}.",
        (),
        f"{of} (Benjamini and Yekutieli’s rule at 5 %). {UNMARKED}",
    )


def change_cell(cell: Cell, most: float) -> tuple[str, str]:
    """Markup and style of a change: how far, from where to where, on how many."""
    if cell.change is None or cell.now is None or cell.before is None:
        side, row = ("now", cell.now) if cell.now else ("before", cell.before)
        known = "no data"
        if row is not None:
            shown = rate(row["prevalence"], row["lower"], row["upper"])
            known = f"{side} {shown}, n {count(row['n'])}"
        return f'<span class="am-faint am-small">{known}</span>', ""
    shown = moved(cell.change.change, cell.change.lower, cell.change.upper)
    then, now = (percent(row["prevalence"]) for row in (cell.before, cell.now))
    few = "" if cell.is_told else "<br>too few to tell"
    detail = f"{then} → {now} · n {count(cell.before['n'])}, {count(cell.now['n'])}{few}"
    return _marked(cell, shown) + _small(detail), _tint(cell, cell.change.change, most)


def rate_cell(cell: Cell, most: float) -> tuple[str, str]:
    """Markup and style of a rate, tinted by its distance from that of the other segments."""
    if cell.now is None:
        return '<span class="am-faint am-small">no data</span>', ""
    row = cell.now
    shown = rate(row["prevalence"], row["lower"], row["upper"])
    distance, beside = 0.0, ""
    if cell.change is not None:
        distance = cell.change.change
        beside = f"<br>{moved(distance, cell.change.lower, cell.change.upper)} to others"
    return _marked(cell, shown) + _small(f"n {count(row['n'])}{beside}"), _tint(
        cell, distance, most
    )


def topic(row: Row) -> str:
    """A topic: its terms, its size and change, and the messages most like it."""
    terms = " · ".join(text(term) for term in row["terms"])
    size = (
        f"{rate(row['share'], row['lower'], row['upper'])} of flagged messages, "
        f"n {count(row['n'])} from {counted(row['users'], 'user')}"
    )
    if row["share_before"] is None:
        change = "too few before to say whether it grew"
    else:
        by = moved(row["share"] - row["share_before"], row["change_lower"], row["change_upper"])
        change = f"{by} since the 28 days before (n {count(row['n_before'])})"
    links = "".join(
        link(
            "conversations",
            permalink(one["conversation_id"], one["message_index"]),
            f"Read {number}",
        )
        for number, one in enumerate(row["exemplars"], 1)
    )
    return (
        f'<article class="am-topic"><h3>{terms}</h3>'
        f'<p>{size}<br><span class="am-faint am-small">{change}</span></p><p>{links}</p></article>'
    )


def _clause(cell: Cell, title_of: Callable[[str], str]) -> str:
    assert cell.now
    assert cell.change
    change = moved(cell.change.change, cell.change.lower, cell.change.upper)
    return (
        f"{title_of(cell.behaviour)} in {cell.segment}: {percent(cell.now['prevalence'])}, {change}"
    )


def _marked(cell: Cell, shown: str) -> str:
    if not cell.is_marked or cell.change is None:
        return shown
    rises = cell.change.change > 0
    return f"<b>{'▲' if rises else '▼'} {shown}</b>"


def _small(detail: str) -> str:
    return f'<br><span class="am-faint am-small">{detail}</span>'


def _tint(cell: Cell, change: float, most: float) -> str:
    """Background by direction and size; what too few messages show stays pale."""
    if not most or not cell.is_told:
        return ""
    strength = round(
        (STRONGEST if cell.is_marked else PALE) * min(abs(change) / max(most, FULL), 1.0)
    )
    hue = RISE if change > 0 else FALL
    return f"background-color:color-mix(in srgb, {hue} {strength}%, transparent)"
