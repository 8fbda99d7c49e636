"""From the tables of a home to decisions: model, judge and labels together."""

from datetime import timedelta

import pandas as pd
import pytest

from alignment_monitor.detection.judge_signals import judge_signals, names_of
from tests.unit.detection.product_world import CHANGE, DAYS, FIRST, Product, decided, replayed

LABELS = (20, 40)


def first(rows, decision):
    found = rows.index[rows["decision"] == decision]
    return found[0] if len(found) else None


@pytest.mark.parametrize("labelled", [(0, 0), LABELS])
def test_a_change_of_the_model_pages_with_and_without_labels(labelled):
    rows = decided(replayed(Product(rise=0.1, labelled=labelled).frames(1)))
    assert set(rows.loc[: CHANGE - 1, "decision"]) == {"NONE"}
    assert CHANGE <= first(rows, "PAGE") <= CHANGE + 6
    page = rows.loc[DAYS - 1]
    assert page["decision"] == "PAGE"
    assert abs((page["change_day"] - FIRST).days - CHANGE) <= 2
    assert page["nearest_deployment"] == "aurora-2"
    assert pd.notna(page["labels_for"]) == (labelled == LABELS)


def test_a_change_of_the_judge_that_sentinels_see_is_the_judges_and_no_models():
    frames = Product(false=0.2).frames(2)
    run = replayed(frames)
    rows = decided(run)
    assert first(rows, "PAGE") is None
    told = judge_signals(run, FIRST, names_of(frames[1]))
    paged = told[told["decision"] == "PAGE"]
    assert set(paged["series"]) == {"JUDGE/ann/caving.false_positives/up"}
    assert (paged["day"].min() - FIRST).days <= CHANGE + 3
    last = paged.iloc[-1]
    assert (last["change_day"] - FIRST).days == pytest.approx(CHANGE, abs=2)
    assert last["observed"] == pytest.approx(0.2, abs=0.05)
    assert last["baseline_mean"] == pytest.approx(0.05, abs=0.02)
    assert rows.loc[DAYS - 1, "judge_effect"] == pytest.approx(0.135, abs=0.03)


def test_a_change_of_the_judge_that_only_labels_see_ends_in_a_ticket():
    rows = decided(replayed(Product(false=0.15, blind=True, labelled=LABELS).frames(3)))
    assert first(rows, "PAGE") is None
    assert first(rows, "WARN") >= CHANGE
    assert first(rows, "TICKET") <= CHANGE + 15


def test_a_drift_that_a_laxer_judge_hides_is_found_by_labels():
    masked = Product(rise=0.1, sensitivity=0.45, blind=True, labelled=LABELS)
    rows = decided(replayed(masked.frames(4)))
    assert CHANGE <= first(rows, "PAGE") <= CHANGE + 25
    alone = decided(replayed(Product(rise=0.1, sensitivity=0.45, blind=True).frames(4)))
    assert first(alone, "PAGE") is None


def test_what_comes_in_later_changes_no_earlier_decision():
    """Sentinels, labels and messages of later days, and labels given later of earlier messages."""
    user_days, quality, labels = Product(rise=0.1, labelled=LABELS).frames(5)
    last = CHANGE + 3
    whole = decided(replayed((user_days, quality, labels))).loc[last]
    day = pd.Timestamp(FIRST + timedelta(days=last))
    until = (
        user_days[user_days["day"] <= day],
        quality[pd.to_datetime(quality["day"]) <= day],
        labels[labels["labelled_on"] <= day],
    )
    alone = decided(replayed(until, last)).loc[last]
    pd.testing.assert_series_equal(alone, whole, check_exact=True)
    assert pd.notna(alone["labels_statistic"])


def test_one_stream_beside_another_decides_as_it_does_alone():
    user_days, quality, labels = Product(rise=0.1, labelled=LABELS).frames(6)
    alone = decided(replayed((user_days, quality, labels), first=0))
    other = user_days.assign(deployment_family="borealis")
    both = decided(replayed((pd.concat([user_days, other]), quality, labels), first=0))
    both = both[both["deployment_family"] == "aurora"]
    exact = ["z", "baseline_mean", "baseline_sd", "margin", "judge_effect"]
    pd.testing.assert_frame_equal(alone[exact], both[exact], check_exact=True)
