"""From evidence to a verdict, in two tiers: WARN asks people, PAGE calls one.

Here belong: when an episode opens, what it asks for, and how it ends. Here does not belong: the
evidence itself. With A the stated run length in days times the number of series,

    WARN        the statistic passes A/375 (or the labels' own detector its A/150): an episode opens
                and asks for bursts of fresh labels, never of messages that are labelled already
    PAGE        the statistic stands at WARN or above, and the episode's labels lean to a change by
                15 to 1, which a change of the judge has no part in (by 40 to 1 where one segment
                is suspected, 3 to 1 when the last burst is in); or the labels' own detector
                passes A
    TICKET      the labels speak against the change by 1/beta
    UNRESOLVED  eight bursts, and two weeks after them, decided nothing
    INDETERMINATE  nobody labels, and sentinels cannot tell the change from one of the judge
    (closed)    the evidence went away by itself

Where nobody labels, PAGE is the statistic alone at A. What sentinels allow as the judge's own
change is held for three days first, while more of them come in. That an episode opens so early
and its labels decide is what simulated years chose: few labels lean so far by chance (``gold``).
"""

from dataclasses import dataclass

import numpy as np

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.statistics.cells import Floats, Integers

WARN_SHARE = 1 / 375
"""Of the page threshold, where an episode opens."""

LABELS_WARN_SHARE = 1 / 150
"""The same of the labels' own detector."""

CLOSE_SHARE = np.exp(-1.0)
"""Of the warn threshold, where it ends by itself."""

LEAN = np.log(15.0)
"""How far labels lean for a page, in log: odds of so many to 1."""

SEGMENT_LEAN = np.log(40.0)
"""The same where one segment is suspected: it was chosen among many."""

LAST_LEAN = np.log(3.0)
"""The same when the last burst is in: labels by the thousand that lean at all are enough."""

AGAINST = np.log(20.0)
"""log 1/beta."""

BURSTS = 8
BURST = (80, 160)
"""Labels of a burst: of messages with the event by verdict, and without."""

LAST_DAYS = 14
"""So long after the last burst regular labels and judged rates may still decide."""

IGNORED_DAYS = 7
"""So long a burst that was asked for is waited for; then judged rates decide alone, unless what
labels there are speak against them."""

ROUNDING = 1e-9

HOLD_DAYS = 3
"""Days that a page by judged rates alone waits for sentinels to tell whose change it is."""

QUIET_DAYS = {"ticket": 28, "unresolved": 10, "page": 30, "indeterminate": 30, "closed": 1}
"""Days until a new episode may open."""

VERDICTS = ("page", "ticket", "unresolved", "indeterminate", "closed")


@dataclass(frozen=True)
class Evidence:
    """A day's evidence in logs, series x direction.

    Attributes:
        judged: of judged rates.
        labels: of the labels' own detector; minus infinity without labels.
        leaning: of the day's labels for a change, by size of bet: one more axis.
        against: of the day's labels against the suspected change.
        lead: view that leads, the whole is -1, else the segment.
        held: no page today, since it may turn out to be the judge.
        burst: a burst asked for came in.
        labelled: people label at all.
        covered: what sentinels allow as the judge's own change covers the one seen.
        sentinels: some came in today.
        watched: the series has data today, and a baseline to hold it against.
    """

    judged: Floats
    labels: Floats
    leaning: Floats
    against: Floats
    lead: Integers
    held: Mask
    burst: Mask
    labelled: Mask
    covered: Mask
    sentinels: Mask
    watched: Mask


@dataclass(frozen=True)
class Verdict:
    """What became of the episodes on a day, series x direction.

    Attributes:
        opened: an episode began.
        standing: one is open at the end of the day.
        asking: and a burst of labels would help it.
        page: it ended in a page.
        ticket: in a ticket.
        unresolved: undecided.
        closed: by itself.
        leaning: log evidence of the episode's labels for a change.
        against: and against it.
        bursts: bursts so far.
        segment: segment suspected; -1 for the whole.
        indeterminate: it ended without labels, and the change may be the judge's.
    """

    opened: Mask
    standing: Mask
    asking: Mask
    page: Mask
    ticket: Mask
    unresolved: Mask
    closed: Mask
    leaning: Floats
    against: Floats
    bursts: Integers
    segment: Integers
    indeterminate: Mask


