"""The judged messages that filters ask for: how many there are, one page of them, and text.

Here belongs: finding them without ever holding all. Here does not belong: how they look
(reader.py) or where filters come from (the page).

The mart holds a row for each message and judge, in the order of messages; a message matches if one
of its rows does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import marts
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from alignment_monitor.contracts import JUDGED_MESSAGES, TRANSCRIPTS

MART = JUDGED_MESSAGES.name
MESSAGE = ("day", "conversation_id", "message_index")
ANY = "any"
"""Flagged for anything."""
SEARCHED = 20_000
"""Conversations that one search reads: the newest days first, each whole."""
COUNTS = pa.schema([("day", pa.date32()), ("messages", pa.int64())])
LISTED = [name for name in JUDGED_MESSAGES.schema.names if name != "rationale"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Filters:
    """What is asked of messages.

    Attributes:
        first: no day before.
        last: no day after.
        deployment: this only; None: all. The same of segment and status.
        flagged: a behaviour or guard found by a judge; ANY: any; None: all messages.
        text: words of the conversation, whatever their case; empty: all.
    """

    first: date
    last: date
    deployment: str | None = None
    segment: str | None = None
    status: str | None = None
    flagged: str | None = None
    text: str = ""

    @property
    def values(self) -> dict[str, str]:
        """The columns that must have one value."""
        of = {"deployment": self.deployment, "segment": self.segment, "status": self.status}
        return {column: value for column, value in of.items() if value is not None}


@dataclass(frozen=True)
class Found:
    """The messages that match.

    Attributes:
        days: (day, messages), newest day first; days without any are left out.
        names: conversations with the text by day; None if no text was asked for.
        since: first day that was searched; None if no text was asked for.
        read: conversations read for it.
    """

    days: tuple[tuple[date, int], ...]
    names: dict[date, frozenset[str]] | None = None
    since: date | None = None
    read: int = 0

    @property
    def messages(self) -> int:
        """How many."""
        return sum(count for _, count in self.days)


def find(asked: Filters) -> Found:
    """Count the messages that match; text is looked for in the newest conversations only."""
    days = tuple(_counts(asked))
    if not asked.text:
        return Found(days)
    names: dict[date, frozenset[str]] = {}
    read, since, kept = 0, asked.last, []
    for day, _ in days:
        size = marts.home().rows_of_day(TRANSCRIPTS, day)
        if read and read + size > SEARCHED:
            break
        read, since = read + size, day
        if hits := _with_text(day, asked.text):
            names[day] = hits
            if count := len(list(_messages(_rows(asked, day, [*MESSAGE], hits)))):
                kept.append((day, count))
    else:
        since = asked.first
    return Found(tuple(kept), names, since, read)


def page(asked: Filters, found: Found, number: int, size: int) -> list[list[Row]]:
    """The messages of a page, each with its rows: newest first, the gravest of a day first.

    Args:
        asked: the filters.
        found: what they found.
        number: of the page, from 1.
        size: messages a page.
    """
    begin, before = (number - 1) * size, 0
    shown: list[list[Row]] = []
    for day, count in found.days:
        if before + count > begin and len(shown) < size:
            names = None if found.names is None else found.names[day]
            messages = list(_messages(_rows(asked, day, LISTED, names), graded=True))
            shown += messages[max(0, begin - before) :]
        before += count
    return shown[:size]


def flagged_for(column: pa.ChunkedArray, name: str) -> NDArray[np.bool_]:
    """Which lists hold a name; any at all for ``ANY``."""
    lists = column.combine_chunks()
    if name == ANY:
        return np.asarray(pc.fill_null(pc.list_value_length(lists), 0)) > 0
    held = np.zeros(len(lists), dtype=bool)
    hits = pc.fill_null(pc.equal(pc.list_flatten(lists), name), False)
    held[np.asarray(pc.list_parent_indices(lists).filter(hits))] = True
    return held


def messages_by_day(rows: pa.Table) -> pa.Table:
    """Messages of each day, from rows in the order of messages; a message counts once."""
    if not rows.num_rows:
        return COUNTS.empty_table()
    new = np.ones(rows.num_rows, dtype=bool)
    new[1:] = False
    for column in MESSAGE:
        values = rows[column].combine_chunks()
        new[1:] |= np.asarray(pc.not_equal(values[1:], values[:-1]))
    days, counts = np.unique(np.asarray(rows["day"])[new], return_counts=True)
    return pa.table([pa.array(days, pa.date32()), pa.array(counts, pa.int64())], schema=COUNTS)


def _counts(asked: Filters) -> Iterator[tuple[date, int]]:
    def count() -> pa.Table:
        columns = [*MESSAGE, *(["flagged"] if asked.flagged else [])]
        parts = [
            messages_by_day(_wanted(asked, first, last, columns))
            for first, last in _months(asked.first, asked.last)
        ]
        return pa.concat_tables([COUNTS.empty_table(), *parts])

    key = ("counts", asked.first, asked.last, *sorted(asked.values.items()), asked.flagged)
    found = marts.kept(key, MART, count)
    yield from zip(found["day"].to_pylist()[::-1], found["messages"].to_pylist()[::-1], strict=True)


def _months(first: date, last: date) -> Iterator[tuple[date, date]]:
    while first <= last:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield first, min(last, following - timedelta(days=1))
        first = following


def _wanted(asked: Filters, first: date, last: date, columns: Sequence[str]) -> pa.Table:
    found = marts.home().select(MART, columns=columns, first=first, last=last, **asked.values)
    if asked.flagged:
        found = found.filter(pa.array(flagged_for(found["flagged"], asked.flagged)))
    return found


def _rows(
    asked: Filters, day: date, columns: Sequence[str], names: frozenset[str] | None
) -> pa.Table:
    needed = dict.fromkeys([*columns, *(["flagged"] if asked.flagged else [])])
    found = _wanted(asked, day, day, list(needed))
    if names is not None:
        found = found.filter(pc.is_in(found["conversation_id"], pa.array(sorted(names))))
    return found


def _messages(rows: pa.Table, *, graded: bool = False) -> Iterator[list[Row]]:
    """Rows by message; graded: those with the highest level first, by conversation."""
    of: Callable[[Row], tuple[Any, ...]] = lambda row: tuple(row[c] for c in MESSAGE)  # noqa: E731
    groups = [list(group) for _, group in groupby(rows.to_pylist(), of)]
    if graded:
        groups.sort(key=lambda group: (-max(_level(row) for row in group), of(group[0])))
    yield from groups


def _level(row: Row) -> int:
    return -1 if row["highest_level"] is None else row["highest_level"]


def _with_text(day: date, text: str) -> frozenset[str]:
    """The conversations of a day in which a text occurs."""
    files = marts.home()

    def search() -> pa.Table:
        talks = files.of_day(TRANSCRIPTS, day, columns=["conversation_id", "turns"])
        turns = talks["turns"].combine_chunks()
        content = pc.struct_field(pc.list_flatten(turns), "content")
        hits = pc.match_substring(content, text, ignore_case=True)
        places = pc.list_parent_indices(turns).filter(pc.fill_null(hits, False)).unique()
        return talks.select(["conversation_id"]).take(places)

    key = ("text", text, str(files.folder), day, files.stamp_of_day(TRANSCRIPTS, day))
    return frozenset(marts.KEPT.get(key, search)["conversation_id"].to_pylist())
