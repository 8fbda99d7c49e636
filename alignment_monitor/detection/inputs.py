"""What the detector is given each day: rates by view, sentinels and labels of every stream.

Here belongs: from sufficient statistics, the judges' quality and labels to the arrays that
``engine`` takes. A view of a stream is the whole at the baseline's mix, or one segment. Here does
not belong: any test.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.detection.chart import WHOLE
from alignment_monitor.detection.day import Day
from alignment_monitor.detection.label_days import label_days
from alignment_monitor.detection.labels import Labels
from alignment_monitor.detection.sentinel_days import sentinel_days
from alignment_monitor.statistics.cells import Floats
from alignment_monitor.statistics.standardise import SegmentDays, Streams, by_segment


@dataclass(frozen=True)
class Inputs:
    """Daily figures of all streams; the first axis is the day, the second the stream.

    Attributes:
        rate: judged rate by view; not a number without data.
        n: its effective n.
        weekend: the day is a Saturday or Sunday.
        young: the stream's baseline is being made.
        watched: it is held against its baseline.
        flagged: sentinels flagged: positive, negative.
        sentinels: sentinels judged, the same.
        labels: labels that came in, by day; null on days without any.
        burst: a burst of labels asked for is complete.
        log_weights: of the views of each stream; the first axis is the stream.
        mass: start mass of the e-detector.
    """

    rate: Floats
    n: Floats
    weekend: Mask
    young: Mask
    watched: Mask
    flagged: Floats
    sentinels: Floats
    labels: tuple[Labels | None, ...]
    burst: Mask
    log_weights: Floats
    mass: Floats

    def days(self) -> Iterator[Day]:
        """One day after the other, as the engine takes them."""
        for day in range(len(self.rate)):
            yield Day(
                rate=self.rate[day],
                n=self.n[day],
                weekend=bool(self.weekend[day]),
                young=self.young[day],
                watched=self.watched[day],
                flagged=self.flagged[day],
                sentinels=self.sentinels[day],
                labels=self.labels[day],
                burst=self.burst[day],
                mass=self.mass[day],
            )


def inputs_of(
    streams: Streams,
    *,
    first: pd.Timestamp,
    quality: pd.DataFrame | None = None,
    labels: pd.DataFrame | None = None,
    masses: Mapping[str, Floats] | None = None,
) -> Inputs:
    """Bring a history into the form that the engine takes.

    Args:
        streams: daily figures.
        first: day 0.
        quality: rows of ``judge_quality``; null: no sentinels were judged.
        labels: as ``label_days`` takes them; null: nobody labelled.
        masses: start mass of each day by deployment family; one where there is none.
    """
    days = streams.rate.shape[1]
    segments = by_segment(streams)
    rate, n = _views(streams, segments)
    seen, index = np.isfinite(n[..., 0]), np.arange(days)[:, None]
    begins = np.where(seen.any(axis=0), seen.argmax(axis=0), days)
    flagged, sentinels = sentinel_days(
        streams.labels, quality, begins=begins, first=first, days=days
    )
    told, burst = label_days(streams, segments, rate, labels, first=first)
    weekday = (first.dayofweek + np.arange(days)) % 7
    return Inputs(
        rate=rate,
        n=n,
        weekend=weekday >= 5,
        young=seen & (index <= streams.baseline_end),
        watched=seen & (index > streams.baseline_end),
        flagged=flagged,
        sentinels=sentinels,
        labels=told,
        burst=burst,
        log_weights=mix_weights(streams.mix),
        mass=_masses(streams, masses or {}),
    )


def _masses(streams: Streams, masses: Mapping[str, Floats]) -> Floats:
    """Start masses, day x stream."""
    found = np.ones(streams.rate.T.shape)
    if masses:
        families = streams.labels["deployment_family"]
        for stream, family in enumerate(families):
            found[:, stream] = masses.get(str(family), 1.0)
    return found


def mix_weights(mix: Floats) -> Floats:
    """Log of the views' weights: half for the whole, the rest for the segments of the baseline.

    Where there is one segment or none, the whole is all there is to see.

    Args:
        mix: of the baseline, stream x segment.
    """
    own = mix > 0
    count = own.sum(axis=1, keepdims=True)
    several = count > 1
    whole = np.where(several, WHOLE, 1.0)
    share = np.where(own & several, (1 - WHOLE) / np.maximum(count, 1), 0.0)
    with np.errstate(divide="ignore"):
        return np.log(np.concatenate([whole, share], axis=1))


def _views(streams: Streams, segments: SegmentDays) -> tuple[Floats, Floats]:
    """Rates and effective n, day x stream x view."""
    rate = np.concatenate([streams.rate.T[..., None], np.moveaxis(segments.rate, 2, 0)], axis=2)
    spread = np.concatenate(
        [streams.spread.T[..., None], np.moveaxis(segments.spread, 2, 0)], axis=2
    )
    return rate, 1 / (streams.clustering[:, None] * spread)
