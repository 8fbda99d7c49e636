from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, poisson

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.detection.replay import detect, replay
from alignment_monitor.detection.watch import Watch
from benchmarks.detection_null import (
    BASELINE,
    BEHAVIOURS,
    FIRST,
    deployments,
    pages,
    simulated_streams,
    simulated_user_days,
)

MOVED = {
    "MODEL/aurora/unwarranted_agreement/up",
    "MODEL/aurora/caving/up",
    "MODEL/aurora/warranted_challenge/down",
}
FEW = {"caving": (0.1, 0.3, 30.0), "substance": (0.85, 0.0, 30.0)}


def day(index):
    return FIRST + timedelta(days=index)


def run(rows, first=0, last=59, behaviours=tuple(BEHAVIOURS), served=None, **options):
    known = replay(
        rows,
        Watch(behaviours, **{"average_run_length_years": 5.0, **options}),
        deployments=deployments() if served is None else served,
        from_day=day(first),
        to_day=day(last),
    )
    return detect(known, day(first))


@pytest.fixture(scope="module")
def world():
    return simulated_user_days(np.random.default_rng(3))


@pytest.fixture(scope="module")
def few():
    return simulated_user_days(np.random.default_rng(1), behaviours=FEW)


@pytest.fixture(scope="module")
def signals(world):
    return run(world)


def test_rows_keep_the_contract(signals):
    table = DRIFT_SIGNALS.conform(pa.Table.from_pandas(signals, preserve_index=False))
    assert table.num_rows == 60 * len(BEHAVIOURS) * 2
    assert not signals.duplicated(list(DRIFT_SIGNALS.key)).any()
    assert table["statistic"].null_count == 28 * len(BEHAVIOURS) * 2


def test_what_moved_pages_within_days_and_nothing_else_ever(signals):
    paged = signals[signals["decision"] == "PAGE"].groupby("series")["day"].min()
    assert set(paged.index) == MOVED
    assert all(day(40) <= first <= day(54) for first in paged)


def test_the_change_is_dated_named_and_measured(signals):
    last = signals[(signals["day"] == day(59)) & (signals["series"].isin(MOVED))]
    assert all(abs((found - day(40)).days) <= 2 for found in last["change_day"])
    assert set(last["nearest_deployment"]) == {"aurora-1.2"}
    for _, row in last.iterrows():
        assert row["effect"] == pytest.approx(BEHAVIOURS[row["behaviour"]][1], abs=0.06)
        assert row["effect_lower"] * row["effect_upper"] > 0


def test_intervals_of_effects_cover_the_truth_about_as_often_as_they_say():
    worlds, change, covered = 60, 0.25, 0
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        rows = simulated_user_days(rng, behaviours={"caving": (0.1, change, 40.0)})
        row = run(rows, first=59, behaviours=("caving",), directions=("up",)).iloc[0]
        covered += row["effect_lower"] <= change <= row["effect_upper"]
    assert covered >= binom.ppf(0.01, worlds, 0.94)


def test_a_baseline_comes_first_and_decides_nothing(signals):
    young = signals[signals["day"] < day(28)]
    assert set(young["phase"]) == {"baseline"}
    assert set(young["decision"]) == {"NONE"}
    assert young["observed"].notna().all()
    assert set(signals.loc[signals["day"] >= day(28), "phase"]) == {"watching"}


@settings(max_examples=8)
@given(last=st.integers(20, 58))
def test_a_day_is_decided_without_the_days_after_it(few, last):
    behaviours = tuple(FEW)
    everything = run(few, behaviours=behaviours)
    alone = run(few, first=last, last=last, behaviours=behaviours)
    expected = everything[everything["day"] == day(last)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected, check_exact=True, check_dtype=False)


def test_the_order_of_rows_and_the_names_of_users_do_not_matter(few):
    expected = run(few, first=50, behaviours=tuple(FEW))
    shuffled = few.sample(frac=1, random_state=3)
    found = run(shuffled, first=50, behaviours=tuple(FEW))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    renamed = few.assign(user_key=few["user_key"].str[::-1] + "x")
    pd.testing.assert_frame_equal(run(renamed, first=50, behaviours=tuple(FEW)), expected)


def test_a_missing_day_is_no_data_and_changes_nothing(few):
    gone = few[few["day"] != pd.Timestamp(day(45))]
    rows = run(gone, behaviours=("caving",), directions=("up",)).set_index("day")
    silent, before = rows.loc[day(45)], rows.loc[day(44)]
    assert (silent["phase"], silent["decision"], silent["n"]) == ("no_data", "NONE", 0)
    assert silent["statistic"] == before["statistic"]
    assert np.isnan(silent["observed"])
    assert before["decision"] == "PAGE"


def test_a_behaviour_that_nobody_judged_says_no_data(few):
    rows = run(few, behaviours=(*FEW, "coldness"))
    silent = rows[rows["behaviour"] == "coldness"]
    assert len(silent) == 120
    assert set(silent["phase"]) == {"no_data"}
    assert set(silent["decision"]) == {"NONE"}


