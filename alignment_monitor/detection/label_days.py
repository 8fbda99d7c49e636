"""People's labels as the detector takes them: on the day they came in.

Here belong: the weight of each label, the verdict that it was drawn by, and when a burst is
complete. Here does not belong: what a label is bet on (``gold``) or where labels are kept.

A label counts from the day on which it was given, not that of its message, or from the next day
with data: what was known on a day is all that a decision of that day may use. It is never taken
back; a correction comes too late.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignment_monitor.detection.baseline import Mask
from alignment_monitor.detection.labels import KINDS, Labels
from alignment_monitor.sampling.gold import STRATA
from alignment_monitor.statistics.cells import Floats, Integers, day_of
from alignment_monitor.statistics.standardise import STREAM, SegmentDays, Streams

COMPLETE = 0.5
"""Of a burst, what must be labelled for it to count as one that came in."""


_KINDS = {name: kind for kind, name in enumerate(STRATA)}


def label_days(
    streams: Streams,
    segments: SegmentDays,
    rate: Floats,
    labels: pd.DataFrame | None,
    *,
    first: pd.Timestamp,
) -> tuple[tuple[Labels | None, ...], Mask]:
    """Labels by the day they came in, and the days on which a burst was complete.

    Args:
        streams: daily figures.
        segments: theirs by segment.
        rate: by view, day x stream x view.
        labels: labelled messages that gave cause, by verdict: ``STREAM``, segment, day of the
            message, labelled_on, d (its design weight), flagged (the verdict was an event), event
            in [0, 1], batch (of a burst; else null) and batch_size, local (drawn in its segment
            alone). Where messages with the same verdict are drawn at different rates, also
            queue_stratum, by which they are, with among and among_in_segment: its share of the
            day's messages with that verdict. Where verdicts are not yes or no, also above and
            above_in_segment: by how much the share of flagged messages was above the mean verdict
            on that day.
        first: day 0.

    Returns:
        Labels of each day, null without any, and bursts, day x stream.
    """
    days, size = rate.shape[:2]
    burst = np.zeros((days, size), dtype=bool)
    if labels is None or labels.empty:
        return (None,) * days, burst
    rows = _placed(streams, segments, labels, first, np.isfinite(rate[..., 0]))
    told: list[Labels | None] = [None] * days
    for day, mine in rows.groupby("index"):
        told[int(str(day))] = labels_of_day(mine, rate, size)
    asked = rows[rows["batch"].notna()].sort_values("index", kind="stable")
    so_far = asked.groupby(["stream", "batch"]).cumcount() + 1
    complete = so_far == np.ceil(COMPLETE * asked["batch_size"]).astype(np.int64)
    burst[asked.loc[complete, "index"], asked.loc[complete, "stream"]] = True
    return tuple(told), burst


def _placed(
    streams: Streams, segments: SegmentDays, labels: pd.DataFrame, first: pd.Timestamp, seen: Mask
) -> pd.DataFrame:
    """Labels with numbers for stream, segment and days, and their weight at the baseline's mix.

    A message of a later day than its label is another one with the same text: what it was like on
    that day could not be known.
    """
    days = len(seen)
    known = [name for name in STREAM if name in labels and name in streams.labels]
    numbers = streams.labels[known].assign(stream=np.arange(len(streams.labels)))
    rows = labels.merge(numbers, on=known)
    codes = {name: code for code, name in enumerate(streams.segments)}
    rows["place"] = rows["segment"].map(codes)
    rows["message_day"] = (day_of(rows["day"]) - first).dt.days
    rows["given"] = (day_of(rows["labelled_on"]) - first).dt.days
    inside = rows["message_day"].between(0, rows["given"]) & (rows["given"] < days)
    rows = rows[inside & rows["place"].notna() & rows["event"].notna()]
    rows = rows.astype({"place": np.int64})
    rows = rows[rows["place"] < streams.mix.shape[1]]
    rows["index"] = _next_seen(seen)[rows["given"], rows["stream"]]
    at = tuple(rows[name].to_numpy() for name in ("stream", "place", "message_day"))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = streams.mix[at[:2]] / segments.opportunities[at]
    rows["worth"] = rows["d"] * share
    usable = np.isfinite(rows["worth"]) & (rows["worth"] > 0) & (rows["index"] < days)
    if "queue_stratum" not in rows:
        rows = rows.assign(queue_stratum="", among=1.0, among_in_segment=1.0)
    order = ["stream", "index", "message_day", "place", "flagged", "queue_stratum"]
    return rows[usable].sort_values([*order, "event", "worth"])


def _next_seen(seen: Mask) -> Integers:
    """First day with data from each day on, day x stream; the number of days if none comes."""
    days = len(seen)
    own = np.where(seen, np.arange(days)[:, None], days)
    return np.asarray(np.minimum.accumulate(own[::-1], axis=0)[::-1])


def labels_of_day(rows: pd.DataFrame, rate: Floats, streams: int) -> Labels:
    """A row of cells for each stream, one cell for each label.

    Labels count by verdict and stratum as these do in traffic, however many of each were given:
    drawn more often is no more likely to be an event.
    """
    stream = rows["stream"].to_numpy()
    place = rows.groupby("stream").cumcount().to_numpy()
    shape = (streams, int(place.max()) + 1)
    shares = np.clip(_over_days(stream, rate[rows["message_day"], stream], streams), 0.0, 1.0)
    above = _above(rows, stream, shares.shape) if "above" in rows else None
    if above is not None:
        shares = np.clip(shares + np.nan_to_num(above), 0.0, 1.0)

    def cells(values: Any, kind: type = float) -> Any:
        filled: NDArray[Any] = np.zeros(shape, dtype=kind)
        filled[stream, place] = values
        return filled

    flagged = rows["flagged"].to_numpy(dtype=bool)
    return Labels(
        n=cells(1.0),
        y=cells(rows["event"].to_numpy()),
        scale=cells(np.nan_to_num(_scale(rows, shares))),
        stratum=cells(np.where(flagged, 0, 1), np.int64),
        segment=cells(rows["place"].to_numpy(), np.int64),
        shares=shares,
        local=cells(rows["local"].to_numpy(dtype=float)),
        above=above,
        kind=cells(rows["queue_stratum"].map(_KINDS).fillna(KINDS - 1), np.int64),
        among=cells(rows["among"]),
    )


def _scale(rows: pd.DataFrame, shares: Floats) -> Floats:
    """Weight of each label over the mean weight of all labels of its draw.

    Post-stratified by verdict and stratum, for how many were labelled of each is no matter of what
    they are. A stratum without a label counts as the others of its verdict do.

    Args:
        rows: labels of a day.
        shares: of flagged messages, stream x view.
    """
    view = np.where(rows["local"], rows["place"] + 1, 0)  # each segment drawn in is its own draw
    among = np.where(rows["local"], rows["among_in_segment"], rows["among"])
    rows = rows.assign(view=view, among=among)
    drawn = ["stream", "view", "flagged", "queue_stratum"]
    strata = rows.groupby(drawn)[["worth", "among"]].agg(
        size=("worth", "size"), worth=("worth", "mean"), among=("among", "mean")
    )
    strata["among"] /= strata.groupby(drawn[:-1])["among"].transform("sum")
    of = strata.loc[pd.MultiIndex.from_frame(rows[drawn])]
    size = rows.groupby(drawn[:2])["worth"].transform("size").to_numpy()
    share = shares[rows["stream"], view]
    share = np.where(rows["flagged"], share, 1 - share) * of["among"].to_numpy()
    return np.asarray(share * size / of["size"] * rows["worth"].to_numpy() / of["worth"])


def _above(rows: pd.DataFrame, stream: Integers, shape: tuple[int, ...]) -> Floats:
    """By how much the share of flagged messages is above the judged rate, stream x view."""
    seen = np.full((len(rows), shape[1]), np.nan)
    seen[:, 0] = rows["above"]
    seen[np.arange(len(rows)), rows["place"] + 1] = rows["above_in_segment"]
    return _over_days(stream, seen, shape[0])


def _over_days(stream: Integers, seen: Floats, streams: int) -> Floats:
    """Means by view over the days of the labelled messages; not a number where unlabelled.

    Args:
        stream: of each label.
        seen: figures of its day, label x view.
        streams: how many.
    """
    known = np.isfinite(seen)
    shape = (streams, seen.shape[1])
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, stream, np.where(known, seen, 0.0))
    np.add.at(count, stream, known)
    with np.errstate(invalid="ignore"):
        return total / count
