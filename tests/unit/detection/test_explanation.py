from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from alignment_monitor.detection.edetector import CAP, log_statistic
from alignment_monitor.detection.explanation import ExplanationError, explain
from alignment_monitor.detection.replay import detect, replay
from alignment_monitor.detection.watch import Watch
from alignment_monitor.operations.explain import Told, lines
from benchmarks.detection_null import FIRST, deployments, simulated_user_days

BEHAVIOURS = {"caving": (0.1, 0.3, 30.0), "substance": (0.85, 0.0, 30.0)}


@pytest.fixture(scope="module")
def rows():
    return simulated_user_days(np.random.default_rng(1), behaviours=BEHAVIOURS)


def run_to(rows, last, behaviours=tuple(BEHAVIOURS)):
    days = FIRST + timedelta(days=last)
    watch = Watch(behaviours, average_run_length_years=5.0)
    return replay(rows, watch, deployments=deployments(), from_day=days, to_day=days)


@pytest.mark.parametrize("last", [28, 30, 41, 45, 59])
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_the_steps_lead_to_the_statistic(rows, behaviour, direction, last):
    told = explain(run_to(rows, last), "aurora", behaviour, direction)
    assert told.watched
    moved = sum(part.weight * (part.rate - part.reference) for part in told.parts if part.n)
    assert told.level + moved == pytest.approx(told.rate, abs=1e-12)
    assert sum(part.weight for part in told.parts) == pytest.approx(1)
    whole = told.views[0]
    assert (whole.name, whole.rate) == ("all", pytest.approx(told.rate))
    assert whole.n == pytest.approx(1 / (told.clustering * told.spread))
    weighted = [view.statistic + np.log(view.weight) for view in told.views]
    assert np.logaddexp.reduce([*weighted, told.others]) == pytest.approx(told.statistic)
    sign = 1 if direction == "up" else -1
    for view in told.views:
        assert log_statistic(np.array([shift.after for shift in view.shifts])) == view.statistic
        baseline = view.moments
        sampling = baseline["rate"] * (1 - baseline["rate"]) / view.n
        assert view.deviation == pytest.approx(np.sqrt(baseline["between"] + sampling))
        excess = sign * (view.rate - view.effect - baseline["mean"]) - view.margin
        excess -= np.sqrt(baseline["mean_variance"])
        assert view.z == pytest.approx(excess / (view.deviation * view.widening))
        cap = told.threshold - np.log(view.weight) + 1 + CAP
        for shift in view.shifts:
            grown = (
                np.logaddexp(shift.before, np.log(told.mass)) + shift.size * view.z - shift.log_mgf
            )
            assert shift.after == pytest.approx(min(grown, cap))


def test_the_days_that_the_baseline_knew_are_named(rows):
    young = explain(run_to(rows, 9), "aurora", "caving", "up")
    assert young.learned == tuple(FIRST + timedelta(days=n) for n in range(10))
    assert not young.watched
    assert young.views == ()
    older = explain(run_to(rows, 58), "aurora", "substance", "up")
    assert older.learned == tuple(FIRST + timedelta(days=n) for n in range(31))


def test_a_series_without_data_says_so(rows):
    run = run_to(rows, 40, behaviours=(*BEHAVIOURS, "unearned_praise"))
    with pytest.raises(ExplanationError, match=r"gave cause for unearned_praise by 2\d{3}-"):
        explain(run, "aurora", "unearned_praise", "up")


def test_a_segment_that_the_baseline_never_saw_has_no_weight(rows):
    late = rows[rows["day"] == rows["day"].max()].assign(segment="zeta")
    told = explain(run_to(pd.concat([rows, late]), 59), "aurora", "caving", "up")
    [new] = [part for part in told.parts if part.segment == "zeta"]
    assert new.n > 0
    assert new.weight == 0
    assert told.rate == explain(run_to(rows, 59), "aurora", "caving", "up").rate


@pytest.mark.parametrize(("last", "capped"), [(30, False), (59, True)])
def test_a_component_at_its_cap_is_said_to_be_there(rows, last, capped):
    run = run_to(rows, last)
    day, series = FIRST + timedelta(days=last), "MODEL/aurora/caving/up"
    row = detect(run, day).set_index("series").loc[series].to_dict()
    steps = explain(run, "aurora", "caving", "up")
    said = "\n".join(lines(Told(series, day, steps, row, row)))
    assert ("where it is capped" in said) == capped
    assert "-0 " not in said
