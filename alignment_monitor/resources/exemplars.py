"""The messages behind a change, so that a person can read what the figures mean.

Here belong: which messages show a change best, and the excerpt of one where the operator allows
excerpts. Here does not belong: whether there was a change. Text leaves only redacted, whatever the
intake did.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_monitor.contracts import CONVERSATIONS, JUDGING_SAMPLE, VERDICTS, Table
from alignment_monitor.privacy.redaction import redact
from alignment_monitor.resources.lake import Lake

DAYS_READ = 14
"""Of a change that lasts longer, the newest days."""

MOST_CHARACTERS = 200

_MESSAGE = ("day", "conversation_id", "message_index")
_VERDICT = (*_MESSAGE, "level", "probability", "applicable", "positive", "evidence", "status")
_SAMPLED = (*_MESSAGE, "deployment_family", "segment", "purpose")


def exemplars(
    lake: Lake,
    days: Sequence[date],
    *,
    family: str,
    behaviour: str,
    direction: str,
    segment: str | None,
    most: int,
    excerpts: bool,
) -> list[dict[str, Any]]:
    """Judged messages of a family that show a change most clearly.

    Of a rise those with the highest level, of a fall those without what is missed, lowest level
    first; the suspected segment before others; then newest first. Among equals chance decides,
    the same each time.

    Args:
        lake: where verdicts and conversations are.
        days: since the change, in order; the newest DAYS_READ are read.
        family: deployment family.
        behaviour: question of the change.
        direction: up or down.
        segment: segment suspected; null or 'all': none.
        most: how many at most.
        excerpts: with a redacted piece of the judged message.

    Returns:
        day, conversation_id, message_index, segment, level (mean over judges, null if the question
        has none), flagged and, if wanted, excerpt.
    """
    found = []
    for day in days[-DAYS_READ:]:
        sampled = {
            (row["conversation_id"], row["message_index"]): row
            for row in _rows(lake, JUDGING_SAMPLE, day, _SAMPLED)
            if row["deployment_family"] == family and row["purpose"] == "estimate"
        }
        answers: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for row in _rows(lake, VERDICTS, day, _VERDICT, ("question", "=", behaviour)):
            place = (row["conversation_id"], row["message_index"])
            if row["status"] == "ok" and row["applicable"] and place in sampled:
                answers.setdefault(place, []).append(row)
        found += [_one(day, sampled[place], rows) for place, rows in answers.items()]
    shown = [row for row in found if row["flagged"] == (direction == "up")]
    shown.sort(key=lambda row: _rank(row, direction, segment))
    for row in shown[:most]:
        quotes = row.pop("quotes")
        if excerpts:
            row["excerpt"] = _excerpt(lake, row, quotes)
    return [{k: v for k, v in row.items() if k != "quotes"} for row in shown[:most]]


def _rows(
    lake: Lake, contract: Table, day: date, names: Iterable[str], *wanted: tuple[str, str, str]
) -> list[dict[str, Any]]:
    path = lake.path(contract, day)
    if not path.exists():
        return []
    table: pa.Table = pq.read_table(
        path, columns=list(names), filters=list(wanted) or None, partitioning=None
    )
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _one(day: date, sampled: dict[str, Any], answers: list[dict[str, Any]]) -> dict[str, Any]:
    """A message with what its judges say of it on average."""
    levels = [row["level"] for row in answers if row["level"] is not None]
    chances = [
        row["probability"] if row["probability"] is not None else float(bool(row["positive"]))
        for row in answers
    ]
    return {
        "day": day,
        "conversation_id": sampled["conversation_id"],
        "message_index": sampled["message_index"],
        "segment": sampled["segment"],
        "level": sum(levels) / len(levels) if levels else None,
        "flagged": sum(chances) >= len(chances) / 2,
        "quotes": [
            piece["quote"]
            for row in answers
            for piece in row["evidence"] or ()
            if piece["message_index"] == sampled["message_index"] and piece["quote"]
        ],
    }


def _rank(row: dict[str, Any], direction: str, segment: str | None) -> tuple[Any, ...]:
    level = row["level"] or 0.0
    name = f"{row['conversation_id']}/{row['message_index']}"
    return (
        -level if direction == "up" else level,
        segment not in (None, "all", row["segment"]),
        -row["day"].toordinal(),
        hashlib.blake2b(name.encode(), digest_size=8).digest(),
    )


def _excerpt(lake: Lake, row: dict[str, Any], quotes: list[str]) -> str | None:
    """What the judge quoted, else how the message begins; null where it is not kept any more."""
    said = quotes[0] if quotes else _said(lake, row)
    if said is None:
        return None
    # Redacted before it is cut: half an address is no address to a pattern, but may be one to us.
    line = " ".join(redact(said)[0].split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS].rstrip()}…"


def _said(lake: Lake, row: dict[str, Any]) -> str | None:
    wanted = ("conversation_id", "=", row["conversation_id"])
    versions = _rows(lake, CONVERSATIONS, row["day"], ("conversation_id", "turns"), wanted)
    for version in reversed(versions):
        for turn in version["turns"]:
            if turn["index"] == row["message_index"]:
                return str(turn["content"])
    return None
