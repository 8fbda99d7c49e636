"""Charts over each other, as Vega-Lite.

Here belongs: putting layers and their data together. Here does not belong: what a layer shows
(charts.py and its like).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import altair as alt
import pandas as pd
from altair.utils.data import to_values


@dataclass(frozen=True)
class Layers:
    """What ``alt.layer`` makes of charts that each bring their data and no parameters.

    Neighbours of one frame hold it once. Altair would copy every part of every layer twice, and
    Streamlit turn frames that lie apart from their layers into Arrow's form each time that a page
    is drawn, which the browser then undoes; either takes as long as all the rest.

    Attributes:
        parts: the charts, the lowest first.
        properties: of the whole, as of ``alt.layer``.
    """

    parts: Sequence[alt.Chart]
    properties: dict[str, Any] = field(default_factory=dict)

    def to_dict(self, *, validate: bool = True) -> dict[str, Any]:
        """The whole as Vega-Lite, checked against its schema unless told otherwise."""
        layers: list[dict[str, Any]] = []
        for _, group in groupby(self.parts, key=lambda part: id(part.data)):
            parts = list(group)
            drawn = [_without_data(part) for part in parts]
            inner = drawn[0] if len(drawn) == 1 else {"layer": drawn}
            layers.append({"data": plain(parts[0].data), **inner})
        whole: dict[str, Any] = alt.LayerChart(**self.properties).to_dict(validate=False)
        found = {**whole, "layer": layers}
        if validate:
            alt.LayerChart.from_dict(found)
        return found


def plain(data: Any) -> Any:
    """A frame as Vega-Lite takes it: what Altair makes of ours, at a tenth of the cost.

    Args:
        data: a frame of numbers, flags, text and days in UTC; anything else is left to Altair.
    """
    if not isinstance(data, pd.DataFrame):
        return to_values(data)
    columns = [_values(data[name]) for name in data.columns]
    return {
        "values": [dict(zip(data.columns, row, strict=True)) for row in zip(*columns, strict=True)]
    }


def _values(column: "pd.Series[Any]") -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return [None if value is pd.NaT else value.isoformat() for value in column]
    return [
        None if isinstance(value, float) and not math.isfinite(value) else value
        for value in column.tolist()
    ]


def _without_data(part: alt.Chart) -> dict[str, Any]:
    bare = part.copy(deep=False)
    bare.data = alt.Undefined
    # By the frame Altair knows the types of columns that are named without one.
    context = {"top_level": False, "data": part.data}
    found: dict[str, Any] = bare.to_dict(validate=False, context=context)
    found.pop("data", None)  # Altair's word for none
    return found