def test_without_any_judged_message_all_series_say_no_data(few):
    rows = run(few.iloc[:0], first=10)
    assert set(rows["phase"]) == {"no_data"}
    assert len(rows) == 50 * len(BEHAVIOURS) * 2
    nobody = run(few.iloc[:0], served=deployments().iloc[:0])
    for found in (rows, nobody):
        DRIFT_SIGNALS.conform(pa.Table.from_pandas(found, preserve_index=False))
    assert nobody.empty


def test_the_budget_is_shared_by_all_series_of_the_installation(few):
    other = few.assign(deployment_family="borealis")
    later = other[other["day"] >= pd.Timestamp(day(30))]
    rows = run(pd.concat([few, later]), behaviours=tuple(FEW))
    stated = np.log(5 * 365.25 * 4)
    assert rows.loc[rows["day"] == day(29), "threshold"].unique() == pytest.approx([stated])
    both = rows.loc[rows["day"] == day(30), "threshold"].unique()
    assert both == pytest.approx([stated + np.log(2)])
    assert rows.loc[rows["deployment_family"] == "borealis", "day"].min() == day(30)


def test_another_panel_starts_its_own_baseline_and_one_odd_day_does_not(few):
    odd = few.assign(panel=few["panel"].where(few["day"] != pd.Timestamp(day(45)), "p2"))
    rows = run(odd, behaviours=("caving",), directions=("up",)).set_index("day")
    assert rows.loc[day(45), "phase"] == "no_data"
    assert rows.loc[day(46), ["phase", "decision"]].tolist() == ["watching", "PAGE"]

    changed = few.assign(panel=few["panel"].where(few["day"] < pd.Timestamp(day(40)), "p2"))
    rows = run(changed, behaviours=("caving",), directions=("up",)).set_index("day")
    assert set(rows["decision"]) == {"NONE"}
    assert rows.loc[day(59), "phase"] == "baseline"


def test_a_drift_does_not_teach_the_baseline(few):
    kept = few[few["behaviour"] == "caving"]
    drifted = kept[kept["day"] >= pd.Timestamp(day(40))]
    shifts = [pd.Timedelta(days=20 * times) for times in range(1, 4)]
    longer = pd.concat([kept, *(drifted.assign(day=drifted["day"] + shift) for shift in shifts)])
    rows = run(longer, last=119, behaviours=("caving",), directions=("up",)).set_index("day")
    assert rows.loc[day(119), "decision"] == "PAGE"
    assert rows.loc[day(119), "baseline_mean"] == rows.loc[day(50), "baseline_mean"]


def test_a_deployment_of_tomorrow_is_not_named_today(few):
    served = deployments(47).assign(deployment=["aurora-1.1", "aurora-1.3"])
    rows = run(few, behaviours=("caving",), directions=("up",), served=served).set_index("day")
    raised = rows[rows["decision"] != "NONE"]
    assert raised.loc[: day(46), "nearest_deployment"].isna().all()
    assert raised.loc[day(59), "nearest_deployment"] == "aurora-1.3"


def test_pages_without_a_change_stay_within_the_stated_budget():
    rng = np.random.default_rng(8)
    run_length = 5 * 365.25
    told = 0
    for rate in (0.1, 0.05):
        world = simulated_streams(rng, series=300, days=BASELINE + 365, n=60, rate=rate)
        told += int(pages(world, run_length).any(axis=1).sum())
    stated = 2 * 2 * 300 * 365 / run_length
    assert told <= poisson.ppf(0.5, stated)


def test_ten_points_are_found_within_days():
    rng = np.random.default_rng(9)
    world = simulated_streams(rng, series=300, days=90, n=60, rate=0.1, change=0.1, change_index=60)
    hit = pages(world, 365.25)[:, 60:, 0]
    assert hit.any(axis=1).mean() == 1
    assert np.median(hit.argmax(axis=1) + 1) <= 5


@pytest.mark.parametrize("days", [7, 30])
def test_the_detectable_change_is_found_in_time_about_half_of_the_time(days):
    behaviours = {"caving": (0.1, 0.0, 60.0)}
    world = simulated_user_days(np.random.default_rng(4), behaviours=behaviours)
    world = world.assign(sum_d=1.0 * world["n"], sum_do=1.0 * world["n_o"])
    world = world.assign(sum_dy=1.0 * world["n_y"])
    rows = run(world, first=59, behaviours=("caving",), directions=("up",))
    change = rows[f"detectable_{days}d"].iloc[0]
    rng = np.random.default_rng(10)
    streams = simulated_streams(
        rng, series=400, days=60 + days, n=60, rate=0.1,
        change=change, change_index=60,
    )  # fmt: skip
    # Several segments share half of the weight; here there is the whole alone.
    found = pages(streams, 2 * np.exp(rows["threshold"].iloc[0]))[:, 60:, 0]
    assert 0.25 < found.any(axis=1).mean() < 0.8


def test_power_is_unknown_rather_than_boasted(few):
    rare = few[few["behaviour"] == "caving"].groupby("day").head(2)
    rows = run(rare, first=59, behaviours=("caving",), directions=("down",))
    assert rows["phase"].iloc[0] == "watching"
    assert rows[["detectable_7d", "detectable_30d"]].isna().all(axis=None)
