"""What all charts over time share: their axis of days, its titles, and where a day stands.

Here belongs: the look of axes. Here does not belong: any mark (charts.py and its like).
"""

from datetime import date
from typing import Any

import altair as alt
import pandas as pd
from palette import QUIET

QUIET_TITLE: dict[str, Any] = {
    "titleColor": QUIET, "titleFontSize": 11, "titleFontWeight": "normal", "titlePadding": 6,
}  # fmt: skip
FLOOR = alt.value("height")


DAY_OR_YEAR = (
    "utcmonth(datum.value) == 0 && utcdate(datum.value) == 1"
    " ? utcFormat(datum.value, '%Y') : utcFormat(datum.value, '%-d %b')"
)
"""The first of January tells the year: over two years a day alone would stand for two."""


def over_days(name: str = "day:T") -> alt.X:
    """The axis of days."""
    axis = alt.Axis(
        labelExpr=DAY_OR_YEAR, tickCount=5, grid=False, labelOverlap=True, **QUIET_TITLE
    )
    return alt.X(name, title="day (UTC)", axis=axis, scale=alt.Scale(type="utc"))


def moment(day: date) -> pd.Timestamp:
    """A day as charts place it."""
    return pd.Timestamp(day, tz="UTC")
