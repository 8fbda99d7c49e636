from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment_monitor.detection.edetector import SHIFTS, log_statistic
from tests.unit.detection.judged_labels import BEFORE, Judge
from tests.unit.detection.worlds import (
    BASELINE,
    CHANGE,
    LOG_PAGE,
    World,
    figures,
    mirrored,
    run,
    some,
)

FEW = settings(max_examples=4, derandomize=True)
LAXER = Judge(0.85, 0.2)
MASKING = Judge(0.44, 0.02)
"""At a true rate of 25 % it flags 12.5 %, nearly as many as the judge before it did at 10 %."""

LIVELY = World(later=(0.2, 0.1), judge=Judge(0.85, 0.08))
"""Where much goes on: episodes open, labels lean, judges are suspect."""


def same(first, second, which=slice(None)):
    """All figures of all days agree to the last bit."""
    for one, other in zip(first, second, strict=True):
        found = figures(other)
        for name, value in figures(one).items():
            real = value.dtype.kind == "f"
            assert np.array_equal(value[which], found[name], equal_nan=real), name


def ever(told, name, direction=None):
    """Whether a verdict was given from the change on, by series."""
    given = np.array([getattr(day.verdict, name) for day in told[CHANGE:]]).any(axis=0)
    return given.any(axis=1) if direction is None else given[:, direction]


@FEW
@given(st.integers(0, 2**32 - 1), st.permutations(range(5)))
def test_the_order_of_series_changes_no_bit(seed, order):
    days = LIVELY.days(seed, 5, 85)
    same(run(days), run([some(day, order) for day in days]), order)


@FEW
@given(st.integers(0, 2**32 - 1), st.integers(2, 4))
def test_series_run_apart_give_every_bit_that_they_give_together(seed, cut):
    days = LIVELY.days(seed, 6, 85)
    together = run(days)
    for part in (list(range(cut)), list(range(cut, 6))):
        same(together, run([some(day, part) for day in days]), part)


def test_a_series_run_alone_gives_the_same_verdicts():
    """Its sums over days may be rounded otherwise: numpy adds up a single column pairwise."""
    days = LIVELY.days(12, 6)
    together, alone = run(days), run([some(day, [3]) for day in days])
    for one, other in zip(together, alone, strict=True):
        found = figures(other)
        for name, value in figures(one).items():
            if value.dtype.kind == "f":
                assert found[name] == pytest.approx(value[[3]], abs=1e-8, nan_ok=True), name
            else:
                assert np.array_equal(found[name], value[[3]]), name


def test_what_goes_on_in_one_series_is_nothing_to_another():
    days, wild = World().days(1, 3), World(later=(0.9, 0.9), judge=Judge(0.2, 0.7)).days(2, 3)
    mixed = []
    for day, other in zip(days, wild, strict=True):
        both = some(day, [0, 1, 2])
        for name, value in vars(both).items():
            if isinstance(value, np.ndarray):
                value[2] = getattr(other, name)[2]
        for name, value in vars(both.labels).items():
            if value is not None:
                value[2] = getattr(other.labels, name)[2]
        mixed.append(both)
    alone, beside = run(days), run(mixed)
    first_two = [some(day, [0, 1]) for day in mixed]
    same(beside, run(first_two), [0, 1])
    assert not np.array_equal(alone[-1].judged[2], beside[-1].judged[2])


@pytest.mark.parametrize("labelled", [True, False])
def test_where_nothing_changes_hardly_anything_pages(labelled):
    told = run(World(labelled=labelled).days(3, 60))
    pages = sum(int(day.verdict.page.sum()) for day in told)
    # 60 series for 58 days: 0.24 at the run length of 40 years; more than 3 once in 10,000 times.
    assert pages <= 3
    assert np.array([day.judge.newly for day in told]).any(axis=0).mean() < 0.1


@pytest.mark.parametrize(("later", "direction"), [((0.2, 0.2), 0), ((0.02, 0.02), 1)])
def test_a_change_of_the_model_pages_in_its_direction(later, direction):
    told = run(World(later=later).days(4, 30))
    assert ever(told, "page", direction).mean() > 0.9
    assert ever(told, "page", 1 - direction).sum() <= 1
    assert not np.array([day.judge.newly for day in told[CHANGE:]]).any(axis=0).mean() > 0.1


