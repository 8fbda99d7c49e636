"""Sufficient statistics by user as slices of days, grouped into cells.

Here belong: coding the labels once for many windows, and the users of each cell in windows. Here
does not belong: what is estimated from them.

Rows are kept newest first, so that windows that end on the same day begin with the same rows and
share one numbering. Each window is still summed on its own, never as a difference of running sums:
the same window gives the same digits, whatever other days and windows were read with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignment_monitor.statistics.cells import Floats, Integers, day_of, encode, tally

CELL = ("deployment_family", "deployment", "segment", "behaviour", "rubric_version", "panel")
KEYS = (*CELL, "user_key", "day")
SUMS = ("n", "n_o", "sum_d", "sum_do", "sum_dy")
ALL = "all"

_LARGEST = 2**62


@dataclass(frozen=True)
class Rows:
    """The rows of windows that end on the same day, one window after the other.

    Attributes:
        lengths: of the windows, in days.
        counts: rows of each window.
        start: of all of them, among the rows of a ``UserDays``.
        sums: of each row, by name of ``SUMS``.
    """

    lengths: tuple[int, ...]
    counts: tuple[int, ...]
    start: int
    sums: dict[str, Floats]

    @property
    def longest(self) -> slice:
        """The rows of the longest window, which has those of all others."""
        return slice(self.start, self.start + max(self.counts))


@dataclass(frozen=True)
class Cells:
    """The cells of windows, and the users of each.

    Attributes:
        codes: of each cell's labels, by column of ``CELL``; that of 'all' where rolled up.
        names: what the codes mean, by column; the same for all cells of a ``UserDays``.
        days: length of each cell's window.
        cell: number of the cell of each user-in-a-cell.
        user: number of the user-in-a-cell of each row.
        rows: sums of each row, by name of ``SUMS``.
        is_ambiguous: a label of the data is itself called 'all'.
    """

    codes: dict[str, Integers]
    names: dict[str, pd.CategoricalDtype]
    days: Integers
    cell: Integers
    user: Integers
    rows: dict[str, Floats]
    is_ambiguous: bool = False

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.days)

    def total(self, values: Floats) -> Floats:
        """Sum by cell of a value of each user-in-a-cell."""
        return tally(self.cell, values, self.size)

    @cached_property
    def sum(self) -> dict[str, Floats]:
        """Sums by cell, by name of ``SUMS``."""
        cell = self.cell[self.user]
        return {name: tally(cell, values, self.size) for name, values in self.rows.items()}

    @cached_property
    def by_user(self) -> dict[str, Floats]:
        """Sums of each user-in-a-cell, by name of ``SUMS``, all but n."""
        size = len(self.cell)
        return {name: tally(self.user, self.rows[name], size) for name in SUMS if name != "n"}

    @cached_property
    def clusters(self) -> Floats:
        """Users with an opportunity in each cell."""
        return self.total((self.by_user["n_o"] > 0).astype(float))

    def within(self, whole: "Cells") -> tuple[Integers, Integers]:
        """The cell and the user-in-a-cell of a whole to which each cell and user here belong.

        Args:
            whole: cells of the same rows, rolled up over more columns.
        """
        user = np.empty(len(self.cell), dtype=np.int64)
        user[self.user] = whole.user  # all rows of a user here are of the same user there
        cell = np.empty(self.size, dtype=np.int64)
        cell[self.cell] = whole.cell[user]
        return cell, user


class _Codes:
    """Codes of rows, numbered from 0 in the order in which they occur in windows.

    Attributes:
        code: of each row, from 0.
    """

    def __init__(self, code: Integers) -> None:
        self.code = code
        before = pd.Series(np.arange(len(code))).groupby(code, sort=False).shift(fill_value=-1)
        self._before = before.to_numpy()
        self._places = np.empty(int(code.max(initial=-1)) + 1, dtype=np.int64)

    def numbered(self, rows: Rows) -> tuple[Integers, NDArray[np.bool_]]:
        """The number of each row of the longest window, and whether it is the first to have it."""
        code, first = self.code[rows.longest], self._before[rows.longest] < rows.start
        present = code[first]
        self._places[present] = np.arange(len(present))  # faster than any hashing
        return self._places[code], first


@dataclass(frozen=True)
class _Level:
    """Users-in-a-cell of all days, for one way of rolling up.

    Attributes:
        users: of rows.
        cells: of rows.
        labels: code of each cell's label, by column of ``CELL``.
    """

    users: _Codes
    cells: _Codes
    labels: dict[str, Integers]


class UserDays:
    """Sufficient statistics by day, cell and user, coded once."""

    def __init__(self, user_days: pd.DataFrame) -> None:
        """Code the labels and sort the rows by day, newest first, then cell and user.

        Args:
            user_days: rows of ``int_user_days``.
        """
        frame = user_days[[*KEYS, *SUMS]]
        frame = frame.assign(day=day_of(frame["day"]))
        coded = encode(frame, ("day", *CELL, "user_key"))
        order = coded.order[::-1]
        self._codes = {name: code[::-1] for name, code in coded.codes.items()}
        known = {name: list(coded.labels[name]) for name in CELL}
        self._ambiguous = any(ALL in names for names in known.values())
        known = {name: [*names, *([] if ALL in names else [ALL])] for name, names in known.items()}
        self._all = {name: names.index(ALL) for name, names in known.items()}
        self.names = {
            name: pd.CategoricalDtype(pd.Index(names, dtype=object))
            for name, names in known.items()
        }
        self._sums = {name: frame[name].to_numpy(dtype=float)[order] for name in SUMS}
        self._days = frame["day"].to_numpy().astype("datetime64[D]")[order]
        self._levels: dict[frozenset[str], _Level] = {}

    def rows(self, day: date, lengths: Sequence[int]) -> Rows:
        """The rows of windows that end on a day.

        Args:
            day: last day of the windows.
            lengths: of the windows, in days.
        """
        ends = [np.datetime64(day - timedelta(days=length)) for length in (0, *lengths)]
        # Days fall, so what is searched is how many rows are later than each end.
        start, *stops = len(self._days) - np.searchsorted(self._days[::-1], ends, side="right")
        sums = {
            name: np.concatenate([values[start:stop] for stop in stops])
            for name, values in self._sums.items()
        }
        return Rows(tuple(lengths), tuple(int(stop - start) for stop in stops), int(start), sums)

    def cells(self, rows: Rows, rolled: frozenset[str] = frozenset()) -> Cells:
        """The cells of windows.

        Args:
            rows: of the windows.
            rolled: columns of ``CELL`` over which they are summed up.
        """
        level = self._level(rolled)
        user, new_user = level.users.numbered(rows)
        cell, new_cell = level.cells.numbered(rows)
        # Numbers are given in order, so those of a shorter window are the first ones.
        users, sizes = (
            [int(np.count_nonzero(new[:count])) for count in rows.counts]
            for new in (new_user, new_cell)
        )
        cells = level.cells.code[rows.longest][new_cell]
        return Cells(
            codes={name: _one_by_one(code[cells], sizes) for name, code in level.labels.items()},
            names=self.names,
            days=np.repeat(rows.lengths, sizes),
            cell=_numbered_on(cell[new_user], users, sizes),
            user=_numbered_on(user, rows.counts, users),
            rows=rows.sums,
            is_ambiguous=self._ambiguous,
        )

    def _level(self, rolled: frozenset[str]) -> _Level:
        if rolled not in self._levels:
            cells = dense(*(self._codes[name] for name in CELL if name not in rolled))
            users = dense(cells, self._codes["user_key"])
            first = first_of(cells)
            labels = {
                name: np.full(len(first), self._all[name])
                if name in rolled
                else self._codes[name][first]
                for name in CELL
            }
            self._levels[rolled] = _Level(_Codes(users), _Codes(cells), labels)
        return self._levels[rolled]


def labels_of(parts: Sequence[Cells]) -> dict[str, Any]:
    """What names cells, one part after the other: the columns of ``CELL``, and ``window_days``."""
    labels = {
        name: pd.Categorical.from_codes(
            np.concatenate([cells.codes[name] for cells in parts]), dtype=dtype, validate=False
        )
        for name, dtype in parts[0].names.items()
    }
    return {**labels, "window_days": np.concatenate([cells.days for cells in parts])}


def dense(*columns: Integers) -> Integers:
    """Number the combinations of codes in the order in which they occur."""
    code, span = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        size = int(column.max(initial=0)) + 1
        if span * size > _LARGEST:  # too many possible combinations: keep those there are
            code = np.asarray(pd.factorize(code)[0], dtype=np.int64)
            span = int(code.max(initial=0)) + 1
        code, span = code * size + column, span * size
    return np.asarray(pd.factorize(code)[0], dtype=np.int64)


def first_of(code: Integers) -> Integers:
    """First row of each number, of numbers in the order in which they occur."""
    found = np.empty(int(code.max(initial=-1)) + 1, dtype=np.int64)
    found[code[::-1]] = np.arange(len(code))[::-1]
    return found


def _one_by_one(values: Integers, counts: Sequence[int]) -> Integers:
    """The first values of the longest window for each window, one window after the other."""
    return np.concatenate([values[:count] for count in counts])


def _numbered_on(numbers: Integers, counts: Sequence[int], sizes: Sequence[int]) -> Integers:
    """The same for numbers, of which each window has so many and the next begins behind them."""
    before = np.repeat(np.cumsum([0, *sizes[:-1]]), counts)
    return _one_by_one(numbers, counts) + before
