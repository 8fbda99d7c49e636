from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from alignment_monitor.contracts import ESTIMATES
from alignment_monitor.statistics.adjusted import BLIND
from alignment_monitor.statistics.estimation import cells_of
from alignment_monitor.statistics.sentinel_adjusted import (
    MEASURES,
    NO_SENTINELS,
    confusions,
    sentinel_adjusted,
)
from alignment_monitor.statistics.windows import UserDays
from tests.unit.statistics.conftest import FIRST, message

NOW = FIRST + timedelta(days=6)
ITEMS = {(measure, "caving"): 80 for measure in MEASURES}
KEY = ("p1", "r1", "caving")


def counted(measure, n, hits, against, **values):
    """A row of judge_quality."""
    return {
        "day": NOW, "judge": "j", "fingerprint": "p1", "rubric_version": "r1",
        "known_version": "k", "measure": measure, "question": "caving",
        "n": n, "hits": hits, "against": against, **values,
    }  # fmt: skip


def told(matrix, items=1.0):
    """The matrix of a judge as rows of judge_quality."""
    return [
        counted(measure, row.sum(), row[truth], row[1 if truth == 2 else 2])
        for truth, (measure, row) in enumerate(
            zip(MEASURES, np.asarray(matrix) * items, strict=True)
        )
    ]


def traffic(frame, none, absent, present, **values):
    """So many users, each with one message, as a judge takes them."""
    offered = [0] * none + [1] * (absent + present)
    event = [0] * (none + absent) + [1] * present
    return frame(
        [
            message(y, offered=o, user_key=f"u{i}", **values)
            for i, (o, y) in enumerate(zip(offered, event, strict=True))
        ]
    )


def week(rows, matrices):
    found = sentinel_adjusted(cells_of(UserDays(rows), NOW, (7,)), matrices, NOW)
    ESTIMATES.from_frame(found)  # it fits the contract
    return found.set_index("deployment").loc["all"]


def test_counts_of_days_make_a_matrix_that_weighs_each_sentinel_once():
    rows = [counted(MEASURES[2], 60, 45, 10, day=NOW - timedelta(days=back)) for back in range(2)]
    rows += [counted(MEASURES[1], 50, 40, 4), counted(MEASURES[0], 40, 30, 6)]
    rows += [counted("sensitivity", 60, 50, None)]
    matrix = confusions(pd.DataFrame(rows), ITEMS)[KEY]
    assert matrix[0].tolist() == [30, 4, 6]
    assert matrix[1].tolist() == [6, 40, 4]
    assert matrix[2] == pytest.approx(np.array([10, 20, 90]) * 80 / 120)


def test_other_sentinels_than_the_newest_do_not_count():
    old = counted(MEASURES[2], 60, 0, 60, known_version="old", day=NOW - timedelta(days=1))
    matrix = confusions(pd.DataFrame([old, counted(MEASURES[2], 60, 45, 15)]), ITEMS)[KEY]
    assert matrix[2].tolist() == [0, 15, 45]


def test_the_judges_errors_are_taken_out_of_all_three_rates(frame):
    truth = np.array([0.5, 0.4, 0.1])
    errors = np.array([[0.9, 0.08, 0.02], [0.1, 0.85, 0.05], [0.05, 0.15, 0.8]])
    seen = np.round(errors.T @ truth * 4000).astype(int)
    found = week(traffic(frame, *seen), confusions(pd.DataFrame(told(errors, 80)), ITEMS))
    assert found["opportunity_rate"] == pytest.approx(0.5, abs=1e-3)
    assert found["joint_rate"] == pytest.approx(0.1, abs=1e-3)
    assert found["prevalence"] == pytest.approx(0.2, abs=2e-3)
    assert found["judged_prevalence"] == pytest.approx(seen[2] / (seen[1] + seen[2]))
    assert found["lower"] < 0.2 < found["upper"]
    assert found["mode"] == "sentinel-adjusted"
    assert 1 < found["effective_n"] < found["n"]
    assert found["reason"] is None


