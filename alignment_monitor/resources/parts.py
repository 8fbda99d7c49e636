"""Parquet files as they are read in part: open ones, and which of their row groups may match.

Here does not belong: where files lie or what their rows mean (marts.py).
"""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache, reduce
from operator import and_, or_
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from alignment_monitor.contracts import Table

OPEN_FILES = 256

Stamp = tuple[str, int, int, int]
"""Name, inode, time of change and size: a file put in place of another has another."""


class UnreadableError(ValueError):
    """A file is not what a run writes; the message names it."""


class ParquetPart:
    """One open file with its footer, and what its row groups can hold.

    Raises:
        UnreadableError: it is no Parquet file.
    """

    def __init__(self, path: str) -> None:
        # It stays open, for a footer fits only the file it came from.
        self.fragment = ds.ParquetFileFormat().make_fragment(pa.OSFile(path))
        try:
            self.fragment.ensure_complete_metadata()
        except pa.ArrowInvalid as error:
            raise UnreadableError(f"{path} is no Parquet file, or was cut short") from error
        schema = self.fragment.metadata.schema
        self._place = {schema.column(at).path: at for at in range(len(schema))}
        self._ranges: dict[str, list[tuple[Any, Any] | None]] = {}

    @property
    def rows(self) -> int:
        """How many rows it has."""
        count: int = self.fragment.metadata.num_rows
        return count

    def matching(
        self, first: date | None, last: date | None, values: Mapping[str, Any]
    ) -> ds.ParquetFileFragment | None:
        """The row groups that may hold what is asked, by their least and greatest values.

        Arrow does the same, but anew for each column of each group on every read: that takes
        longer than reading the few groups that are left.
        """
        groups = list(range(self.fragment.metadata.num_row_groups))
        if first is not None or last is not None:
            groups = self._within("day", groups, [(first or date.min, last or date.max)])
        for column, value in values.items():
            several = several_of(value)
            if None not in several:
                groups = self._within(column, groups, [(one, one) for one in several])
        return self.fragment.subset(row_group_ids=groups) if groups else None

    def _within(
        self, column: str, groups: list[int], spans: Sequence[tuple[Any, Any]]
    ) -> list[int]:
        """Those of the groups whose values reach into one of the spans, as far as is known."""
        known = self._range_of(column)
        if not known:
            return groups
        return [
            group
            for group in groups
            if (limits := known[group]) is None
            or any(limits[0] <= high and limits[1] >= low for low, high in spans)
        ]

    def _range_of(self, column: str) -> list[tuple[Any, Any] | None]:
        """Least and greatest value of each row group; None where the file does not tell."""
        if column not in self._ranges and column in self._place:
            footer, at = self.fragment.metadata, self._place[column]
            told = [
                footer.row_group(group).column(at).statistics
                for group in range(footer.num_row_groups)
            ]
            self._ranges[column] = [
                (one.min, one.max) if one is not None and one.has_min_max else None for one in told
            ]
        return self._ranges.get(column, [])


def several_of(value: Any) -> list[Any]:
    """The values asked for: a collection means any of them."""
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]


def opened(path: Path) -> ParquetPart:
    """The file that lies there now.

    Raises:
        FileNotFoundError: there is none.
    """
    return _part(*stamped(path))


def stamped(path: Path) -> tuple[str, Stamp]:
    """A path with what tells one file from the next at the same place.

    Raises:
        FileNotFoundError: there is none.
    """
    found = os.stat(path)
    return str(path), (path.name, found.st_ino, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=OPEN_FILES)
def _part(path: str, stamp: Stamp) -> ParquetPart:
    """A file as long as it is the same."""
    return ParquetPart(path)


def condition(
    contract: Table, first: date | None, last: date | None, values: Mapping[str, Any]
) -> pc.Expression | None:
    """What is asked of rows; None if nothing is.

    Raises:
        KeyError: there is no such column.
    """
    parts = []
    if first is not None:
        parts.append(pc.field("day") >= pa.scalar(first, pa.date32()))
    if last is not None:
        parts.append(pc.field("day") <= pa.scalar(last, pa.date32()))
    for column, value in values.items():
        kind = contract.schema.field(column).type
        several = several_of(value)
        known = [pa.scalar(one, kind) for one in several if one is not None]
        one_of = [pc.field(column) == one for one in known]
        if None in several:
            one_of.append(pc.field(column).is_null())
        parts.append(reduce(or_, one_of) if one_of else pc.scalar(False))
    return reduce(and_, parts) if parts else None
