"""Tables of a warehouse made by hand, in the types that dbt gives them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd


def write_table(warehouse: Path, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put a table with a column ``day`` into a warehouse, which is made if there is none."""
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.register("rows", pd.DataFrame(rows))
        connection.execute(
            f"create or replace table {name} as select * replace (day::date as day) from rows"
        )
