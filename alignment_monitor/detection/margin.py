"""How far a series wanders by itself, and what is therefore forgiven.

Here belongs the automatic margin. Day effects that persist look like small drifts, and no chart
tells them apart: what can be known is how much a day resembles the days before it. The margin is
a multiple of the standard deviation of what persists, taken one standard error high, since a few
weeks pin it down poorly, within limits. The multiple and the limits come from simulated years.
"""

from collections import deque

import numpy as np

from alignment_monitor.detection.baseline import LAG_DAYS, Mask
from alignment_monitor.statistics.cells import Floats

LAGS = 15
"""Days before that a day is compared with."""

FEWEST = 7
"""Of them, how many must have data."""

FACTOR = 2.8
LEAST, MOST = 0.002, 0.016
"""Of the true rate: a fifth of a point, and 1.6 points."""

MOST_OF_RATE = 1 / 6
"""Of a rare behaviour, or of one that is rarely absent, day effects are small too."""


class Persistence:
    """How much the days of many series resemble the days before them."""

    def __init__(self, streams: int) -> None:
        self._sums = np.zeros((5, streams))
        self._values: deque[Floats] = deque(maxlen=LAG_DAYS + LAGS + 1)

    def step(self, value: Floats, young: Mask, joins: Mask) -> None:
        """Take in a day's rate, and learn it or the one that joins the baseline today.

        Args:
            value: the day's rate, not a number where there is none.
            young: streams whose baseline is being made: they learn this day.
            joins: streams whose baseline the day of ``LAG_DAYS`` ago joins today.
        """
        self._values.append(np.asarray(value, dtype=float))
        today = len(self._values) - 1
        self._learn(today, young)
        if today >= LAG_DAYS:
            self._learn(today - LAG_DAYS, joins)

    def standard_deviation(self, mean: Floats) -> Floats:
        """Of what persists, one standard error high; not a number before there is anything.

        Deviations from a mean of the same days have a covariance of -variance/days even where
        nothing persists, which is added back.

        Args:
            mean: rate of the baseline.
        """
        products, own, before, squares, days = self._sums
        with np.errstate(invalid="ignore", divide="ignore"):
            covariance = products / days - mean * (own + before) / days + mean**2
            variance = squares / days - 2 * mean * own / days + mean**2
            error = variance / np.sqrt(LAGS * days)
            return np.sqrt(np.maximum(covariance + variance / days + error, 0))

    def _learn(self, index: int, which: Mask) -> None:
        before = list(self._values)[max(index - LAGS, 0) : index]
        if not before:
            return
        recent, value = np.stack(before), self._values[index]
        known = np.isfinite(recent)
        count = known.sum(axis=0)
        usable = which & np.isfinite(value) & (count >= FEWEST)
        mean = np.where(known, recent, 0).sum(axis=0) / np.maximum(count, 1)
        value, mean = np.where(usable, value, 0), np.where(usable, mean, 0)
        self._sums += np.array([value * mean, value, mean, value**2, usable])


def margin(persisting: Floats, gain: Floats, rate: Floats) -> Floats:
    """Change of the true rate that is forgiven.

    Args:
        persisting: standard deviation of what persists, on the judge's scale.
        gain: sensitivity less false positives: the judge's scale over that of the truth.
        rate: true rate of the baseline, not a number before there is one.
    """
    rare = np.nan_to_num(MOST_OF_RATE * np.minimum(rate, 1 - rate), nan=MOST)
    wanted = np.nan_to_num(FACTOR * persisting / gain, nan=MOST, posinf=MOST)
    return np.clip(wanted, LEAST, np.clip(rare, LEAST, MOST))
