"""What was read of the marts, kept for the next look: as much as fits, least lately used goes.

Here belongs: bounding memory. Here does not belong: what is read (marts.py).
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa


class Kept:
    """Arrow tables by key, which all sessions share: they cannot be changed."""

    def __init__(self, most: int) -> None:
        """Nothing yet.

        Args:
            most: bytes of all tables together; a table above a quarter of it is not kept.
        """
        self.most, self.size = most, 0
        self._tables: OrderedDict[Hashable, pa.Table] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, read: Callable[[], pa.Table]) -> pa.Table:
        """The table of a key; read if it is not there. Two may read at once: the last is kept."""
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
                return self._tables[key]
        # A slice or a filter may hold on to more than it shows; a copy holds what it is.
        found = compact(read())
        if found.nbytes <= self.most // 4:
            with self._lock:
                self._drop(key)
                self._tables[key] = found
                self.size += found.nbytes
                while self.size > self.most:
                    self._drop(next(iter(self._tables)))
        return found

    def _drop(self, key: Hashable) -> None:
        if (gone := self._tables.pop(key, None)) is not None:
            self.size -= gone.nbytes

    def __len__(self) -> int:
        return len(self._tables)


def compact(table: pa.Table) -> pa.Table:
    """The same rows in memory of their own."""
    whole: Any = table.get_total_buffer_size()
    if whole <= table.nbytes + 4096:
        return table
    return table.take(np.arange(table.num_rows))
