"""Small simulated worlds for the whole detector, and what can be done to one."""

from dataclasses import dataclass, replace

import numpy as np

from alignment_monitor.detection.day import Budget, Day, Told
from alignment_monitor.detection.engine import Engine
from alignment_monitor.detection.labels import Labels
from tests.unit.detection.judged_labels import BEFORE, Judge

BASELINE, CHANGE = 42, 60
LOG_PAGE, LOG_JUDGE = np.log(365.25 * 40), 7.6
SHARES = np.array([0.6, 0.4])
"""Of two segments."""


@dataclass(frozen=True)
class World:
    """A world without a feedback from verdicts to labels, so that worlds can be compared.

    Attributes:
        truth: true rate by segment before the change.
        later: and after it.
        judge: after the change.
        blind: sentinels do not see the judge change.
        labelled: people label, and many from the change on.
        judged: messages a day.
    """

    truth: tuple[float, float] = (0.1, 0.1)
    later: tuple[float, float] = (0.1, 0.1)
    judge: Judge = BEFORE
    blind: bool = False
    labelled: bool = True
    judged: int = 500

    def days(self, seed: int, series: int, count: int = 100) -> list[Day]:
        """So many days of so many series."""
        rng = np.random.default_rng(seed)
        return [self._day(rng, series, day) for day in range(count)]

    def _day(self, rng: np.random.Generator, series: int, day: int) -> Day:
        changed = day >= CHANGE
        truth = np.array(self.later if changed else self.truth)
        judge = self.judge if changed else BEFORE
        size = np.maximum(rng.multinomial(self.judged, SHARES, series), 1).astype(float)
        flagged = rng.binomial(size.astype(int), judge.flags(truth))
        rate = flagged / size
        shares = np.hstack([rate @ SHARES[:, None], rate])
        n = np.hstack([np.full((series, 1), float(self.judged)), size])
        seen = BEFORE if self.blind else judge
        sentinels = rng.binomial(100, (seen.sensitivity, seen.false), (series, 2)).astype(float)
        labels = self._labels(rng, judge, truth, shares, burst=changed) if self.labelled else None
        young = np.full(series, day < BASELINE)
        all_of_them = np.ones(series, bool)
        return Day(
            shares, n, day % 7 >= 5, young, ~young, sentinels, np.full((series, 2), 100.0),
            labels, all_of_them & changed,
        )  # fmt: skip

    def _labels(self, rng, judge: Judge, truth, shares, *, burst: bool) -> Labels:
        """Cells: flagged and passed of the first segment, then of the second."""
        series, rate = len(shares), shares[:, 1:]
        chance = np.stack([judge.by_verdict(value) for value in truth]).ravel()
        of_verdict = np.stack([rate * SHARES, (1 - rate) * SHARES], axis=2).reshape(series, 4)
        n = np.tile(np.array([5.0, 8, 4, 6]) * (6 if burst else 1), (series, 1))
        y = rng.binomial(n.astype(int), chance).astype(float)
        scale = of_verdict / (n / n.sum(axis=1, keepdims=True))
        stratum, segment = np.tile([0, 1, 0, 1], (series, 1)), np.tile([0, 0, 1, 1], (series, 1))
        return Labels(n, y, scale, stratum, segment, shares)


def run(days: list[Day], weights=None, **budget) -> list[Told]:
    """What a new engine tells of the days."""
    series, views = days[0].rate.shape
    budgeted = Budget(np.full(series, LOG_PAGE), LOG_JUDGE, **budget)
    engine = Engine(series, views - 1, budgeted, weights)
    return [engine.step(day) for day in days]


def some(day: Day, which) -> Day:
    """Only these series of a day, in this order."""
    parts = {
        name: value[which] for name, value in vars(day).items() if isinstance(value, np.ndarray)
    }
    labels = None if day.labels is None else day.labels.rows(np.asarray(which))
    return replace(day, **parts, labels=labels)


def mirrored(day: Day) -> Day:
    """Events and others change places, for judges, sentinels and people."""
    labels = day.labels
    if labels is not None:
        labels = replace(
            labels, y=labels.n - labels.y, stratum=1 - labels.stratum, shares=1 - labels.shares
        )
    flagged = (day.sentinels - day.flagged)[:, ::-1]
    return replace(
        day, rate=1 - day.rate, flagged=flagged, sentinels=day.sentinels[:, ::-1], labels=labels
    )


def figures(told: Told) -> dict[str, np.ndarray]:
    """All that an engine tells, by name; the first axis is the series."""
    parts = {f"chart.{name}": getattr(told.chart, name) for name in ("deviation", "z", "statistic")}
    parts |= {f"judge.{name}": value for name, value in vars(told.judge).items()}
    parts |= {f"verdict.{name}": value for name, value in vars(told.verdict).items()}
    names = ("effect", "margin", "judged", "labels", "wanted", "segment")
    return parts | {name: getattr(told, name) for name in names}
