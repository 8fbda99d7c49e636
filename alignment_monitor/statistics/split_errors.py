"""How sure the parts of a split are: standard errors of the mix's and the rate's part.

Here belongs: the jackknife of ``decomposition``, from sums of users. Here does not belong: the
parts themselves, or what the judge's errors add. Source: Kott 2001 (delete-a-group jackknife: the
split is made again without each group of users, and how far the results lie apart is the error).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignment_monitor.statistics.cells import Floats, Integers
from alignment_monitor.statistics.decomposition import Period, decompose

GROUPS = 50
"""Groups of users, each left out in turn; with fewer users each is a group."""
FEWEST_USERS = 30
"""Users of either period below which no error is given: it would be too unsure itself."""
_NOTHING = 1e-9
"""What rounding leaves of a sum whose terms were all taken away."""


@dataclass(frozen=True)
class UserSums:
    """Sums of both periods, a row for each user, segment and period; arrays of one length.

    Attributes:
        user: number of the user, from 0; the same in both periods, without regard to what they do.
        segment: number of the segment, from 0.
        is_after: of the second period.
        offered: estimated messages with the opportunity.
        positive: estimated events among them.
    """

    user: Integers
    segment: Integers
    is_after: NDArray[np.bool_]
    offered: Floats
    positive: Floats


class PartErrors(NamedTuple):
    """Standard errors of two parts; not numbers where nothing is known of them."""

    mix: float
    rate: float


class Judge(NamedTuple):
    """The judge's errors of a period, taken as known."""

    sensitivity: float = 1.0
    false_positive: float = 0.0


PERFECT = Judge()


def part_errors(sums: UserSums, before: Judge = PERFECT, after: Judge = PERFECT) -> PartErrors:
    """Standard errors of the parts that ``decompose`` gives the mix and the rate.

    Users are left out whole, of both periods and all segments: whoever is in several is one person.
    The judge is taken as known; what sentinels leave open comes on top.

    Not numbers with fewer than 30 users in either period, nor, for a part, where leaving users out
    changes nothing: no event, or a single segment, shows no spread, which is not to know the part.
    """
    there = sums.offered > 0
    people = [np.unique(sums.user[there & period]) for period in (~sums.is_after, sums.is_after)]
    if min(len(users) for users in people) < FEWEST_USERS:
        return PartErrors(np.nan, np.nan)
    users = np.union1d(*people)
    groups = min(GROUPS, len(users))
    offered, positive = _left_out(sums, np.searchsorted(users, sums.user) % groups, groups)
    splits = [
        decompose(_period(o[0], y[0], before), _period(o[1], y[1], after))
        for o, y in zip(offered, positive, strict=True)
    ]
    parts = np.array([(found.mix, found.rate) for found in splits])
    variance = (groups - 1) * parts.var(axis=0)
    mix, rate = np.where(variance > _NOTHING**2, np.sqrt(variance), np.nan)
    return PartErrors(float(mix), float(rate))


def _left_out(sums: UserSums, group: Integers, groups: int) -> tuple[Floats, Floats]:
    """Messages and events without each group of users: group x period x segment."""
    totals = np.zeros((2, groups, 2, int(sums.segment.max()) + 1))
    at = (group, sums.is_after.astype(int), sums.segment)
    for total, values in zip(totals, (sums.offered, sums.positive), strict=True):
        np.add.at(total, at, values)
    offered, positive = totals.sum(axis=1, keepdims=True) - totals
    return np.where(offered > _NOTHING, offered, 0.0), positive


def _period(offered: Floats, positive: Floats, judge: Judge) -> Period:
    judged = np.where(offered > 0, positive / np.where(offered > 0, offered, 1.0), np.nan)
    rate = (judged - judge.false_positive) / (judge.sensitivity - judge.false_positive)
    return Period(offered, rate, *judge)
