"""Control limits as marks on a chart of a judge's scores, as pure functions.

Here belong: their lines, and the points beyond them. Here does not belong: where the limits lie
(control.py).
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
from axes import moment, over_days
from control import Limits
from palette import ALARM, QUIET
from wording import interval, rate, short_day

from alignment_monitor.judging.quality import SENSITIVITY, SPECIFICITY

FEWEST = 5
"""A rate of fewer is not drawn: it would jump about, and flatten all that follows."""


def layers(limits: Sequence[Limits], colour: str) -> list[Any]:
    """Control limits as thin steps, and the points that lie beyond them."""
    shown = [
        {
            "day": moment(one.point.day),
            "date": short_day(one.point.day),
            "era": one.point.era,
            "measure": measure,
            "lower": bounds[0],
            "upper": bounds[1],
            "rate": score.rate,
            "beyond": measure in one.outside,
            "told": f"{measure} {rate(score.rate)}, expected {interval(*bounds)} %",
        }
        for one in limits
        for measure, score, bounds in (
            (SENSITIVITY, one.point.found, one.found),
            (SPECIFICITY, one.point.passed, one.passed),
        )
        if bounds and score.n >= FEWEST
    ]
    if not shown:
        return []
    frame = pd.DataFrame(shown)
    steps = [
        alt.Chart(frame[frame["measure"] == measure])
        .mark_line(interpolate="step", color=hue, strokeWidth=0.8, opacity=0.75, clip=True)
        .encode(x=over_days(), y=alt.Y(f"{end}:Q"), detail=alt.Detail("era:N"))
        for measure, hue in ((SENSITIVITY, colour), (SPECIFICITY, QUIET))
        for end in ("lower", "upper")
        if (frame["measure"] == measure).any()
    ]
    beyond = (
        alt.Chart(frame[frame["beyond"]])
        .mark_point(color=ALARM, filled=True, size=22, opacity=1)
        .encode(
            x=over_days(),
            y=alt.Y("rate:Q"),
            tooltip=[alt.Tooltip("date:N", title="beyond its limits"), alt.Tooltip("told:N")],
        )
    )
    return [*steps, beyond] if frame["beyond"].any() else steps