def warned(judged: Floats, labels: Floats, log_page: Floats) -> Mask:
    """Whether evidence of judged rates or of the labels' own detector is at its warn level."""
    by_judge = judged >= log_page + np.log(WARN_SHARE)
    return by_judge | (labels >= log_page + np.log(LABELS_WARN_SHARE))


class Episodes:
    """The open episodes of many series, both directions."""

    def __init__(self, series: int, bets: int) -> None:
        shape = (series, 2)
        self.open = np.zeros(shape, dtype=bool)
        self.segment = np.full(shape, -1)
        self._leaning = np.zeros((*shape, bets))
        self._against = np.zeros(shape)
        self._bursts = np.zeros(shape, dtype=np.int64)
        self._waited = np.zeros(shape, dtype=np.int64)
        self._held_days = np.zeros(shape, dtype=np.int64)
        self._burst_age = np.zeros(shape, dtype=np.int64)
        self._quiet_until = np.full(shape, -1)
        self._day = 0

    def step(self, seen: Evidence, log_page: Floats) -> Verdict:
        """Apply a day's evidence.

        Args:
            seen: the evidence.
            log_page: log A of each series.
        """
        threshold = log_page[:, None]
        self._take(seen)
        opened = warned(seen.judged, seen.labels, threshold)
        opened &= ~self.open & (self._day >= self._quiet_until)
        # What labels alone have seen is no segment's: they are few in each.
        by_judge = seen.judged >= threshold + np.log(WARN_SHARE)
        self.segment = np.where(opened, np.where(by_judge, seen.lead, -1), self.segment)
        self.open |= opened
        self._bursts[opened], self._waited[opened], self._burst_age[opened] = 0, 0, 0
        leaning = np.logaddexp.reduce(self._leaning, axis=-1) - np.log(self._leaning.shape[-1])
        exhausted = self._bursts >= BURSTS
        self._waited += exhausted
        free = self.open & ~seen.held
        page = free & self._pages(seen, leaning, exhausted, threshold)
        # A few labels now and then must not hold back for ever what only a burst could decide.
        ignored = ~exhausted & (self._burst_age > IGNORED_DAYS) & (leaning > -ROUNDING)
        alone = free & ~page & (ignored | ~seen.labelled[:, None]) & (seen.judged >= threshold)
        waits = alone & seen.covered & seen.sentinels & (self._held_days < HOLD_DAYS)
        self._held_days = np.where(waits, self._held_days + 1, 0)
        indeterminate = alone & seen.covered & ~waits
        page |= alone & ~seen.covered
        ticket = self.open & ~(page | indeterminate) & (self._against >= AGAINST)
        ended = page | indeterminate | ticket
        # On a day without data nothing is decided: what time decides waits for the next one with.
        overdue = (self._waited > LAST_DAYS) & seen.watched[:, None]
        unresolved = self.open & ~ended & overdue & ~seen.held
        closed = self.open & ~(ended | unresolved)
        closed &= ~warned(seen.judged, seen.labels, threshold + np.log(CLOSE_SHARE))
        standing = self.open & ~(ended | unresolved | closed)
        told = Verdict(
            opened, standing, standing & ~exhausted, page, ticket, unresolved, closed,
            leaning, self._against.copy(), self._bursts.copy(), self.segment.copy(),
            indeterminate,
        )  # fmt: skip
        self._end(told)
        return told

    def _take(self, seen: Evidence) -> None:
        """Labels count from the day that opens the episode; against the change, from the next."""
        running = self.open[..., None]
        self._leaning = np.where(running, self._leaning, 0) + seen.leaning
        self._against = np.where(self.open, self._against + seen.against, 0)
        came = self.open & seen.burst[:, None]
        self._bursts += came
        self._burst_age = np.where(came, 0, self._burst_age + 1)

    def _pages(self, seen: Evidence, leaning: Floats, exhausted: Mask, threshold: Floats) -> Mask:
        """Pages that labels have a part in."""
        whole = np.where(exhausted, LAST_LEAN, LEAN)
        enough = np.where(self.segment < 0, whole, SEGMENT_LEAN)
        together = (seen.judged >= threshold + np.log(WARN_SHARE)) & (leaning >= enough)
        return np.asarray(together | (seen.labels >= threshold))

    def _end(self, told: Verdict) -> None:
        for name in VERDICTS:
            ended = getattr(told, name)
            self._quiet_until[ended] = self._day + QUIET_DAYS[name]
            self.open &= ~ended
        self._day += 1
