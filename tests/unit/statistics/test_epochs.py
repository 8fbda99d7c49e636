from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.detection.replay import detect, replay, standing
from alignment_monitor.detection.watch import Watch
from alignment_monitor.statistics.epochs import (
    RESETS,
    no_resets,
    standing_rows,
    steps,
    with_epochs,
)
from benchmarks.detection_null import FIRST, deployments, simulated_user_days

DAYS = 10
FAMILIES, BEHAVIOURS = ("aurora", "borealis"), ("caving", "substance")


def day(index):
    return FIRST + timedelta(days=index)


def frame(resets):
    return pd.DataFrame(resets, columns=list(RESETS), dtype=object)


def reset(from_day, recorded_on, family="aurora", behaviour=None):
    return (family, behaviour, day(from_day), day(recorded_on))


@st.composite
def resets_in_order(draw):
    """Resets as a store gives them: in the order in which they were recorded."""
    recorded = sorted(draw(st.lists(st.integers(0, DAYS + 3), max_size=5)))
    return [
        reset(
            draw(st.integers(-2, on)),
            on,
            draw(st.sampled_from(FAMILIES)),
            draw(st.sampled_from([None, *BEHAVIOURS])),
        )
        for on in recorded
    ]


@pytest.fixture(scope="module")
def rows():
    keys = [(f, b, d) for f in FAMILIES for b in BEHAVIOURS for d in range(DAYS)]
    made = pd.DataFrame(keys, columns=["deployment_family", "behaviour", "index"])
    made["day"] = [pd.Timestamp(day(index)) for index in made["index"]]
    return made.assign(row=range(len(made)))


def seen(epochs, resets, family, behaviour, index):
    """The rows that a decision on a day rests on."""
    (stands,) = steps(resets, family, behaviour).standing(pd.DatetimeIndex([day(index)]))
    mine = (epochs["deployment_family"] == family) & (epochs["behaviour"] == behaviour)
    mine &= (epochs["epoch"] == stands) & (epochs["index"] <= index)
    return epochs.loc[mine, "row"].tolist()


def expected(resets, family, behaviour, index):
    """The first day that counts, by the rule as one would say it: the latest reset stands."""
    first = -3
    for whose, what, from_day, recorded_on in resets:
        if whose == family and what in (None, behaviour) and recorded_on <= day(index):
            first = (from_day - FIRST).days
    return [n for n in range(DAYS) if first <= n <= index]


@settings(max_examples=40)
@given(resets=resets_in_order())
def test_a_decision_sees_each_row_of_the_epoch_that_stands_once_and_no_other(rows, resets):
    epochs = with_epochs(rows, frame(resets))
    index = rows["index"].to_numpy()
    for family in FAMILIES:
        for behaviour in BEHAVIOURS:
            for today in range(DAYS):
                found = seen(epochs, frame(resets), family, behaviour, today)
                assert index[found].tolist() == expected(resets, family, behaviour, today)


@settings(max_examples=40)
@given(resets=resets_in_order(), later=st.integers(0, DAYS), back=st.integers(0, 9))
def test_a_later_reset_changes_no_decision_before_the_day_it_was_recorded(
    rows, resets, later, back
):
    before = frame([one for one in resets if one[3] <= day(later)])
    after = frame([*before.itertuples(index=False), reset(later - back, later)])
    old, new = with_epochs(rows, before), with_epochs(rows, after)
    for today in range(later):
        for behaviour in BEHAVIOURS:
            assert seen(old, before, "aurora", behaviour, today) == seen(
                new, after, "aurora", behaviour, today
            )


@settings(max_examples=40)
@given(resets=resets_in_order(), today=st.integers(0, DAYS - 1))
def test_the_rows_of_one_day_are_those_that_its_epoch_has(rows, resets, today):
    known = frame(resets)
    found = standing_rows(rows, known, "aurora", "caving", pd.Timestamp(day(today)))
    assert found["row"].tolist() == seen(with_epochs(rows, known), known, "aurora", "caving", today)


def test_an_epoch_ends_where_the_next_was_recorded(rows):
    found = with_epochs(rows, frame([reset(2, 4, behaviour="caving"), reset(3, 8)]))
    mine = found[(found["deployment_family"] == "aurora") & (found["behaviour"] == "caving")]
    days = mine.groupby("epoch")["index"].apply(list).to_dict()
    assert days == {0: [0, 1, 2, 3], 1: [2, 3, 4, 5, 6, 7], 2: [3, 4, 5, 6, 7, 8, 9]}
    assert set(found.loc[found["deployment_family"] == "borealis", "epoch"]) == {0}


