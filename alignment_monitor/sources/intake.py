"""What came in for a day is admitted as conversations or quarantined, and counted.

Here belongs: every rule that needs the other records of the day (repeats, versions, conflicts)
and what makes a conversation eligible. What one record can break alone belongs to ``normalise``.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from alignment_monitor.contracts import CONVERSATIONS, INTAKE, QUARANTINE
from alignment_monitor.settings import Settings

_COLUMNS = ("receipt_id", "conversation_id", "content_hash", "ended_at", "rule", "source")


@dataclass(frozen=True)
class Admitted:
    """The three tables of a day's intake.

    Attributes:
        conversations: understood, each version of each conversation once.
        quarantine: refused, with rule and reason.
        intake: received and repeated, by source.
    """

    conversations: pa.Table
    quarantine: pa.Table
    intake: pa.Table


@dataclass
class _Sorted:
    """Positions of the day's rows, by what becomes of them."""

    kept: list[int] = field(default_factory=list)
    superseded: set[int] = field(default_factory=set)
    refused: list[int] = field(default_factory=list)
    conflicting: list[int] = field(default_factory=list)
    repeated: list[int] = field(default_factory=list)


def admit(received: pa.Table, day: date, settings: Settings) -> Admitted:
    """Sort the day's records into what is fit and what is not; nothing is dropped uncounted."""
    received = _distinct(received).combine_chunks()
    found = _sort(received)
    sources = received.column("source").to_pylist()
    repeated = Counter(sources[place] for place in found.repeated)
    intake = [
        {
            "day": day,
            "source": source,
            "received": count - repeated[source],
            "repeated": repeated[source],
        }
        for source, count in Counter(sources).items()
    ]
    return Admitted(
        conversations=_conversations(received, found, day, settings),
        quarantine=_quarantine(received, found, day),
        intake=INTAKE.table(intake),
    )


def _distinct(received: pa.Table) -> pa.Table:
    """Each receipt once: two readings of one place in one file are one record."""
    first = {receipt: n for n, receipt in enumerate(received.column("receipt_id").to_pylist())}
    return received if len(first) == received.num_rows else received.take(list(first.values()))


def _sort(received: pa.Table) -> _Sorted:
    columns = (received.column(name).to_pylist() for name in _COLUMNS)
    found, versions = _Sorted(), defaultdict(list)
    for place, (receipt, identifier, content, ended_at, rule, _) in enumerate(
        zip(*columns, strict=True)
    ):
        if rule is not None:
            found.refused.append(place)
        else:
            versions[identifier].append((ended_at, receipt, content, place))
    for group in versions.values():
        if len(group) == 1:
            found.kept.append(group[0][-1])
        else:
            _sort_versions(received, sorted(group), found)
    return found


def _sort_versions(
    received: pa.Table, group: Iterable[tuple[Any, str, str, int]], found: _Sorted
) -> None:
    """Records of one conversation, earliest first: repeats, versions of the first, conflicts."""
    known: set[str] = set()
    chain: list[tuple[list[tuple[str, str]], int]] = []
    for _, _, content, place in group:
        if content in known:
            found.repeated.append(place)
            continue
        known.add(content)
        said = _said(received, place)
        if not chain or _extends(said, chain[-1][0]) or _extends(chain[-1][0], said):
            chain.append((said, place))
            chain.sort(key=lambda version: len(version[0]))
        else:
            found.conflicting.append(place)
    places = [place for _, place in chain]
    found.kept.extend(places)
    found.superseded.update(places[:-1])


def _said(received: pa.Table, place: int) -> list[tuple[str, str]]:
    turns = received.column("turns")[place].as_py()
    return [(turn["role"], turn["content"]) for turn in turns]


def _extends(longer: list[Any], shorter: list[Any]) -> bool:
    return len(longer) > len(shorter) and longer[: len(shorter)] == shorter


def _conversations(received: pa.Table, found: _Sorted, day: date, settings: Settings) -> pa.Table:
    rows = received.take(pa.array(found.kept, pa.int64())).combine_chunks()
    answered = _answered(rows)
    reasons = [
        "superseded"
        if place in found.superseded
        else None
        if number in answered
        else "no_assistant_message"
        for number, place in enumerate(found.kept)
    ]
    rows = rows.set_column(rows.column_names.index("day"), "day", _constant(day, rows.num_rows))
    rows = rows.append_column("segment", _segments(rows, settings.intake.segment_by))
    rows = rows.append_column("eligible", pa.array([reason is None for reason in reasons]))
    rows = rows.append_column("ineligible_reason", pa.array(reasons, pa.string()))
    return CONVERSATIONS.conform(rows)


def _constant(day: date, length: int) -> pa.Array:
    return pa.array([day] * length, pa.date32())


def _answered(rows: pa.Table) -> set[int]:
    """Rows with an assistant message that says something."""
    turns = rows.column("turns")
    flat = pc.list_flatten(turns)
    said = pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(pc.struct_field(flat, "content"))), 0)
    mine = pc.and_(pc.equal(pc.struct_field(flat, "role"), "assistant"), said)
    return set(pc.list_parent_indices(turns).filter(mine).to_pylist())


def _segments(rows: pa.Table, names: tuple[str, ...]) -> pa.Array:
    """Values of the named segments, joined; ``unknown`` where one is absent."""
    if not names:
        return pa.array(["all"] * rows.num_rows, pa.string())
    values = [dict(pairs or ()) for pairs in rows.column("segments").to_pylist()]
    return pa.array(
        [" / ".join(value.get(name) or "unknown" for name in names) for value in values],
        pa.string(),
    )


def _quarantine(received: pa.Table, found: _Sorted, day: date) -> pa.Table:
    places = found.refused + found.conflicting
    rows = received.select([n for n in QUARANTINE.schema.names]).take(pa.array(places, pa.int64()))
    rules, reasons = rows.column("rule").to_pylist(), rows.column("reason").to_pylist()
    for number in range(len(found.refused), len(places)):
        rules[number] = "conflicting_content"
        reasons[number] = (
            "its conversation_id came with other content on the same day: give each its own"
        )
    for name, values in (("rule", rules), ("reason", reasons)):
        at = rows.column_names.index(name)
        rows = rows.set_column(at, name, pa.array(values, pa.string()))
    rows = rows.set_column(rows.column_names.index("day"), "day", _constant(day, rows.num_rows))
    return QUARANTINE.conform(rows)
