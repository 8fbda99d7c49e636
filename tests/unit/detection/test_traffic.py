"""Whose a moved opportunity rate is: the users', or not to be told."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from alignment_monitor.contracts import DRIFT_SIGNALS
from alignment_monitor.detection.traffic import SHARE, traffic_signals, warned
from tests.unit.detection.traffic_world import CHANGE, DAYS, START, Traffic

FAMILIES = 3
WATCHED = DAYS - 28
BY_CAUSE = {
    "users": Traffic(FAMILIES, first=0.5, later=0.5),
    "first turns alone": Traffic(FAMILIES, first=0.55),
    "fewer": Traffic(FAMILIES, first=0.15, later=0.15),
    "later turns alone": Traffic(FAMILIES, later=0.55),
    "judge": Traffic(FAMILIES, first=0.44, later=0.44, false=0.25),
    "no sentinels": Traffic(FAMILIES, first=0.5, later=0.5, sentinels=0),
}


def raised(rows):
    return rows[rows["decision"] != "NONE"]


@pytest.fixture(scope="module", params=list(BY_CAUSE))
def world(request):
    return request.param, BY_CAUSE[request.param].signals(7)


def test_a_moved_rate_is_put_down_to_users_only_where_first_turns_and_sentinels_say_so(world):
    name, rows = world
    kind = "TRAFFIC" if name in ("users", "first turns alone", "fewer") else "UNATTRIBUTED"
    last = raised(rows)[raised(rows)["day"] == START + timedelta(days=DAYS - 1)]
    facing = "down" if name == "fewer" else "up"
    assert set(last["series"]) == {f"{kind}/family-{one}/claim/{facing}" for one in range(FAMILIES)}
    assert set(last["type"]) == {kind}
    assert set(raised(rows)["decision"]) == {"WARN"}
    began = [(one - START).days for one in last["change_day"]]
    assert np.median(began) == pytest.approx(CHANGE, abs=3)


def test_a_series_has_a_row_of_each_type_and_one_warns_at_most(world):
    _, rows = world
    assert DRIFT_SIGNALS.from_frame(rows).num_rows == FAMILIES * DAYS * 2 * 2
    keys = ["day", "deployment_family", "direction"]
    assert (rows["decision"] == "WARN").groupby([rows[key] for key in keys]).sum().max() <= 1
    silent = rows[rows["decision"] == "NONE"]
    assert silent[["change_day", "effect", "segment"]].isna().all(axis=None)
    assert not rows["labels_wanted"].any()
    assert (
        pd.to_datetime(raised(rows)["day"]) >= pd.Timestamp(START) + pd.Timedelta(CHANGE, "D")
    ).all()


def test_without_a_change_alarms_are_as_rare_as_stated():
    """A statistic reaches A within t days with a probability of t/A at most."""
    families, threshold = 100, 500.0
    years = threshold * SHARE / (2 * families) / 365.25
    traffic = Traffic(families, sentinels=0).run(3, years=years)
    assert np.exp(traffic.run.log_thresholds) == pytest.approx(threshold)
    alarms = int((warned(traffic) == "WARN").any(axis=(1, 2)).sum())
    upper = beta.ppf(0.99, alarms + 1, families - alarms)  # Clopper and Pearson
    assert upper <= 2 * WATCHED / threshold


def test_later_days_change_no_earlier_decision():
    world, last = BY_CAUSE["users"], CHANGE + 8
    whole = world.signals(5)
    day = START + timedelta(days=last)
    of_day = whole[whole["day"] == day].reset_index(drop=True)
    alone = traffic_signals(world.run(5, last=last), day).reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, of_day, check_exact=True)
    assert len(raised(alone)) == FAMILIES


def test_its_budget_is_a_share_of_what_is_stated_for_pages():
    run = Traffic(3, sentinels=0).run(1, years=5.0).run
    assert run.watch.average_run_length_days == pytest.approx(5 * 365.25 / SHARE)
    assert np.exp(run.log_thresholds[-1]) == pytest.approx(5 * 365.25 / SHARE * 3 * 2)
