from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.sources.base import RefusedError
from alignment_monitor.sources.shapes import LIST_FIELDS, USER_FIELDS, parse_record, read_time

ASKED = datetime(2025, 5, 6, 10, tzinfo=UTC)


def said(raw):
    return [(message.role, message.content) for message in raw.messages]


def test_openai_messages_with_all_their_fields():
    raw = parse_record(
        {
            "id": "abc",
            "model": "gpt-x",
            "user": "u1",
            "created": ASKED.timestamp(),
            "metadata": {"surface": "chat", "retries": 2, "trusted": True, "nested": {"a": 1}},
            "feedback": {"thumb": "thumbs_down"},
            "messages": [
                {"role": "user", "content": [{"text": "Look"}, "here", {"type": "image_url"}]},
                {"role": "assistant", "content": None, "tool_calls": []},
                {"role": "assistant", "content": "Nice."},
            ],
        }
    )  # fmt: skip
    assert said(raw) == [("user", "Look\nhere\n[image]"), ("assistant", ""), ("assistant", "Nice.")]
    assert (raw.conversation_id, raw.deployment, raw.user_id) == ("abc", "gpt-x", "u1")
    assert raw.started_at == raw.ended_at == ASKED
    assert raw.segments == {"surface": "chat", "retries": "2", "trusted": "true"}
    assert raw.feedback == "down"


def test_times_of_messages_are_the_time_of_the_conversation():
    raw = parse_record(
        {
            "timestamp": "2025-01-01",
            "messages": [
                {"role": "user", "content": "a", "created_at": "2025-05-06T12:00:00+02:00"},
                {"role": "assistant", "content": "b", "timestamp": "2025-05-06T10:05:00Z"},
            ],
        }
    )
    assert (raw.started_at, raw.ended_at) == (ASKED, ASKED + timedelta(minutes=5))


@pytest.mark.parametrize(
    "record",
    [
        {
            "model": "gpt-x",
            "messages": [{"role": "user", "content": "q"}],
            "choices": [{"message": {"role": "assistant", "content": "a"}}, {"message": None}],
        },
        {
            "id": "1",
            "request": {"model": "gpt-x", "messages": [{"role": "user", "content": "q"}]},
            "response": {"choices": [{"message": {"role": "assistant", "content": "a"}}]},
        },
        {
            "model": "gpt-x",
            "conversations": [{"from": "user", "value": "q"}, {"from": "assistant", "value": "a"}],
        },
        {
            "model": "gpt-x",
            "conversation": np.array(
                [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
            ),
        },
        {
            "model": "gpt-x",
            "messages": '[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]',
        },
    ],
    ids=["stored completion", "request and response", "ShareGPT", "WildChat", "JSON in a column"],
)
def test_each_shape_says_the_same(record):
    raw = parse_record(record)
    assert said(raw) == [("user", "q"), ("assistant", "a")]
    assert raw.deployment == "gpt-x"


def test_wildchat_columns():
    raw = parse_record(
        {
            "conversation_hash": "h1",
            "model": "gpt-x",
            "timestamp": datetime(2025, 5, 6, 10),
            "hashed_ip": "f00",
            "language": "English",
            "country": "Chile",
            "conversation": [{"role": "user", "content": "q", "timestamp": None}],
        }
    )
    assert (raw.conversation_id, raw.user_id, raw.ended_at) == ("h1", "f00", ASKED)
    assert raw.segments == {"language": "English", "country": "Chile"}


def test_a_user_in_the_metadata_is_no_segment():
    raw = parse_record({"messages": [], "metadata": {"user_id": "u9", "surface": "app"}})
    assert (raw.user_id, raw.segments) == ("u9", {"surface": "app"})


def test_an_object_for_a_user_and_attributes_as_json_text():
    raw = parse_record(
        {
            "messages": [{"role": "user", "content": np.array(["a", {"type": "file"}, 7])}],
            "user": {"id": 7, "mail": "x"},
            "metadata": '{"surface": "app"}',
            "segment": "beta",
        }
    )
    assert said(raw) == [("user", "a\n[file]\n[part]")]
    assert (raw.user_id, raw.segments) == ("7", {"surface": "app", "segment": "beta"})


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        ({}, "no_messages"),
        ({"messages": 3}, "no_messages"),
        ({"messages": "[{"}, "bad_json"),
        ({"messages": ["hello"]}, "unreadable_message"),
        ({"messages": [{"content": "hello"}]}, "unreadable_message"),
        ({"messages": [{"role": "user", "content": {"deep": 1}}]}, "unreadable_message"),
    ],
)
def test_what_cannot_be_read_is_refused_without_its_text(record, rule):
    with pytest.raises(RefusedError) as refusal:
        parse_record(record)
    assert refusal.value.rule == rule
    assert "hello" not in refusal.value.reason


@pytest.mark.parametrize("unit", [1, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("kind", [float, lambda value: f"{value:.0f}"])
def test_epochs_of_any_unit(unit, kind):
    assert read_time(kind(ASKED.timestamp() * unit)) == ASKED


@pytest.mark.parametrize(
    "value",
    [
        "2025-05-06T10:00:00Z",
        "2025-05-06 10:00:00",
        datetime(2025, 5, 6, 12, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_times_without_a_zone_are_utc(value):
    assert read_time(value) == ASKED


def test_a_date_is_its_midnight():
    assert read_time(date(2025, 5, 6)) == read_time("2025-05-06") == ASKED - timedelta(hours=10)


@pytest.mark.parametrize(
    "value",
    [None, "", "soon", True, 0, -5, float("nan"), float("inf"), 10**400, "0001-01-01T00:00:00Z",
     datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "2025", "9" * 400, []],
)  # fmt: skip
def test_what_is_no_time_is_none(value):
    assert read_time(value) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "from", "content", "value", "text", "type", "id", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    (
        *(*LIST_FIELDS, *USER_FIELDS, "choices", "request", "response", "id", "model", "metadata"),
        *("segment", "timestamp", "created_at", "feedback", "language", "deployment_family"),
    )
)


@given(st.dictionaries(FIELDS, JSON, max_size=6))
def test_any_json_is_read_or_refused(record):
    try:
        raw = parse_record(record)
    except RefusedError:
        return
    assert all(isinstance(message.content, str) for message in raw.messages)
    assert raw.feedback in ("up", "down", None)
