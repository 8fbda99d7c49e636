"""Standard errors of the parts of a split: by coverage, and against a plain jackknife."""

import numpy as np
import pytest
from scipy.stats import binom

from alignment_monitor.statistics.decomposition import Period, decompose
from alignment_monitor.statistics.split_errors import (
    GROUPS,
    PERFECT,
    Judge,
    UserSums,
    part_errors,
)

SHARES = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
RATES = np.array([[0.05, 0.2, 0.5], [0.15, 0.3, 0.5]])


def parts(offered, positive, before=PERFECT, after=PERFECT):
    """Mix and rate of totals, both of shape (period, segment)."""
    periods = []
    for judge, o, y in zip((before, after), offered, positive, strict=True):
        judged = np.where(o > 0, y / np.where(o > 0, o, 1), np.nan)
        rate = (judged - judge.false_positive) / (judge.sensitivity - judge.false_positive)
        periods.append(Period(o, rate, *judge))
    found = decompose(*periods)
    return np.array([found.mix, found.rate])


def totals(sums):
    found = np.zeros((2, 2, 3))
    at = (sums.is_after.astype(int), sums.segment)
    np.add.at(found[0], at, sums.offered)
    np.add.at(found[1], at, sums.positive)
    return found


def those(sums, kept):
    return UserSums(*(column[kept] for column in vars(sums).values()))


def drawn(rng, users=150, each=3):
    """Users with a few messages of mostly one segment, some of them in both periods."""
    columns = []
    for period in (0, 1):
        home = rng.choice(3, users, p=SHARES[period])
        own = np.where(rng.random(users) < 0.2, 1.0, 0.0)  # who is prone to it is so all the time
        for _ in range(each):
            away = rng.random(users) < 0.2
            segment = np.where(away, rng.choice(3, users, p=SHARES[period]), home)
            event = rng.random(users) < 0.7 * RATES[period][segment] + 0.3 * own
            user = np.arange(users) + (users // 2) * period
            columns.append((user, segment, np.full(users, period == 1), rng.choice([1, 2], users),
                            event))  # fmt: skip
    user, segment, is_after, weight, event = map(np.concatenate, zip(*columns, strict=True))
    return UserSums(user, segment, is_after, weight.astype(float), weight * event.astype(float))


@pytest.mark.parametrize("absent", [None, (0, 2), (1, 0)])
def test_few_users_are_left_out_one_by_one_with_all_that_is_theirs(absent):
    sums = drawn(np.random.default_rng(3), users=GROUPS)
    sums = UserSums(**{**vars(sums), "user": sums.user % GROUPS})
    if absent:  # a period without one of the segments
        sums = those(sums, ~((sums.is_after == bool(absent[0])) & (sums.segment == absent[1])))
    judges = Judge(0.9, 0.05), Judge(0.8, 0.12)
    users = np.unique(sums.user)
    left = np.array([parts(*totals(those(sums, sums.user != one)), *judges) for one in users])
    expected = np.sqrt((len(users) - 1) * left.var(axis=0))
    assert part_errors(sums, *judges) == pytest.approx(expected)


def test_intervals_hold_the_true_parts_as_often_as_they_say():
    rng, trials = np.random.default_rng(4), 300
    truth = parts(SHARES, SHARES * (0.7 * RATES + 0.3 * 0.2))
    hits, errors, found = np.zeros(2), [], []
    for _ in range(trials):
        sums = drawn(rng)
        part, error = parts(*totals(sums)), np.array(part_errors(sums))
        hits += np.abs(part - truth) <= 1.96 * error
        errors.append(error)
        found.append(part)
    # True coverage is taken to lie within 93 and 97 per cent.
    assert (hits >= binom.ppf(0.001, trials, 0.93)).all(), hits / trials
    assert (hits <= binom.ppf(0.999, trials, 0.97)).all(), hits / trials
    assert np.mean(errors, axis=0) == pytest.approx(np.std(found, axis=0), rel=0.15)


def test_a_message_that_is_repeated_by_its_user_tells_nothing_more():
    sums = drawn(np.random.default_rng(1))
    twice = UserSums(*(np.concatenate([column, column]) for column in vars(sums).values()))
    assert part_errors(twice) == pytest.approx(part_errors(sums))


def test_nothing_is_known_of_few_users_nor_of_what_shows_no_spread():
    sums = drawn(np.random.default_rng(1))
    assert np.isnan(part_errors(those(sums, sums.is_after | (sums.user < 20)))).all()
    none = UserSums(sums.user, sums.segment, sums.is_after, sums.offered, 0 * sums.positive)
    assert np.isnan(part_errors(none)).all()
    one = UserSums(sums.user, 0 * sums.segment, sums.is_after, sums.offered, sums.positive)
    assert np.isnan(part_errors(one).mix)
    assert part_errors(one).rate > 0
