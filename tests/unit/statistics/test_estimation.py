from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.estimation import CELL, quantiles, window_estimates
from alignment_monitor.statistics.intervals import t_quantile
from tests.unit.statistics.conftest import FIRST, message

FIGURES = ["n", "judged", "users", "effective_n", "opportunity_rate", "joint_rate", "prevalence"]
FIGURES += ["lower", "upper"]
MESSAGES = st.builds(
    message,
    st.integers(0, 1),
    d=st.sampled_from([1.0, 2.0, 7.5]),
    day=st.integers(0, 6),
    user_key=st.sampled_from("abcdef"),
    segment=st.sampled_from(["coding", "learning"]),
    deployment=st.sampled_from(["aurora-1", "aurora-2"]),
)
RELAXED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


def summed(rows):
    keys = [*CELL, "user_key", "day"]
    return pd.DataFrame(rows).groupby(keys, as_index=False).sum().to_dict("records")


def week(rows):
    return window_estimates(rows, day=FIRST + timedelta(days=6), window_days=7)


def whole(rows):
    found = week(rows)
    return found[(found["deployment"] == "all") & (found["segment"] == "all")].iloc[0]


def test_a_rate_is_weighted_by_the_design_and_clustered_by_user(frame):
    rows = [
        message(1, d=2.0, user_key="a"),
        message(0, d=2.0, user_key="a", day=1),
        message(0, d=4.0, user_key="b"),
        message(1, d=6.0, user_key="c"),
        message(0, offered=0, d=3.0, user_key="d"),
    ]
    found = whole(frame(rows))
    rate = 8 / 14
    residuals = [2 - rate * 4, 0 - rate * 4, 6 - rate * 6]
    variance = 3 / 2 * sum(r**2 for r in residuals) / 14**2
    kish = 14**2 / (16 + 16 + 36)
    smooth = (rate * kish + 1) / (kish + 2)
    extra = smooth * (1 - smooth) - rate * (1 - rate)
    expected = smooth * (1 - smooth) / (variance + extra / kish)
    assert found["prevalence"] == pytest.approx(rate)
    assert found["effective_n"] == pytest.approx(expected)
    assert found["opportunity_rate"] == pytest.approx(14 / 17)
    assert found["joint_rate"] == pytest.approx(8 / 17)
    assert (found["n"], found["judged"], found["users"]) == (4, 5, 3)


def test_every_deployment_and_segment_and_all_of_them_have_a_row(frame):
    rows = [
        message(deployment=deployment, segment=segment)
        for deployment in ("aurora-1", "aurora-2")
        for segment in ("coding", "learning", "wellbeing")
    ]
    found = week(frame(rows))
    assert len(found) == 3 * 4
    assert not found.duplicated(list(ESTIMATES.key)).any()
    assert found.loc[found["segment"] == "all", "n"].tolist() == [6, 3, 3]


def test_a_segment_called_all_does_not_double_rows(frame):
    found = week(frame([message(segment="all")]))
    assert not found.duplicated(list(ESTIMATES.key)).any()


def test_only_days_of_the_window_count(frame):
    rows = frame([message(1, day=day, user_key=f"u{day}") for day in range(10)])
    found = window_estimates(rows, day=FIRST + timedelta(days=8), window_days=3)
    assert found["n"].tolist() == [3] * 4
    assert (found["day"] == FIRST + timedelta(days=8)).all()


def test_rubrics_and_panels_are_never_mixed(frame):
    found = week(
        frame([message(1, panel="p1"), message(0, panel="p2"), message(rubric_version="r2")])
    )
    assert sorted(found.loc[found["segment"] == "all", "prevalence"].unique()) == [0.0, 1.0]
    assert len(found) == 3 * 4


def test_without_an_opportunity_there_is_no_rate(frame):
    found = week(frame([message(offered=0), message(offered=0, user_key="b")]))
    table = ESTIMATES.conform(pa.Table.from_pandas(found, preserve_index=False))
    for name in ("prevalence", "lower", "upper", "effective_n"):
        assert table[name].null_count == len(found)
    assert table["n"].to_pylist() == [0] * 4
    assert table["opportunity_rate"].to_pylist() == [0.0] * 4


