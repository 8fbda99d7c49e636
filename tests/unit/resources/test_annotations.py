from datetime import date, timedelta

import pandas as pd
import pytest

from alignment_monitor.contracts import ANNOTATIONS
from alignment_monitor.resources.annotations import detected, nearest

DAY = date(2026, 3, 2)
JUDGE = "openai/org/gpt-5-mini/structured/0123abcd"
OTHER = "openai/gpt-5/structured/4567cdef"


def frames(*streams, deployments=()):
    """Streams: family, rubric version, panel and offset of the first day."""
    columns = ["deployment_family", "rubric_version", "panel", "first_day"]
    rows = pd.DataFrame(
        [(f, v, p, pd.Timestamp(DAY + timedelta(days=n))) for f, v, p, n in streams],
        columns=columns,
    )
    rows["family_day"] = rows.groupby("deployment_family")["first_day"].transform("min")
    began = pd.DataFrame(
        [(f, d, pd.Timestamp(DAY + timedelta(days=n))) for f, d, n in deployments],
        columns=["deployment_family", "deployment", "first_day"],
    )
    return began, rows


def marks(*streams, **values):
    found = ANNOTATIONS.table(list(detected(*frames(*streams, **values)))).to_pylist()
    assert all(row["detected"] for row in found)
    return [
        (row["deployment_family"], row["kind"], row["label"], (row["day"] - DAY).days)
        for row in found
    ]


def test_the_first_rubric_and_judge_are_no_change():
    assert marks(("a", "s-1-ab", JUDGE, 0)) == []
    began = [("a", "a-1", 0), ("a", "a-2", 9)]
    assert marks(("a", "s-1-ab", JUDGE, 0), deployments=began) == [
        ("a", "deployment", "a-1", 0),
        ("a", "deployment", "a-2", 9),
    ]


def test_a_new_judge_is_marked_by_its_model():
    assert marks(("a", "s-1-ab", JUDGE, 0), ("a", "s-1-ab", OTHER, 7)) == [
        ("a", "judge", "gpt-5", 7)
    ]
    back = marks(("a", "s-1-ab", OTHER, 0), ("a", "s-1-ab", JUDGE, 7))
    assert back == [("a", "judge", "org/gpt-5-mini", 7)]


def test_a_judge_that_joins_a_panel_is_new_and_the_other_is_not():
    panel = f"{JUDGE} + {OTHER}"
    assert marks(("a", "s-1-ab", JUDGE, 0), ("a", "s-1-ab", panel, 7)) == [
        ("a", "judge", "gpt-5", 7)
    ]


def test_a_new_rubric_stands_for_the_judges_that_come_with_it():
    assert marks(("a", "s-1-ab", JUDGE, 0), ("a", "s-2-cd", OTHER, 7)) == [
        ("a", "rubric", "s-2", 7)
    ]
    assert marks(("a", "s-1-ab", JUDGE, 0), ("b", "s-2-cd", OTHER, 7)) == []


def row(offset, label, *, kind="note", family=None, seen=False):
    return {
        "day": DAY + timedelta(days=offset),
        "kind": kind,
        "label": label,
        "details": "",
        "deployment_family": family,
        "detected": seen,
    }


@pytest.mark.parametrize(
    ("rows", "label"),
    [
        ([row(-8, "too old"), row(8, "too late")], None),
        ([row(-7, "before"), row(6, "after")], "after"),
        ([row(3, "other", family="b"), row(5, "own", family="a")], "own"),
        ([row(2, "seen", kind="judge", seen=True), row(-2, "person")], "person"),
        ([row(0, "a-2", kind="deployment", seen=True), row(4, "incident")], "incident"),
        ([row(0, "a-2", kind="deployment")], "a-2"),
        ([], None),
    ],
)
def test_the_nearest_mark_within_a_week(rows, label):
    found = nearest(rows, "a", DAY)
    assert (found and found["label"]) == label
