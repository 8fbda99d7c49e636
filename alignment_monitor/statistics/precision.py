"""How often alerts are right, as far as people have said so.

Here belong: the measured precision and its interval, from counts. Here does not belong: where the
verdicts come from (alerting.desk). Source: Clopper and Pearson 1934.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from alignment_monitor.statistics.intervals import LEVEL

ALL = "all"


@dataclass(frozen=True)
class Precision:
    """Precision of one type of alert.

    Attributes:
        type: type of alert, or all.
        fired: alerts that ever fired.
        true_drifts: of these, called a true drift.
        false_alarms: called a false alarm.
        expected_changes: called an expected change: a real one that nobody had to be told of, so
            that it speaks neither for nor against the alarm.
        precision: true drifts among both; null where there are none of either.
        lower: exact 95 % interval, lower.
        upper: the same, upper.
    """

    type: str
    fired: int
    true_drifts: int
    false_alarms: int
    expected_changes: int
    precision: float | None
    lower: float | None
    upper: float | None

    @property
    def n(self) -> int:
        """Alerts on which the precision rests."""
        return self.true_drifts + self.false_alarms


def exact_interval(hits: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share: it covers at least so often, at any n.

    Raises:
        ValueError: the hits are not between 0 and n, or n is 0.
    """
    from scipy.special import betaincinv

    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"{hits} of {n} is no share")
    tail = (1 - LEVEL) / 2
    lower = 0.0 if hits == 0 else float(betaincinv(hits, n - hits + 1, tail))
    upper = 1.0 if hits == n else float(betaincinv(hits + 1, n - hits, 1 - tail))
    return lower, upper


def measured_precision(alerts: Iterable[tuple[str, str | None]]) -> list[Precision]:
    """Precision by type, and of all together.

    Verdicts are given where people look, so this is the precision of alerts that were judged, not
    of all: the number judged stands beside it.

    Args:
        alerts: type and verdict of each alert that ever fired; whatever is no verdict of a person
            counts as none.

    Returns:
        One for each type there is, by name, and one for ``all``; none without alerts.
    """
    found = list(alerts)
    kinds = sorted({kind for kind, _ in found})
    groups = [(kind, [verdict for name, verdict in found if name == kind]) for kind in kinds]
    groups += [(ALL, [verdict for _, verdict in found])] if found else []
    return [_of(kind, verdicts) for kind, verdicts in groups]


def _of(kind: str, verdicts: list[str | None]) -> Precision:
    right, wrong = verdicts.count("true_drift"), verdicts.count("false_alarm")
    n = right + wrong
    lower, upper = exact_interval(right, n) if n else (math.nan, math.nan)
    return Precision(
        type=kind,
        fired=len(verdicts),
        true_drifts=right,
        false_alarms=wrong,
        expected_changes=verdicts.count("expected_change"),
        precision=right / n if n else None,
        lower=lower if n else None,
        upper=upper if n else None,
    )
