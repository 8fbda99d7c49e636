"""Whose a moved opportunity rate is, told step by step.

Here belong: the words around what ``detection.traffic`` computed. Here does not belong: any
arithmetic, or the steps that these series share with all others (``explain``).
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from alignment_monitor.detection.explanation import Explanation
from alignment_monitor.detection.traffic import MOVED, SHARE, Whose


def sentinels(whose: Whose) -> Iterator[str]:
    """What the judge did on sentinels of the flag."""
    yield "3. The judge, by the sentinels of this opportunity:"
    positive, negative = whose.sentinels
    yield f"{positive} that have it and {negative} that have not were judged this day"
    if math.isfinite(whose.judge):
        yield f"highest of their charts {whose.judge:.6g}, the threshold is {whose.log_judge:.6g}"
    yield (
        "they clear the judge of a change as large as that since the change, if there is one"
        if whose.quiet
        else "they do not clear the judge: they moved, or are too few to tell"
    )


def decision(steps: Explanation, row: Mapping[str, Any], whose: Whose) -> Iterator[str]:
    """The decision, and what it is put down to."""
    stated = row["average_run_length_days"]
    yield "5. The decision:"
    yield (
        f"threshold {steps.threshold:.6g} = log of {stated:.6g} days × "
        f"{math.exp(steps.threshold) / stated:.0f} series; in that time a false page is stated "
        f"{1 / SHARE:g} times"
    )
    if whose.cause is None:
        yield f"statistic {steps.statistic:.6g}: no alarm, so there is no change to be explained"
        return
    moved = whose.cause.first_turns
    first = (
        f"first turns moved the same way by {moved:.6g} standard errors"
        if math.isfinite(moved)
        else "no first turn was judged"
    )
    yield f"since the change {first}, where {MOVED:g} are needed"
    yield (
        f"statistic {steps.statistic:.6g}, first turns {'moved' if moved >= MOVED else 'did not'}, "
        f"the judge is {'cleared' if whose.quiet else 'not cleared'}: {whose.cause.type}"
    )
