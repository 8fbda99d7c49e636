"""Who may submit what, on every kind of store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from alignment_monitor.judging.batch.ledger import BatchLedger, submissions
from alignment_monitor.judging.journal import Answer
from alignment_monitor.store import open_store
from tests.fakes.stores import KINDS, new_store

LEASE, OVER = timedelta(hours=1), timedelta(seconds=-1)
KEYS = [(f"{i:04x}", day) for i in range(700) for day in ("", "2026-01-01")]
UNUSABLE = Answer("invalid", "m-1", "{", 10, 2, "half")


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    for url in new_store(request.param, tmp_path):
        engine = open_store(url)
        yield engine
        engine.dispose()


@pytest.fixture
def ledger(store):
    return BatchLedger(store, "judge", "rubric-1")


def status(store, mark):
    return submissions(store, [mark])[0].status


def test_a_unit_is_in_one_batch_at_a_time(store, ledger):
    assert ledger.claim("a", KEYS[:1000], LEASE) == set(KEYS[:1000])
    assert ledger.claim("b", KEYS, LEASE) == set(KEYS[1000:])
    assert ledger.held("a").keys() == set(KEYS[:1000])
    assert ledger.claims(KEYS[990:1010]).keys() == set(KEYS[990:1010])
    assert BatchLedger(store, "another", "rubric-1").claim("c", KEYS[:5], LEASE) == set(KEYS[:5])
    assert ledger.held("c") == {}


def test_of_many_that_claim_at_once_each_unit_has_one(store, ledger):
    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda n: ledger.claim(f"m{n}", KEYS[n:], LEASE), range(8)))
    assert sum(map(len, given)) == len(KEYS)
    assert set().union(*given) == set(KEYS)


def test_what_is_settled_is_settled_for_that_batch_alone(store, ledger):
    one, two, three, four = KEYS[:4]
    ledger.claim("a", KEYS[:4], LEASE)
    assert ledger.opened("a", "batch_1") == "batch_1"
    for _ in range(2):
        ledger.settle("a", done=[one], failed={two: "why"}, again={three: UNUSABLE})
    claims = ledger.claims(KEYS[:4])
    assert claims.keys() == {two, three, four}
    assert (claims[two].status, claims[two].error) == ("failed", "why")
    assert (claims[three].status, claims[three].unusable) == ("again", 1)
    assert claims[three].answer == UNUSABLE
    assert ledger.claim("b", KEYS[:4], LEASE) == {one, two, three}
    ledger.settle("a", done=KEYS[:3])  # they are another batch's now
    assert ledger.held("b").keys() == {one, two, three}
    assert ledger.held("b")[three].answer == UNUSABLE


def test_a_batch_is_collected_with_its_last_unit(store, ledger):
    ledger.claim("a", KEYS[:2], LEASE)
    ledger.opened("a", "batch_1")
    ledger.settle("a", done=KEYS[:1])
    assert status(store, "a") == "open"
    ledger.ended("a", "completed", (2, 0), None)
    assert status(store, "a") == "ended"
    ledger.settle("a", done=KEYS[1:2])
    assert status(store, "a") == "collected"
    ledger.ended("a", "completed", (2, 0), None)
    assert status(store, "a") == "collected"


def test_a_batch_is_given_up_by_others_only_once_its_lease_is_over(store, ledger):
    ledger.claim("a", KEYS[:2], LEASE)
    assert not ledger.release("a", expired_only=True)
    assert ledger.renew("a", OVER)
    assert ledger.release("a", expired_only=True)
    assert ledger.claims(KEYS) == {}
    assert not ledger.renew("a", LEASE)
    assert ledger.opened("a", "batch_1") is None
    assert status(store, "a") == "released"


def test_of_two_who_found_a_batch_the_first_one_s_id_counts(store, ledger):
    ledger.claim("a", KEYS[:2], LEASE)
    assert ledger.opened("a", "batch_1") == "batch_1"
    assert ledger.opened("a", "batch_2") == "batch_1"
    assert not ledger.release("a")


def test_what_was_paid_for_unusable_answers_outlives_a_batch_that_was_not_created(store, ledger):
    ledger.claim("a", KEYS[:2], LEASE)
    ledger.settle("a", again={KEYS[0]: UNUSABLE})
    ledger.claim("b", KEYS[:1], LEASE)
    ledger.release("b")
    claims = ledger.claims(KEYS[:1])
    assert (claims[KEYS[0]].status, claims[KEYS[0]].answer) == ("again", UNUSABLE)
