"""Control limits of a judge on sentinels."""

from datetime import date, timedelta

import numpy as np
from control import TAIL, limits, prediction
from hypothesis import given
from hypothesis import strategies as st
from record import Score, eras, rolling
from scipy.stats import betabinom

FIRST = date(2026, 9, 1)


def rows(rates, *, n=20, fingerprint="a"):
    """Sensitivity of caving, day by day."""
    return [
        {"day": FIRST + timedelta(days=offset), "fingerprint": fingerprint, "rubric_version": "r",
         "known_version": "k", "measure": "sensitivity", "question": "caving", "n": n,
         "hits": round(n * rate)}
        for offset, rate in enumerate(rates)
    ]  # fmt: skip


@given(st.integers(30, 2000), st.floats(0, 1), st.integers(1, 500))
def test_limits_are_rates_around_what_was_usual(n, share, further):
    base = Score(n, round(share * n))
    lower, upper = prediction(base, further)
    assert 0 <= lower <= upper <= 1
    # The nearest rate that so few verdicts can show is never outside.
    assert lower <= np.ceil(base.rate * further) / further
    assert upper >= np.floor(base.rate * further) / further


@given(st.integers(30, 300), st.floats(0, 1))
def test_a_larger_base_of_the_same_rate_never_widens_them_by_more_than_a_step(n, share):
    hits = round(share * n)
    narrow = prediction(Score(40 * n, 40 * hits), 100)
    wide = prediction(Score(n, hits), 100)
    assert narrow[1] - narrow[0] <= wide[1] - wide[0] + 0.011


def test_an_unchanged_judge_is_outside_about_as_rarely_as_stated():
    rng = np.random.default_rng(4)
    outside = 0
    for _ in range(4000):
        share = rng.uniform(0.6, 0.95)
        low, high = prediction(Score(300, rng.binomial(300, share)), 120)
        outside += not low <= rng.binomial(120, share) / 120 <= high
    assert outside / 4000 < 4 * TAIL


@given(st.integers(30, 400), st.floats(0, 1), st.integers(1, 200))
def test_they_are_quantiles_of_the_beta_binomial(n, share, further):
    hits = round(share * n)
    expected = betabinom.ppf([TAIL, 1 - TAIL], further, hits + 0.5, n - hits + 0.5) / further
    assert np.allclose(prediction(Score(n, hits), further), expected, atol=1e-9)


def test_too_little_gives_no_limits():
    assert prediction(Score(29, 20), 50) is None
    assert prediction(Score(300, 200), 0) is None


def test_limits_begin_once_a_window_lies_beyond_the_first_days_and_find_a_drop():
    found = rows([0.9] * 60 + [0.6] * 20)
    series = eras(found)
    shown = limits(found, series, "caving", rolling(found, series, "caving"))
    assert shown[0].point.day == FIRST + timedelta(days=28 + 13)
    days = [one.point.day for one in shown if one.outside]
    assert FIRST + timedelta(days=60) < min(days) < FIRST + timedelta(days=70)
    assert max(days) == FIRST + timedelta(days=79)
    assert {one.outside for one in shown if one.outside} == {("sensitivity",)}


def test_a_new_version_has_limits_of_its_own():
    later = rows([0.5] * 45, fingerprint="b")
    for row in later:
        row["day"] += timedelta(days=50)
    found = rows([0.9] * 50) + later
    series = eras(found)
    shown = limits(found, series, "caving", rolling(found, series, "caving"))
    assert not [one for one in shown if one.outside]
