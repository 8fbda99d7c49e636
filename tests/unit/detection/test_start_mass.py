"""Start mass: any schedule of it keeps the run length, and late marks change no past decision."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.detection.edetector import SHIFTS, log_statistic, null_log_mgf, step
from alignment_monitor.detection.replay import detect, replay
from alignment_monitor.detection.start_mass import (
    CREDIT,
    EXTRA,
    REPAID,
    Deployment,
    masses_of,
    start_mass,
    wanted_mass,
)
from alignment_monitor.detection.watch import Watch
from benchmarks.detection_null import simulated_user_days

FIRST = date(2026, 1, 1)
MANY = settings(max_examples=200, derandomize=True)
NEVER = 1e9
WORLDS, RATE, N = 4000, 0.1, 40
DEVIATION = np.sqrt(RATE * (1 - RATE) / N)
LOG_MGF = null_log_mgf(RATE, N, 0.0, DEVIATION, 1)
ASKED = st.lists(st.sampled_from([0.0, 0.0, 0.0, *EXTRA, 100.0]), min_size=1, max_size=150)


def on(index):
    return FIRST + timedelta(days=index)


def seen(*days, family="a"):
    return [Deployment(family, on(day), on(day)) for day in days]


@MANY
@given(ASKED)
def test_no_stretch_of_days_is_given_more_mass_than_days_and_credit(asked):
    masses = start_mass(asked)
    surplus = np.concatenate([[0.0], np.cumsum(masses - 1)])
    assert (surplus - np.minimum.accumulate(surplus)).max() <= CREDIT + 1e-9
    assert (masses >= 1 - REPAID).all()


def test_without_deployments_the_mass_is_one_to_the_last_bit():
    assert (start_mass(np.zeros(500)) == 1.0).all()
    masses, credit = masses_of(seen(0), {"a": 0}, FIRST, 100)  # the first has nothing before it
    assert masses == {}
    assert (credit == 0.0).all()


def test_a_deployment_opens_a_window_that_is_repaid():
    masses, credit = masses_of(seen(0, 40), {"a": 0, "b": 5}, FIRST, 120)
    assert list(masses) == ["a"]
    assert masses["a"][40:44] == pytest.approx(1 + np.array(EXTRA))
    assert masses["a"].sum() == pytest.approx(120)
    assert (masses["a"][:40] == 1).all()
    assert (masses["a"][-30:] == 1).all()
    assert (credit == np.where(np.arange(120) < 40, 0, CREDIT)).all()


@pytest.mark.parametrize("every", [1, 2, 4])
def test_deployments_too_close_to_be_repaid_run_the_account_dry(every):
    masses = start_mass(wanted_mass(seen(*range(10, 400, every)), "a", FIRST, 400))
    assert (masses[50:] == 1).all()
    assert masses.sum() == pytest.approx(400 + CREDIT)


def test_a_mark_counts_from_the_day_it_was_made_and_no_day_before_changes():
    usual = start_mass(wanted_mass(seen(30), "a", FIRST, 90))
    late = Deployment(None, on(50), on(52))
    marked = start_mass(wanted_mass([*seen(30), late], "a", FIRST, 90))
    assert (marked[:52] == usual[:52]).all()
    assert (marked[52:54] > 1).all()
    forgotten = Deployment("a", on(50), on(80))
    assert (start_mass(wanted_mass([*seen(30), forgotten], "a", FIRST, 90)) == usual).all()
    other = Deployment("b", on(50), on(50))
    assert (start_mass(wanted_mass([*seen(30), other], "a", FIRST, 90)) == usual).all()


@MANY
@given(st.lists(st.tuples(st.integers(1, 80), st.integers(0, 20)), max_size=6), st.integers(5, 90))
def test_what_is_not_known_yet_changes_nothing(marks, last):
    known = [Deployment("a", on(day), on(day + late)) for day, late in marks]
    whole, credit = masses_of(known, {"a": 0}, FIRST, 90)
    told = [one for one in known if max(one.day, one.known_from) < on(last)]
    part, part_credit = masses_of(told, {"a": 0}, FIRST, last)
    ones = np.ones(90)
    assert (part.get("a", ones[:last]) == whole.get("a", ones)[:last]).all()
    assert (part_credit == credit[:last]).all()


def null_z(rng):
    return (rng.binomial(N, RATE, WORLDS) / N - RATE) / DEVIATION


class Greedy:
    """Spends what the account holds wherever the statistic stands highest, world by world."""

    def __init__(self):
        self.account = np.full(WORLDS, CREDIT)

    def masses(self, statistic):
        high = statistic > np.log(20.0)
        given = np.where(high, self.account, -np.minimum(REPAID, CREDIT - self.account))
        self.account = self.account - given
        return 1 + given


class Scheduled:
    """As deployments on known days have it."""

    def __init__(self):
        self.rest = iter(start_mass(wanted_mass(seen(*range(3, 2000, 9)), "a", FIRST, 2000)))

    def masses(self, statistic):
        return np.full(WORLDS, next(self.rest))


@pytest.mark.parametrize("kind", [Greedy, Scheduled])
def test_with_known_parameters_the_statistic_gains_at_most_the_mass_put_in(kind):
    rng, schedule = np.random.default_rng(7), kind()
    components, put_in = np.full((WORLDS, len(SHIFTS)), -np.inf), np.zeros(WORLDS)
    for _ in range(25):
        mass = schedule.masses(log_statistic(components))
        components = step(components, null_z(rng), LOG_MGF, NEVER, np.log(mass)[:, None])
        put_in += mass
    gained = np.exp(log_statistic(components)) - put_in
    assert gained.mean() < 4 * gained.std() / np.sqrt(WORLDS)
    # Means of large shifts are made of rare, huge values that no sample shows.
    mildest = np.exp(components[:, 0]) - put_in
    assert abs(mildest.mean()) < 4 * mildest.std() / np.sqrt(WORLDS)


@pytest.mark.parametrize("kind", [Greedy, Scheduled])
def test_the_mean_time_to_the_raised_threshold_is_at_least_the_one_stated(kind):
    rng, schedule, stated = np.random.default_rng(8), kind(), 60.0
    components = np.full((WORLDS, len(SHIFTS)), -np.inf)
    reached = np.full(WORLDS, np.inf)
    for day in range(1, 500):
        mass = schedule.masses(log_statistic(components))
        components = step(components, null_z(rng), LOG_MGF, NEVER, np.log(mass)[:, None])
        hit = log_statistic(components) >= np.log(stated + CREDIT)
        reached = np.minimum(reached, np.where(hit, day, np.inf))
    assert np.minimum(reached, 500).mean() >= stated


CAVING = {"caving": (0.1, 0.07, 80.0)}
SERVED = pd.DataFrame(
    {"deployment_family": ["aurora"], "deployment": ["1.1"], "first_day": [FIRST]}
)


@pytest.fixture(scope="module")
def world():
    return simulated_user_days(np.random.default_rng(2), days=70, behaviours=CAVING)


def decided(world, last, *marks):
    frame = pd.DataFrame(marks, columns=["deployment_family", "day", "recorded_on"])
    served = {"deployments": SERVED, "from_day": FIRST, "to_day": on(last)}
    return detect(replay(world, Watch(("caving",), 5.0), marks=frame, **served), FIRST)


def test_a_marked_deployment_finds_a_change_sooner_and_rewrites_no_day_before(world):
    usual = decided(world, 69)
    marked = decided(world, 69, ("aurora", on(40), on(40)))
    pd.testing.assert_frame_equal(marked[marked["day"] < on(40)], usual[usual["day"] < on(40)])
    up = [rows[rows["direction"] == "up"].set_index("day") for rows in (marked, usual)]
    assert up[0]["statistic"][on(40)] > up[1]["statistic"][on(40)] + 0.5
    first = [rows.index[rows["decision"] == "PAGE"].min() for rows in up]
    assert first[0] < first[1]
    raised = np.exp(marked["threshold"].iloc[-1]) - np.exp(usual["threshold"].iloc[-1])
    assert raised == pytest.approx(2 * CREDIT)
    # Made a week late it is too late for its window, and what was decided stays, bit for bit.
    late = decided(world, 69, (None, on(40), on(47)))
    pd.testing.assert_frame_equal(late, usual)
    # The replay of an earlier day comes to the same as the run that went on.
    early = decided(world, 45, ("aurora", on(40), on(40)))
    until = marked[marked["day"] <= on(45)].reset_index(drop=True)
    pd.testing.assert_frame_equal(early, until)


def test_a_mark_without_the_day_it_was_made_is_left_out(world):
    pd.testing.assert_frame_equal(decided(world, 69), decided(world, 69, ("aurora", on(40), None)))
