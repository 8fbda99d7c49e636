"""Claims: no two annotators have the same message unasked, and no message is lost."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.store import open_store
from alignment_monitor.store.claims import claim, keep_claimed, skip, skipped
from alignment_monitor.store.labels import Label, Message, current_labels, labelled_by, message_of

NOW = datetime(2026, 11, 6, 12, tzinfo=UTC)
LEASE = timedelta(minutes=15)
MESSAGES = [Message(f"c{n}", 1, "hash") for n in range(4)]
SAID = [{"question": "caving", "kind": "behaviour", "level": 2}]


@pytest.fixture
def store(store_url):
    return open_store(store_url)


class Desk:
    """Claims under one version of the rubric, at a time that the test sets."""

    def __init__(self, store, version="v1", rooms=(1, 1, 1, 1)):
        self.store, self.version, self.now = store, version, NOW
        self.rooms = dict(zip(MESSAGES, rooms, strict=True))

    def claim(self, who, candidates=None):
        return claim(
            self.store, candidates or self.rooms.items(), who,
            rubric_version=self.version, now=self.now, lease=LEASE,
        )  # fmt: skip

    def save(self, who, message):
        return keep_claimed(
            self.store, Label(message, who, SAID),
            rubric="r", rubric_version=self.version, now=self.now,
        )  # fmt: skip

    def skip(self, who, message):
        skip(self.store, message, who, rubric_version=self.version, now=self.now)


def test_two_who_ask_get_two_messages_and_keep_them(store):
    desk = Desk(store)
    assert desk.claim("ann") == MESSAGES[0]
    assert desk.claim("ben") == MESSAGES[1]
    assert desk.claim("ann") == MESSAGES[0], "what is before somebody stays theirs"


def test_a_message_that_two_are_to_label_is_given_to_two(store):
    desk = Desk(store, rooms=(2, 1, 1, 1))
    assert [desk.claim(who) for who in ("ann", "ben", "cy")] == [
        MESSAGES[0], MESSAGES[0], MESSAGES[1],
    ]  # fmt: skip


def test_a_lease_that_has_run_out_is_given_to_another_and_a_late_label_is_kept(store):
    desk = Desk(store)
    desk.claim("ann")
    desk.now += LEASE
    assert desk.claim("ben") == MESSAGES[0]
    assert desk.save("ann", MESSAGES[0]) == "new"
    assert desk.save("ben", MESSAGES[0]) == "new"
    assert desk.claim("cy") == MESSAGES[1]


def test_asking_again_holds_a_message_for_longer(store):
    desk = Desk(store)
    desk.claim("ann")
    desk.now += LEASE / 2
    desk.claim("ann")
    desk.now += LEASE / 2
    assert desk.claim("ben") == MESSAGES[1]


def test_whoever_takes_another_message_holds_the_first_no_more(store):
    desk = Desk(store)
    desk.claim("ann")
    assert desk.claim("ann", [(MESSAGES[2], 1)]) == MESSAGES[2]
    assert desk.claim("ben") == MESSAGES[0]


def test_a_label_ends_the_claim_and_the_same_again_changes_nothing(store):
    desk = Desk(store)
    desk.claim("ann")
    assert desk.save("ann", MESSAGES[0]) == "new"
    assert desk.save("ann", MESSAGES[0]) == "unchanged"
    assert desk.claim("ann") == MESSAGES[1]
    assert len(current_labels(store, "v1")) == 1


def test_what_one_skipped_is_open_to_others_and_remembered(store):
    desk = Desk(store)
    desk.claim("ann")
    desk.skip("ann", MESSAGES[0])
    assert skipped(store, "ann", "v1") == {MESSAGES[0]: NOW}
    assert desk.claim("ben") == MESSAGES[0]
    desk.skip("ben", MESSAGES[3])
    assert skipped(store, "ben", "v1") == {MESSAGES[3]: NOW}
    assert desk.claim("cy", [(MESSAGES[3], 1)]) == MESSAGES[3]


def test_claims_under_another_version_do_not_count(store):
    Desk(store, "v1").claim("ann")
    assert Desk(store, "v2").claim("ben") == MESSAGES[0]


def test_many_at_once_label_each_message_as_often_as_it_is_to_be(store):
    rooms = {Message(f"m{n}", 1, "h"): 1 + (n % 5 == 0) for n in range(20)}

    def work(who):
        desk = Desk(store)
        while message := desk.claim(who, rooms.items()):
            desk.save(who, message)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, ("ann", "ben", "cy", "di")))
    assert Counter(message_of(row) for row in current_labels(store, "v1")) == rooms


VERSIONS = count()
WHO = st.sampled_from(["ann", "ben", "cy"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("claim"), WHO),
        st.tuples(st.just("save"), WHO),
        st.tuples(st.just("skip"), WHO),
        st.tuples(st.just("wait"), st.integers(1, 20)),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def one_store(tmp_path_factory):
    return open_store(f"sqlite:///{tmp_path_factory.mktemp('claims') / 'store.sqlite'}")


@given(steps=STEPS, rooms=st.tuples(*[st.integers(1, 3)] * 4))
@settings(max_examples=40)
def test_no_message_is_before_more_than_it_has_room_for_and_none_is_lost(one_store, steps, rooms):
    desk = Desk(one_store, f"v{next(VERSIONS)}", rooms)
    holds, given_by = {}, {message: set() for message in MESSAGES}

    def others(who, message):
        live = {one for one, (held, until) in holds.items() if held == message and until > desk.now}
        return (given_by[message] | live) - {who}

    def check_claim(who):
        mine = holds.get(who)
        got = desk.claim(who)
        if got is None:
            assert all(
                who in given_by[message] or len(others(who, message)) >= desk.rooms[message]
                for message in MESSAGES
            )
            return None
        assert who not in given_by[got]
        assert len(others(who, got)) < desk.rooms[got]
        if mine and mine[1] > desk.now and who not in given_by[mine[0]]:
            assert got == mine[0] or len(others(who, mine[0])) >= desk.rooms[mine[0]]
        holds[who] = got, desk.now + LEASE
        return got

    for what, value in steps:
        if what == "wait":
            desk.now += timedelta(minutes=value)
        elif what == "claim":
            check_claim(value)
        elif value in holds:
            message, _ = holds.pop(value)
            getattr(desk, what)(value, message)
            if what == "save":
                given_by[message].add(value)
    desk.now += LEASE
    for who in ("di", "ed", "flo"):
        while message := check_claim(who):
            desk.save(who, message)
            holds.pop(who)
            given_by[message].add(who)
    found = labelled_by(one_store, desk.version)
    assert {message: set(names) for message, names in found.items()} == given_by
    assert all(len(given_by[message]) >= room for message, room in desk.rooms.items())
