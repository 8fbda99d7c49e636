"""What the sentinels say of the judge, and what of a shift is the judge's own.

Here belong: the charts of sensitivity and false positives, the day since which the judge is
another one, and the effect on a judged rate. The reference, the judge of the baseline, is never
replaced: or a change of the judge would page as one of the model.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.detection.chart import Chart, Reading
from alignment_monitor.statistics.adjusted import sentinel_effect
from alignment_monitor.statistics.cells import Floats, Integers
from alignment_monitor.statistics.intervals import smoothed

WINDOW_DAYS = 14
"""Sentinels are averaged over so many days at most, none before the onset of a change."""


@dataclass(frozen=True)
class Judge:
    """What is known of the judge on a day; arrays over streams.

    Attributes:
        statistic: log of the e-detectors, stream x (sensitivity, false positives) x direction.
        fired: some detector is at its threshold.
        newly: it was not the day before.
        suspect: some detector is near it: a shift of a rate may turn out to be the judge's.
        onset: index of the day since which the judge is another one; -1 if it is not.
        errors: sensitivity and false positive rate of the last days, stream x 2.
        variance: theirs.
        reference: theirs in the baseline.
        known: there are sentinels to compare.
    """

    statistic: Floats
    fired: Mask
    newly: Mask
    suspect: Mask
    onset: Integers
    errors: Floats
    variance: Floats
    reference: Floats
    known: Mask

    @property
    def gain(self) -> Floats:
        """Sensitivity less false positives in the baseline; 1 where nothing is known."""
        difference = self.reference[:, 0] - self.reference[:, 1]
        return np.where(self.known, np.clip(difference, 0.05, 1.0), 1.0)

    def prevalence(self, judged: Floats) -> Floats:
        """Rate of the baseline freed of the judge's errors; as judged where these are not known.

        Args:
            judged: baseline rate as judged, stream x view.
        """
        false = np.where(self.known, self.reference[:, 1], 0.0)[:, None]
        return np.clip((judged - false) / self.gain[:, None], 0, 1)

    def effect(self, judged: Floats) -> tuple[Floats, Floats]:
        """What the judge's own shift adds to a judged rate, and the variance of that.

        Shrunk towards none by 1 - 2 var/effect^2 while no detector has fired: a quiet judge adds
        no noise.

        Args:
            judged: baseline rate as judged, stream x view.
        """
        reference, errors = self.reference[..., None], self.errors[..., None]
        truth = self.prevalence(judged)
        now, then = (errors[:, 0], errors[:, 1]), (reference[:, 0], reference[:, 1])
        effect = sentinel_effect(truth, now, then)
        weights = np.stack([truth, 1 - truth], axis=1)
        variance = (weights**2 * self.variance[..., None]).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            kept = np.maximum(0, 1 - 2 * variance / effect**2)
        kept = np.where(self.fired[:, None], 1.0, np.nan_to_num(kept))
        usable = self.known[:, None] & np.isfinite(effect)
        return np.where(usable, kept * effect, 0.0), np.where(usable, kept * variance, 0.0)


class Instrument:
    """The judge's charts, run day by day."""

    def __init__(self, streams: int, log_threshold: float, log_suspect: float) -> None:
        self._chart = Chart((streams, 2))
        self._log_threshold, self._log_suspect = log_threshold, log_suspect
        self._today = -1
        self._flagged, self._n, self._z = (deque[Floats](maxlen=WINDOW_DAYS) for _ in range(3))
        self._fired = np.zeros(streams, dtype=bool)
        self._onset = np.full(streams, -1)

    def step(
        self, flagged: Floats, n: Floats, *, weekend: bool, young: Mask, watched: Mask
    ) -> Judge:
        """Take in a day's sentinels.

        Args:
            flagged: sentinels flagged, stream x (positive, negative ones).
            n: sentinels judged, the same.
            weekend: kind of the day.
            young: streams whose baseline is being made.
            watched: streams held against it.
        """
        self._today += 1
        today = self._today
        self._flagged.append(flagged)
        self._n.append(n)
        with np.errstate(invalid="ignore"):
            rate = np.where(n > 0, flagged / n, np.nan)
        seen = self._chart.step(
            Reading(rate, np.where(n > 0, n, np.nan), weekend),
            young=np.broadcast_to(young[:, None], n.shape),
            watched=np.broadcast_to(watched[:, None], n.shape),
            calm=np.broadcast_to(~self._fired[:, None], n.shape),
            log_threshold=np.full(n.shape, self._log_threshold),
        )
        self._z.append(seen.z)
        highest = seen.statistic.reshape(len(n), -1).max(axis=1)
        fired = highest >= self._log_threshold
        newly = fired & ~self._fired
        self._onset[newly] = self._since(seen.statistic[newly], newly, today)
        self._onset[~fired] = -1
        self._fired = fired
        reference = self._chart.baseline.mean()
        errors, variance = self._recent(today)
        known: Mask = np.isfinite(np.concatenate([reference, errors], axis=1)).all(axis=1)
        suspect = ~fired & (highest >= self._log_suspect)
        return Judge(
            seen.statistic,
            fired,
            newly,
            suspect,
            self._onset.copy(),
            errors,
            variance,
            reference,
            known,
        )

    def _recent(self, today: int) -> tuple[Floats, Floats]:
        n, flagged = (np.stack(past) for past in (self._n, self._flagged))
        days = np.arange(today - len(n) + 1, today + 1)
        inside = (days[:, None] >= self._onset)[..., None]
        total, hits = (n * inside).sum(axis=0), (flagged * inside).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = hits / total
            smooth = smoothed(rate, total)
            return rate, smooth * (1 - smooth) / total

    def _since(self, statistic: Floats, which: Mask, today: int) -> Integers:
        """Onset by the likelihood of a step in the z of the stream that is furthest out."""
        if not which.any():
            return np.empty(0, dtype=np.int64)
        furthest = statistic.reshape(len(statistic), -1).argmax(axis=1)
        recent = np.stack(self._z)[:, which].reshape(-1, len(furthest), 4)
        z = np.take_along_axis(recent, furthest[None, :, None], axis=2)[..., 0][::-1]
        sums = np.cumsum(np.nan_to_num(z, nan=-9.0), axis=0)
        length = np.arange(1, len(z) + 1)[:, None]
        return today - (sums / np.sqrt(length)).argmax(axis=0)
