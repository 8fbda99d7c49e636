"""Reading what dbt built. Opened read-only and closed at once: DuckDB locks its file."""

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd


class WarehouseError(RuntimeError):
    """The warehouse cannot be read; the message says why and what to do."""


def user_days(
    warehouse: Path, first: date, last: date, behaviours: tuple[str, ...] | None = None
) -> pd.DataFrame:
    """Sufficient statistics per user and day, from first to last day.

    Args:
        warehouse: the DuckDB file.
        first: first day wanted.
        last: last day wanted.
        behaviours: only these questions; null: all.
    """
    query = "select * from int_user_days where day between ? and ?"
    values: list[object] = [first, last]
    if behaviours is not None:
        query += " and list_contains(?, behaviour)"
        values.append(list(behaviours))
    return _read(warehouse, query, values)


def deployments(warehouse: Path) -> pd.DataFrame:
    """Each deployment with its first and last day."""
    return _read(warehouse, "select * from deployments", [])


def ledger(warehouse: Path, first: date, last: date) -> pd.DataFrame:
    """Day x level x state with counts, from the outcomes ledger."""
    query = "select * from ledger_daily where day between ? and ?"
    return _read(warehouse, query, [first, last])


def _read(warehouse: Path, query: str, values: list[object]) -> pd.DataFrame:
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            return connection.execute(query, values).df()
    except duckdb.IOException as error:
        why = (
            "a run is writing it: wait for its end" if warehouse.exists() else "no run made it yet"
        )
        raise WarehouseError(f"{warehouse} cannot be read: {why}") from error
