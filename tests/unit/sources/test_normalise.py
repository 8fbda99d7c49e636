from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.contracts import RECEIVED, ROLES
from alignment_monitor.settings import Intake
from alignment_monitor.sources.base import RawConversation, RawMessage, RefusedError
from alignment_monitor.sources.normalise import clean, family_of, receive

HOSTILE = [
    "<img src=x onerror=alert(1)><script>steal()</script>",
    "'; DROP TABLE conversations; --",
    '=HYPERLINK("http://x","y")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "# Heading\n[link](javascript:alert(1)) `code` {{7*7}} ${x}",
    "\u202eright to left\u202c שלום مرحبا",
    "👩‍👩‍👧‍👦 e\u0301 \u200b\ufeff 中文",
]


@pytest.fixture
def row(settings, now):
    """The row of a record."""

    def make(raw, location="file.jsonl:1", **more):
        row = receive(raw, source="inbox", location=location, settings=settings, now=now, **more)
        RECEIVED.table([row])  # whatever it is, it fits the contract
        return row

    return make


def test_an_understood_record(row, conversation, day, now):
    got = row(conversation("q", "a", user_id="u1", segments={"surface": "chat"}, feedback="up"))
    assert (got["conversation_id"], got["day"]) == ("c1", day)
    assert (got["deployment"], got["deployment_family"]) == ("model-1", "model")
    assert got["segments"] == [("surface", "chat")]
    assert [turn["role"] for turn in got["turns"]] == ["user", "assistant"]
    assert got["feedback"] == "up"
    assert "rule" not in got


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_data_and_stays_identical(row, conversation, text):
    got = row(conversation(text, text, segments={"surface": text[:50]}))
    assert [turn["content"] for turn in got["turns"]] == [text, text]
    assert dict(got["segments"]) == {"surface": text[:50]}


def test_what_no_file_can_hold_is_marked(row, conversation):
    got = row(conversation("a\x00b\ud800c", "fine", conversation_id="id\udfff", deployment="m\x00"))
    assert got["turns"][0]["content"] == "a\ufffdb\ufffdc"
    assert (got["conversation_id"], got["deployment"]) == ("id\ufffd", "m\ufffd")


@given(st.text(st.characters(exclude_categories=())))
def test_cleaned_text_can_be_written_and_other_text_is_untouched(text):
    cleaned = clean(text)
    cleaned.encode()
    assert len(cleaned) == len(text)
    assert all(a == b or b == "\ufffd" for a, b in zip(text, cleaned, strict=True))


def test_personal_data_is_replaced_and_counted_unless_told_otherwise(
    row, conversation, settings, now
):
    raw = conversation("I am a@example.com", "Hello a@example.com", segments={"s": "b@example.com"})
    got = row(raw)
    assert [turn["content"] for turn in got["turns"]] == ["I am [EMAIL]", "Hello [EMAIL]"]
    assert got["redactions"] == 2
    assert dict(got["segments"]) == {"s": "[EMAIL]"}
    open_settings = settings.model_copy(update={"intake": Intake(redact=False)})
    kept = receive(raw, source="inbox", location="1", settings=open_settings, now=now)
    assert kept["turns"][0]["content"] == "I am a@example.com"


def test_every_known_role_is_one_of_the_contract(row, conversation):
    names = "system Developer user Human prompter assistant gpt Bot model tool function observation"
    raw = conversation("x")
    raw.messages = [RawMessage(name, "x") for name in names.split()]
    got = row(raw)
    assert {turn["role"] for turn in got["turns"]} == set(ROLES)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"messages": []}, "no_messages"),
        ({"messages": [RawMessage("martian", "secret words")]}, "unknown_role"),
        ({"messages": [RawMessage("user", "x" * 10_000_000)]}, "message_too_long"),
        ({"messages": [RawMessage("user", "x")] * 2_001}, "too_many_turns"),
        ({"deployment": None}, "missing_deployment"),
        ({"ended_at": None}, "missing_time"),
        ({"ended_at": datetime(2025, 5, 8, 10, 1, tzinfo=UTC)}, "future_time"),
        ({"ended_at": datetime(9999, 1, 1, tzinfo=UTC)}, "future_time"),
        ({"conversation_id": "x" * 501}, "name_too_long"),
    ],
)
def test_each_rule_refuses_with_a_reason_and_an_excerpt(row, conversation, now, change, rule):
    raw = conversation("secret words", "a")
    for name, value in change.items():
        setattr(raw, name, value)
    got = row(raw, excerpt="user: secret words")
    assert got["rule"] == rule
    assert "secret" not in got["reason"]
    assert got["excerpt"] == "user: secret words"
    assert "turns" not in got
    arrival = rule in ("missing_time", "future_time")
    assert got["day"] == (now.date() - timedelta(days=1) if arrival else date(2025, 5, 6))