def test_an_empty_window_has_no_rows_but_all_columns(frame):
    found = week(frame([]))
    assert found.empty
    assert list(found.columns) == ESTIMATES.schema.names


@pytest.mark.parametrize("positive", [0, 1])
def test_one_user_says_next_to_nothing_however_much_is_said(frame, positive):
    rows = summed([message(positive, user_key="a", day=day) for day in range(7)])
    found = whole(frame(rows))
    assert found["prevalence"] == positive
    assert found["upper"] - found["lower"] > 0.9


@pytest.mark.parametrize("positive", [0, 1])
def test_agreement_of_all_is_not_certainty(frame, positive):
    found = whole(frame([message(positive, user_key=f"u{i}") for i in range(30)]))
    assert found["effective_n"] == pytest.approx(30)
    assert 0.08 < found["upper"] - found["lower"] < 0.2


@given(st.lists(st.one_of(st.integers(0, 3), st.integers(990, 1010), st.integers(0, 10**6))))
def test_quantiles_that_are_looked_up_are_those_that_are_computed(clusters):
    assert quantiles(np.array(clusters, dtype=float)).tolist() == t_quantile(clusters).tolist()


@RELAXED
@given(st.lists(MESSAGES, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_names_matter(frame, messages, random):
    rows = summed(messages)
    found = week(frame(rows))
    shuffled = random.sample(rows, len(rows))
    pd.testing.assert_frame_equal(week(frame(shuffled)), found)

    renamed = [{**row, "user_key": f"z{ord('f') - ord(row['user_key'])}"} for row in rows]
    pd.testing.assert_frame_equal(week(frame(renamed))[FIGURES], found[FIGURES])


@RELAXED
@given(st.lists(MESSAGES, min_size=1, max_size=40))
def test_figures_keep_their_bounds(frame, messages):
    found = week(frame(summed(messages)))
    assert found["prevalence"].between(0, 1).all()
    assert (found["lower"] >= 0).all()
    assert (found["lower"] <= found["prevalence"]).all()
    assert (found["prevalence"] <= found["upper"]).all()
    assert (found["upper"] <= 1).all()
    assert (found["effective_n"] <= found["n"] + 1e-9).all()
    assert (found["users"] <= found["n"]).all()


@RELAXED
@given(st.lists(MESSAGES, min_size=1, max_size=40), st.integers(2, 5))
def test_repeats_by_the_same_users_add_no_certainty(frame, messages, times):
    sums = ["n", "n_o", "n_y", "sum_d", "sum_do", "sum_dy"]
    rows = frame(summed(messages))
    once, often = whole(rows), whole(rows.assign(**{name: rows[name] * times for name in sums}))
    assert often["prevalence"] == pytest.approx(once["prevalence"])
    by_user = rows.groupby("user_key")["sum_do"].sum()
    kish = by_user.sum() ** 2 / (by_user**2).sum()
    # What is cut off at n when said once shows when said again; never more than that.
    uncut = np.isclose(once["effective_n"], once["n"]) or once["users"] == 1
    if not uncut:
        assert often["effective_n"] == pytest.approx(once["effective_n"])
    if once["prevalence"] in (0, 1) and once["users"] > 1:
        assert often["effective_n"] == pytest.approx(kish)


def test_intervals_cover_the_truth_about_as_often_as_they_say(frame):
    rng = np.random.default_rng(11)
    worlds, truth, covered = 400, 0.12, 0
    for _ in range(worlds):
        users = np.repeat(np.arange(60), rng.choice([1, 2, 3], 60, p=[0.6, 0.25, 0.15]))
        leaning = rng.beta(6 * truth, 6 * (1 - truth), 60)[users]
        positive = (rng.random(len(users)) < leaning).astype(int)
        weight = rng.choice([1.0, 3.0], len(users))
        rows = frame([message()] * len(users)).assign(
            user_key=users.astype(str),
            n_y=positive,
            sum_d=weight,
            sum_do=weight,
            sum_dy=weight * positive,
        )
        found = whole(rows)
        covered += found["lower"] <= truth <= found["upper"]
    assert binom.ppf(0.001, worlds, 0.94) <= covered <= binom.ppf(0.999, worlds, 0.975)
