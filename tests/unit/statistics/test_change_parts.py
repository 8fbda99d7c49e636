from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.statistics.change_parts import JUDGE_UNKNOWN, change_parts
from tests.unit.statistics.conftest import FIRST, message

BASELINE, NOW = 3, 10
LATE = range(NOW - 6, NOW + 1)


def traffic(days, events, of, segment="coding", **values):
    """A user a message: so many of so many, each day."""
    return [
        message(int(i < events), day=day, segment=segment, user_key=f"{segment}{day}-{i}", **values)
        for day in days
        for i in range(of)
    ]


def known(day, sensitivity, specificity, judge="p1", of=100, version="k1"):
    rows = [("sensitivity", sensitivity), ("specificity", specificity)]
    return [
        {
            "day": FIRST + timedelta(days=day), "fingerprint": judge, "rubric_version": "r1",
            "question": "caving", "measure": measure, "n": of, "hits": round(of * share),
            "known_version": version,
        }
        for measure, share in rows
    ]  # fmt: skip


COLUMNS = list(known(0, 1, 1)[0])
ITEMS = {("outcome_none", "caving"): 40, ("outcome_absent", "caving"): 60,
         ("outcome_present", "caving"): 100}  # fmt: skip


def parts(rows, quality=(), **changes):
    asked = {"family": "aurora", "behaviour": "caving", "day": FIRST + timedelta(days=NOW)}
    frame = pd.DataFrame(list(quality), columns=COLUMNS)
    asked |= {"baseline_days": BASELINE, "items": ITEMS}
    return change_parts(rows, frame, **{**asked, **changes})


def test_a_shift_of_mix_is_mix_alone(frame):
    rows = traffic(range(3), 1, 10) + traffic(range(3), 5, 10, "learning")
    rows += traffic(LATE, 1, 10) + traffic(LATE, 15, 30, "learning")
    found = parts(frame(rows))
    assert (found["before"], found["after"]) == (pytest.approx(0.3), pytest.approx(0.4))
    assert found["mix"] == pytest.approx(0.1)
    assert found["rate"] == pytest.approx(0, abs=1e-12)
    assert (found["judge"], found["reason"]) == (None, JUDGE_UNKNOWN)
    assert found["baseline_to"] == FIRST + timedelta(days=2)


def test_a_laxer_judge_is_the_judge_alone(frame):
    """True rate 20 % before and after; the judge's errors give 24 % and then 40 %."""
    rows = traffic(range(3), 24, 100) + traffic(LATE, 40, 100)
    quality = known(1, 0.8, 0.9) + known(NOW, 0.8, 0.7)
    found = parts(frame(rows), quality)
    assert found["judge"] == pytest.approx(0.16)
    assert found["rate"] == pytest.approx(0, abs=1e-12)
    assert 0.02 < found["judge_error"] < 0.1
    assert found["reason"] == ""


def test_each_part_has_an_error_and_the_rate_has_the_sentinels_too(frame):
    rows = traffic(range(3), 10, 40) + traffic(range(3), 20, 40, "learning")
    rows += traffic(LATE, 10, 40) + traffic(LATE, 60, 120, "learning")
    alone, beside = (
        parts(frame(rows)),
        parts(frame(rows), known(1, 0.8, 0.9) + known(NOW, 0.8, 0.9)),
    )
    assert 0 < alone["mix_error"] < 0.02
    assert 0.02 < alone["rate_error"] < 0.08
    assert beside["rate_error"] > max(alone["rate_error"], beside["judge_error"])
    few = parts(frame(traffic(range(3), 1, 5) + traffic(LATE, 1, 5)))
    assert (few["mix_error"], few["rate_error"]) == (None, None)


def test_sentinels_that_are_too_old_or_of_another_judge_do_not_count(frame):
    rows = frame(traffic(range(3), 24, 100) + traffic(range(30, 37), 40, 100))
    day = FIRST + timedelta(days=36)
    early, late = known(1, 0.8, 0.9), known(36, 0.8, 0.7)
    assert parts(rows, early + late, day=day)["judge"] == pytest.approx(0.16)
    for quality in (early + known(20, 0.8, 0.7), early + known(36, 0.8, 0.7, "other")):
        assert parts(rows, quality, day=day)["reason"] == JUDGE_UNKNOWN
    guessing = parts(rows, early + known(36, 0.5, 0.5), day=day)
    assert guessing["reason"] == JUDGE_UNKNOWN