@pytest.mark.parametrize("judge", [LAXER, Judge(0.85, 0.35), Judge(0.6, 0.05)])
def test_a_change_of_the_judge_is_the_judges_and_pages_nobody(judge):
    told = run(World(judge=judge).days(5, 40))
    newly = np.array([day.judge.newly for day in told[CHANGE:]])
    assert newly.any(axis=0).mean() > 0.95
    assert ever(told, "page").sum() <= 2
    onset = told[-1].judge.onset
    assert np.median(onset[onset >= 0]) == pytest.approx(CHANGE, abs=1)
    effect = np.array([day.effect[:, 0] for day in told[-10:]])
    assert effect.mean() == pytest.approx(judge.flags(0.1) - BEFORE.flags(0.1), abs=0.01)


@pytest.mark.parametrize("judge", [LAXER, Judge(0.85, 0.11)])
def test_without_labels_sentinels_keep_back_pages_that_a_changed_judge_would_cause(judge):
    seen, blind = (
        ever(run(World(judge=judge, labelled=False, blind=blind).days(5, 60)), "page").mean()
        for blind in (False, True)
    )
    assert blind > 0.9
    assert seen < 0.1


@pytest.mark.parametrize(("rate", "direction"), [(0.2, 0), (0.15, 0), (0.02, 1)])
def test_without_labels_sentinels_let_a_change_of_the_model_page(rate, direction):
    told = run(World(later=(rate, rate), labelled=False).days(17, 60))
    assert ever(told, "page", direction).mean() > 0.9
    assert ever(told, "indeterminate").mean() < 0.1


@pytest.mark.parametrize("required", [True, False])
def test_without_labels_and_sentinels_a_page_needs_to_be_allowed(required):
    days = World(later=(0.25, 0.25), labelled=False).days(18, 20)
    bare = [replace(day, flagged=np.zeros((20, 2)), sentinels=np.zeros((20, 2))) for day in days]
    told = run(bare, sentinels_required=required)
    assert ever(told, "page", 0).all() == (not required)
    assert ever(told, "indeterminate", 0).all() == required
    assert ever(told, "page").any() != required


def test_a_page_is_held_for_three_days_at_most():
    told = run(World(judge=Judge(0.85, 0.11), labelled=False).days(19, 60))
    alone = np.array([(day.judged >= LOG_PAGE) & day.verdict.standing for day in told])
    suspect = np.array([day.judge.suspect for day in told])
    held = (alone & ~suspect[..., None]).astype(int)
    assert held.any()
    assert (sum(held[shift : len(held) - 3 + shift] for shift in range(4)) <= 3).all()


def test_views_weigh_what_they_are_told_to():
    days = World(later=(0.1, 0.3)).days(20, 4, 75)
    series = np.ones((4, 1))
    with np.errstate(divide="ignore"):
        only = {view: np.log(series * np.eye(3)[view]) for view in range(3)}
    for view, weights in only.items():
        for day in run(days, weights)[BASELINE:]:
            assert np.array_equal(day.judged, day.chart.statistic[:, view])
    usual, given = run(days), run(days, np.log(series * [0.5, 0.25, 0.25]))
    same(usual, given)


def test_weights_of_views_that_are_none_are_refused():
    days = World().days(21, 2, 1)
    for weights in (np.log(np.full((2, 3), 0.5)), np.log(np.full((2, 2), 0.5))):
        with pytest.raises(ValueError, match="sum to one"):
            run(days, weights)


def test_no_page_while_the_judge_is_suspect_and_a_new_start_when_it_is_another_one():
    told = run(World(judge=Judge(0.85, 0.12), labelled=False).days(13, 60))
    page = np.array([day.verdict.page[:, 0] for day in told])
    suspect = np.array([day.judge.suspect for day in told])
    judged = np.array([day.judged[:, 0] for day in told])
    assert (suspect & (judged >= LOG_PAGE)).sum() > 5
    assert not (page & suspect).any()
    for today, tomorrow in zip(told[CHANGE:], told[CHANGE + 1 :], strict=False):
        since = today.judge.newly
        chart = tomorrow.chart
        of_one_day = SHIFTS * chart.z[since][..., None] - chart.log_mgf[since]
        assert chart.statistic[since] == pytest.approx(log_statistic(of_one_day))


