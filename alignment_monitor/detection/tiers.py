"""From evidence to a verdict, in two tiers: WARN asks people, PAGE calls one.

Here belong: when an episode opens, what it asks for, and how it ends. Here does not belong: the
evidence itself. With A the stated run length in days times the number of series,

    WARN        the statistic passes A/200 (or the labels' own detector its A/150): an episode opens
                and asks for bursts of fresh labels, never of messages that are labelled already
    PAGE        evidence of judge and labels together passes A x alpha, and the labels lean to a
                change by 1/alpha at least, which a change of the judge has no part in (40 to 1
                where one segment is suspected, 2 to 1 when the last burst is in), while the
                statistic itself has not fallen far below WARN; or the labels' own detector
                passes A
    TICKET      the labels speak against the change by 1/beta
    UNRESOLVED  eight bursts decided nothing
    (closed)    the evidence went away by itself

Where nobody labels, PAGE is the statistic alone at A.
"""

from dataclasses import dataclass

import numpy as np

from alignment_monitor.detection.chart import Mask
from alignment_monitor.statistics.cells import Floats, Integers

WARN_SHARE = 1 / 200
"""Of the page threshold, where an episode opens."""

LABELS_WARN_SHARE = 1 / 150
"""The same of the labels' own detector."""

CLOSE_SHARE = np.exp(-1.0)
"""Of the warn threshold, where it ends by itself."""

LEAN = np.log(10.0)
"""log 1/alpha."""

SEGMENT_LEAN = np.log(40.0)
"""The same where one segment is suspected: it was chosen among many."""

LAST_LEAN = np.log(2.0)
"""The same when the last burst is in: labels by the thousand that lean at all are enough."""

AGAINST = np.log(20.0)
"""log 1/beta."""

BURSTS = 8
BURST = (50, 100)
"""Labels of a burst: of messages with the event by verdict, and without."""

QUIET_DAYS = {"ticket": 28, "unresolved": 10, "page": 30, "closed": 1}
"""Days until a new episode may open."""

VERDICTS = ("page", "ticket", "unresolved", "closed")


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
    """

    judged: Floats
    labels: Floats
    leaning: Floats
    against: Floats
    lead: Integers
    held: Mask
    burst: Mask
    labelled: Mask


@dataclass(frozen=True)
class Verdict:
    """What became of the episodes on a day, series x direction.

    Attributes:
        opened: an episode began.
        standing: one is open at the end of the day.
        page: it ended in a page.
        ticket: in a ticket.
        unresolved: undecided.
        closed: by itself.
        leaning: log evidence of the episode's labels for a change.
        against: and against it.
        bursts: bursts so far.
        segment: segment suspected; -1 for the whole.
    """

    opened: Mask
    standing: Mask
    page: Mask
    ticket: Mask
    unresolved: Mask
    closed: Mask
    leaning: Floats
    against: Floats
    bursts: Integers
    segment: Integers


class Episodes:
    """The open episodes of many series, both directions."""

    def __init__(self, series: int, bets: int) -> None:
        shape = (series, 2)
        self.open = np.zeros(shape, dtype=bool)
        self.segment = np.full(shape, -1)
        self._leaning = np.zeros((*shape, bets))
        self._against = np.zeros(shape)
        self._bursts = np.zeros(shape, dtype=np.int64)
        self._quiet_until = np.full(shape, -1)
        self._day = 0

    def step(self, seen: Evidence, log_page: Floats) -> Verdict:
        """Apply a day's evidence.

        Args:
            seen: the evidence.
            log_page: log A of each series.
        """
        threshold = log_page[:, None]
        warn = threshold + np.log(WARN_SHARE)
        self._take(seen)
        labels_warn = threshold + np.log(LABELS_WARN_SHARE)
        opened = (seen.judged >= warn) | (seen.labels >= labels_warn)
        opened &= ~self.open & (self._day >= self._quiet_until)
        self.segment = np.where(opened, seen.lead, self.segment)
        self.open |= opened
        self._bursts[opened] = 0
        leaning = np.logaddexp.reduce(self._leaning, axis=-1) - np.log(self._leaning.shape[-1])
        exhausted = self._bursts >= BURSTS
        page = self.open & ~seen.held & self._pages(seen, leaning, exhausted, threshold)
        ticket = self.open & ~page & (self._against >= AGAINST)
        unresolved = self.open & ~page & ~ticket & exhausted & ~seen.held
        low, labels_low = warn + np.log(CLOSE_SHARE), labels_warn + np.log(CLOSE_SHARE)
        closed = self.open & ~(page | ticket | unresolved)
        closed &= (seen.judged < low) & (seen.labels < labels_low)
        told = Verdict(
            opened, self.open & ~(page | ticket | unresolved | closed),
            page, ticket, unresolved, closed,
            leaning, self._against.copy(), self._bursts.copy(), self.segment.copy(),
        )  # fmt: skip
        self._end(told)
        return told

    def _take(self, seen: Evidence) -> None:
        """Labels count from the day that opens the episode; against the change, from the next."""
        running = self.open[..., None]
        self._leaning = np.where(running, self._leaning, 0) + seen.leaning
        self._against = np.where(self.open, self._against + seen.against, 0)
        self._bursts += self.open & seen.burst[:, None]

    def _pages(self, seen: Evidence, leaning: Floats, exhausted: Mask, threshold: Floats) -> Mask:
        whole = np.where(exhausted, LAST_LEAN, LEAN)
        enough = np.where(self.segment < 0, whole, SEGMENT_LEAN)
        together = (seen.judged + leaning >= threshold - LEAN) & (leaning >= enough)
        together &= seen.judged >= threshold + np.log(WARN_SHARE) - 2
        alone = ~seen.labelled[:, None] & (seen.judged >= threshold)
        by_labels = seen.labels >= threshold
        return np.asarray(together | alone | by_labels)

    def _end(self, told: Verdict) -> None:
        for name in VERDICTS:
            ended = getattr(told, name)
            self._quiet_until[ended] = self._day + QUIET_DAYS[name]
            self.open &= ~ended
        self._day += 1
