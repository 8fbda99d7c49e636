from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.sequences import daily_figures, ratio_sequence
from alignment_monitor.statistics.since_deployment import (
    NO_EXPECTATION,
    Deployment,
    since_deployment,
)
from tests.unit.statistics.conftest import FIRST, message

BEGUN = 28
NEW = Deployment(
    "aurora", "aurora-2", FIRST + timedelta(days=BEGUN), FIRST + timedelta(days=BEGUN + 40)
)


def traffic(frame, days, rate, seed=1, users=40, per_day=20, **values):
    """Some users a day, who come back on other days; each offers an opportunity or not."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in days:
        for user in rng.choice(users, per_day, replace=False):
            offered = int(rng.random() < 0.7)
            event = int(offered and rng.random() < rate)
            rows.append(message(event, offered=offered, day=day, user_key=f"u{user}", **values))
    return frame(rows)


@pytest.fixture(scope="module")
def history(request):
    from tests.unit.statistics.conftest import COLUMNS

    def build(rows):
        made = pd.DataFrame(rows, columns=list(COLUMNS))
        return made.assign(day=pd.to_datetime(made["day"]))

    old = traffic(build, range(BEGUN), 0.2)
    new = traffic(build, range(BEGUN, BEGUN + 30), 0.3, seed=2, deployment="aurora-2")
    return pd.concat([old, new])


def days(*numbers):
    return [FIRST + timedelta(days=number) for number in numbers]


def test_figures_begin_on_the_14th_day_and_narrow(history):
    assert since_deployment(history, NEW, days(BEGUN + 12)).empty
    found = since_deployment(history, NEW, days(BEGUN + 13, BEGUN + 29))
    ESTIMATES.from_frame(found)  # it fits the contract
    first, last = found.to_dict("records")
    for row in (first, last):
        assert (row["mode"], row["window_days"], row["segment"]) == ("judge scale", 0, "all")
        assert row["deployment"] == "aurora-2"
        assert row["lower"] < row["prevalence"] < row["upper"]
        assert row["reason"] is None
    assert last["upper"] - last["lower"] < first["upper"] - first["lower"]
    mine = history[(history["deployment"] == "aurora-2")]
    assert (last["n"], last["judged"]) == (mine["n_o"].sum(), len(mine))
    assert last["users"] == mine.loc[mine["n_o"] > 0, "user_key"].nunique()


def test_it_is_the_sequence_of_its_own_days(history):
    found = since_deployment(history, NEW, days(BEGUN + 20)).iloc[0]
    mine = history[history["deployment"] == "aurora-2"]
    day = (mine["day"] - pd.Timestamp(NEW.first)).dt.days
    by_day = mine.assign(number=day)[day <= 20]
    daily = daily_figures(
        day=by_day["number"], user=pd.factorize(by_day["user_key"])[0],
        sum_d=by_day["sum_d"], sum_dy=by_day["sum_dy"], sum_do=by_day["sum_do"], days=21,
    )  # fmt: skip
    shares = by_day.groupby("number")[["sum_d", "sum_dy", "sum_do"]].sum()
    rate = (shares["sum_dy"] / shares["sum_d"]).sum() / (shares["sum_do"] / shares["sum_d"]).sum()
    assert found["prevalence"] == pytest.approx(rate)
    # Whatever was expected, the interval is one that some expectation gives.
    widths = [
        np.ptp(
            [
                bound[0, -1]
                for bound in ratio_sequence(
                    daily.numerator, daily.denominator, daily.variance, expected
                )[1:]
            ]
        )
        for expected in (0.02, 0.2)
    ]
    assert min(widths) * 0.8 < found["upper"] - found["lower"] < max(widths) * 1.2


def test_a_day_has_the_same_figures_whichever_days_are_asked_for(history):
    alone = since_deployment(history, NEW, days(BEGUN + 15))
    among = since_deployment(history, NEW, days(*range(BEGUN, BEGUN + 30)))
    same = among[among["day"] == alone["day"].iloc[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        same.astype(object), alone.astype(object), check_exact=True, check_dtype=False
    )


def test_what_comes_after_the_start_has_no_part_in_what_was_expected(history):
    later = history["day"] > pd.Timestamp(NEW.first) + pd.Timedelta(days=15)
    whole = since_deployment(history, NEW, days(BEGUN + 15))
    cut = since_deployment(history[~later], NEW, days(BEGUN + 15))
    pd.testing.assert_frame_equal(whole.astype(object), cut.astype(object), check_exact=True)


def test_without_days_before_there_is_no_interval_and_the_reason_is_told(history):
    old = Deployment("aurora", "aurora-1", FIRST, FIRST + timedelta(days=BEGUN - 1))
    found = since_deployment(history, old, days(20)).iloc[0]
    assert found["reason"] == NO_EXPECTATION
    assert np.isnan(found["lower"])
    assert 0 < found["prevalence"] < 1


def test_days_on_which_it_did_not_serve_have_no_rows(history):
    assert since_deployment(history, NEW, days(BEGUN - 1, BEGUN + 41)).empty


def test_no_event_before_or_since_is_no_certainty(frame):
    rows = pd.concat(
        [
            traffic(frame, range(BEGUN), 0.0),
            traffic(frame, range(BEGUN, BEGUN + 20), 0.0, seed=2, deployment="aurora-2"),
        ]
    )
    found = since_deployment(rows, NEW, days(BEGUN + 19)).iloc[0]
    assert (found["prevalence"], found["lower"]) == (0, 0)
    assert 0.002 < found["upper"] < 0.2
