"""One day of the detector for many series at once, and the state that it carries on.

Here belongs: the order in which chart, judge, labels and tiers see a day. The same engine runs in
production, in the replay of a decision and in the simulated years of the benchmarks. Here does not
belong: any figure of a table, or a date.
"""

from collections import deque

import numpy as np

from alignment_monitor.detection.attribution import Attribution, Recent
from alignment_monitor.detection.baseline import LAG_DAYS, SIGNS, Mask
from alignment_monitor.detection.chart import Chart, Reading, Seen, view_weights
from alignment_monitor.detection.day import Budget, Day, Told
from alignment_monitor.detection.edetector import SHIFTS
from alignment_monitor.detection.gold import (
    BETS,
    LEAN_BETS,
    SEGMENT_BETS,
    Bets,
    GoldChart,
    grid_values,
)
from alignment_monitor.detection.gold_baseline import Expected, GoldBaseline, in_segment
from alignment_monitor.detection.instrument import Instrument, Judge
from alignment_monitor.detection.labels import Labels
from alignment_monitor.detection.margin import Persistence, margin
from alignment_monitor.detection.tiers import Episodes, Evidence, warned
from alignment_monitor.statistics.cells import Floats, Integers

AUDIT_BURSTS = 5
"""Bursts of labels asked for when the judge turns out to be another one."""

GOLD_MARGIN = 0.006
"""Least change of the true rate that the labels' own detector forgives."""

GOLD_SHARE = 0.7
"""Of the margin, what it forgives where that is more."""

ROUGH = 0.02
"""Days of a whole that deviates by more are rough; those of segments, being many, never are."""

SMALLEST = 0.02
"""Least change that an episode takes itself to be about."""

CONTRADICTED = 0.5
"""Labels speak against a change if they show the rate below half of it."""

AGAINST_BET = 0.5
"""Of the bet that would grow fastest were phi Normal: rare events that verdicts missed are not."""


PATIENCE_DAYS = 3
"""So long after the last labels more are waited for: people label on working days."""


