"""The flow of everything: parts add up, bands lead from where they should to where they end."""

from collections import Counter
from itertools import pairwise

import flow
import flow_chart
from flow import HEIGHT, HUES, LINE, drawn, parts, rows, spread
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.contracts import CONVERSATION_STATES, MESSAGE_STATES

MESSAGES = st.dictionaries(st.sampled_from(MESSAGE_STATES), st.integers(0, 10**7))
CONVERSATIONS = st.dictionaries(st.sampled_from(CONVERSATION_STATES), st.integers(0, 10**7))


def test_every_state_has_a_colour():
    assert {*CONVERSATION_STATES, *MESSAGE_STATES} == set(HUES)


@given(MESSAGES)
def test_parts_add_up_to_the_bar_and_keep_their_proportions(totals):
    found = parts(totals, MESSAGE_STATES, HEIGHT)
    whole = sum(totals.values())
    assert sum(part.count for part in found) == whole
    assert not whole or abs(sum(part.height for part in found) - HEIGHT) < 1e-6
    assert all(abs(part.height * whole - HEIGHT * part.count) < 1e-3 * whole for part in found)
    assert sum(number for _, number, _ in rows(totals, MESSAGE_STATES)) == whole


@given(st.lists(st.floats(0, 240), max_size=8), st.floats(1, 30))
def test_ends_stay_in_order_and_leave_room_for_their_labels(sizes, least):
    tops = spread(sizes, least, HEIGHT)
    assert tops == sorted(tops)
    for top, after, size in zip(tops, tops[1:], sizes, strict=False):
        assert after - top >= max(size, least) - 1e-9


@given(CONVERSATIONS, MESSAGES)
def test_whatever_came_in_can_be_drawn(conversations, messages):
    data = drawn(conversations, messages)
    labels = " ".join(label["label"] for label in data.labels)
    assert f"Received  {sum(conversations.values()):,}" in labels
    assert all(box["y2"] > box["y"] for box in data.boxes)
    if conversations.get("accepted") and sum(messages.values()):
        tops = sorted(label["y"] for label in data.labels if label["x"] > flow.ENDS)
        assert all(b - a >= LINE - 1e-9 for a, b in pairwise(tops))


def test_it_is_told_in_words():
    told = flow.told(Counter(accepted=7, quarantined=1), Counter(judged=20, judge_failed=2))
    assert "8 conversations received: 7 accepted, 1 quarantined." in told
    assert "22 replies: 20 judged, 2 judge failed." in told
    assert flow_chart.chart(drawn(Counter(accepted=7), Counter(judged=20)), "#000").to_dict()[
        "layer"
    ]
