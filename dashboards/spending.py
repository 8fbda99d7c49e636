"""What judging took: calls, tokens and money in words.

Here belongs: adding up rows of ``cost_daily`` without taking what is unknown for nothing. Here
does not belong: which rows, or the table they stand in (pages).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wording import count

Row = Mapping[str, Any]

UNANSWERED = ("failed",)
"""Nothing came back, so that no usage could be told."""
LEAST = 0.01


def calls(rows: Iterable[Row], *statuses: str) -> int:
    """Calls made, or those that ended in the statuses given."""
    return sum(row["calls"] for row in rows if not statuses or row["status"] in statuses)


def tokens(rows: Sequence[Row], column: str) -> str:
    """Tokens that the server told of; a part that it did not is said to be missing."""
    total, whole = _known(rows, column)
    if total is None:
        return "unknown" if calls(rows) else "–"
    return count(total) if whole else f"at least {count(total)}"


def money(rows: Sequence[Row]) -> str:
    """USD; never 0 where no price is known, nor where it is merely small."""
    total, whole = _known(rows, "cost_usd")
    if total is None:
        return "no price set" if calls(rows) else "–"
    shown = f"{total:,.2f}" if total >= LEAST or not total else f"under {LEAST}"
    return shown if whole else f"at least {shown}"


def _known(rows: Sequence[Row], column: str) -> tuple[float | None, bool]:
    """The sum of what is known, and whether that is all there should be."""
    asked = [row for row in rows if row["calls"]]
    known = [row[column] for row in asked if row[column] is not None]
    whole = all(row[column] is not None for row in asked if row["status"] not in UNANSWERED)
    return (sum(known) if known else None), whole
