from datetime import date, timedelta
from itertools import pairwise

import altair as alt
import chart_marks
import charts
import pytest
from hypothesis import given
from hypothesis import strategies as st

FIRST = date(2026, 9, 25)
LAST = FIRST + timedelta(days=60)


def mark(offset, label="a short label", kind="note"):
    return FIRST + timedelta(days=offset), kind, label


def placed(*marks):
    return chart_marks._placed(sorted(marks), FIRST, LAST)


def drawn(*marks):
    return [layer.to_dict() for layer in chart_marks.layers(marks, FIRST, LAST)]


def test_a_lonely_mark_has_its_label_on_the_side_with_room():
    assert placed(mark(5)) == [("a short label", "left")]
    assert placed(mark(58)) == [("a short label", "right")]


def test_a_long_label_is_cut_and_whole_in_the_tooltip():
    label = "the search index was rebuilt twice"
    ((text, _),) = placed(mark(5, label))
    assert text == "the search inde…"
    (rule, *_) = drawn(mark(5, label))
    assert label in str(rule["datasets"])


def test_of_marks_side_by_side_what_has_no_room_has_no_label():
    assert [text != "" for text, _ in placed(mark(1), mark(3), mark(30))] == [False, True, True]


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.text("ab", min_size=1, max_size=30)),
        min_size=1,
        max_size=9,
    )
)
def test_no_label_crosses_another_mark_or_leaves_the_chart(offsets):
    marks = sorted(mark(offset, label) for offset, label in offsets)
    spans = []
    for (day, _, _), (text, side) in zip(marks, placed(*marks), strict=True):
        room = timedelta(days=60 * chart_marks.ROOM * len(text) / chart_marks.LONGEST)
        if text:
            spans.append((day, day + room) if side == "left" else (day - room, day))
            assert not any(spans[-1][0] < other < spans[-1][1] for other, _, _ in marks)
    assert all(start >= FIRST and end <= LAST for start, end in spans)
    ordered = sorted(spans)
    assert all(one[1] <= other[0] for one, other in pairwise(ordered))


@pytest.mark.parametrize("offset", [-1, 61])
def test_what_lies_outside_of_the_chart_is_not_drawn(offset):
    assert drawn(mark(offset)) == []


def test_changes_and_alarms_are_marked_on_their_days_and_told():
    day = (FIRST + timedelta(days=40), "caving rose")
    for layers, shown in (
        (chart_marks.changes([day], LAST), "since 4"),
        (chart_marks.alarms([day]), "found 4"),
    ):
        (rule, *_) = [layer.to_dict() for layer in layers]
        (row,) = next(iter(rule["datasets"].values()))
        assert row["label"].replace("\u00a0", " ").startswith(shown)
        assert row["statement"] == "caving rose"
    assert chart_marks.changes([], LAST) == chart_marks.alarms([]) == []


def test_marks_outside_the_days_drawn_do_not_stretch_the_axis():
    told = [(FIRST - timedelta(days=1), "-"), (LAST, "in"), (LAST + timedelta(days=1), "-")]
    assert charts.inside(told, (FIRST, LAST)) == [(LAST, "in")]


def test_what_is_normal_is_a_level_line_and_none_where_it_is_not_known():
    (rule,) = [layer.to_dict() for layer in chart_marks.normal(0.12, alt.Y("rate:Q"))]
    (row,) = next(iter(rule["datasets"].values()))
    assert row["rate"] == 0.12
    assert chart_marks.normal(None, alt.Y("rate:Q")) == []
