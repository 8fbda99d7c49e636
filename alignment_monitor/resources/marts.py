"""The marts of a home: the one way in which they are read, and how those kept by month are written.

Here belong: where a mart lies, and which of its rows are wanted; filters are held against the
statistics of row groups, so that what cannot match is never read. Here does not belong: what rows
mean (contracts), or keeping what was read (dashboards).

A mart is ``<name>.parquet``, or ``<name>/month=YYYY-MM.parquet`` if it is in ``BY_MONTH``. A home
from before months has the one file still: that is read until a run has written every month and
takes it away. All files are replaced whole; one that is open stays as it was.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from alignment_monitor.contracts import BY_MONTH, MARTS, Table
from alignment_monitor.parquet import write_parquet
from alignment_monitor.resources.parts import (
    Stamp,
    UnreadableError,
    condition,
    opened,
    several_of,
    stamped,
)

ROW_GROUP = 4096
"""Rows read or left out together: small enough that one series is a small part of a month."""
TRIES = 5

Order = Sequence[tuple[str, str]]


class Marts:
    """The marts of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def whole(self, name: str) -> Path:
        """Where a mart of one file lies; of one by month, where homes had it before."""
        return self.folder / f"{name}.parquet"

    def month(self, name: str, day: date) -> Path:
        """Where the month of a day lies."""
        return self.folder / name / f"month={day:%Y-%m}.parquet"

    def files(self, name: str, first: date | None = None, last: date | None = None) -> list[Path]:
        """The files of a mart that may hold rows of some days, in their order."""
        whole = self.whole(name)
        if name not in BY_MONTH or whole.exists():
            return [whole] if whole.exists() else []
        low = "" if first is None else f"month={first:%Y-%m}.parquet"
        high = "~" if last is None else f"month={last:%Y-%m}.parquet"
        found = (self.folder / name).glob("month=*.parquet")
        return sorted(path for path in found if low <= path.name <= high)

    def stamp(self, name: str) -> tuple[Stamp, ...]:
        """What tells one state of a mart from another."""
        return tuple(stamped(path)[1] for path in self._there(self.files(name)))

    def select(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        first: date | None = None,
        last: date | None = None,
        order: Order = (),
        limit: int | None = None,
        offset: int = 0,
        **values: Any,
    ) -> pa.Table:
        """The rows of a mart whose columns have the values given; none where no run wrote it.

        Args:
            name: the mart.
            columns: these only; None: all.
            first: no day before.
            last: no day after.
            order: (column, ascending / descending); else the order of the contract's key.
            limit: at most so many rows, after ordering.
            offset: rows left out before them.
            values: column = value; a list means any of them, None means missing.

        Raises:
            KeyError: there is no such mart or column.
            UnreadableError: a file is none, or lacks a column that the contract requires.
        """
        contract = MARTS[name]
        if days := [day for day in several_of(values.get("day")) if day is not None]:
            first, last = max(first or min(days), min(days)), min(last or max(days), max(days))
        sort = list(order)
        if BY_MONTH.get(name, contract.key) != contract.key or order:
            known = {column for column, _ in sort}
            sort += [(column, "ascending") for column in contract.key if column not in known]
        wanted = list(columns or contract.schema.names)
        needed = [*wanted, *(column for column, _ in sort if column not in wanted)]
        found = self._read(
            contract,
            lambda: self.files(name, first, last),
            needed,
            first,
            last,
            values,
        )
        if sort and found.num_rows > 1:
            found = found.sort_by(sort)
        return found.slice(offset, limit).select(wanted)

    def of_day(
        self, contract: Table, day: date, columns: Sequence[str] | None = None, **values: Any
    ) -> pa.Table:
        """The same of transcripts or verdicts, which lie by day.

        Raises:
            KeyError: there is no such column.
            UnreadableError: the file is none, or lacks a column that the contract requires.
        """
        return self._read(
            contract,
            lambda: self.files_of_day(contract, day),
            list(columns or contract.schema.names),
            None,
            None,
            values,
        )

    def files_of_day(self, contract: Table, day: date) -> list[Path]:
        """The file of a day; none if it is not there."""
        path = self.folder / contract.name / f"day={day}.parquet"
        return [path] if path.exists() else []

    def stamp_of_day(self, contract: Table, day: date) -> tuple[Stamp, ...]:
        """What tells one state of a day from another."""
        return tuple(stamped(path)[1] for path in self.files_of_day(contract, day))

    def rows_of_day(self, contract: Table, day: date) -> int:
        """How many rows a day has, from the file's footer."""
        return sum(opened(path).rows for path in self._there(self.files_of_day(contract, day)))

    def has(self, name: str) -> bool:
        """Whether a mart has any row."""
        paths = self._there(self.files(name))
        return any(opened(path).rows for path in reversed(paths))

    def span(self, name: str, **values: Any) -> tuple[date, date] | None:
        """First and last day of the rows that have these values; None without any."""
        last = self.newest(name, **values)
        first = last and self._of_first(name, self.files(name), values, pc.min)
        return (first, last) if first and last else None

    def newest(self, name: str, **values: Any) -> date | None:
        """Last day of the rows that have these values; None without any."""
        return self._of_first(name, self.files(name)[::-1], values, pc.max)

    def replace_month(self, contract: Table, day: date, table: pa.Table) -> None:
        """Put the month of a day in place, in the order in which it is looked through."""
        order = [(column, "ascending") for column in BY_MONTH[contract.name]]
        write_parquet(
            contract.conform(table).sort_by(order),
            self.month(contract.name, day),
            row_group_size=ROW_GROUP,
        )

    def replace_days(
        self,
        contract: Table,
        changed: Iterable[date],
        known: Iterable[date],
        rows_of: Callable[[list[date]], pa.Table],
    ) -> None:
        """Write the months of days that have changed, and those not written yet.

        The work is that of the months, whatever the length of the history; a home whose mart is
        one file gets all of them.

        Args:
            contract: of a mart in ``BY_MONTH``.
            changed: days whose rows are new.
            known: all days that have rows.
            rows_of: gives the rows of some days of one month.
        """
        touched = {(day.year, day.month) for day in changed}
        for month, days in groupby(sorted(known), lambda day: (day.year, day.month)):
            first, *others = days
            if month in touched or not self.month(contract.name, first).exists():
                self.replace_month(contract, first, rows_of([first, *others]))
        self.retire(contract.name)

    def retire(self, name: str) -> None:
        """Take away the one file of a mart by month, once all its months are there."""
        self.whole(name).unlink(missing_ok=True)

    def _of_first(
        self, name: str, paths: Sequence[Path], values: Mapping[str, Any], end: Callable[..., Any]
    ) -> date | None:
        contract = MARTS[name]
        for path in paths:
            days = self._read(contract, [path].copy, ["day"], None, None, values)["day"]
            if len(days):
                found: date = end(days).as_py()
                return found
        return None

    def _read(
        self,
        contract: Table,
        files: Callable[[], list[Path]],
        columns: Sequence[str],
        first: date | None,
        last: date | None,
        values: Mapping[str, Any],
    ) -> pa.Table:
        """Rows of files; listed anew where one went between listing and opening it."""
        for column in columns:
            if column not in contract.schema.names:
                raise KeyError(f"{contract.name} has no column {column}")
        for attempt in range(TRIES):
            try:
                parts = [opened(path) for path in files()]
                break
            except FileNotFoundError:
                if attempt == TRIES - 1:
                    raise
        for part in parts:
            names = set(part.fragment.physical_schema.names)
            missing = [f.name for f in contract.schema if not f.nullable and f.name not in names]
            if missing:
                raise UnreadableError(f"{contract.name}: missing column {missing}")
        wanted = condition(contract, first, last, values)
        fragments = [one for part in parts if (one := part.matching(first, last, values))]
        if not fragments:
            return contract.empty().select(list(columns))
        dataset = ds.FileSystemDataset(fragments, contract.schema, ds.ParquetFileFormat())
        return dataset.to_table(columns=list(columns), filter=wanted)

    @staticmethod
    def _there(paths: Iterable[Path]) -> list[Path]:
        return [path for path in paths if path.exists()]
