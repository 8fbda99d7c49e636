"""Rates of families from people's labels, window by window.

Here belong: judged messages joined to their labels, the realised probability of a label, and the
rows that come of both. Here does not belong: the estimate itself (two_phase).
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.cells import Floats, day_of, encode, group, tally
from alignment_monitor.statistics.estimate_rows import TWO_PHASE, finished
from alignment_monitor.statistics.gold_sample import collapse_strata
from alignment_monitor.statistics.two_phase import two_phase
from alignment_monitor.statistics.windows import ALL, dense, first_of

METHOD = (
    "stratified two-phase, realised label shares, clustered by user; "
    "Wilson on effective n, t quantile, Satterthwaite"
)
SHORTEST = 7
"""Days that a window needs for labels to speak for it: on single days strata hold one or two."""

SERIES = ("deployment_family", "behaviour", "rubric_version", "panel")
MESSAGE = ("day", "conversation_id", "message_index")


class LabelledDays:
    """Judged messages by behaviour, with what people say of those that they labelled."""

    def __init__(self, judged: pd.DataFrame, labels: pd.DataFrame) -> None:
        """Join labels to what they are about.

        The probability of a label is the share labelled within stratum and day, as realised, and
        not the chance with which a message was queued: what waits unlabelled has no part in it,
        and a second draw over the same days changes it only once its messages are labelled too.

        Args:
            judged: message x behaviour: ``MESSAGE``, ``SERIES``, user_key, weight d, the judges'
                o and y, and the stratum in which the message was when labels were drawn.
            labels: message x behaviour: ``MESSAGE``, behaviour, and offered and event in [0, 1];
                missing where people said neither.
        """
        given = labels.dropna(subset=["offered", "event"])
        given = given.assign(day=day_of(given["day"]))
        frame = judged.assign(day=day_of(judged["day"]))
        frame = frame.merge(given, on=[*MESSAGE, "behaviour"], how="left", validate="m:1")
        names = ("day", *SERIES, "stratum", "user_key", *MESSAGE[1:])
        coded = encode(frame, names)
        frame = frame.iloc[coded.order]
        self._days = frame["day"].to_numpy().astype("datetime64[D]")
        self._series = dense(*(coded.codes[name] for name in SERIES))
        self._labels = {name: frame[name].to_numpy(dtype=object) for name in SERIES}
        self._user = coded.codes["user_key"]
        self._stratum = coded.codes["stratum"]
        seen = frame["stratum"].str.partition("|")[0]
        self._parent = np.asarray(pd.factorize(seen, sort=True)[0], dtype=np.int64)
        self._d, self._o, self._y, self._offered, self._event = (
            frame[name].to_numpy(dtype=float) for name in ("d", "o", "y", "offered", "event")
        )
        drawn = group(self._series, coded.codes["stratum"], coded.codes["day"])
        labelled = np.isfinite(self._event)
        share = drawn.sum(labelled.astype(float)) / drawn.sum(np.ones(len(labelled)))
        self._probability: Floats = share[drawn.code]

    def estimates(self, day: date, windows: Iterable[int]) -> pd.DataFrame:
        """Rows of ``ESTIMATES`` of the windows of 7 days or more in which there are labels.

        Strata are those of the draw, each parted by the judges' verdict on the behaviour; those
        with too few labels are merged with others in which the judges saw the same.
        """
        parts = [self._window(day, window) for window in sorted(set(windows)) if window >= SHORTEST]
        known = [part for part in parts if part is not None]
        if not known:
            return pd.DataFrame(columns=ESTIMATES.schema.names)
        return finished(pd.concat(known, ignore_index=True), day=day, mode=TWO_PHASE, method=METHOD)

    def _window(self, day: date, window: int) -> pd.DataFrame | None:
        start, end = np.searchsorted(
            self._days,
            [
                np.datetime64(day - timedelta(days=window - 1)),
                np.datetime64(day + timedelta(days=1)),
            ],
        )
        rows = slice(int(start), int(end))
        labelled = np.isfinite(self._event[rows])
        if not labelled.any():
            return None
        cell = dense(self._series[rows])
        first = first_of(cell)
        d, o, y = self._d[rows], self._o[rows], self._y[rows]
        flagged = (y >= 0.5).astype(np.int64)
        stratum = collapse_strata(
            dense(self._stratum[rows], flagged), self._parent[rows], labelled, cell=cell
        )
        found, opportunity, joint = (
            two_phase(
                weight=d,
                stratum=stratum,
                user=self._user[rows],
                event=event,
                offered=offered,
                gold_probability=self._probability[rows],
                cell=cell,
                cells=len(first),
            )
            for event, offered in (
                (self._event[rows], self._offered[rows]),
                (self._offered[rows], None),
                (self._event[rows], None),
            )
        )

        def count(values: NDArray[Any]) -> Floats:
            return tally(cell, values.astype(float), len(first))

        users = group(cell, self._user[rows])
        there = tally(cell[users.first], users.sum((o >= 0.5).astype(float)) > 0, len(first))
        with np.errstate(divide="ignore", invalid="ignore"):
            judged = np.clip(count(d * y) / count(d * o), 0, 1)
        return pd.DataFrame(
            {
                **{name: labels[rows][first] for name, labels in self._labels.items()},
                "deployment": ALL,
                "segment": ALL,
                "window_days": window,
                "n": count(o >= 0.5).astype(np.int64),
                "judged": found.judged,
                "users": there.astype(np.int64),
                "labels": found.gold,
                "effective_n": found.effective_n,
                "opportunity_rate": opportunity.rate,
                "joint_rate": joint.rate,
                "prevalence": found.rate,
                "lower": found.lower,
                "upper": found.upper,
                "judged_prevalence": judged,
                "reason": found.reason,
            }
        )
