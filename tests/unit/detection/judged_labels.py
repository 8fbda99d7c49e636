"""What the tests of labels share: a judge, and labels drawn by its verdict."""

from dataclasses import dataclass

import numpy as np

from alignment_monitor.detection.gold import Bets
from alignment_monitor.detection.gold_baseline import Expected
from alignment_monitor.detection.labels import Labels

ROUTINE, BURST = (7.0, 13.0), (57.0, 113.0)


@dataclass(frozen=True)
class Judge:
    """A judge with a sensitivity and a share of false positives."""

    sensitivity: float = 0.85
    false: float = 0.05

    def flags(self, truth):
        """Share of messages that it flags."""
        return truth * self.sensitivity + (1 - truth) * self.false

    def by_verdict(self, truth):
        """Share of events among what it flags, and among what it passes."""
        flagged = self.flags(truth)
        passed = truth * (1 - self.sensitivity) / (1 - flagged)
        return np.array([truth * self.sensitivity / flagged, passed])


BEFORE = Judge()
CHANGED = [BEFORE, Judge(0.85, 0.15), Judge(0.6, 0.05), Judge(0.95, 0.02), Judge(0.5, 0.5)]


def labels(share, n, y, segment=None):
    """Labels of many series, so many of each verdict, on a day of so many flagged."""
    share = np.atleast_1d(np.asarray(share, dtype=float))
    shape = (len(share), 2)
    n, y = (np.broadcast_to(np.asarray(part, dtype=float), shape).copy() for part in (n, y))
    verdicts = np.stack([share, 1 - share], axis=1)
    scale = verdicts / (n / n.sum(axis=1, keepdims=True))
    stratum = np.tile([0, 1], (len(share), 1))
    segment = np.zeros_like(stratum) if segment is None else segment
    return Labels(n, y, scale, stratum, segment, share[:, None])


def expected(series, truth, judge=BEFORE, error=0.0, judged=None):
    """What a baseline without sampling error leads to expect, where so many are judged a day."""
    by_verdict = np.tile(judge.by_verdict(truth), (series, 1))
    flags = judge.flags(truth)
    variance = flags * (1 - flags) / judged if judged else 0.0
    return Expected(
        np.full(series, truth), np.full(series, error), by_verdict,
        np.full(series, flags), np.full(series, variance),
    )  # fmt: skip


def mean_value(made, of_labels, bet, target, sign, chances):
    """Exact mean of exp(log_value) over the events among given labels.

    Labels are independent, so it is a product over them; each factor is read off ``log_value``.
    """
    n, share = of_labels.n, of_labels.shares[:, 0]

    def log_value(y):
        return Bets(labels(share, n, y), made).log_value(bet, target, sign)

    none = log_value(np.zeros_like(n))
    log_mean = none.copy()
    for stratum in (0, 1):
        one = np.zeros_like(n)
        one[:, stratum] = 1
        ratio = np.exp(log_value(one) - none)
        log_mean += n[:, stratum] * np.log1p(chances[stratum] * (ratio - 1))
    return np.exp(log_mean)