def test_without_resets_rows_come_back_as_they_are(rows):
    found = with_epochs(rows, no_resets())
    pd.testing.assert_frame_equal(found.drop(columns="epoch"), rows)
    assert found["epoch"].dtype == np.int64
    assert set(found["epoch"]) == {0}
    assert np.shares_memory(found["row"].to_numpy(), rows["row"].to_numpy())


def test_a_reset_that_begins_after_it_was_recorded_is_refused(rows):
    with pytest.raises(ValueError, match="begins after"):
        with_epochs(rows, frame([reset(5, 4)]))


@pytest.fixture(scope="module")
def world():
    behaviours = {"caving": (0.1, 0.3, 30.0), "substance": (0.85, 0.0, 30.0)}
    return simulated_user_days(np.random.default_rng(1), behaviours=behaviours)


def run(world, last=59, resets=None, baseline_days=10):
    watch = Watch(BEHAVIOURS, average_run_length_years=5.0, baseline_days=baseline_days)
    return replay(
        world, watch, deployments=deployments(), from_day=FIRST, to_day=day(last), resets=resets
    )


def test_days_before_a_reset_was_recorded_keep_every_digit(world):
    plain = detect(run(world), FIRST)
    again = detect(run(world, resets=frame([reset(40, 48)])), FIRST)
    old = plain["day"] < day(48)
    pd.testing.assert_frame_equal(again[old], plain[old], check_exact=True)
    untouched = detect(run(world, resets=frame([reset(40, 48, "borealis")])), FIRST)
    pd.testing.assert_frame_equal(untouched, plain, check_exact=True)


def test_a_change_pages_until_it_is_declared_normal_and_the_new_normal_is_learned(world):
    rows = detect(run(world, resets=frame([reset(40, 44, behaviour="caving")])), FIRST)
    mine = rows[rows["series"] == "MODEL/aurora/caving/up"].set_index("day")
    assert mine.loc[day(43), "decision"] == "PAGE"
    learning = mine.loc[day(44) : day(49)]
    assert set(learning["phase"]) == {"baseline"}
    assert set(learning["decision"]) == {"NONE"}
    assert learning[["statistic", "baseline_mean", "detectable_7d"]].isna().all(axis=None)
    after = mine.loc[day(50) :]
    assert set(after["phase"]) == {"watching"}
    assert set(after["decision"]) == {"NONE"}
    assert after["baseline_mean"].iloc[0] == pytest.approx(0.4, abs=0.06)
    other = rows[rows["behaviour"] == "substance"]
    assert set(other.loc[other["day"] >= day(10), "phase"]) == {"watching"}


def test_a_new_normal_can_be_taken_back(world):
    plain = detect(run(world), FIRST)
    again = detect(run(world, resets=frame([reset(40, 44), reset(0, 50)])), FIRST)
    old = plain["day"] >= day(50)
    pd.testing.assert_frame_equal(again[old], plain[old], check_exact=True)
    between = (plain["day"] >= day(44)) & ~old
    assert set(again.loc[between, "phase"]) == {"baseline"}


def test_the_new_baseline_is_what_its_rows_alone_would_give(world):
    known = frame([reset(40, 44)])
    found = run(world, resets=known)
    stream = standing(found, "aurora", "caving")[59]
    alone = run(world[world["day"] >= pd.Timestamp(day(40))])
    (only,) = set(standing(alone, "aurora", "caving")) - {-1}
    for name in ("mean", "between", "freedom"):
        new, old = (getattr(one.history.baseline, name) for one in (found, alone))
        np.testing.assert_array_equal(new[stream, 44:], old[only, 44:])


def test_a_day_is_decided_by_what_was_recorded_by_then(world):
    known = frame([reset(40, 50)])
    assert set(run(world, last=49, resets=known).streams.labels["epoch"]) == {0}
    everything = detect(run(world, resets=known), FIRST)
    for last in (49, 50, 55):
        alone = detect(run(world, last=last, resets=known), day(last)).reset_index(drop=True)
        expected_rows = everything[everything["day"] == day(last)].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, expected_rows, check_exact=True, check_dtype=False)


def test_a_new_normal_without_any_data_yet_has_no_stream(world):
    gone = world[world["day"] < pd.Timestamp(day(50))]
    rows = detect(run(gone, resets=frame([reset(52, 52)])), day(51))
    assert set(rows["phase"]) == {"no_data"}
    assert rows.loc[rows["day"] == day(51), "statistic"].notna().all()
    assert rows.loc[rows["day"] >= day(52), "statistic"].isna().all()
