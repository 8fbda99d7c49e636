from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.labelled import LabelledDays
from alignment_monitor.statistics.two_phase import EMPTY_STRATUM, NO_GOLD, two_phase
from tests.unit.statistics.conftest import FIRST

LAST = FIRST + timedelta(days=6)
SERIES = {
    "deployment_family": "aurora", "behaviour": "caving", "rubric_version": "r1", "panel": "p1",
}  # fmt: skip
LABELS = ["day", "conversation_id", "message_index", "behaviour", "offered", "event"]


def judged(count, **values):
    """So many judged messages, each of a user of its own."""
    rows = pd.DataFrame(
        {
            "day": FIRST,
            "conversation_id": [f"c{i}" for i in range(count)],
            "message_index": 1,
            **SERIES,
            "user_key": [f"u{i}" for i in range(count)],
            "d": 2.0,
            "o": 1.0,
            "y": 0.0,
            "stratum": "negative|agreed",
        }
    )
    return rows.assign(**values)


def labelled(rows, mask, event, offered=1.0):
    """Labels of the messages that a mask names."""
    return rows.assign(offered=offered, event=event).loc[mask, LABELS]


def week(rows, labels, windows=(1, 7)):
    found = LabelledDays(rows, labels).estimates(LAST, windows)
    ESTIMATES.from_frame(found)  # it fits the contract
    return found


def test_days_with_few_labels_weigh_as_much_as_they_have_messages():
    first = judged(100)
    second = judged(100, day=FIRST + timedelta(days=1))
    place = np.arange(100)
    labels = [labelled(first, place < 100, 1.0), labelled(second, place < 10, 0.0)]
    found = week(pd.concat([first, second]), pd.concat(labels)).iloc[0]
    assert found["prevalence"] == pytest.approx(0.5)
    assert (found["labels"], found["judged"], found["n"]) == (110, 200, 200)
    assert (found["mode"], found["window_days"], found["segment"]) == ("two-phase", 7, "all")


def test_it_is_the_two_phase_estimate_of_its_strata():
    rng = np.random.default_rng(2)
    rows = judged(400, d=rng.choice([1.0, 4.0], 400), o=(rng.random(400) < 0.8).astype(float))
    flagged = rng.random(400) < 0.3
    rows = rows.assign(
        y=rows["o"] * flagged,
        stratum=np.where(rows["o"] * flagged > 0, "positive|agreed", "negative|agreed"),
    )
    chosen = rng.random(400) < np.where(rows["y"] > 0, 0.6, 0.2)
    offered = (rng.random(400) < 0.9).astype(float)
    event = offered * (rng.random(400) < 0.2)
    found = week(rows, labelled(rows, chosen, event, offered)).iloc[0]
    stratum = (rows["y"] > 0).astype(int)
    share = pd.Series(chosen).groupby(stratum).transform("mean")
    wanted = two_phase(
        weight=rows["d"], stratum=stratum, user=np.arange(400),
        event=np.where(chosen, event, np.nan), offered=np.where(chosen, offered, np.nan),
        gold_probability=share,
    )  # fmt: skip
    assert [found[name] for name in ("prevalence", "lower", "upper", "effective_n")] == [
        pytest.approx(float(value[0]))
        for value in (wanted.rate, wanted.lower, wanted.upper, wanted.effective_n)
    ]
    assert found["judged_prevalence"] == pytest.approx(
        (rows["d"] * rows["y"]).sum() / (rows["d"] * rows["o"]).sum()
    )
    assert found["joint_rate"] == pytest.approx(found["prevalence"] * found["opportunity_rate"])


def test_thin_strata_join_others_in_which_the_judges_saw_the_same():
    rows = judged(60, stratum=["negative|agreed"] * 50 + ["negative|split"] * 10)
    found = week(rows, labelled(rows, np.arange(60) < 20, 0.0)).iloc[0]
    assert found["prevalence"] == 0
    assert found["reason"] is None
    parted = judged(60, stratum=["negative|agreed"] * 50 + ["positive|agreed"] * 10)
    lacking = week(parted, labelled(parted, np.arange(60) < 20, 0.0)).iloc[0]
    assert np.isnan(lacking["prevalence"])
    assert lacking["reason"] == EMPTY_STRATUM


def test_a_behaviour_without_an_answer_has_none_and_others_have_theirs():
    rows = judged(30)
    both = pd.concat([rows, rows.assign(behaviour="unearned_praise")])
    found = week(both, labelled(rows, np.arange(30) < 15, 1.0)).set_index("behaviour")
    assert found.loc["caving", "prevalence"] == 1
    assert found.loc["unearned_praise", "reason"] == NO_GOLD


def test_windows_without_labels_and_short_ones_have_no_rows():
    rows = judged(30)
    labels = labelled(rows, np.arange(30) < 15, 1.0)
    assert week(rows, labels, windows=(1, 3)).empty
    assert week(rows, labels.iloc[:0]).empty
    assert LabelledDays(rows, labels).estimates(FIRST + timedelta(days=7), (7,)).empty
    assert week(rows, labels, windows=(28, 7))["window_days"].tolist() == [7, 28]


def test_the_rate_is_unbiased_and_intervals_cover_where_draws_differ_by_day():
    """Rates rise over the week and later days are labelled more; worlds stand side by side."""
    rng = np.random.default_rng(3)
    worlds, each = 150, 350
    count = worlds * each
    day = np.tile(np.repeat(np.arange(7), each // 7), worlds)
    truth = rng.random(count) < 0.05 + 0.05 * day
    seen = np.where(truth, rng.random(count) < 0.8, rng.random(count) < 0.1)
    rows = judged(
        count,
        day=[FIRST + timedelta(days=int(number)) for number in day],
        behaviour=np.repeat(np.arange(worlds), each).astype(str),
        user_key=(np.arange(count) // 2).astype(str),
        y=seen.astype(float),
        stratum=np.where(seen, "positive|agreed", "negative|agreed"),
    )
    chosen = rng.random(count) < np.where(seen, 0.6, 0.2) * (1 + (day > 3)) / 2
    found = week(rows, labelled(rows, chosen, truth.astype(float)))
    target = 0.05 + 0.05 * 3
    errors = found["prevalence"] - target
    assert abs(errors.mean()) < 4 * errors.sem()
    covered = int(((found["lower"] <= target) & (target <= found["upper"])).sum())
    assert binom.ppf(0.001, worlds, 0.94) <= covered
