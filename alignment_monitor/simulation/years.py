"""Many monitored years at once: daily draws from a scenario, fed to the detector.

Here belong: what a day shows, and what the detector says of it. Here does not belong: what is true
(``scenario``), or what is concluded from many years.

Messages are independent; counts are of effective messages: users who send several are the design
effect. Labels are of the messages that are there on the day, without replacement, and right.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.detection.day import Budget
from alignment_monitor.detection.engine import Engine
from alignment_monitor.detection.tiers import BURST
from alignment_monitor.simulation.daily import Gold, Traffic, figures, on_time
from alignment_monitor.simulation.deployed import masses_on, with_credit
from alignment_monitor.simulation.panel import half
from alignment_monitor.simulation.rebuilding import Rebuilding
from alignment_monitor.simulation.scenario import EDGE, Scenario, day_effects, paths
from alignment_monitor.statistics.cells import Floats, Integers

BATCH = 500  # replicates drawn together, to spare memory

DAYS_PER_YEAR = 365.25
LOG_JUDGE = 7.6
"""log A of the judge's charts where nothing else is said: 5.5 years for each of the four."""


class Years:
    """Replicates of a scenario, drawn day by day in step."""

    def __init__(
        self, scenario: Scenario, replicates: int, days: int, rng: np.random.Generator
    ) -> None:
        self.scenario, self.replicates = scenario, replicates
        self.paths = paths(scenario, days)
        # Streams of their own: what is labelled or late does not change what is judged.
        self._rng, self._labels_rng, self._late_rng = rng.spawn(3)
        self._effects = day_effects(scenario, self._rng, replicates, days)
        self._day = 0

    def next_day(self) -> Traffic:
        """Draw a day's verdicts."""
        day, rng, path = self._day, self._rng, self.paths
        self._day += 1
        truth = np.clip(path.truth[day] + self._effects[:, day, None], EDGE, 1 - EDGE)
        event, none = path.votes[day]
        hit, false = np.minimum(half(event), 1), np.minimum(half(none), 1)
        flagged = truth * hit + (1 - truth) * false
        size = np.maximum(rng.poisson(path.judged[day], self.replicates), self.scenario.fewest)
        sent = rng.multinomial(size, path.shares[day])
        n = np.round(sent / self.scenario.design_effect).astype(np.int64)
        sentinels = np.full((self.replicates, 2), self.scenario.sentinels // 2)
        events = [truth * hit / flagged, truth * (1 - hit) / (1 - flagged)]
        return Traffic(
            bool(path.weekend[day]),
            rng.multinomial(n, truth[..., None] * event + (1 - truth[..., None]) * none),
            sentinels,
            rng.multinomial(sentinels, path.seen_votes[day]),
            truth,
            np.stack(events, axis=-1),
        )

    def on_time(self, traffic: Traffic) -> Traffic:
        """The part of a day that does not come late."""
        return on_time(traffic, self.scenario.late_share, self._late_rng)

    def label(self, traffic: Traffic, burst: Mask, segment: Integers) -> Gold:
        """Label the day's regular sample, and bursts that were asked for, if people label at all.

        Args:
            traffic: the day, as far as it is there.
            burst: replicates with a burst, of messages without a label yet.
            segment: where the burst is drawn, by replicate; negative: everywhere.
        """
        strata = traffic.strata
        everywhere = np.ones(strata.shape[:2], dtype=bool)
        wanted = np.broadcast_to(self.scenario.gold, (self.replicates, 2))
        n, probability = self._drawn(strata, wanted, everywhere)
        inside = (segment < 0)[:, None] | (np.arange(strata.shape[1]) == segment[:, None])
        more = burst[:, None] * np.array(BURST) * any(self.scenario.gold)
        more, also = self._drawn(strata - n, more, inside)
        n = n + more
        y = self._labels_rng.binomial(n, traffic.by_verdict)
        joint = probability + (1 - probability) * also
        return Gold(n, y, joint, more.sum(axis=(1, 2)))

    def _drawn(self, strata: Integers, wanted: Integers, inside: Mask) -> tuple[Integers, Floats]:
        """Simple random samples by verdict without replacement, and their probabilities."""
        open_to = strata * inside[..., None]
        total = open_to.sum(axis=1)
        left = np.minimum(wanted, total)
        # Of none left all are labelled, if any were wanted.
        share = np.where(total > 0, left / np.maximum(total, 1), wanted > 0)
        rest, found = total.copy(), np.zeros_like(strata)
        if not left.any():
            return found, np.zeros(strata.shape)
        for segment in range(strata.shape[1]):
            here = open_to[:, segment]
            rest = rest - here
            found[:, segment] = self._labels_rng.hypergeometric(here, rest, left)
            left = left - found[:, segment]
        return found, share[:, None] * inside[..., None]


@dataclass(frozen=True)
class Outcome:
    """What the detector said; replicate x day, and direction (up, down) where it has one.

    Attributes:
        page: MODEL pages, replicate x day x direction, on the day on which they are told.
        ticket: episodes that labels contradicted.
        unresolved: episodes that labels left open.
        indeterminate: episodes without labels whose change may be the judge's.
        opened: episodes that began.
        judge: a JUDGE alert, replicate x day.
        burst: a burst of labels came in.
        labels: regular labels of the day.
        burst_labels: labels of bursts.
        baseline_days: days that were not watched.
    """

    page: Mask
    ticket: Mask
    unresolved: Mask
    indeterminate: Mask
    opened: Mask
    judge: Mask
    burst: Mask
    labels: Integers
    burst_labels: Integers
    baseline_days: int

    @property
    def watched_years(self) -> float:
        """Years after the baselines, all replicates together."""
        replicates, days = self.judge.shape
        return replicates * (days - self.baseline_days) / DAYS_PER_YEAR


def budget(series: int, run_length: float, *, together: int = 1) -> Budget:
    """The budget of alike series.

    Args:
        series: number of series.
        run_length: stated years to a false page of those who share a budget, in both directions.
        together: series that share one.
    """
    log_page = np.log(DAYS_PER_YEAR * run_length * 2 * together)
    return Budget(np.full(series, log_page), LOG_JUDGE)


def run_years(
    scenario: Scenario,
    days: int,
    budgets: Budget,
    *,
    baseline_days: int = 56,
    seed: int | tuple[int, ...] = 0,
    deployed: Sequence[int] = (),
) -> Outcome:
    """Monitor replicates of a scenario, one for each series of the budget.

    Args:
        scenario: what is true.
        days: length, baseline included.
        budgets: how rare false alarms are.
        baseline_days: first days, which make the baseline.
        seed: of all that is random.
        deployed: days on which a known deployment begins.
    """
    parts = []
    for start in range(0, len(budgets.log_page), BATCH):
        mine = replace(budgets, log_page=budgets.log_page[start : start + BATCH])
        years = Years(scenario, len(mine.log_page), days, batch_rng(seed, start))
        parts.append(_monitored(years, days, mine, baseline_days, deployed))
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in vars(parts[0])
        if name != "baseline_days"
    }
    return Outcome(**joined, baseline_days=baseline_days)


