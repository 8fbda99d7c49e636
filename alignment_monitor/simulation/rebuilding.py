"""An engine whose days are decided on what is there, and built again when the rest has come.

Here belongs: which version of a day a decision sees. As in production, the decision of a day is a
replay of all days as they are known on it: days that are complete, then those that still lack what
comes late. Here does not belong: what comes late (``daily``), or any decision (``detection``).
"""

from collections import deque
from copy import deepcopy

import numpy as np

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.detection.day import Budget, Day, Told
from alignment_monitor.detection.engine import Engine


class Rebuilding:
    """An engine that is told of late data.

    Args:
        engine: has seen no day yet.
        late_days: so long after a day the rest of it comes; 0: nothing is late.
    """

    def __init__(self, engine: Engine, late_days: int) -> None:
        self._engine = engine  # has only seen days that are complete
        self._late_days = late_days
        self._lacking: deque[tuple[Day, Day, Budget]] = deque()
        self._paged: Mask | bool = False

    def step(self, then: Day, complete: Day, budget: Budget) -> tuple[Told, Mask]:
        """Take in a day.

        Args:
            then: the day as it is known on it.
            complete: as it will be known when all has come.
            budget: of the day.

        Returns:
            What is told of the day on it, and the pages that are told on it for the first time:
            of the day itself, or of one before that shows a page only now. A page that goes away
            when the rest comes, and returns, counts twice.
        """
        self._lacking.append((then, complete, budget))
        told = []
        if len(self._lacking) > self._late_days:
            _, day, its_budget = self._lacking.popleft()
            told.append(_step(self._engine, day, its_budget))
        if self._lacking:
            replay = deepcopy(self._engine)
            told += [_step(replay, day, its_budget) for day, _, its_budget in self._lacking]
        paged = np.logical_or.reduce([each.verdict.page for each in told])
        first, self._paged = paged & ~np.asarray(self._paged), paged
        return told[-1], first


def _step(engine: Engine, day: Day, budget: Budget) -> Told:
    engine.budget = budget
    return engine.step(day)
