"""Segments against behaviours: rates or changes, and which of them stand out.

Here belong: the cells of the heat map and their marks, as pure functions of rows of the marts. Here
does not belong: how a cell looks (views/segments.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from facts import Row
from pairs import FEWEST, estimated

from alignment_monitor.statistics.contrasts import Contrast, Estimated, contrast, discoveries
from alignment_monitor.statistics.intervals import wilson


@dataclass(frozen=True)
class Cell:
    """A segment and a behaviour.

    Attributes:
        segment: its segment.
        behaviour: its behaviour.
        now: the estimate looked at; None without data.
        before: what it is compared with; None where that is not an estimate or has no data.
        change: difference; None where either side is missing.
        is_marked: stands out among all cells.
    """

    segment: str
    behaviour: str
    now: Row | None
    before: Row | None = None
    change: Contrast | None = None
    is_marked: bool = False

    @property
    def is_told(self) -> bool:
        """Whether both sides hold enough to conclude anything."""
        rows = [self.now] if self.before is None else [self.now, self.before]
        return self.change is not None and all(
            row and (row["effective_n"] or 0) >= FEWEST for row in rows
        )


def changes(now: Sequence[Row], before: Sequence[Row], behaviours: Sequence[str]) -> list[Cell]:
    """Each segment now against itself before, marked among all."""
    current, former = _by_place(now), _by_place(before)
    cells = []
    for segment in _segments(now, before):
        for name in behaviours:
            here, there = _pair(current.get((segment, name), []), former.get((segment, name), []))
            change = contrast(estimated(here), estimated(there)) if here and there else None
            cells.append(Cell(segment, name, here, there, change))
    return marked(cells)


def against_others(now: Sequence[Row], behaviours: Sequence[str]) -> list[Cell]:
    """Each segment against all others together, marked among all."""
    current = _by_place(now)
    cells = []
    for segment in _segments(now):
        for name in behaviours:
            row = _most(current.get((segment, name), []))
            whole = [
                one
                for one in current.get(("all", name), [])
                if row and _series(one) == _series(row)
            ]
            others = _others(whole[0], row) if row and whole and segment != "all" else None
            change = contrast(estimated(row), others) if row and others else None
            cells.append(Cell(segment, name, row, None, change))
    return marked(cells)


def marked(cells: Sequence[Cell]) -> list[Cell]:
    """The same with marks; the whole is no member of the family of tests, being made of it."""
    p_values = [
        cell.change.p_value if cell.change and cell.is_told and cell.segment != "all" else np.nan
        for cell in cells
    ]
    return [
        Cell(**{**vars(cell), "is_marked": bool(mark)})
        for cell, mark in zip(cells, discoveries(p_values), strict=True)
    ]


def largest(cells: Sequence[Cell]) -> list[Cell]:
    """What stands out, largest difference first."""
    out = [cell for cell in cells if cell.is_marked and cell.change]
    return sorted(out, key=lambda cell: -abs(cell.change.change) if cell.change else 0.0)


def tested(cells: Sequence[Cell]) -> int:
    """Cells that could have been marked."""
    return sum(cell.is_told and cell.segment != "all" for cell in cells)


def _others(whole: Row, row: Row) -> Estimated | None:
    """All other segments together: what is left of the whole without one."""
    if whole["offered"] is None or row["offered"] is None:
        return None
    left = whole["offered"] - row["offered"]
    size = (whole["effective_n"] or 0) - (row["effective_n"] or 0)
    if left <= 1e-9 * whole["offered"] or size < FEWEST:
        return None
    events = whole["prevalence"] * whole["offered"] - row["prevalence"] * row["offered"]
    value = float(np.clip(events / left, 0, 1))
    lower, upper = wilson(value, size, 1.96)
    return Estimated(value, float(lower), float(upper), size)


def _segments(*periods: Sequence[Row]) -> list[str]:
    """Segments, those with most messages first, and all of them last."""
    sizes: dict[str, int] = {}
    for row in (row for rows in periods for row in rows):
        sizes[row["segment"]] = sizes.get(row["segment"], 0) + row["n"]
    return sorted(sizes, key=lambda name: (name == "all", -sizes[name], name))


def _by_place(rows: Sequence[Row]) -> Mapping[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["prevalence"] is not None and row["n"] > 0:
            found.setdefault((row["segment"], row["behaviour"]), []).append(row)
    return found


def _pair(now: Sequence[Row], before: Sequence[Row]) -> tuple[Row | None, Row | None]:
    """The rows of one rubric and panel; one side alone where the other has none, or other ones."""
    if not now:
        return None, _most(before)
    former = {_series(row): row for row in before}
    both = [row for row in now if _series(row) in former]
    here = _most(both or now)
    return here, former.get(_series(here)) if here else None


def _most(rows: Sequence[Row]) -> Row | None:
    return max(rows, key=lambda row: (row["n"], _series(row)), default=None)


def _series(row: Row) -> tuple[str, str]:
    return row["rubric_version"], row["panel"]