def test_a_question_that_always_applies_is_corrected_by_rogan_and_gladen(frame):
    errors = np.array([[0, 0, 0], [0, 0.9, 0.1], [0, 0.3, 0.7]])
    found = week(traffic(frame, 0, 720, 280), confusions(pd.DataFrame(told(errors, 80)), ITEMS))
    assert found["prevalence"] == pytest.approx((0.28 - 0.1) / 0.6)
    assert found["opportunity_rate"] == 1


def test_a_panels_matrix_is_the_mean_of_its_judges(frame):
    first, second = np.diag([80.0, 80, 80]), np.array([[80, 0, 0], [0, 60, 20], [0, 40, 40.0]])
    rows = [row | {"fingerprint": "p2", "judge": "k"} for row in told(second)]
    rows = traffic(frame, 500, 400, 100, panel="p1 + p2"), pd.DataFrame(told(first) + rows)
    found = week(rows[0], confusions(rows[1], ITEMS))
    assert found["joint_rate"] == pytest.approx((0.1 - 0.5 * 0.125) / (0.75 - 0.125))
    lone = week(rows[0], confusions(rows[1][rows[1]["judge"] == "j"], ITEMS))
    assert np.isnan(lone["prevalence"])
    assert lone["reason"] == NO_SENTINELS
    assert lone["judged_prevalence"] == pytest.approx(0.2)


def test_without_sentinels_or_with_a_blind_judge_there_is_no_rate(frame):
    rows = traffic(frame, 50, 40, 10)
    none = confusions(pd.DataFrame([counted("sensitivity", 60, 50, None)]), ITEMS)
    assert week(rows, none)["reason"] == NO_SENTINELS
    guess = week(rows, confusions(pd.DataFrame(told(np.full((3, 3), 1 / 3), 80)), ITEMS))
    assert guess["reason"] == BLIND
    assert np.isnan(guess["upper"])


def test_nothing_seen_is_not_certainty(frame):
    found = week(traffic(frame, 0, 60, 0), confusions(pd.DataFrame(told(np.eye(3), 60)), ITEMS))
    assert found["prevalence"] == 0
    assert found["upper"] > 0.03


def test_intervals_cover_the_truth_about_as_often_as_they_say(frame):
    """Worlds stand side by side as behaviours, each with a judge measured anew."""
    rng = np.random.default_rng(5)
    worlds, judged = 300, 150
    truth = np.array([0.4, 0.45, 0.15])
    errors = np.array([[0.94, 0.05, 0.01], [0.06, 0.88, 0.06], [0.04, 0.12, 0.84]])
    rows, quality = [], []
    outcome = rng.choice(3, (worlds, judged), p=errors.T @ truth)
    for world in range(worlds):
        quality += [
            row | {"question": str(world)}
            for row in told(np.array([rng.multinomial(50, chances) for chances in errors]))
        ]
    seen = outcome.ravel()
    rows = frame([message()] * len(seen)).assign(
        behaviour=np.repeat(np.arange(worlds), judged).astype(str),
        user_key=np.arange(len(seen)).astype(str),
        n_o=(seen > 0).astype(int), sum_do=seen > 0, sum_dy=seen > 1,
    )  # fmt: skip
    items = {(measure, str(world)): 50 for measure in MEASURES for world in range(worlds)}
    matrices = confusions(pd.DataFrame(quality), items)
    found = sentinel_adjusted(cells_of(UserDays(rows), NOW, (7,)), matrices, NOW)
    found = found[found["deployment"] == "all"]
    assert found["prevalence"].notna().mean() > 0.9
    found = found[found["prevalence"].notna()]
    theta = truth[2] / (truth[1] + truth[2])
    covered = int(((found["lower"] <= theta) & (theta <= found["upper"])).sum())
    assert binom.ppf(0.001, len(found), 0.93) <= covered
