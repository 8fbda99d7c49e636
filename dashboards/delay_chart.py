"""The chart of a judge's latencies, as pure functions."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
from axes import QUIET_TITLE, moment, over_days
from charts import FIT, PADDING, TREND_HEIGHT
from delays import Delay, seconds
from palette import QUIET
from wording import count, short_day


def delays(days: Sequence[Delay]) -> Any:
    """Median and 95th percentile of each day, on a logarithmic axis: delays differ by factors."""
    frame = pd.DataFrame(
        {
            "day": [moment(one.day) for one in days],
            "date": [short_day(one.day) for one in days],
            "n": [one.n for one in days],
            "median": [one.median for one in days],
            "slow": [one.slow for one in days],
            "median_shown": [seconds(one.median) for one in days],
            "slow_shown": [seconds(one.slow) for one in days],
        }
    )
    axis = alt.Axis(tickCount=4, format="~g", **QUIET_TITLE)
    base = alt.Chart(frame)
    tooltip = [
        alt.Tooltip("date:N", title="answered on"),
        alt.Tooltip("median_shown:N", title="p50"),
        alt.Tooltip("slow_shown:N", title="p95"),
        alt.Tooltip("n:Q", title="n", format=","),
    ]
    y = alt.Y("median:Q", title="seconds, p50 to p95", axis=axis, scale=alt.Scale(type="log"))
    layers = [
        base.mark_area(color=QUIET, opacity=0.2).encode(x=over_days(), y=y, y2=alt.Y2("slow:Q")),
        base.mark_line(color=QUIET, strokeWidth=2.2, point=True).encode(x=over_days(), y=y),
        base.mark_rule(strokeWidth=8, opacity=0).encode(x=over_days(), tooltip=tooltip),
    ]
    return alt.layer(*layers, height=TREND_HEIGHT, autosize=FIT, padding=PADDING)


def alt_of(days: Sequence[Delay], judge: str) -> str:
    """The chart in words."""
    last = days[-1]
    return (
        f"Latency of {judge} per day, {short_day(days[0].day, last.day)} to {short_day(last.day)}. "
        f"On the last day half of {count(last.n)} answers came within {seconds(last.median)}, 95 "
        f"of 100 within {seconds(last.slow)}."
    )
