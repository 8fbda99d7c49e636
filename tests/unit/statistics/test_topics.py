import random
from datetime import date, timedelta

import numpy as np
import pytest

from alignment_monitor.statistics.intervals import wilson
from alignment_monitor.statistics.topics import (
    EXEMPLARS,
    FEWEST,
    Flagged,
    find_topics,
    share,
    topic_rows,
)

DAY = date(2026, 3, 1)
GARDEN = ("tomato", "compost", "seedling", "watering", "mulch", "greenhouse", "trowel", "hedge")
MONEY = ("mortgage", "pension", "savings", "interest", "budget", "invoice", "salary", "lender")


def messages(words, count, *, recent=True, seed=0, users=None, prefix="c"):
    """Messages of a few random words of a theme."""
    rng = random.Random(seed)
    return [
        Flagged(
            DAY + timedelta(days=place % 28 + (28 if recent else 0)),
            f"{prefix}{words[0]}-{recent}-{place}",
            1,
            f"{words[0]}-{recent}-{place % (users or count)}",
            2.0,
            f"tell me about {words[0]} " + " ".join(rng.sample(words[1:], 2)),
            recent,
        )
        for place in range(count)
    ]


@pytest.fixture(scope="module")
def mixed():
    return [
        *messages(GARDEN, 60), *messages(MONEY, 30),
        *messages(GARDEN, 30, recent=False), *messages(MONEY, 60, recent=False),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def found(mixed):
    return topic_rows(mixed)


def of(found, words):
    """Topics whose terms are all of a theme."""
    return [row for row in found if set(row["terms"]) <= set(words)]


def test_planted_themes_are_found_with_their_size_and_change(found):
    garden, money = (
        {name: sum(row[name] for row in of(found, words)) for name in ("n", "n_before", "share")}
        for words in (GARDEN, MONEY)
    )
    assert len(of(found, GARDEN)) + len(of(found, MONEY)) == len(found), "no theme is mixed up"
    # What falls into splinters of fewer than eight is not shown.
    assert 55 <= garden["n"] <= 60
    assert 25 <= money["n"] <= 30
    assert garden["n_before"] < 31 < money["n_before"]
    assert garden["share"] == pytest.approx(garden["n"] / 90)
    for row in found:
        assert row["lower"] <= row["share"] <= row["upper"]
        assert row["change_lower"] <= row["share"] - row["share_before"] <= row["change_upper"]


def test_the_same_messages_give_the_same_topics_in_any_order(mixed, found):
    shuffled = list(mixed)
    random.Random(3).shuffle(shuffled)
    assert topic_rows(shuffled) == found


def test_exemplars_are_recent_and_of_different_users(mixed, found):
    by_name = {row.conversation_id: row for row in mixed}
    for row in found:
        shown = [by_name[one["conversation_id"]] for one in row["exemplars"]]
        assert 1 <= len(shown) <= EXEMPLARS
        assert all(one.is_recent for one in shown)
        assert len({one.user_key for one in shown}) == len(shown)


def test_too_few_messages_make_no_topic_and_too_few_before_no_change():
    assert topic_rows(messages(GARDEN, FEWEST - 1)) == []
    rows = topic_rows(
        [*messages(GARDEN, 60), *messages(MONEY, 60), *messages(GARDEN, 5, recent=False)]
    )
    assert rows
    assert all("share_before" not in row for row in rows)


def test_words_of_one_person_tags_and_numbers_are_no_terms(mixed):
    loud = messages(("zebra", "zanzibar", "zeppelin"), 40, users=2)
    tagged = [
        Flagged(**{**vars(row), "text": f"{row.text} [EMAIL_ADDRESS] 4711 don't"}) for row in mixed
    ]
    terms = {term for row in topic_rows([*tagged, *loud]) for term in row["terms"]}
    assert terms
    assert not terms & {"zebra", "zanzibar", "zeppelin", "email_address", "email", "4711", "don"}


def test_how_people_talk_to_an_assistant_is_no_topic(mixed):
    """Frames that half of all messages have would else be the terms of every topic."""
    frames = (
        "It came to me, I'm pretty sure. Right? Question:", "Somebody doubted it; am I correct?",
        "I dont know, tell me what you think.", "Thanks! You couldnt help yesterday.",
    )  # fmt: skip
    framed = [
        Flagged(**{**vars(row), "text": f"{frames[place % 4]} {row.text}"})
        for place, row in enumerate(mixed)
    ]
    terms = {term for row in topic_rows(framed) for term in row["terms"]}
    assert terms
    assert terms <= {*GARDEN, *MONEY}


def test_whoever_uses_no_term_of_a_topic_is_not_of_it():
    """The largest factor would else take in what fits nowhere, and its share would say nothing."""
    rng = random.Random(2)
    words = [f"{first}{second}lorem" for first in "abcdefg" for second in "abcdefg"]
    texts = [" ".join(rng.sample(words, 3)) for _ in range(200)]
    found = find_topics(texts, np.arange(len(texts)))
    assert 0 < (found.topic < 0).sum() < len(texts)
    for text, topic in zip(texts, found.topic, strict=True):
        assert topic < 0 or set(text.split()) & set(found.terms[topic])


def test_texts_without_words_have_no_topics():
    empty = [Flagged(**{**vars(row), "text": "7 8 9"}) for row in messages(GARDEN, 60)]
    assert topic_rows(empty) == []


def test_equal_messages_of_one_user_each_give_wilsons_interval():
    event = np.arange(100) < 30
    rate, lower, upper = share(event, np.ones(100), np.arange(100))
    assert rate == pytest.approx(0.3)
    assert (lower, upper) == pytest.approx(wilson(0.3, 100, 1.984), abs=2e-3)
    _, low, high = share(event, np.ones(100), np.arange(100) // 10)
    assert high - low > upper - lower, "ten users know less than a hundred"
