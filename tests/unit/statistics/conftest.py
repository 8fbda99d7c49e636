from datetime import date, timedelta

import pandas as pd
import pytest

FIRST = date(2026, 1, 1)
COLUMNS = {
    "day": FIRST,
    "deployment_family": "aurora",
    "deployment": "aurora-1",
    "segment": "coding",
    "behaviour": "caving",
    "rubric_version": "r1",
    "panel": "p1",
    "user_key": "u",
    "n": 1,
    "n_o": 1,
    "n_y": 0,
    "sum_d": 1.0,
    "sum_do": 1.0,
    "sum_dy": 0.0,
}


def message(positive=0, *, offered=1, d=1.0, day=0, **values):
    """The row of a user with one judged message."""
    counts = {"n_o": offered, "n_y": positive, "sum_d": d}
    sums = {"sum_do": d * offered, "sum_dy": d * positive}
    when = {"day": FIRST + timedelta(days=day)}
    return {**COLUMNS, **counts, **sums, **when, **values}


@pytest.fixture
def frame():
    """Rows as the warehouse gives them."""

    def build(rows):
        made = pd.DataFrame(rows, columns=list(COLUMNS))
        return made.assign(day=pd.to_datetime(made["day"]))

    return build
