"""The lake: immutable Parquet row tables by day, the record of everything.

Here belong: where a table's day lies, and how it is read and written.
Here does not belong: what the rows mean (contracts) or how they come about (assets).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_monitor.contracts import FRESHNESS, LAKE_TABLES, Table
from alignment_monitor.parquet import write_parquet


class Lake:
    """Row tables under one root folder: ``<root>/<table>/day=YYYY-MM-DD/part.parquet``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, contract: Table, day: date) -> Path:
        """Where a table's day lies."""
        return self.root / contract.name / f"day={day.isoformat()}" / "part.parquet"

    def has(self, contract: Table, day: date) -> bool:
        """Whether the day was written, if only with no rows."""
        return self.path(contract, day).exists()

    def write(self, contract: Table, day: date, table: pa.Table) -> pa.Table:
        """Write a table's day, sorted and cast by its contract: equal rows, equal bytes."""
        table = contract.conform(table)
        write_parquet(table, self.path(contract, day))
        return table

    def read(self, contract: Table, days: Iterable[date]) -> pa.Table:
        """All rows of the days that were written; none if none was."""
        paths = [path for day in days if (path := self.path(contract, day)).exists()]
        if not paths:
            return contract.empty()
        parts = [contract.completed(pq.ParquetFile(path).read()) for path in paths]
        names = contract.schema.names
        return pa.concat_tables([part.select(names).cast(contract.schema) for part in parts])

    def days(self, contract: Table) -> list[date]:
        """The days written, in order."""
        folders = (self.root / contract.name).glob("day=*/part.parquet")
        return sorted(date.fromisoformat(path.parent.name.removeprefix("day=")) for path in folders)

    def freshness(self) -> pa.Table:
        """Latest day of each table, its rows, and when it was put in place."""
        rows = []
        for name, contract in LAKE_TABLES.items():
            if not (days := self.days(contract)):
                continue
            path = self.path(contract, days[-1])
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            count = pq.ParquetFile(path).metadata.num_rows
            rows.append({"table": name, "last_day": days[-1], "rows": count, "written_at": written})
        return FRESHNESS.table(rows)
