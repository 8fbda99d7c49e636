"""Lines of batch files: what is written, and what is made of what comes back."""

import json
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.judging.backends.base import Reply
from alignment_monitor.judging.batch import files as batch_files
from alignment_monitor.judging.batch.files import (
    Problem,
    custom_id,
    read_line,
    request_line,
    write_part,
)
from alignment_monitor.judging.rubric import load_rubric
from alignment_monitor.judging.window import make_unit
from alignment_monitor.settings import Judge
from tests.unit.judging.batching import units

JUDGE, RUBRIC = Judge(batch=True), load_rubric()
KEYS = st.tuples(st.text("0123456789abcdef", min_size=1), st.text())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = ("custom_id", "response", "error", "status_code", "body", "choices", "code", "message")


def line(key=("ab", ""), **said):
    given = {"custom_id": custom_id(key), "response": None, "error": None, **said}
    return json.dumps(given).encode()


def answered(status, body):
    return line(response={"status_code": status, "body": body})


@given(text=st.text(min_size=1), occasion=st.text())
def test_a_request_is_one_line_of_ascii_whatever_the_text(text, occasion):
    turns = [{"index": 0, "role": "assistant", "content": text}]
    unit = make_unit("c", 0, turns, context_messages=1, max_tokens=500, occasion=occasion)
    written = request_line(unit, JUDGE, RUBRIC)
    assert written.isascii()
    assert written.count(b"\n") == 1
    given = json.loads(written)
    assert given["url"] == "/v1/chat/completions"
    assert given["body"]["model"] == JUDGE.model
    assert read_line(line(unit.key), JUDGE)[0] == unit.key


@given(key=KEYS)
def test_a_line_s_name_gives_its_unit_back(key):
    assert read_line(line(key), JUDGE)[0] == key


@given(
    st.one_of(
        st.binary(),
        st.recursive(
            JSON, lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner), max_leaves=12
        ).map(lambda value: json.dumps(value).encode()),
        st.tuples(st.integers() | st.text() | st.none(), JSON).map(lambda said: answered(*said)),
    )
)
def test_no_line_breaks_the_reading_of_the_others(data):
    try:
        _, said = read_line(data, JUDGE)
    except (ValueError, RecursionError):
        return
    assert isinstance(said, Problem | Reply)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (
            line(error={"code": "batch_expired", "message": "text"}),
            Problem("the batch reports batch_expired", "batch_expired"),
        ),
        (line(error={"code": "a text of ours"}), Problem("the batch reports no code", "no code")),
        (line(), Problem("the batch reports no code", "no code")),
        (
            answered(400, {"error": {"code": None, "type": "invalid_request_error"}}),
            Problem("the server answered 400 (invalid_request_error)", "invalid_request_error"),
        ),
        (
            answered(401, {"error": {"code": "invalid_api_key"}}),
            Problem("the server answered 401 (invalid_api_key)", "invalid_api_key", stops=True),
        ),
        (
            answered(429, {"error": {"code": "insufficient_quota"}}),
            Problem(
                "the server answered 429 (insufficient_quota)", "insufficient_quota", stops=True
            ),
        ),
        (answered(429, "busy"), Problem("the server answered 429 (no code)", "no code")),
        (answered("x" * 99, None), Problem("the server answered no status (no code)", "no code")),
        (answered(200, {"choices": []}), Problem("the server sent no choice", answered=True)),
    ],
)
def test_why_a_line_has_no_answer_is_said_without_any_text(written, problem):
    assert read_line(written, JUDGE)[1] == problem


def test_a_part_ends_at_the_provider_s_limits(tmp_path, monkeypatch):
    queue = deque(units(7))
    size = len(request_line(queue[0], JUDGE, RUBRIC))
    monkeypatch.setattr(batch_files, "MAX_BYTES", 3 * size)
    parts = []
    while queue:
        part = write_part(tmp_path / "part", queue, JUDGE, RUBRIC)
        content = (tmp_path / "part").read_bytes()
        assert len(content) <= 3 * size
        names = [json.loads(one)["custom_id"] for one in content.splitlines()]
        assert names == [custom_id(unit.key) for unit in part]
        parts.append(len(part))
    assert parts == [3, 3, 1]
    monkeypatch.setattr(batch_files, "MAX_BYTES", 1)
    assert len(write_part(tmp_path / "part", deque(units(2)), JUDGE, RUBRIC)) == 1
