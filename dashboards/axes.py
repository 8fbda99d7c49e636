"""What all charts over time share: their axis of days, its titles, and where a day stands.

Here belongs: the look of axes. Here does not belong: any mark (charts.py and its like).
"""

from datetime import date
from typing import Any

import altair as alt
import pandas as pd

QUIET_TITLE: dict[str, Any] = {
    "titleFontSize": 11, "titleFontWeight": "normal", "titlePadding": 6,
}  # fmt: skip
FLOOR = alt.Y2Value("height")
DAYS = (
    "utchours(datum.value) ? '' : "
    "utcFormat(datum.value, utcdayofyear(datum.value) == 1 ? '%-d %b %Y' : '%-d %b')"
)
"""A day is named once, at its midnight: axes of few days have ticks within a day too."""


def over_days(name: str = "day:T") -> alt.X:
    """The axis of days."""
    axis = alt.Axis(labelExpr=DAYS, tickCount=5, grid=False, labelOverlap=True, **QUIET_TITLE)
    return alt.X(name, title="day (UTC)", axis=axis, scale=alt.Scale(type="utc"))


def moment(day: date) -> pd.Timestamp:
    """A day as charts place it."""
    return pd.Timestamp(day, tz="UTC")
