"""Sufficient statistics by user as slices of days, grouped into cells.

Here belong: coding the labels once for many windows, and the users of each cell in a window. Here
does not belong: what is estimated from them.

A window is summed on its own and in an order that its own rows decide, never as a difference of
running sums: the same window gives the same digits, whatever other days were read with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from alignment_monitor.statistics.cells import Floats, Integers, day_of, encode, tally

CELL = ("deployment_family", "deployment", "segment", "behaviour", "rubric_version", "panel")
KEYS = (*CELL, "user_key", "day")
SUMS = ("n", "n_o", "sum_d", "sum_do", "sum_dy")
ALL = "all"

_LARGEST = 2**62


@dataclass(frozen=True)
class Cells:
    """The cells of a window, and the sums of their users.

    Attributes:
        codes: of each cell's labels, by column of ``CELL``; that of 'all' where rolled up.
        names: what the codes mean, by column; the same for all cells of a ``UserDays``.
        cell: number of the cell of each user-in-a-cell.
        user: code of the user of each.
        sums: of each, by name of ``SUMS``.
        is_ambiguous: a label of the data is itself called 'all'.
    """

    codes: dict[str, Integers]
    names: dict[str, pd.CategoricalDtype]
    cell: Integers
    user: Integers
    sums: dict[str, Floats]
    is_ambiguous: bool = False

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.codes[CELL[0]])

    def total(self, values: Floats) -> Floats:
        """Sum by cell of a value of each user-in-a-cell."""
        return tally(self.cell, values, self.size)

    @cached_property
    def sum(self) -> dict[str, Floats]:
        """Sums by cell, by name of ``SUMS``."""
        return {name: self.total(values) for name, values in self.sums.items()}


@dataclass(frozen=True)
class _Level:
    """Users-in-a-cell of all days, for one way of rolling up: code by row, and what each is."""

    of_row: Integers
    cell: Integers
    user: Integers
    first: Integers


class UserDays:
    """Sufficient statistics by day, cell and user, coded once."""

    def __init__(self, user_days: pd.DataFrame) -> None:
        """Code the labels and sort the rows by day, then cell and user.

        Args:
            user_days: rows of ``int_user_days``.
        """
        frame = user_days[[*KEYS, *SUMS]]
        frame = frame.assign(day=day_of(frame["day"]))
        coded = encode(frame, ("day", *CELL, "user_key"))
        self._codes = coded.codes
        known = {name: list(coded.labels[name]) for name in CELL}
        self._ambiguous = any(ALL in names for names in known.values())
        known = {name: [*names, *([] if ALL in names else [ALL])] for name, names in known.items()}
        self._all = {name: names.index(ALL) for name, names in known.items()}
        self.names = {
            name: pd.CategoricalDtype(pd.Index(names, dtype=object))
            for name, names in known.items()
        }
        self._sums = {name: frame[name].to_numpy(dtype=float)[coded.order] for name in SUMS}
        self._days = frame["day"].to_numpy().astype("datetime64[D]")[coded.order]
        self._places = np.empty(len(frame), dtype=np.int64)
        self._levels: dict[frozenset[str], _Level] = {}

    def window(self, day: date, length: int) -> slice:
        """The rows of a number of days that end on a day."""
        first = np.datetime64(day - timedelta(days=length - 1))
        start, end = np.searchsorted(self._days, [first, np.datetime64(day + timedelta(days=1))])
        return slice(int(start), int(end))

    def cells(self, rows: slice, rolled: frozenset[str] = frozenset()) -> Cells:
        """The cells of a window.

        Args:
            rows: of the window.
            rolled: columns of ``CELL`` over which they are summed up.
        """
        level = self._level(rolled)
        code, present = _renumbered(level.of_row[rows], self._places)
        sums = {
            name: tally(code, values[rows], len(present)) for name, values in self._sums.items()
        }
        cell, cells = _renumbered(level.cell[present], self._places)
        first = level.first[cells]
        codes = {
            name: np.full(len(cells), self._all[name])
            if name in rolled
            else self._codes[name][first]
            for name in CELL
        }
        return Cells(codes, self.names, cell, level.user[present], sums, self._ambiguous)

    def _level(self, rolled: frozenset[str]) -> _Level:
        if rolled not in self._levels:
            cells = dense(*(self._codes[name] for name in CELL if name not in rolled))
            users = dense(cells, self._codes["user_key"])
            first = first_of(users)
            self._levels[rolled] = _Level(
                users, cells[first], self._codes["user_key"][first], first_of(cells)
            )
        return self._levels[rolled]


def labels_of(parts: Sequence[Cells]) -> dict[str, pd.Categorical]:
    """The labels of cells, one part after the other, by column of ``CELL``."""
    return {
        name: pd.Categorical.from_codes(
            np.concatenate([cells.codes[name] for cells in parts]), dtype=dtype, validate=False
        )
        for name, dtype in parts[0].names.items()
    }


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


def _renumbered(code: Integers, places: Integers) -> tuple[Integers, Integers]:
    """Numbers from 0 in the order in which codes occur, and the code of each.

    Args:
        code: non-negative codes.
        places: room for a number at each code, which is written over; faster than any hashing.
    """
    rows = np.arange(len(code))
    places[code[::-1]] = rows[::-1]  # the first row of a code is written last
    first = places[code]
    new = first == rows
    return (np.cumsum(new) - 1)[first], code[new]
