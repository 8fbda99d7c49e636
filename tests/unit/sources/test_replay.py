from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.sources.base import RawConversation, RawMessage
from alignment_monitor.sources.replay import UnknownDeploymentError, plan_replay

LAST = date(2025, 5, 31)


def undated(deployment, number, turns=2):
    messages = [RawMessage("user", f"{number}")] * turns
    return RawConversation(f"{deployment}-{number}", messages, deployment)


def replayed(conversations, days, order=None):
    plan = plan_replay(conversations, days=days, last_day=LAST, order=order)
    return [plan.dated(conversation) for conversation in conversations]


def days_by_deployment(conversations):
    days = {}
    for conversation in conversations:
        days.setdefault(conversation.deployment, Counter())[conversation.ended_at.date()] += 1
    return days


def test_each_deployment_gets_its_block_of_days_evenly():
    conversations = [undated(name, n) for name in ("old", "new") for n in range(100)]
    days = days_by_deployment(replayed(conversations, 20))
    assert sorted(days["old"]) == [date(2025, 5, 12) + timedelta(n) for n in range(10)]
    assert sorted(days["new"]) == [date(2025, 5, 22) + timedelta(n) for n in range(10)]
    assert set(days["old"].values()) == set(days["new"].values()) == {10}


def test_an_order_comes_first_and_the_rest_as_they_appear():
    conversations = [undated(name, n) for name in "abc" for n in range(5)]
    days = days_by_deployment(replayed(conversations, 30, order=["c"]))
    assert sorted(days, key=lambda name: min(days[name])) == ["c", "a", "b"]


def test_an_order_with_an_unknown_name_is_refused():
    with pytest.raises(UnknownDeploymentError, match="typo; there are a"):
        replayed([undated("a", 1)], 3, order=["typo"])


def test_files_sorted_by_topic_do_not_become_days_sorted_by_topic():
    dated = replayed([undated("a", n) for n in range(1000)], 10)
    first_half = Counter(c.ended_at.date() for c in dated[:500])
    assert min(first_half.values()) > 25


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(0, 6)), max_size=40),
    st.integers(1, 5),
)
def test_times_stay_in_the_days_whatever_comes(given_, days):
    conversations = [undated(*one) for one in given_]
    for before, after in zip(conversations, replayed(conversations, days), strict=True):
        assert LAST - timedelta(days=days) < after.started_at.date() <= LAST
        assert after.started_at.date() == after.ended_at.date()
        assert [m.content for m in after.messages] == [m.content for m in before.messages]
    assert replayed(conversations, days) == replayed(conversations, days)


def test_messages_are_thirty_seconds_apart_and_long_dialogues_fit_a_day():
    short, long = replayed([undated("a", 1, 3), undated("b", 2, 5000)], 2)
    times = [message.created_at for message in short.messages]
    assert [b - a for a, b in pairwise(times)] == [timedelta(seconds=30)] * 2
    assert (short.started_at, short.ended_at) == (times[0], times[-1])
    assert long.started_at.date() == long.ended_at.date()


def test_without_identifiers_the_words_spread_them():
    conversations = [undated("a", n) for n in range(200)]
    for conversation in conversations:
        conversation.conversation_id = ""
    assert len(days_by_deployment(replayed(conversations, 10))["a"]) == 10


def test_dated_and_nameless_conversations_stay_as_they_are():
    dated = RawConversation("x", [], "a", ended_at=datetime(2025, 1, 1, tzinfo=UTC))
    nameless = RawConversation("y", [])
    assert replayed([dated, nameless, undated("a", 1)], 5)[:2] == [dated, nameless]
