"""The detector's benchmark counts what it says it counts, and finds gross things."""

import math

import numpy as np
import pytest
from scipy.stats import poisson

from alignment_monitor.simulation.years import Outcome
from benchmarks import common, detection, detection_cases, detection_contest, detection_panel
from benchmarks.detection_cases import CHANGE_DAY, CHANGED, QUIET, Simulated, judged
from benchmarks.detection_figures import (
    Rate,
    Share,
    delay_of,
    ever_paged,
    extra_labels,
    false_pages,
    first_days,
    page_delay,
    wrong_first,
)


def outcome(replicates=4, days=20, **marks):
    """Nothing said but the marks: field to (replicate, day[, direction]) places."""
    shape = (replicates, days)
    names = ("page", "ticket", "unresolved", "indeterminate", "opened")
    found = {name: np.zeros((*shape, 2), dtype=bool) for name in names}
    found |= {name: np.zeros(shape, dtype=bool) for name in ("judge", "burst")}
    found |= {"labels": np.full(shape, 20), "burst_labels": np.zeros(shape, dtype=int)}
    for name, places in marks.items():
        for place in places:
            found[name][place] = True
    return Outcome(**found, baseline_days=5)


def test_seeds_for_readers_and_for_choices_differ():
    assert len(set(detection_cases.SEEDS.values())) == len(detection_cases.SEEDS)
    assert detection_contest.CALIBRATION > 0


def test_the_page_has_a_place_for_each_table():
    text = common.PAGE.read_text()
    for name in ("detection_cases", "detection_panel", "detection_peers"):
        assert text.index(f"<!-- {name} -->") < text.index(f"<!-- /{name} -->")


def test_a_delay_is_one_on_the_day_of_the_change_and_pages_before_it_do_not_count():
    found = outcome(page=[(0, 10, 0), (1, 9, 0), (1, 12, 0), (2, 10, 1)])
    days = first_days(found.page[..., 0], 10)
    assert days.tolist() == [1, 3, math.inf, math.inf]
    assert first_days(found.page[..., 0], 10, 2).tolist() == [1, math.inf, math.inf, math.inf]
    delay = page_delay(found, 10)
    assert (delay.median, delay.late, delay.missed) == (3, math.inf, 0.5)
    assert delay.within((3,))
    assert not delay.within((3, 90))


def test_limits_of_a_median_hold_it_as_often_as_they_say():
    rng = np.random.default_rng(1)
    true = math.ceil(math.log(0.5) / math.log(0.9))
    held = 0
    for _ in range(400):
        low, high = delay_of(rng.geometric(0.1, 100).astype(float)).median_limits
        held += low <= true <= high
    assert held / 400 > 0.93


def test_limits_of_rates_and_shares_are_exact():
    rate = Rate(3, 100.0)
    assert poisson.cdf(3, rate.upper * 100) == pytest.approx(0.05)
    assert Rate(0, 10.0).upper == pytest.approx(-math.log(0.05) / 10)
    assert Share(0, 20).limits[1] == pytest.approx(1 - 0.025 ** (1 / 20))
    assert Share(20, 20).limits == (pytest.approx(0.025 ** (1 / 20)), 1.0)


def test_a_first_verdict_is_wrong_unless_a_page_of_its_direction_comes_first_or_beside_it():
    found = outcome(
        replicates=7,
        page=[(0, 12, 0), (1, 12, 0), (2, 12, 0), (3, 12, 0), (4, 12, 1)],
        ticket=[(1, 11, 0), (2, 12, 1), (3, 9, 0)],
        judge=[(5, 15)],
    )
    wrong = wrong_first(found, 10)
    assert (wrong.hits, wrong.count) == (3, 7)  # ticket before, other direction, judge; silence not


def test_false_pages_are_of_both_directions_and_of_watched_time():
    found = outcome(page=[(0, 12, 0), (1, 12, 1), (1, 15, 0)])
    assert false_pages(found).value == pytest.approx(3 / (4 * 15 / 365.25))
    paged = ever_paged(found, 13, days=2)
    assert paged.hits == 0
    assert ever_paged(found, 13, days=3).hits == 1


def test_extra_labels_are_held_against_the_regular_ones_after_the_baseline():
    found = outcome()
    found.burst_labels[:2, 3] = 1000
    found.burst_labels[:2, 10] = 30
    share, error = extra_labels(found)
    assert share == pytest.approx(60 / (4 * 15 * 20))
    assert error > 0


def test_peers_are_given_the_rates_that_the_detector_sees():
    world = judged("+10", 6, seed=1)
    assert world.n.shape == (6, CHANGE_DAY + detection_cases.AFTER)
    assert (world.positives <= world.n).all()
    before, after = world.rates[:, :CHANGE_DAY].mean(), world.rates[:, CHANGE_DAY:].mean()
    assert before == pytest.approx(0.13, abs=0.005)
    assert after - before == pytest.approx(0.08, abs=0.005)
    assert (world.rates == judged("+10", 6, seed=1).rates).all()
    assert (world.rates != judged("+10", 6, seed=1, also=9).rates).any()


def test_each_case_changes_one_thing_on_the_same_day_or_nothing():
    assert all(case.change_day == CHANGE_DAY for case in CHANGED.values())
    assert all(case.change_day is None for case in QUIET.values())
    assert len({*CHANGED.values(), *QUIET.values()}) == len(CHANGED) + len(QUIET)


def test_panels_leave_the_seeds_of_all_other_cases_as_they_were():
    names = list(detection_cases.SCENARIOS)
    alone = [name for name in names if detection_cases.SCENARIOS[name].panel is None]
    assert names == alone + list(detection_cases.PANELS)
    assert detection_cases.seed_of("late, +5", 7) == (7, 18)
    assert len(set(detection_cases.PANELS.values())) == len(detection_cases.PANELS)


def test_each_row_of_panels_has_a_figure_of_its_own_case_for_each_dependence():
    class Marked(dict):
        def __missing__(self, name):
            assert name in detection_cases.PANELS
            late = 100 * name.endswith("0.6")
            page = [(row, CHANGE_DAY + late, 0) for row in range(3)] if "+15" in name else []
            return outcome(days=260, page=page, judge=[(0, CHANGE_DAY)])

    told = detection_panel.lines(Marked())
    assert len({case for case, *_ in told}) == len(told)
    assert all(len(figures) == len(detection_cases.DEPENDENCES) for _, *figures in told)
    paged = {case: figures for case, *figures in told}["the same: false page in 90 days"]
    assert [share.hits for share in paged] == [3, 3, 0]


def test_a_large_change_is_found_in_days_and_most_quiet_years_have_no_page(capsys):
    of = Simulated(seed=4, replicates=20)
    found = of["+10"]
    assert found.page[:, CHANGE_DAY : CHANGE_DAY + 10, 0].any(axis=1).mean() > 0.5
    assert of["+10"] is found
    assert of["quiet"].page.any(axis=(1, 2)).mean() < 0.5


def test_a_row_says_whether_it_is_met_by_its_limit_or_its_value():
    rate = detection.limited("case", Rate(3, 100.0), 0.05, 0.08)
    assert rate.cells()[2:] == ("0.05", "**no**", "0.08", "yes")
    delay = delay_of(np.array([4.0, 5.0, 9.0]))
    row = detection.delayed("case", delay, (5, 9), (4,))
    assert row.cells()[2:] == ("5 (9)", "yes", "4", "**no**")
    assert detection.delayed("case", delay).cells()[2:] == ("–", "–", "–", "–")
