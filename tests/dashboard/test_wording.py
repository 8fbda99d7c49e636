"""Digits and days."""

from datetime import date

import pytest
from wording import SPACE, called, counted, interval, listed, points, rate, short_day


@pytest.mark.parametrize(
    ("value", "lower", "upper", "shown"),
    [
        (0.2134, 0.18, 0.25, "21 % [18, 25]"),
        (0.123, 0.11, 0.136, "12.3 % [11.0, 13.6]"),
        (0.5, None, None, "50 %"),
        (None, None, None, "no data"),
        (-0.002, -0.11, 0.09, "0 % [−11, 9]"),
    ],
)
def test_a_rate_has_the_digits_its_interval_deserves(value, lower, upper, shown):
    assert rate(value, lower, upper).replace(SPACE, " ") == shown


@pytest.mark.parametrize(
    ("difference", "shown"),
    [(0.06, "6 points"), (-0.032, "3.2 points"), (0.01, "1 point"), (0.1234, "12 points")],
)
def test_points(difference, shown):
    assert points(difference).replace(SPACE, " ") == shown


def test_no_interval_is_no_text():
    assert interval(None, 0.2) == ""


def test_a_year_is_told_where_it_differs():
    assert short_day(date(2025, 12, 30), date(2026, 1, 2)).replace(SPACE, " ") == "30 Dec 2025"
    assert short_day(date(2026, 11, 4), date(2026, 11, 23)).replace(SPACE, " ") == "4 Nov"


def test_a_judge_is_named_within_a_sentence():
    assert called("judge") == "the judge"
    assert called("strict") == "judge strict"


def test_lists_and_counts():
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert counted(1200, "day").replace(SPACE, " ") == "1,200 days"
