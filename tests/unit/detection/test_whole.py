"""The whole detector on small simulated worlds: silent, found, and told apart from the judge."""

import numpy as np
import pytest

from alignment_monitor.detection.day import Budget, Day
from alignment_monitor.detection.engine import Engine
from alignment_monitor.detection.labels import Labels

SERIES, BASELINE, CHANGE, DAYS = 60, 56, 80, 110
RATE, SENSITIVITY, FALSE = 0.10, 0.85, 0.05
JUDGED, SENTINELS, LABELS = 500, 100, (7, 13)
RUN_LENGTH_YEARS = 20


def verdicts(seed=1, *, rise=0.0, judge_rise=0.0, seen=True, labelled=True):
    """Pages and judge alarms, series x day (x direction), of series with one segment."""
    rng = np.random.default_rng(seed)
    log_page = np.log(365.25 * RUN_LENGTH_YEARS * 2)
    engine = Engine(SERIES, 0, Budget(np.full(SERIES, log_page), 7.6))
    page, judge = np.zeros((SERIES, DAYS, 2), bool), np.zeros((SERIES, DAYS), bool)
    wanted = np.zeros(SERIES, bool)
    for day in range(DAYS):
        changed = day >= CHANGE
        truth, false = RATE + rise * changed, FALSE + judge_rise * changed
        chance = truth * SENSITIVITY + (1 - truth) * false
        rate = rng.binomial(JUDGED, chance, SERIES) / JUDGED
        shown = np.array([SENSITIVITY, false if seen else FALSE])
        flagged = rng.binomial(SENTINELS, shown, (SERIES, 2)).astype(float)
        labels = None
        if labelled:
            n = np.where(wanted[:, None], (50.0, 100.0), 0.0) + LABELS
            events = np.array(
                [truth * SENSITIVITY / chance, truth * (1 - SENSITIVITY) / (1 - chance)]
            )
            y = rng.binomial(n.astype(int), events).astype(float)
            share = np.stack([rate, 1 - rate], axis=1)
            scale = share / (n / n.sum(axis=1, keepdims=True))
            stratum = np.tile([0, 1], (SERIES, 1))
            labels = Labels(n, y, scale, stratum, np.zeros_like(stratum), rate[:, None])
        young = np.full(SERIES, day < BASELINE)
        told = engine.step(
            Day(
                rate[:, None],
                np.full((SERIES, 1), float(JUDGED)),
                False,
                young,
                ~young,
                flagged,
                np.full((SERIES, 2), float(SENTINELS)),
                labels,
                wanted,
            )
        )
        wanted = told.wanted
        page[:, day], judge[:, day] = told.verdict.page, told.judge.newly
    return page, judge


def test_nothing_pages_where_nothing_changed():
    page, judge = verdicts()
    # 60 series for 54 days: .44 pages at the stated rate, which gives 4 once in 1,000 times.
    assert page.sum() < 4
    assert judge.any(axis=1).mean() < 0.1


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("rise", "direction"), [(0.1, 0), (-0.08, 1)])
def test_a_change_of_the_model_pages_in_its_direction(rise, direction, labelled):
    page, _ = verdicts(rise=rise, labelled=labelled)
    found = page[:, CHANGE:].any(axis=1)
    assert found[:, direction].mean() > 0.9
    assert found[:, 1 - direction].mean() < 0.05


def test_a_change_of_the_judge_that_sentinels_see_is_the_judges():
    page, judge = verdicts(judge_rise=0.15)
    assert judge[:, CHANGE:].any(axis=1).mean() > 0.95
    assert page[:, CHANGE:].any(axis=(1, 2)).mean() < 0.1


def test_labels_hold_a_page_that_only_a_changed_judge_asks_for():
    blind, _ = verdicts(judge_rise=0.15, seen=False, labelled=False)
    labelled, _ = verdicts(judge_rise=0.15, seen=False, labelled=True)
    assert blind[:, CHANGE:].any(axis=(1, 2)).mean() > 0.9
    assert labelled[:, CHANGE:].any(axis=(1, 2)).mean() < 0.2


def test_the_same_days_give_the_same_verdicts():
    first, second = verdicts(seed=3), verdicts(seed=3)
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
