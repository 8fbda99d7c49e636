"""In which order drawn messages are labelled: what narrows the corrected interval most comes first.

Here belongs: the order within what was drawn. Here does not belong: the draw and its inclusion
probabilities (gold): an order adds nobody and leaves nobody out.

Within a cell, the stratum on a day, messages come by the random number by which they were drawn:
whoever stops anywhere has labelled of each cell what a smaller draw would have taken, so that the
realised share is a probability. Neither the order within a cell nor the place of a cell depends on
any answer about the messages ordered.

Sources: optimum allocation, one unit after the other (Wright 2012, The equivalence of Neyman
optimum allocation for sampling and equal proportions; Cochran 1977, 5.5).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from alignment_monitor.sampling.gold import JudgedMessage, deviation_of

Cell = tuple[date, str]
"""A day and a stratum."""


@dataclass(frozen=True)
class Drawn:
    """A message of the queue, to be put in order.

    Attributes:
        cell: its day and stratum.
        number: its random number, uniform in [0, 1), by which it was drawn.
        labelled: whether anybody has labelled it.
        row: what it stands for.
    """

    cell: Cell
    number: float
    labelled: bool
    row: Any


def cell_weights(messages: Iterable[JudgedMessage]) -> dict[Cell, float]:
    """Sum of the design weights d of judged messages, by day and stratum."""
    found: dict[Cell, float] = {}
    for message in messages:
        cell = message.day, message.stratum
        found[cell] = found.get(cell, 0.0) + message.weight
    return found


def deviations(
    weights: Mapping[Cell, float], known: Mapping[str, tuple[float, int]]
) -> dict[str, float]:
    """Standard deviation of the event by stratum, as the draw takes it to be.

    Args:
        weights: whose strata are wanted.
        known: (events, labels) by stratum, of other messages than those to be ordered.
    """
    return {stratum: deviation_of(stratum, known) for _, stratum in weights}


def by_gain(
    drawn: Iterable[Drawn], weights: Mapping[Cell, float], deviation: Mapping[str, float]
) -> list[Drawn]:
    """Drawn messages by the variance that their label is expected to take away, largest first.

    The variance of the two-phase rate is sum_c W_c^2 S_h^2 / (n_c + 1) over cells c of stratum h,
    with W_c their design-weighted share and n_c their labels; the one more is what the stratum's
    other days say of a day without any. The k-th label of a cell takes W_c^2 S_h^2 / (k (k + 1))
    away. These gains fall with k, so that the first n messages are, for each n, the best n of these
    to label: Wright's exact optimum allocation.

    Labelled messages come first in their cell, whatever their numbers. Those of cells without
    weight, which today's windows do not reach, stand last, newest day first.
    """
    cells: dict[Cell, list[Drawn]] = {}
    for one in drawn:
        cells.setdefault(one.cell, []).append(one)
    ranked = []
    for cell, members in cells.items():
        spread = weights.get(cell, 0.0) * deviation.get(cell[1], 0.0)
        members.sort(key=lambda one: (not one.labelled, one.number))
        for k, one in enumerate(members, 1):
            gain = spread / math.sqrt(k * (k + 1))
            ranked.append((-gain, -cell[0].toordinal(), one.number, one))
    return [one for *_, one in sorted(ranked, key=lambda entry: entry[:3])]