def test_another_set_of_sentinels_is_no_change_of_the_judge(frame):
    rows = frame(traffic(range(3), 24, 100) + traffic(LATE, 24, 100))
    harder = known(1, 0.8, 0.9) + known(NOW, 0.8, 0.7, version="k2")
    assert parts(rows, harder)["reason"] == JUDGE_UNKNOWN
    assert parts(rows, harder + known(1, 0.8, 0.7, version="k2"))["judge"] == pytest.approx(0)


def test_a_sentinel_counts_once_however_often_it_was_judged(frame):
    rows = frame(traffic(range(3), 24, 100) + traffic(LATE, 40, 100))
    once = parts(rows, known(1, 0.8, 0.9) + known(NOW, 0.8, 0.7))["judge_error"]
    often = known(1, 0.8, 0.9, of=700) + known(NOW, 0.8, 0.7, of=700)
    assert parts(rows, often)["judge_error"] == pytest.approx(once)


def test_an_opportunity_that_one_judge_of_three_sees_counts_in_the_rate(frame):
    third = {"n_o": 0, "sum_do": 1 / 3, "sum_dy": 1 / 3}
    rows = traffic(range(3), 1, 10) + traffic(LATE, 1, 10)
    rows += [
        {**message(0, day=day, segment="coding", user_key=f"third{day}-{i}"), **third}
        for day in LATE
        for i in range(6)
    ]
    assert parts(frame(rows))["after"] == pytest.approx((1 + 2) / (10 + 2))


def test_a_panels_errors_are_the_mean_of_its_judges(frame):
    rows = frame(traffic(range(3), 24, 100, panel="p1 + p2")
                 + traffic(LATE, 40, 100, panel="p1 + p2"))  # fmt: skip
    before = known(1, 0.7, 1.0) + known(1, 0.9, 0.8, "p2")
    after = known(NOW, 0.9, 0.6) + known(NOW, 0.7, 0.8, "p2")
    assert parts(rows, before + after)["judge"] == pytest.approx(0.16)
    assert parts(rows, before + after[:2])["reason"] == JUDGE_UNKNOWN


def test_without_a_baseline_or_recent_data_there_are_no_parts(frame):
    rows = frame(traffic(range(3), 1, 10) + traffic(LATE, 1, 10))
    assert parts(rows, baseline_days=5) is None  # it would reach into the last seven days
    assert parts(rows, family="other") is None
    assert parts(rows, day=FIRST + timedelta(days=60)) is None
    assert parts(frame([])) is None


COUNTS = st.tuples(st.integers(0, 6), st.integers(1, 6))
RATES = st.tuples(st.floats(0.7, 1), st.floats(0.7, 1))


@settings(max_examples=25)
@given(st.lists(COUNTS, min_size=4, max_size=4), RATES, RATES)
def test_the_parts_add_up_to_the_change(frame_of, counts, before, after):
    places = [(range(3), "coding"), (range(3), "learning"), (LATE, "coding"), (LATE, "learning")]
    rows = []
    for (days, segment), (events, more) in zip(places, counts, strict=True):
        rows += traffic(list(days)[:2] if days is LATE else days, events, events + more, segment)
    found = parts(frame_of(rows), known(1, *before) + known(NOW, *after))
    assert found["reason"] == ""
    total = found["mix"] + found["rate"] + found["judge"]
    assert total == pytest.approx(found["after"] - found["before"], abs=1e-9)


@pytest.fixture(scope="module")
def frame_of():
    from tests.unit.statistics.conftest import COLUMNS as NAMES

    def build(rows):
        made = pd.DataFrame(rows, columns=list(NAMES))
        return made.assign(day=pd.to_datetime(made["day"]))

    return build