def test_a_refusal_of_the_reader_is_kept(row, now):
    got = row(RefusedError("bad_json", "not JSON at character 7"), excerpt="{oops")
    assert (got["rule"], got["reason"]) == ("bad_json", "not JSON at character 7")
    assert got["day"] == now.date() - timedelta(days=1)
    assert got.get("conversation_id") is None


def test_an_hour_of_clock_skew_and_500_messages_pass(row, conversation, now):
    got = row(conversation(*["text"] * 500, ended_at=now + timedelta(minutes=59)))
    assert "rule" not in got
    assert len(got["turns"]) == 500


def test_an_excerpt_is_short_redacted_and_without_the_user(row):
    def excerpt(text):
        return row(RefusedError("bad_json", "x"), excerpt=text)["excerpt"]

    assert excerpt('{"user_id": "alice", "user":7, "x": "a@example.com"') == (
        '{"user_id": "[USER]", "user":"[USER]", "x": "[EMAIL]"'
    )
    assert excerpt('{"user_id": "alice') == '{"user_id": "[USER]"'
    for hidden in ('{"user": {"id": "alice"}', r'{"metadata": "{\"user_id\": \"alice\", 1'):
        assert "alice" not in excerpt(hidden)
    assert len(excerpt("word " * 1_000)) == 200
    # A cut through a secret would leave a part that no pattern knows.
    assert "sk-" not in excerpt("a@example.com " * 70 + "sk-proj-" + "a1" * 40)


@pytest.mark.parametrize(
    ("deployment", "family"),
    [
        ("gpt-x-2025-04-25", "gpt-x"),
        ("gpt-5.5-2026-04-23", "gpt"),
        ("aurora-1.2+prompt-7", "aurora"),
        ("claude-3.5-sonnet", "claude-3.5-sonnet"),
        ("claude-sonnet-4-20250514", "claude-sonnet"),
        ("model@v3", "model"),
        ("kimi-k3", "kimi-k3"),
        ("Google Gemini 2.5 Pro", "Google Gemini 2.5 Pro"),
        ("2025-04-25", "2025"),
        ("named", "line"),
    ],
)
def test_families(deployment, family):
    assert family_of(deployment, {"named": "line"}) == family


def test_a_given_family_wins(row, conversation):
    assert row(conversation("q", deployment_family="own"))["deployment_family"] == "own"


def test_users_are_hashed_and_without_one_each_conversation_is_its_own(row, conversation):
    one, same, other = (row(conversation(x, user_id="u1")) for x in "abc")
    assert one["user_key"] == same["user_key"] == other["user_key"]
    assert "u1" not in str(one)
    lone = {row(conversation("q", conversation_id=x))["user_key"] for x in ("c1", "c2")}
    assert len(lone | {one["user_key"]}) == 3


def test_a_missing_identifier_comes_from_the_content(row, conversation):
    def identifier(text, **fields):
        return row(conversation(text, conversation_id="", **fields))["conversation_id"]

    assert identifier("q") == identifier("q")
    later = datetime(2025, 5, 6, 13, tzinfo=UTC)
    assert len({identifier("q"), identifier("r"), identifier("q", ended_at=later)}) == 3


def test_hashes_cover_what_they_name(row, conversation):
    base = row(conversation("q", "a"))
    assert row(conversation("q", "a", ended_at=None, started_at=base["ended_at"]))[
        "content_hash"
    ] == base["content_hash"]  # fmt: skip
    others = [conversation("qa", ""), conversation("q", "a", deployment="m2")]
    assert base["content_hash"] not in {row(other)["content_hash"] for other in others}
    receipts = {
        row(conversation("q"), location=place, file_hash=file)["receipt_id"]
        for place in ("f:1", "f:2")
        for file in ("", "x")
    }
    assert len(receipts) == 4


def test_times_are_utc_and_in_order(row, conversation):
    east = timezone(timedelta(hours=5))
    got = row(
        conversation(
            "q",
            started_at=datetime(2025, 5, 8),
            ended_at=datetime(2025, 5, 7, 2, tzinfo=east),
        )
    )
    assert got["day"] == date(2025, 5, 6)
    assert got["started_at"] == got["ended_at"] == datetime(2025, 5, 6, 21, tzinfo=UTC)


def test_a_conversation_needs_nothing_but_messages_to_be_refused_kindly(row):
    assert row(RawConversation("", [RawMessage("user", "x")]))["rule"] == "missing_deployment"
