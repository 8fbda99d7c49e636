"""From simulated years to figures with their Monte Carlo errors.

Here belong: delays, shares and rates of what the detector said, exact limits of each, and how a
figure is held against a target. Here does not belong: which years are simulated (``detection``).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, chi2

from alignment_monitor.simulation.years import Outcome

Bools = NDArray[np.bool_]
NEVER = np.inf
LEVEL = 0.95


@dataclass(frozen=True)
class Delay:
    """Days to a first sign, 1 on the day of the change itself; limits by order statistics."""

    median: float
    late: float
    median_limits: tuple[float, float]
    late_limits: tuple[float, float]
    missed: float
    count: int

    def __str__(self) -> str:
        told = f"{span(self.median, self.median_limits)} ({span(self.late, self.late_limits)})"
        return told + (f", {self.missed:.1%} missed" if self.missed else "")

    def within(self, target: tuple[float, ...]) -> bool:
        """Whether median, and 90 % quantile where the target has one, are no later."""
        return all(x <= y for x, y in zip((self.median, self.late), target, strict=False))


@dataclass(frozen=True)
class Share:
    """A share of replicates with exact binomial limits."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        return self.hits / self.count

    @property
    def limits(self) -> tuple[float, float]:
        """Clopper and Pearson's 95 % limits."""
        tail, hits, misses = (1 - LEVEL) / 2, self.hits, self.count - self.hits
        low = 0.0 if not hits else beta.ppf(tail, hits, misses + 1)
        high = 1.0 if not misses else beta.ppf(1 - tail, hits + 1, misses)
        return float(low), float(high)

    def __str__(self) -> str:
        return "{:.3f} [{:.3f}, {:.3f}]".format(self.value, *self.limits)


@dataclass(frozen=True)
class Rate:
    """Events a year with an exact one-sided upper 95 % limit."""

    events: int
    years: float

    @property
    def value(self) -> float:
        return self.events / self.years

    @property
    def upper(self) -> float:
        """Garwood's limit: a mean at which so few events had a probability of 5 %."""
        return float(chi2.ppf(LEVEL, 2 * (self.events + 1)) / 2 / self.years)

    def __str__(self) -> str:
        return (
            f"{self.upper:.3f} ({self.events} in {self.years:,.0f} years, {self.value:.3f} a year)"
        )


def span(value: float, limits: tuple[float, float]) -> str:
    """A number of days, with its limits where they differ from it."""
    low, high = (f"{limit:.0f}" if np.isfinite(limit) else "never" for limit in limits)
    told = f"{value:.0f}" if np.isfinite(value) else "never"
    return told if low == high else f"{told} [{low}, {high}]"


def first_days(found: Bools, change_day: int, horizon: int | None = None) -> NDArray[np.float64]:
    """Days to the first sign from the change on; never if there is none."""
    after = found[:, change_day:][:, :horizon]
    return np.where(after.any(axis=1), after.argmax(axis=1) + 1.0, NEVER)


def delay_of(days: NDArray[np.float64]) -> Delay:
    """Median and 90 % quantile: the smallest days that so large a share does not exceed."""
    ordered, count = np.sort(days), len(days)

    def quantile(share: float) -> tuple[float, tuple[float, float]]:
        value = ordered[int(np.ceil(share * count)) - 1]
        low = int(binom.ppf((1 - LEVEL) / 2, count, share))
        high = int(binom.ppf((1 + LEVEL) / 2, count, share)) + 1
        return value, (ordered[max(low, 1) - 1], ordered[min(high, count) - 1])

    (median, about), (late, about_late) = quantile(0.5), quantile(0.9)
    return Delay(median, late, about, about_late, float(np.isinf(days).mean()), count)


def page_delay(outcome: Outcome, change_day: int, direction: int = 0) -> Delay:
    """Days to the first MODEL page of a direction."""
    return delay_of(first_days(outcome.page[..., direction], change_day))


def false_pages(outcome: Outcome) -> Rate:
    """MODEL pages where nothing changed, both directions."""
    return Rate(int(outcome.page.sum()), outcome.watched_years)


def ever_paged(outcome: Outcome, change_day: int, days: int = 90) -> Share:
    """Replicates with a MODEL page in any direction within so many days of the change."""
    paged = outcome.page[:, change_day:][:, :days].any(axis=(1, 2))
    return Share(int(paged.sum()), len(paged))


def wrong_first(outcome: Outcome, change_day: int, direction: int = 0) -> Share:
    """Replicates whose first verdict after the change is no MODEL page in its direction.

    Verdicts are pages, tickets, undecided and indeterminate episodes and JUDGE alerts, until the
    end of the run; on the same day the page counts as the first.
    """
    right = first_days(outcome.page[..., direction], change_day)
    ended = (outcome.ticket, outcome.unresolved, outcome.indeterminate)
    others = (*(found.any(axis=-1) for found in ended), outcome.judge)
    wrong = [first_days(outcome.page[..., 1 - direction], change_day)]
    wrong += [first_days(each, change_day) for each in others]
    return Share(int((np.min(wrong, axis=0) < right).sum()), len(right))


def extra_labels(outcome: Outcome) -> tuple[float, float]:
    """Labels of bursts over regular ones in watched days, and the standard error."""
    watched = slice(outcome.baseline_days, None)
    regular = outcome.labels[:, watched].sum(axis=1)
    extra = outcome.burst_labels[:, watched].sum(axis=1)
    share = extra.sum() / regular.sum()
    residual = extra - share * regular
    return float(share), float(residual.std(ddof=1) / regular.mean() / np.sqrt(len(regular)))
