"""Baselines made anew: which rows a new normal rests on, and which one stands on a day.

Here belong: the epochs that resets cut a series into. Here does not belong: how a reset is recorded
(``store.resets``), or what a baseline learns (``detection``).

A series here is family x behaviour. Reset k has a first day of the new normal, f_k, and the day it
was recorded on, r_k, with f_k <= r_k. Epoch 0 has all rows before r_1, epoch k those from f_k up to
the day before r_(k+1). A row between f_k and r_k is thus in two epochs: days before r_k are decided
from the old one as if nobody had recorded anything, days from r_k on from the new one.
"""

from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from alignment_monitor.statistics.cells import Integers, day_of

RESETS = ("deployment_family", "behaviour", "from_day", "recorded_on")
SERIES = ["deployment_family", "behaviour"]


class Steps(NamedTuple):
    """The resets of one series that count, oldest first; both are arrays of days."""

    from_day: pd.DatetimeIndex
    recorded_on: pd.DatetimeIndex

    def standing(self, days: pd.DatetimeIndex) -> Integers:
        """The epoch that stands on each day: that of the latest reset recorded by then."""
        return np.searchsorted(self.recorded_on, days, side="right").astype(np.int64)


def no_resets() -> pd.DataFrame:
    """A frame of resets without any."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in RESETS})


def steps(resets: pd.DataFrame, family: str, behaviour: str) -> Steps:
    """The resets of one series that count: of one recorded day the last.

    Args:
        resets: deployment_family, behaviour (null: all), from_day and recorded_on, in the order in
            which they were recorded.
        family: deployment family.
        behaviour: question watched.

    Raises:
        ValueError: a reset begins after the day it was recorded on.
    """
    named = resets["behaviour"]
    own = resets[(resets["deployment_family"] == family) & (named.isna() | (named == behaviour))]
    days = own.assign(from_day=day_of(own["from_day"]), recorded_on=day_of(own["recorded_on"]))
    if (days["from_day"] > days["recorded_on"]).any():
        raise ValueError(f"a reset of {family} begins after the day it was recorded on")
    last = days.drop_duplicates("recorded_on", keep="last").sort_values("recorded_on")
    return Steps(pd.DatetimeIndex(last["from_day"]), pd.DatetimeIndex(last["recorded_on"]))


def with_epochs(user_days: pd.DataFrame, resets: pd.DataFrame) -> pd.DataFrame:
    """The rows of every epoch, with its number in an integer column ``epoch``.

    Args:
        user_days: rows with deployment_family, behaviour and day.
        resets: as for ``steps``.

    Returns:
        Each row as often as epochs have it; without resets each row once, with epoch 0.

    Raises:
        ValueError: as for ``steps``.
    """
    if resets.empty:
        return user_days.assign(epoch=0)
    day = day_of(user_days["day"])
    places, epochs = [], []
    for series, own in user_days.groupby(SERIES, sort=False).indices.items():
        family, behaviour = cast(tuple[str, str], series)
        cuts = steps(resets, family, behaviour)
        when = day.iloc[own]
        for epoch in range(len(cuts.recorded_on) + 1):
            inside = np.ones(len(own), dtype=bool)
            if epoch > 0:
                inside &= (when >= cuts.from_day[epoch - 1]).to_numpy()
            if epoch < len(cuts.recorded_on):
                inside &= (when < cuts.recorded_on[epoch]).to_numpy()
            places.append(own[inside])
            epochs.append(np.full(inside.sum(), epoch))
    none = [np.empty(0, dtype=np.int64)]
    rows = user_days.iloc[np.concatenate(none + places)]
    return rows.assign(epoch=np.concatenate(none + epochs))


def standing_rows(
    user_days: pd.DataFrame, resets: pd.DataFrame, family: str, behaviour: str, day: pd.Timestamp
) -> pd.DataFrame:
    """The rows of one series up to a day that belong to the epoch which stands on that day.

    Args:
        user_days: rows with deployment_family, behaviour and day.
        resets: as for ``steps``; those recorded after the day do not count.
        family: deployment family.
        behaviour: question watched.
        day: the day.

    Raises:
        ValueError: as for ``steps``.
    """
    mine = (user_days["deployment_family"] == family) & (user_days["behaviour"] == behaviour)
    when = day_of(user_days["day"])
    mine &= when <= day
    cuts = steps(resets, family, behaviour)
    epoch = int(cuts.standing(pd.DatetimeIndex([day]))[0])
    if epoch > 0:
        mine &= when >= cuts.from_day[epoch - 1]
    return user_days[mine]
