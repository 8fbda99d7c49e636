"""Several judges of the same messages: how many of them flag one.

Here belongs: a panel, how its judges change and how far they err together. As in production, a
message counts with the share of judges that flag it, and where a yes or no is needed it is flagged
if half of them do. Here does not belong: what is true of messages (``scenario``).
"""

from dataclasses import dataclass

import numpy as np

from alignment_monitor.statistics.cells import Floats

RATES = ("sensitivity", "false_positives")


@dataclass(frozen=True)
class PanelJudge:
    """A judge among others, and what changes in it.

    Attributes:
        sensitivity: before the change.
        false_positives: false positive rate before the change.
        sensitivity_shift: change of the sensitivity, from the scenario's change day on.
        false_positives_shift: change of the false positive rate.
        ramp: days that the change takes; 0 or 1: it is there at once.
        sentinels_see: the judge errs on sentinels as it does on traffic, also after the change.
    """

    sensitivity: float = 0.85
    false_positives: float = 0.05
    sensitivity_shift: float = 0.0
    false_positives_shift: float = 0.0
    ramp: int = 0
    sentinels_see: bool = True

    def __post_init__(self) -> None:
        for name in RATES:
            before = getattr(self, name)
            after = before + getattr(self, f"{name}_shift")
            if not (0 <= before <= 1 and 0 <= after <= 1):
                raise ValueError(f"{name} must lie between 0 and 1, before and after the change")
        if self.ramp < 0:
            raise ValueError("ramp must not be negative")

    def rates(self, since: np.ndarray) -> Floats:
        """Sensitivity and false positive rate, day x 2.

        Args:
            since: days since the change, 1 on its first day, 0 or less before it.
        """
        grown = ramped(since, self.ramp)
        return np.stack(
            [getattr(self, name) + getattr(self, f"{name}_shift") * grown for name in RATES], axis=1
        )


@dataclass(frozen=True)
class Panel:
    """Judges who all answer every message.

    Attributes:
        judges: at least one.
        dependence: share of messages on which the judges err together, see ``chances``.
    """

    judges: tuple[PanelJudge, ...]
    dependence: float = 0.0

    def __post_init__(self) -> None:
        if not self.judges:
            raise ValueError("judges must name at least one")
        if not 0 <= self.dependence <= 1:
            raise ValueError("dependence must lie between 0 and 1")

    def votes(self, since: np.ndarray) -> tuple[Floats, Floats]:
        """Chances of votes on traffic and on sentinels, each day x (event, none) x votes.

        Args:
            since: days since the change, 1 on its first day, 0 or less before it.
        """
        never = np.zeros_like(since)
        traffic = [judge.rates(since) for judge in self.judges]
        sentinels = [judge.rates(since if judge.sentinels_see else never) for judge in self.judges]
        return (
            chances(np.stack(traffic, axis=-1), self.dependence),
            chances(np.stack(sentinels, axis=-1), self.dependence),
        )


def ramped(since: np.ndarray, ramp: int) -> Floats:
    """How much of a change is there so many days after it began, 0 to 1."""
    return np.clip(since / max(ramp, 1), 0.0, 1.0)


def chances(rates: Floats, dependence: float = 0.0) -> Floats:
    """Chances that all judges flag a message, all but one, and so on down to none.

    Of messages of one kind, events or others, ``dependence`` is the share on which the judges err
    together: those who flag least often flag none that another judge passes. On all others they err
    independently. Each judge keeps its own rates. Between judges with equal rates it is the
    correlation of their errors; at 1 these are one judge.

    Sources: Dawid and Skene 1979 for 0, independence given the truth; Fréchet 1951 for 1, the
    largest agreement that the rates allow.

    Args:
        rates: chance of each judge to flag such a message, ... x judge.
        dependence: 0 to 1.

    Returns:
        ... x (judges + 1); a row sums to one.
    """
    ordered = np.sort(rates, axis=-1)
    ends = (*ordered.shape[:-1], 1)
    together = np.diff(ordered, prepend=np.zeros(ends), append=np.ones(ends), axis=-1)
    apart, none = np.ones(ends), np.zeros(ends)
    for judge in range(ordered.shape[-1]):
        rate = ordered[..., judge, None]
        flagged = np.concatenate([apart * rate, none], axis=-1)
        apart = flagged + np.concatenate([none, apart * (1 - rate)], axis=-1)
    return dependence * together + (1 - dependence) * apart


def shares(votes: int) -> Floats:
    """Share of judges behind each number of votes, from all to none; there is one more of these."""
    return np.linspace(1.0, 0.0, votes)


def half(votes: np.ndarray) -> np.ndarray:
    """The sum over votes of at least half of the judges: those of the last axis that flag."""
    return np.asarray(votes[..., : (votes.shape[-1] - 1) // 2 + 1].sum(axis=-1))


def precision(votes: Floats, prevalence: float, design_effect: float) -> float:
    """Effective messages that production tells for each effective one, at the rate given.

    The mean of several judges varies less than a single verdict does. Production sees that in the
    variance that it learns, and tells more messages; though never more than there are.

    Args:
        votes: chances, (event, none) x votes.
        prevalence: true rate.
        design_effect: of users who send several.
    """
    all_votes = prevalence * votes[0] + (1 - prevalence) * votes[1]
    share = shares(len(all_votes))
    mean, square = all_votes @ share, all_votes @ share**2
    if not 0 < mean < 1:
        return 1.0
    spread = (square - mean**2) / (mean - mean**2)
    return float(design_effect / max(1.0, design_effect * spread))
