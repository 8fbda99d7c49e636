"""How long an alarm lasts, and what stands on each day."""

from types import SimpleNamespace

import numpy as np
import pytest

from alignment_monitor.detection.alarms import LABELS_DAYS, decided
from alignment_monitor.detection.tiers import CLOSE_SHARE, QUIET_DAYS, WARN_SHARE

DAYS, LOG_PAGE = 50, 10.0
NOTHING = -5.0


def history(**days):
    """One stream; each keyword names the days on which a mask is set, upwards."""
    shape = (1, DAYS, 2)
    masks = {
        name: np.zeros(shape, bool)
        for name in (
            "page",
            "indeterminate",
            "ticket",
            "unresolved",
            "opened",
            "standing",
            "cleared",
        )
    }
    values = {name: np.full(shape, NOTHING) for name in ("judged", "labels")}
    for name, given in days.items():
        if name in masks:
            masks[name][0, given, 0] = True
        else:
            for day, value in given.items():
                values[name][0, day, 0] = value
    covered = ~masks.pop("cleared")
    return SimpleNamespace(**masks, **values, covered=covered, z=np.zeros((1, DAYS, 1, 2)))


def said(known):
    found = decided(known, np.full(DAYS, LOG_PAGE))
    assert set(found[0, :, 1]) == {"NONE"}
    return found[0, :, 0].tolist()


def test_an_alarm_lasts_while_its_statistic_is_above_a_tenth_of_the_threshold():
    statistic = {10: 10.5, 11: 9, 12: 7.8, 13: 7.6, 14: 12}
    found = said(history(page=[10], judged=statistic))
    assert found[9:15] == ["NONE", "PAGE", "PAGE", "PAGE", "NONE", "NONE"]


CLOSE = LOG_PAGE + np.log(WARN_SHARE * CLOSE_SHARE)
BELOW, STANDS = CLOSE - 0.1, CLOSE + 0.1


def pages(found):
    return [day for day, word in enumerate(found) if word == "PAGE"]


def test_one_that_labels_agreed_to_early_lasts_while_its_episode_would():
    known = history(page=[2], judged=dict.fromkeys(range(2, 45), STANDS))
    assert pages(said(known)) == list(range(2, 45))


def test_it_lasts_until_another_episode_could_open_but_not_after_it_was_at_the_threshold():
    until = range(10, 10 + QUIET_DAYS["page"])
    assert pages(said(history(page=[10], judged={10: STANDS}))) == list(until)
    passed = {10: STANDS, 11: 10.5, 12: 8.0}
    assert pages(said(history(page=[10], judged=passed))) == [10, 11, 12]


def test_once_it_was_at_the_threshold_it_ends_at_a_tenth_of_that():
    statistic = {10: STANDS, 11: STANDS, 12: 10.5, 13: 7.8, 14: 7.6, 15: STANDS}
    found = said(history(page=[10], judged=statistic))
    assert [day for day, word in enumerate(found) if word != "NONE"] == list(range(10, 14))


def test_the_rest_of_an_alarm_is_no_new_suspicion_but_a_page_is_a_page():
    fading = {10: 10.5, **dict.fromkeys(range(11, 40), STANDS)}
    episode = {"opened": [15], "standing": list(range(15, 25)), "unresolved": [25]}
    found = said(history(page=[10], judged=fading, **episode))
    assert set(found[11:40]) == {"NONE"}
    found = said(history(page=[10, 20], judged=fading, **episode))
    assert found[18:22] == ["NONE", "NONE", "PAGE", "PAGE"]
    # Once it was below the level of an episode what comes is another suspicion.
    found = said(history(page=[10], judged={**fading, 13: BELOW}, **episode))
    assert found[14:27] == ["NONE", *["WARN"] * 10, "UNRESOLVED", "UNRESOLVED"]


def test_what_labels_left_undecided_lasts_until_a_page_or_labels_against_it():
    statistic = dict.fromkeys(range(5, 30), STANDS)
    found = said(history(unresolved=[5], opened=[15], page=[20], judged=statistic))
    assert found[4:30] == ["NONE", *["UNRESOLVED"] * 15, *["PAGE"] * 10]
    found = said(history(unresolved=[5], ticket=[9], judged=statistic))
    assert found[4:11] == ["NONE", *["UNRESOLVED"] * 4, "TICKET", "NONE"]


def test_what_labels_alone_raised_lasts_four_weeks():
    found = said(history(page=[5], labels={5: 10.0}))
    assert [day for day, word in enumerate(found) if word == "PAGE"] == list(
        range(5, 5 + LABELS_DAYS + 1)
    )


@pytest.mark.parametrize("later", [[], [12]])
def test_what_cannot_be_told_apart_stays_so_until_it_is_a_page(later):
    high = dict.fromkeys(range(10, 20), 11.0)
    found = said(history(indeterminate=[10], page=later, judged=high))
    assert found[10:12] == ["INDETERMINATE"] * 2
    assert set(found[12:20]) == ({"PAGE"} if later else {"INDETERMINATE"})
    assert found[20] == "NONE"


def test_it_is_a_page_once_sentinels_clear_the_judge_while_it_stands():
    statistic = {**dict.fromkeys(range(10, 20), 11.0), 15: 9.9}
    found = said(history(indeterminate=[10], cleared=[9, 15, 17], judged=statistic))
    assert found[9:20] == ["NONE", *["INDETERMINATE"] * 7, *["PAGE"] * 3]


def test_an_episode_warns_and_its_end_is_told_once():
    found = said(history(opened=[3], standing=[3, 4, 5], ticket=[6], unresolved=[9]))
    assert found[2:11] == [
        "NONE", "WARN", "WARN", "WARN", "TICKET", "NONE", "NONE", "UNRESOLVED", "NONE",
    ]  # fmt: skip


def test_a_day_without_data_decides_nothing():
    known = history(page=[3], judged=dict.fromkeys(range(3, 9), 11.0))
    known.z[0, 5] = np.nan
    assert said(known)[3:8] == ["PAGE", "PAGE", "NONE", "PAGE", "PAGE"]
