"""Writing a Parquet file whole or not at all: the one way anything here is put in place."""

import os
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(table: pa.Table, path: Path, *, row_group_size: int | None = None) -> None:
    """Put a file in place whole: readers see the old one or the new one.

    Args:
        table: its rows.
        path: where it belongs.
        row_group_size: rows that a reader takes or leaves together; None: what Arrow thinks best.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not *.parquet: globs of readers never see a half-written file.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        pq.write_table(table, temporary, compression="zstd", row_group_size=row_group_size)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
