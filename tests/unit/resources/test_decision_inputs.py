"""The hash of a decision's inputs moves with what it rests on, and with nothing else."""

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest

from alignment_monitor.detection.watch import Watch
from alignment_monitor.resources.decision_inputs import DecisionInputs
from alignment_monitor.resources.detector import Stored

FIRST = date(2026, 3, 2)
TODAY = FIRST + timedelta(days=5)
MODEL = {
    "day": TODAY,
    "series": "MODEL/aurora/caving/up",
    "type": "MODEL",
    "deployment_family": "aurora",
    "behaviour": "caving",
}
JUDGE = MODEL | {
    "type": "JUDGE",
    "series": "JUDGE/j/caving.sensitivity/up",
    "deployment_family": "j",
}
CANARIES = JUDGE | {"series": "JUDGE/j/injection/up", "behaviour": "injection"}
TRAFFIC = MODEL | {"type": "TRAFFIC", "series": "TRAFFIC/aurora/caving/up"}
COVERAGE = MODEL | {"type": "PIPELINE", "series": "PIPELINE/all/coverage/down"}
SIGNALS = {
    "model": MODEL,
    "judge": JUDGE,
    "traffic": TRAFFIC,
    "canaries": CANARIES,
    "coverage": COVERAGE,
}


def user_day(number, **values):
    common = {"deployment_family": "aurora", "behaviour": "caving", "rubric_version": "r"}
    row = {"day": pd.Timestamp(FIRST + timedelta(days=number)), "panel": "p", "user_key": "u"}
    return {**row, **common, "n_o": 3, "sum_dy": 1.5, **values}


def known(number, **values):
    row = {"day": FIRST + timedelta(days=number), "judge": "j", "fingerprint": "p", "n": 9}
    return {**row, "measure": "sensitivity", "question": "caving", "hits": 8, **values}


def label(number, **values):
    row = {"labelled_on": FIRST + timedelta(days=number), "behaviour": "caving", "event": 1.0}
    return {**row, "deployment_family": "aurora", **values}


def reset(number, **values):
    day = FIRST + timedelta(days=number)
    row = {"deployment_family": "aurora", "behaviour": "caving", "from_day": day}
    return {**row, "recorded_on": day, **values}


def deployment(number, **values):
    day = pd.Timestamp(FIRST + timedelta(days=number))
    row = {"deployment_family": "aurora", "deployment": f"a-{number}", "first_day": day}
    return {**row, "last_day": day, **values}


def state(number, **values):
    day = pd.Timestamp(FIRST + timedelta(days=number))
    return {"day": day, "level": "message", "state": "judged", "count": 9, **values}


MADE = {
    "user_days": user_day,
    "opportunities": lambda number, **values: user_day(number, **{"segment": "first", **values}),
    "quality": known,
    "labels": label,
    "resets": reset,
    "deployments": deployment,
    "canaries": lambda number, **values: known(number, measure="injection", **values),
    "ledger": state,
}
ROWS = {name: [make(number) for number in range(6)] for name, make in MADE.items()}
WATCH = Watch(behaviours=("caving",), average_run_length_years=5.0)


def hashes(limit=0.05, watch=WATCH, **changed):
    """Hash of each signal, with other rows where some are given."""
    frames = {name: pd.DataFrame(changed.get(name, rows)) for name, rows in ROWS.items()}
    frames |= {"marks": pd.DataFrame(changed["marks"])} if "marks" in changed else {}
    canaries, ledger = frames.pop("canaries"), frames.pop("ledger")
    inputs = DecisionInputs(
        Stored(watch=watch, flags=("caving",), **frames), canaries, limit, ledger
    )
    return {name: inputs.hash_of(signal) for name, signal in SIGNALS.items()}


def moved(**changed):
    before = hashes()
    return {name for name, value in hashes(**changed).items() if value != before[name]}


@pytest.mark.parametrize(
    ("table", "change", "expected"),
    [
        ("user_days", {"sum_dy": 1.6}, {"model"}),
        ("user_days", {"n_o": 4}, {"model", "judge"}),
        ("opportunities", {"segment": "later"}, {"traffic"}),
        ("quality", {"hits": 7}, {"model", "judge", "traffic"}),
        ("labels", {"event": 0.0}, {"model"}),
        ("resets", {"from_day": FIRST}, {"model", "judge", "traffic"}),
        ("deployments", {"deployment": "b"}, {"model", "traffic"}),
        ("canaries", {"hits": 7}, {"canaries"}),
    ],
)
def test_each_input_shows_in_what_rests_on_it(table, change, expected):
    rows = [*ROWS[table][:3], ROWS[table][3] | change, *ROWS[table][4:]]
    assert moved(**{table: rows}) == expected


def test_deployments_that_people_marked_are_inputs_from_their_day_and_that_of_marking_on():
    family = ROWS["deployments"][0]["deployment_family"]
    last = FIRST + timedelta(days=5)
    told = {"deployment_family": family, "day": FIRST, "recorded_on": FIRST}
    assert moved(marks=[told]) == {"model"}
    assert moved(marks=[told | {"deployment_family": None}]) == {"model"}
    for nothing in (
        {"deployment_family": "another"},
        {"recorded_on": last + timedelta(days=1)},
        {"day": last + timedelta(days=1)},
    ):
        assert moved(marks=[told | nothing]) == set()


@pytest.mark.parametrize("table", MADE)
def test_what_came_later_is_no_input(table):
    assert moved(**{table: [*ROWS[table], MADE[table](6)]}) == set()


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("user_days", {"behaviour": "praise"}),
        ("opportunities", {"behaviour": "claim"}),
        ("quality", {"question": "praise"}),
        ("labels", {"behaviour": "praise"}),
        ("labels", {"deployment_family": "borealis"}),
        ("canaries", {"judge": "another"}),
    ],
)
def test_other_series_are_no_input(table, values):
    assert moved(**{table: [*ROWS[table], MADE[table](3, **values)]}) == set()


def test_a_reset_of_all_behaviours_counts_and_one_of_another_does_not():
    assert "model" in moved(resets=[*ROWS["resets"], reset(3, behaviour=None)])
    assert "model" not in moved(resets=[*ROWS["resets"], reset(3, behaviour="praise")])
    assert "model" not in moved(resets=[*ROWS["resets"], reset(3, deployment_family="borealis")])


def test_how_long_a_deployment_served_since_is_no_input():
    rows = [
        row | {"last_day": pd.Timestamp(TODAY) + pd.Timedelta(days=9)}
        for row in ROWS["deployments"]
    ]
    assert moved(deployments=rows) == set()


def test_coverage_rests_on_its_day_alone():
    assert moved(ledger=[*ROWS["ledger"][:-1], state(5, count=8)]) == {"coverage"}
    assert moved(ledger=[state(0, count=8), *ROWS["ledger"][1:]]) == set()


def test_settings_are_inputs():
    assert moved(limit=0.06) == {"canaries"}
    assert moved(watch=replace(WATCH, baseline_days=29)) == {"model", "judge", "traffic"}


def test_without_labels_and_resets_there_is_a_hash_too():
    assert moved(labels=[], resets=[]) == {"model", "judge", "traffic"}
