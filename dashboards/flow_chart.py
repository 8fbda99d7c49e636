"""The flow of everything as a chart, as a pure function."""

from typing import Any

import altair as alt
import pandas as pd
from charts import FIT
from flow import HEIGHT, LINE, WIDTH, Drawing


def chart(data: Drawing, ink: str) -> Any:
    """Bars, bands between them, and a label beside each, in the colour of the text around."""
    low = max([HEIGHT, *(label["y"] + LINE / 2 for label in data.labels)])
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, WIDTH], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[low, 0], nice=False))
    hue = alt.Color("hue:N", scale=None)
    layers = [
        alt.Chart(pd.DataFrame(data.bands))
        .mark_area(line=False)
        .encode(
            x=x, y=y, y2=alt.Y2("y2:Q"), color=hue, detail=alt.Detail("band:N"),
            opacity=alt.Opacity("opacity:Q", scale=None),
        ),
        alt.Chart(pd.DataFrame(data.boxes))
        .mark_rect(stroke=None)
        .encode(x=x, x2=alt.X2("x2:Q"), y=y, y2=alt.Y2("y2:Q"), color=hue),
        alt.Chart(pd.DataFrame(data.labels))
        .mark_text(align="left", baseline="middle", fontSize=12, fontWeight=600, color=ink)
        .encode(x=x, y=y, text=alt.Text("label:N")),
    ]  # fmt: skip
    return alt.layer(*layers, height=low, autosize=FIT).configure_view(stroke=None)
