"""Grouping rows by several columns at once, fast and in an order that rows do not decide.

Here belong: integer codes of labels, groups of codes and sums over groups. Here does not belong:
what the sums mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_LARGEST = 2**62


def tally(code: Integers, values: NDArray[Any], size: int) -> Floats:
    """Sum of the values by code, from 0 to size - 1, added in the order of the rows."""
    found = np.zeros(size)
    np.add.at(found, code, values.astype(float, copy=False))  # sooner than bincount
    return found


@dataclass(frozen=True)
class Groups:
    """Rows that share the same values.

    Attributes:
        code: number of the group of each row, in the order of the values.
        first: a row of each group.
    """

    code: Integers
    first: Integers

    def sum(self, values: NDArray[Any]) -> Floats:
        """Sum of the values in each group."""
        return tally(self.code, values, len(self.first))


def group(*columns: Integers) -> Groups:
    """Group rows by columns of non-negative codes."""
    code = np.zeros(len(columns[0]), dtype=np.int64)
    span = 1
    for column in columns:
        size = int(column.max(initial=0)) + 1
        if span * size > _LARGEST:  # too many possible combinations to number: keep those there are
            present, code = np.unique(code, return_inverse=True)
            span = len(present)
        code, span = code * size + column, span * size
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    return Groups(inverse, first)


@dataclass(frozen=True)
class Coded:
    """Columns of labels as numbers, rows sorted by them: sums do not depend on the rows' order.

    Attributes:
        order: position of each row in the frame it came from.
        codes: code of each row's label, by column.
        labels: labels in sorted order, by column; a code is a position in them.
    """

    order: Integers
    codes: dict[str, Integers]
    labels: dict[str, NDArray[np.object_]]

    def first(self, name: str, groups: Groups) -> NDArray[np.object_]:
        """A column's label in each group."""
        return self.labels[name][self.codes[name][groups.first]]


def encode(frame: pd.DataFrame, names: Sequence[str]) -> Coded:
    """Number the labels of columns, and sort the rows by them."""
    codes, labels = {}, {}
    for name in names:
        code, uniques = pd.factorize(frame[name], sort=True)
        codes[name], labels[name] = code.astype(np.int64), np.asarray(uniques, dtype=object)
    order = np.lexsort(list(codes.values())[::-1]).astype(np.int64)
    return Coded(order, {name: code[order] for name, code in codes.items()}, labels)


def total(values: Floats) -> Floats:
    """Sum over the last axis, strictly in order: zeros inserted anywhere change no digit."""
    return np.cumsum(values, axis=-1)[..., -1]


def day_of(values: pd.Series) -> pd.Series:
    """Dates or times as days, for whatever a reader makes of a DATE column."""
    return pd.to_datetime(values).astype("datetime64[s]").dt.normalize()


def shaped(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The frame with exactly these columns; those it lacks are empty, whatever their type."""
    absent = [name for name in columns if name not in frame.columns]
    empty = pd.DataFrame(None, index=frame.index, columns=absent, dtype=object)
    return pd.concat([frame, empty], axis=1)[list(columns)]