@pytest.mark.parametrize("rate", [0.15, 0.2])
def test_labels_do_not_speak_against_a_change_that_is_one(rate):
    told = run(World(later=(rate, rate)).days(14, 60))
    assert ever(told, "opened", 0).mean() > 0.95
    assert ever(told, "ticket", 0).mean() < 0.1


def test_when_people_stop_labelling_a_change_of_the_model_still_pages():
    days = World(later=(0.3, 0.3)).days(15, 20)
    nobody = np.zeros(20, bool)
    kept = [
        replace(day, labels=None, burst=nobody) if index >= CHANGE - 10 else day
        for index, day in enumerate(days)
    ]
    assert ever(run(kept), "page", 0).mean() > 0.9


def test_a_drift_that_labels_alone_show_does_not_teach_their_baseline():
    """The labels' own detector stays up as long as what they are compared with does not follow."""
    world = World(later=(0.25, 0.25), judge=MASKING, blind=True)
    told = run(world.days(16, 20, 150))
    soon, late = (np.median(told[day].labels[:, 0]) for day in (CHANGE + 20, 149))
    assert soon >= LOG_PAGE
    assert late >= LOG_PAGE


def test_when_the_judge_turns_out_another_labels_are_asked_for():
    told = run(World(judge=LAXER).days(6, 20))
    assert np.array([day.judge.newly for day in told]).any(axis=0).all()
    for today in told[BASELINE:]:
        since = today.judge.newly
        assert today.wanted[since].all()
        assert np.isneginf(today.judged[since]).all()


@pytest.mark.parametrize("blind", [True, False])
def test_a_drift_that_the_judge_masks_pages_by_its_labels(blind):
    days = World(later=(0.25, 0.25), judge=MASKING, blind=blind).days(7, 30)
    told = run(days)
    shown = np.mean([day.rate[:, 0] for day in days[CHANGE:]])
    assert shown == pytest.approx(np.mean([day.rate[:, 0] for day in days[:CHANGE]]), abs=0.008)
    assert ever(told, "page", 0).mean() > 0.9
    assert ever(told, "page", 1).sum() <= 1


def test_without_labels_or_sentinels_a_masked_drift_is_missed():
    told = run(World(later=(0.25, 0.25), judge=MASKING, blind=True, labelled=False).days(8, 30))
    assert ever(told, "page").sum() <= 1


def test_labels_hold_a_page_that_only_a_changed_judge_asks_for():
    world = {"judge": Judge(0.85, 0.14), "blind": True}
    unheld = run(World(**world, labelled=False).days(9, 30))
    held = run(World(**world).days(9, 30))
    assert ever(unheld, "page", 0).mean() > 0.9
    assert ever(held, "page").mean() < 0.15
    assert (ever(held, "ticket", 0) | ever(held, "unresolved", 0)).mean() > 0.6


def test_a_change_in_one_segment_is_told_as_that():
    told = run(World(later=(0.1, 0.3)).days(10, 30))
    assert ever(told, "page", 0).mean() > 0.9
    named = np.array([day.verdict.segment[:, 0] for day in told])
    pages = np.array([day.verdict.page[:, 0] for day in told])
    assert np.isin(named[pages], [-1, 1]).mean() > 0.95
    assert (named[pages] == 1).mean() > 0.5


@pytest.mark.parametrize(
    "world",
    [
        LIVELY,
        World(later=(0.03, 0.03)),
        World(judge=LAXER),
        World(later=(0.25, 0.25), judge=MASKING),
    ],
)
def test_down_is_up_in_the_mirror(world):
    """Up to rounding; what labels of one segment lean to has limits that are not mirrored."""
    days = world.days(11, 20)
    told, mirror = run(days), run([mirrored(day) for day in days])
    for day, other in zip(told, mirror, strict=True):
        for name in ("judged", "labels"):
            up, down = getattr(day, name), getattr(other, name)[:, ::-1]
            assert up == pytest.approx(down, abs=1e-6, nan_ok=True), name
        assert day.effect == pytest.approx(-other.effect, abs=1e-9)
        assert day.margin == pytest.approx(other.margin, abs=1e-9)
        assert np.array_equal(day.judge.fired, other.judge.fired)
        assert np.array_equal(day.verdict.opened, other.verdict.opened[:, ::-1])
