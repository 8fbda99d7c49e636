import numpy as np
import pandas as pd
import pytest

from alignment_monitor.statistics.standardise import daily_streams, window_rate
from tests.unit.statistics.conftest import FIRST, message

RATES = {"coding": 0.1, "wellbeing": 0.5}


def traffic(mix, *, n=2000, day=0, rates=RATES):
    """A day on which the rates of its segments hold exactly."""
    rows = []
    for segment, share in mix.items():
        count = round(n * share)
        positive = round(count * rates[segment])
        rows += [
            message(int(i < positive), day=day, segment=segment, user_key=f"{segment}{i}")
            for i in range(count)
        ]
    return rows


def streams_of(frame, rows, days, baseline=2):
    return daily_streams(frame(rows), first=pd.Timestamp(FIRST), days=days, baseline_days=baseline)


@pytest.mark.parametrize("mix", [{"coding": 0.2, "wellbeing": 0.8}, {"coding": 1.0}])
def test_another_mix_or_a_missing_segment_moves_no_rate(frame, mix):
    usual = {"coding": 0.7, "wellbeing": 0.3}
    rows = traffic(usual) + traffic(usual, day=1) + traffic(mix, day=2)
    streams = streams_of(frame, rows, 3)
    assert streams.rate[0] == pytest.approx(0.22)
    assert streams.plain[0, 2] != pytest.approx(0.22, abs=0.05)


def test_a_segment_that_the_baseline_has_not_seen_has_no_weight(frame):
    rows = traffic({"coding": 1.0}) + traffic({"coding": 1.0}, day=1)
    rows += traffic({"coding": 0.5, "wellbeing": 0.5}, day=2) + traffic({"wellbeing": 1.0}, day=3)
    streams = streams_of(frame, rows, 4)
    assert streams.rate[0, 2] == pytest.approx(0.1)
    assert np.isnan(streams.rate[0, 3])


def test_spread_is_one_over_n_for_equal_weights(frame):
    rows = traffic({"coding": 1.0}, n=50) + traffic({"coding": 1.0}, n=80, day=1)
    assert 1 / streams_of(frame, rows, 2).spread[0] == pytest.approx([50, 80])


def test_users_who_say_the_same_many_times_count_as_few(frame):
    rows = [
        message(int(user < 4), day=day, user_key=f"u{user}", n=5, n_o=5, n_y=5 * (user < 4),
                sum_d=5.0, sum_do=5.0, sum_dy=5.0 * (user < 4))
        for day in range(20) for user in range(20)
    ]  # fmt: skip
    assert streams_of(frame, rows, 20, baseline=20).clustering[0] == pytest.approx(5, rel=0.1)


def test_a_baseline_is_counted_in_days_with_data(frame):
    rows = [message(day=day) for day in (0, 3, 4)]
    streams = streams_of(frame, rows, 6, baseline=2)
    assert streams.baseline_end.tolist() == [3]
    assert streams_of(frame, rows, 6, baseline=4).baseline_end.tolist() == [6]


def test_a_window_counts_people_who_come_back_once(frame):
    usual = {"coding": 0.7, "wellbeing": 0.3}
    rows = [row for day in range(4) for row in traffic(usual, n=100, day=day)]
    rate, variance, users = window_rate(streams_of(frame, rows, 4), 0, 2, 3)
    assert rate == pytest.approx(0.22)
    assert users == 100
    once = window_rate(streams_of(frame, rows, 4), 0, 3, 3)
    assert variance == pytest.approx(once[1])
