"""Layers put together without Altair's copies are what Altair makes of them."""

from datetime import date, timedelta

import altair as alt
import charts
import pandas as pd
import pictures  # noqa: F401 - how frames are handed over
import pytest
from altair.utils.schemapi import debug_mode
from jsonschema import ValidationError
from layers import Layers

FIRST = date(2026, 10, 1)


def a_trend():
    rows = [
        {"day": FIRST + timedelta(days=day), "prevalence": 0.1, "lower": 0.05, "upper": 0.2,
         "n": 90, "effective_n": 80.0, "mode": "judge", "rubric_version": "1", "panel": "p"}
        for day in range(60)
    ]  # fmt: skip
    start, found = FIRST + timedelta(days=40), FIRST + timedelta(days=44)
    return charts.Trend(
        title="Caving", colour="#123456", weekly=rows, daily=rows,
        eras=[("a-1", FIRST, start), ("a-2", start, FIRST + timedelta(days=59))],
        colours={"a-1": "#111111", "a-2": "#222222"}, baseline=(FIRST, start), normal=0.1,
        changes=[(start, "Caving rose.")], alarms=[(found, "Caving rose.")],
        marks=[(start, "rubric", "new rubric")],
    )  # fmt: skip


def leaves(spec, datasets):
    """Each layer with its own data, however deep it lies."""
    data = spec.get("data")
    values = datasets[data["name"]] if data and "name" in data else data and data["values"]
    for one in spec.get("layer", ()):
        for leaf in leaves(one, datasets):
            yield {"values": values} | leaf
    if "layer" not in spec:
        yield {**spec, "data": None} | ({"values": values} if values else {})


def test_a_trend_has_the_layers_and_the_data_that_altair_would_give_it():
    chart = charts.trend(a_trend())
    expected = alt.layer(*chart.parts, **chart.properties).to_dict()
    found = chart.to_dict()
    assert list(leaves(found, {})) == list(leaves(expected, expected["datasets"]))
    for apart in ("layer", "datasets"):
        expected.pop(apart), found.pop(apart, None)
    assert found == expected


def test_a_frame_of_neighbours_is_held_once():
    found = charts.trend(a_trend()).to_dict()
    held = [len(one["data"]["values"]) for one in found["layer"]]
    assert held.count(60) == 2, "single days, and weeks with band, line and targets"


def test_what_vega_lite_does_not_know_is_refused():
    frame = pd.DataFrame({"x": [1]})
    with debug_mode(False):  # else Altair refuses it while it is built
        wrong = alt.Chart(frame).mark_rule().encode(x=alt.X("x:Q", axis=alt.Axis(grid="no")))
        assert Layers([wrong]).to_dict(validate=False)
    with pytest.raises(ValidationError):
        Layers([wrong]).to_dict()
