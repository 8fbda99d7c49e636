"""A chart as a file stands for itself: title, words, axes, background."""

from datetime import date

import altair as alt
import axes
import hypothesis.strategies as st
import pandas as pd
from altair.utils.data import to_values
from hypothesis import given
from pictures import picture, plain, standing_alone

FRAME = pd.DataFrame({"day": [axes.moment(date(2026, 11, day)) for day in (1, 2)], "rate": [0, 1]})
CHART = (
    alt.Chart(FRAME)
    .mark_line()
    .encode(x=axes.over_days(), y=alt.Y("rate:Q", title="share of replies"))
    .to_dict()
)
SAID = "Caving, 1 Nov to 2 Nov 2026. Over the last 7 days 22 % [18, 26] of 400 messages." * 2


def svg(*, simulated=False):
    spec = standing_alone(CHART, "Caving <of> aurora", SAID, simulated=simulated)
    return picture(spec, "SVG").decode()


def test_a_picture_has_title_words_axes_and_background():
    drawn = svg()
    for words in ("Caving &lt;of&gt; aurora", "share of replies", "day (UTC)", "400 messages"):
        assert words in drawn.replace("\u00a0", " ")
    assert 'fill="#ffffff"' in drawn
    assert "http" not in drawn.replace("http://www.w3.org", "")


def test_simulated_verdicts_are_told_away_from_the_page():
    assert "Simulated verdicts" in svg(simulated=True)
    assert "Simulated" not in svg()


def test_no_day_is_named_twice():
    days = [word for word in ("1 Nov", "2 Nov") for _ in range(svg().count(f">{word}<"))]
    assert days == ["1 Nov", "2 Nov"]


def test_a_bitmap_is_one_and_large_enough_for_a_slide():
    drawn = picture(standing_alone(CHART, "Caving", SAID, simulated=False), "PNG")
    assert drawn.startswith(b"\x89PNG")
    assert int.from_bytes(drawn[16:20], "big") > 1400


COLUMNS = {
    "day": st.dates(date(1980, 1, 1), date(2200, 1, 1)).map(axes.moment),
    "rate": st.one_of(st.none(), st.floats()),
    "n": st.integers(0, 2**53),
    "flag": st.booleans(),
    "text": st.one_of(st.none(), st.text()),
}


@given(st.lists(st.fixed_dictionaries(COLUMNS), min_size=1, max_size=4))
def test_a_frame_is_drawn_from_the_values_that_altair_would_take(rows):
    frame = pd.DataFrame({name: [row[name] for row in rows] for name in COLUMNS})
    assert plain(frame) == to_values(frame)


def test_charts_are_drawn_so():
    assert alt.data_transformers.active == "plain"


def test_what_is_no_frame_of_days_in_utc_is_left_to_altair_s_own_rules():
    assert plain({"values": [{"a": 1}]}) == to_values({"values": [{"a": 1}]})
    assert plain(pd.DataFrame({"a": []})) == {"values": []}