class Engine:
    """The detector of many series, run day by day.

    Args:
        series: number of series.
        segments: of each.
        budget: how rare false alarms are.
        log_weights: of the views, series x view, minus infinity allowed; the exponentials of a row
            sum to one. Null: half for the whole, the rest split evenly over the segments.

    Attributes:
        budget: how rare false alarms are; it may be another one from a day on.
        calm: series in which nothing stands that a baseline must not learn.

    Raises:
        ValueError: the weights have another shape, or do not sum to one.
    """

    def __init__(
        self, series: int, segments: int, budget: Budget, log_weights: Floats | None = None
    ) -> None:
        self.budget = budget
        self._log_weights = view_weights(log_weights, series, segments)
        self._attribution = Attribution()
        self._rough = np.array([ROUGH, *[np.inf] * segments])
        self._chart = Chart((series, 1 + segments))
        self._instrument = Instrument(series, budget.log_judge, budget.log_suspect)
        self._persistence = Persistence(series)
        self._gold = GoldBaseline(series)
        self._past: deque[tuple[Labels | None, Mask]] = deque(maxlen=LAG_DAYS)
        self._gold_chart = GoldChart(series)
        self._episodes = Episodes(series, len(LEAN_BETS))
        self.calm = np.ones(series, dtype=bool)
        self._audit = np.zeros(series, dtype=np.int64)
        self._unlabelled_days = np.full(series, PATIENCE_DAYS + 1)

    @property
    def components(self) -> Floats:
        """Logs of the charts' components: series x view x direction x shift."""
        return self._chart.components

    def step(self, day: Day) -> Told:
        """Take in a day and say what it means."""
        judge = self._instrument.step(
            day.flagged, day.sentinels, weekend=day.weekend, young=day.young, watched=day.watched
        )
        baseline = self._chart.baseline.mean()
        effect, noise = judge.effect(baseline)
        effect, noise = (np.where(day.watched[:, None], value, 0.0) for value in (effect, noise))
        persisting = self._persistence.standard_deviation(baseline[:, 0])
        forgiven = margin(persisting, judge.gain, judge.prevalence(baseline)[:, 0])
        as_judged = (forgiven * judge.gain)[:, None]
        reading = Reading(day.rate - effect, day.n, day.weekend, noise, as_judged, self._rough)
        seen = self._chart.step(
            reading,
            young=np.broadcast_to(day.young[:, None], day.rate.shape),
            watched=np.broadcast_to(day.watched[:, None], day.rate.shape),
            calm=np.broadcast_to(self.calm[:, None], day.rate.shape),
            log_threshold=self.budget.log_page[:, None] - self._log_weights + 1,
            log_mass=day.log_mass[:, None],
        )
        restarted = judge.newly & day.watched
        self._chart.restart(restarted)
        by_view = np.where(restarted[:, None, None], -np.inf, seen.statistic)
        by_view = by_view + self._log_weights[..., None]
        judged = np.logaddexp.reduce(by_view, axis=1)
        lead = by_view.argmax(axis=1) - 1
        labels, leaning, against = self._bets(day, judge, seen, forgiven, lead)
        change, variance = day.rate - seen.moments.mean, seen.moments.deviation(day.n) ** 2
        recent = Recent(seen.z, change, variance, day.flagged, day.sentinels)
        covered = self._attribution.covers(recent, lead + 1, baseline, judge)
        sentinels = (judge.known & (day.sentinels > 0).all(axis=1))[:, None]
        if not self.budget.sentinels_required:
            covered &= judge.known[:, None]
        burst = np.zeros(len(judged), dtype=bool) if day.burst is None else day.burst
        verdict = self._episodes.step(
            Evidence(
                judged,
                labels,
                leaning,
                against,
                lead,
                judge.suspect[:, None],
                burst,
                self._unlabelled_days <= PATIENCE_DAYS,
                covered,
                sentinels,
                day.watched,
            ),
            self.budget.log_page,
        )
        self._gold_chart.components[verdict.page] = -np.inf
        self._learn(day, day.rate[:, 0] - effect[:, 0], day.labels)
        loud = warned(judged, labels, self.budget.log_page[:, None]) | verdict.standing
        self.calm = ~loud.any(axis=1) & ~judge.fired
        self._audit = np.where(restarted, AUDIT_BURSTS, np.maximum(self._audit - 1, 0))
        standing = verdict.standing
        wanted = verdict.asking.any(axis=1) | (self._audit > 0)
        up, down = verdict.segment.T
        segment = np.where(standing[:, 0], up, np.where(standing[:, 1], down, -1))
        return Told(
            seen, judge, effect, forgiven, judged, labels, reading, covered, verdict,
            wanted, segment,
        )  # fmt: skip

    def _learn(self, day: Day, rate: Floats, labels: Labels | None) -> None:
        """Let a day join what series and labels are compared with, or one of 28 days ago."""
        fit = day.watched & self.calm
        joins = np.zeros(len(rate), dtype=bool)
        if len(self._past) == LAG_DAYS:
            late, good = self._past[0]
            joins = good & self.calm
            if late is not None:
                self._gold.learn(late, joins)
        labels = None if labels is None else labels.everywhere()
        self._past.append((labels, fit))
        if labels is not None:
            self._gold.learn(labels, day.young)
        self._persistence.step(rate, day.young, joins)

    def _bets(
        self, day: Day, judge: Judge, seen: Seen, forgiven: Floats, lead: Integers
    ) -> tuple[Floats, Floats, Floats]:
        """The labels' own detector; evidence for what the episodes suspect, and against it."""
        series, labels = len(forgiven), day.labels
        self._unlabelled_days += 1
        leaning, against = np.zeros((series, 2, len(LEAN_BETS))), np.zeros((series, 2))
        if labels is None:
            return np.full((series, 2), -np.inf), leaning, against
        judged = self._gold.flagged(self._chart.baseline.mean())
        judged_variance = seen.moments.deviation(day.n) ** 2
        expected = self._gold.expected(judged[:, 0], judged_variance[:, 0])
        usable = (labels.total > 0) & np.isfinite(expected.rate) & day.watched
        self._unlabelled_days[usable] = 0
        bets = Bets(labels.everywhere(), expected)
        forgive = expected.error + np.maximum(GOLD_MARGIN, GOLD_SHARE * forgiven)
        targets = expected.rate + forgive, expected.rate - forgive
        values = grid_values(bets, expected, targets, BETS)
        running = self._gold_chart.step(values, bets.any & day.watched, self.budget.log_page)
        lead = np.where(self._episodes.open, self._episodes.segment, lead)
        for facing, sign in enumerate(SIGNS):
            for suspected in (lead[:, facing] < 0, lead[:, facing] >= 0):
                which = np.flatnonzero(suspected & usable)
                if len(which):
                    leaning[which, facing], against[which, facing] = self._for_and_against(
                        which, lead[which, facing], facing, float(sign), labels, expected,
                        judged, judge.gain, seen, judged_variance,
                    )  # fmt: skip
        return running, leaning, against

    def _for_and_against(
        self,
        which: Integers,
        segment: Integers,
        facing: int,
        sign: float,
        labels: Labels,
        expected: Expected,
        judged: Floats,
        gain: Floats,
        seen: Seen,
        judged_variance: Floats,
    ) -> tuple[Floats, Floats]:
        """Bets of one direction on the whole, or on a segment of each series."""
        whole = segment[0] < 0
        labels, gain = labels.rows(which).within(segment), gain[which]
        here = Expected(*(column[which] for column in vars(expected).values()))
        view = segment + 1
        if not whole:
            error = np.sqrt(seen.moments.mean_variance[which, view])
            here = in_segment(
                here, judged[which, 0], judged[which, view], error, gain,
                judged_variance[which, view],
            )  # fmt: skip
        bets = Bets(labels, here)
        forgive = sign * here.error
        unit = np.sqrt(here.rate * (1 - here.rate)) / bets.variance
        sizes = LEAN_BETS if whole else SEGMENT_BETS
        leaning = [bets.log_value(size * unit, here.rate + forgive, sign) for size in sizes]
        # Of several components at their cap the one of the largest change.
        best = self._chart.components[which, view, facing][:, ::-1].argmax(axis=-1)
        size = np.maximum(SHIFTS[::-1][best] * seen.deviation[which, view] / gain, SMALLEST)
        half = CONTRADICTED * np.nan_to_num(size, nan=SMALLEST)
        against = bets.log_value(AGAINST_BET * half / bets.variance, here.rate + sign * half, -sign)
        return np.stack(leaning, axis=-1), against
