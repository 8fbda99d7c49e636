"""Baselines made anew, as the operational store keeps them: rows are added and never changed.

Here belong: writing and reading the record. Here does not belong: what may be recorded
(``operations.rebaseline``), or what it does to a series (``statistics.epochs``).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from alignment_monitor.store.database import transaction
from alignment_monitor.store.schema import baseline_resets


def keep_resets(store: Engine, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add resets to the record, all or none.

    Args:
        store: the operational store.
        rows: rows of ``baseline_resets`` without their number.

    Raises:
        IntegrityError: a new normal begins after the day it is recorded on, the reason is empty or
            longer than 500 characters, or the alert is not there.
    """
    with transaction(store) as connection:
        connection.execute(insert(baseline_resets), [dict(row) for row in rows])


def kept_resets(connection: Connection) -> list[dict[str, Any]]:
    """All resets, in the order in which they were recorded."""
    query = select(baseline_resets).order_by(baseline_resets.c.reset_id)
    return [dict(row) for row in connection.execute(query).mappings()]
