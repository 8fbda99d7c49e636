"""Where imported rows lie in the lake, and how an import is put there or taken away.

Files are ``<lake>/received/day=YYYY-MM-DD/<import>-<part>.parquet``. What an import is, and what
its rows say, belongs to ``inbox``.
"""

import os
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alignment_monitor.contracts import RECEIVED
from alignment_monitor.settings import Settings

ROWS_IN_MEMORY = 50_000
CHARACTERS_IN_MEMORY = 64 * 2**20


def root(settings: Settings) -> Path:
    """Folder of all imported rows."""
    return settings.lake / RECEIVED.name


def files_of(settings: Settings, day: date) -> list[Path]:
    """Files with rows of a day, in a fixed order."""
    return sorted((root(settings) / f"day={day.isoformat()}").glob("*.parquet"))


def day_of(folder: Path) -> date:
    """The day that a folder is named by."""
    return date.fromisoformat(folder.name.removeprefix("day="))


def put(path: Path, content: bytes | pa.Buffer) -> None:
    """Put a file in place whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")  # readers look for the true suffix
    temporary.write_bytes(content)
    os.replace(temporary, path)


class ReceivedWriter:
    """Writes the rows of one import by day, holding a bounded number in memory."""

    def __init__(self, settings: Settings, import_id: str) -> None:
        self._root = root(settings)
        self._import_id = import_id
        self._parts = 0
        self._forget()

    def _forget(self) -> None:
        self._rows: dict[date, list[dict[str, Any]]] = defaultdict(list)
        self._rows_held = 0
        self._characters_held = 0

    def add(self, row: dict[str, Any]) -> None:
        """Take a row; write what is held if that is much."""
        self._rows[row["day"]].append(row)
        self._rows_held += 1
        self._characters_held += sum(len(turn["content"]) for turn in row.get("turns", ()))
        if self._rows_held >= ROWS_IN_MEMORY or self._characters_held >= CHARACTERS_IN_MEMORY:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        for day, rows in self._rows.items():
            name = f"{self._import_id}-{self._parts:03}.parquet"
            buffer = pa.BufferOutputStream()
            pq.write_table(RECEIVED.table(rows), buffer, compression="zstd")
            put(self._root / f"day={day.isoformat()}" / name, buffer.getvalue())
        self._parts += 1
        self._forget()

    def discard(self) -> None:
        """Remove every file of this import, whole or half-written."""
        for path in self._root.glob(f"day=*/{self._import_id}-*"):
            path.unlink()

    def discard_others(self, prefix: str) -> None:
        """Remove what other imports whose name starts so have left: rows and report."""
        for path in (
            *self._root.glob(f"day=*/{prefix}-*"),
            *self._root.glob(f"imports/{prefix}-*"),
        ):
            if not path.name.startswith(self._import_id):
                path.unlink()
