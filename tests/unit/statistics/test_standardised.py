from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.estimation import cells_of, judge_scale
from alignment_monitor.statistics.standardised import (
    NO_MIX,
    NO_SEGMENT,
    STREAM,
    ReferenceMix,
    standardised,
)
from alignment_monitor.statistics.windows import UserDays
from tests.unit.statistics.conftest import FIRST, message
from tests.unit.statistics.test_estimation import MESSAGES, RELAXED, summed

BASELINE = 3
QUICK = settings(RELAXED, max_examples=20)
NOW = FIRST + timedelta(days=9)


def people(segment, events, of, day, **values):
    """So many users of a segment with one message each, of which some show the event."""
    return [
        message(int(i < events), user_key=f"{segment}{day}-{i}", segment=segment, day=day, **values)
        for i in range(of)
    ]


def baseline_of(frame):
    rows = frame[(frame["n_o"] > 0) & (frame["day"] < pd.Timestamp(FIRST) + pd.Timedelta(days=3))]
    return rows.groupby([*STREAM, "day", "segment"], as_index=False)[["sum_do", "sum_dy"]].sum()


def week(rows, baseline, day=NOW, window=7):
    history = UserDays(rows)
    reference = ReferenceMix(baseline, BASELINE, history.names)
    return standardised(cells_of(history, day, (window,)), reference, day)


def whole(found):
    return found[found["deployment"] == "all"].iloc[0]


@pytest.fixture
def shifted(frame):
    """A baseline of three parts coding at 10 % to one part learning at 40 %; then half and half."""
    past = [row for day in range(3) for row in people("coding", 3, 30, day)]
    past += [row for day in range(3) for row in people("learning", 4, 10, day)]
    now = people("coding", 2, 20, 9) + people("learning", 8, 20, 9)
    return frame(past), frame(past + now)


def test_a_mere_shift_of_mix_moves_the_plain_rate_and_not_the_standardised(shifted):
    past, rows = shifted
    found = whole(week(rows, baseline_of(past)))
    plain = judge_scale(cells_of(UserDays(rows), NOW, (7,)), NOW)
    assert plain.iloc[0]["prevalence"] == pytest.approx(0.25)
    assert found["prevalence"] == pytest.approx(0.175)
    assert found["judged_prevalence"] == found["prevalence"]
    assert (found["n"], found["judged"], found["users"]) == (40, 40, 40)
    assert found["standardised"]
    assert (found["mode"], found["segment"]) == ("judge scale", "all")
    assert found["lower"] < 0.175 < found["upper"]


def test_a_segment_that_is_missing_deviates_as_the_others_do(shifted, frame):
    past, _ = shifted
    rows = frame(people("coding", 6, 20, 9))
    found = whole(week(rows, baseline_of(past)))
    assert found["prevalence"] == pytest.approx(0.175 + (0.3 - 0.1))


def test_a_segment_that_the_baseline_lacks_has_no_weight(shifted, frame):
    past, rows = shifted
    more = frame(people("new", 20, 20, 9))
    found = whole(week(pd.concat([rows, more]), baseline_of(past)))
    assert found["prevalence"] == pytest.approx(0.175)
    assert found["n"] == 40
    alone = whole(week(more, baseline_of(past)))
    assert np.isnan(alone["prevalence"])
    assert alone["reason"] == NO_SEGMENT


def test_before_the_baseline_is_complete_there_is_no_rate(shifted):
    past, _ = shifted
    during = whole(week(past, baseline_of(past), day=FIRST + timedelta(days=1)))
    assert np.isnan(during["prevalence"])
    assert during["reason"] == NO_MIX
    last = whole(week(past, baseline_of(past), day=FIRST + timedelta(days=2)))
    assert last["prevalence"] == pytest.approx(0.175)
    short = baseline_of(past[past["day"] < past["day"].max()])
    never = whole(week(past, short, day=FIRST + timedelta(days=2)))
    assert never["reason"] == NO_MIX


def test_each_deployment_has_its_row_and_all_fit_the_contract(shifted, frame):
    past, rows = shifted
    more = frame(people("coding", 9, 10, 8, deployment="aurora-2"))
    found = week(pd.concat([rows, more]), baseline_of(past))
    rates = found.set_index("deployment")["prevalence"]
    assert set(rates.index) == {"all", "aurora-1", "aurora-2"}
    assert rates["aurora-1"] == pytest.approx(0.175)
    assert rates["aurora-2"] == pytest.approx(0.175 + 0.8)
    table = ESTIMATES.from_frame(found)
    assert not table.to_pandas().duplicated(list(ESTIMATES.key)).any()


@QUICK
@given(st.lists(MESSAGES, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_in_the_mix_of_the_window_itself_it_is_the_plain_rate(frame, messages, random):
    rows = frame(summed(messages))
    day = FIRST + timedelta(days=6)
    own = rows.assign(day=rows["day"].min())
    baseline = own.groupby([*STREAM, "day", "segment"], as_index=False)[["sum_do", "sum_dy"]].sum()
    history = UserDays(rows)
    reference = ReferenceMix(baseline, 1, history.names)
    found = standardised(cells_of(history, day, (7,)), reference, day)
    plain = judge_scale(cells_of(history, day, (7,)), day)
    mine, theirs = whole(found), plain.iloc[0]
    assert mine["prevalence"] == pytest.approx(theirs["prevalence"])
    assert mine["lower"] <= mine["prevalence"] <= mine["upper"]
    assert mine["effective_n"] <= mine["n"] + 1e-9
    shuffled = rows.sample(frac=1, random_state=random.randint(0, 99))
    history = UserDays(shuffled)
    again = standardised(
        cells_of(history, day, (7,)), ReferenceMix(baseline, 1, history.names), day
    )
    pd.testing.assert_frame_equal(again, found, check_exact=True)


def test_without_rows_there_are_none(frame):
    assert week(frame([]), baseline_of(frame([]))).empty


def test_intervals_cover_the_truth_about_as_often_as_they_say(frame):
    """Worlds stand side by side as behaviours; each has its own users."""
    rng = np.random.default_rng(7)
    worlds, people_each = 400, 80
    mix, rates = np.array([0.6, 0.3, 0.1]), np.array([0.05, 0.2, 0.4])
    names = np.array(["a", "b", "c"])
    truth = float(mix @ (rates + 0.05))
    messages = rng.choice([1, 2, 3], worlds * people_each, p=[0.6, 0.25, 0.15])
    user = np.repeat(np.arange(worlds * people_each), messages)
    segment = rng.choice(3, len(user), p=[0.3, 0.3, 0.4])
    positive = (rng.random(len(user)) < rates[segment] + 0.05).astype(int)
    weight = rng.choice([1.0, 3.0], len(user))
    rows = frame([message(day=9)] * len(user)).assign(
        user_key=user.astype(str), segment=names[segment], sum_d=weight, sum_do=weight,
        sum_dy=weight * positive, behaviour=(user // people_each).astype(str),
    )  # fmt: skip
    past = frame([message()] * 3).assign(segment=names, sum_do=100 * mix, sum_dy=100 * mix * rates)
    every = pd.concat([past.assign(behaviour=str(world)) for world in range(worlds)])
    history = UserDays(rows)
    reference = ReferenceMix(baseline_of(every), 1, history.names)
    found = standardised(cells_of(history, NOW, (7,)), reference, NOW)
    found = found[found["deployment"] == "all"]
    assert len(found) == worlds
    covered = int(((found["lower"] <= truth) & (truth <= found["upper"])).sum())
    assert binom.ppf(0.001, worlds, 0.94) <= covered <= binom.ppf(0.999, worlds, 0.98)