def batch_rng(seed: int | tuple[int, ...], start: int) -> np.random.Generator:
    """What the batch that begins with this replicate is drawn with."""
    return np.random.default_rng([*np.atleast_1d(seed), start])


def _monitored(
    years: Years, days: int, budgets: Budget, baseline_days: int, deployed: Sequence[int]
) -> Outcome:
    replicates, scenario = years.replicates, years.scenario
    masses, raised = masses_on(deployed, days), with_credit(budgets)
    engine = Rebuilding(Engine(replicates, scenario.segments, budgets), scenario.late_days)
    verdicts = {
        name: np.zeros((replicates, days, 2), dtype=bool)
        for name in ("page", "ticket", "unresolved", "indeterminate", "opened")
    }
    judge, bursts = (np.zeros((replicates, days), dtype=bool) for _ in range(2))
    labels, burst_labels = (np.zeros((replicates, days), dtype=np.int64) for _ in range(2))
    wanted, segment = np.zeros(replicates, dtype=bool), np.full(replicates, -1)
    for day in range(days):
        whole = years.next_day()
        seen = years.on_time(whole)
        gold = years.label(seen, wanted, segment)
        young = np.full(replicates, day < baseline_days)
        mass = np.full(replicates, masses[day])
        then = replace(figures(scenario, seen, gold, young, wanted), mass=mass)
        complete = then
        if scenario.late_share:
            later = figures(scenario, whole, gold, young, wanted)
            complete = replace(later, labels=then.labels, mass=mass)
        budget = raised if deployed and day >= min(deployed) else budgets
        told, verdicts["page"][:, day] = engine.step(then, complete, budget)
        bursts[:, day], burst_labels[:, day] = wanted, gold.burst
        labels[:, day] = gold.n.sum(axis=(1, 2)) - gold.burst
        judge[:, day] = told.judge.newly
        for name in ("ticket", "unresolved", "indeterminate", "opened"):
            verdicts[name][:, day] = getattr(told.verdict, name)
        wanted, segment = told.wanted, told.segment
    return Outcome(
        **verdicts, judge=judge, burst=bursts, labels=labels, burst_labels=burst_labels,
        baseline_days=baseline_days,
    )  # fmt: skip
