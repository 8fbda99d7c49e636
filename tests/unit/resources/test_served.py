"""Which deployment serves a family, on tables made by hand and in a real store."""

from datetime import date, timedelta

import duckdb
import numpy as np
import pytest
from sqlalchemy import insert

from alignment_monitor.resources import served
from alignment_monitor.resources.annotations import deployed
from alignment_monitor.settings import load
from alignment_monitor.store import open_store, schema
from tests.fakes.warehouses import write_table

FIRST = date(2026, 1, 1)


def day(number):
    return FIRST + timedelta(days=number)


@pytest.fixture
def home(tmp_path):
    """A home whose warehouse knows so many conversations by (family, day, deployment)."""

    def build(counts):
        settings = load(tmp_path)
        rows = [
            {"day": day(n), "deployment_family": family, "deployment": name, "conversations": count}
            for (family, n, name), count in counts.items()
        ]
        write_table(settings.warehouse, "int_deployment_days", rows)
        with duckdb.connect(str(settings.warehouse)) as connection:
            connection.execute(
                "create table deployments as select distinct deployment_family, deployment "
                "from int_deployment_days"
            )
        return settings

    return build


ROLLED_BACK = {
    ("aurora", 0, "a1"): 100, ("aurora", 1, "a1"): 90, ("aurora", 1, "a2"): 10,
    ("aurora", 2, "a1"): 20, ("aurora", 2, "a2"): 80, ("aurora", 3, "a2"): 100,
    ("aurora", 5, "a1"): 100, ("borea", 0, "b1"): 7, ("borea", 9, "b1"): 9,
}  # fmt: skip
"""Two deployments of which the second takes over and is taken back; a family with one."""


def test_a_deployment_takes_over_with_most_of_the_traffic_and_so_does_a_return(home):
    found = served.takeovers(home(ROLLED_BACK).warehouse)
    days = [(row.deployment_family, row.day.date()) for row in found.itertuples()]
    assert days == [("aurora", day(2)), ("aurora", day(5))]


@pytest.mark.parametrize("size", [40, 1_000, 50_000])
def test_an_even_split_takes_nothing_over_and_its_end_does(home, size):
    """Of days drawn at even odds about half have another leader than the day before."""
    ones = np.random.default_rng(1).binomial(size, 0.5, 56)
    days = [(size, 0), *((one, size - one) for one in ones.tolist()), (0, size), (size, 0)]
    counts = {("aurora", n, name): count for n, pair in enumerate(days) for name, count in
              zip(("a1", "a2"), pair, strict=True) if count}  # fmt: skip
    found = served.takeovers(home(counts).warehouse)
    assert [seen.date() for seen in found["day"]] == [day(57), day(58)]


def test_what_people_wrote_down_counts_too_for_all_families_if_for_none(home):
    settings = home(ROLLED_BACK)
    store = open_store(settings.store_url)
    notes = [
        ("deployment", 7, "aurora"), ("deployment", 8, None), ("incident", 9, "aurora"),
        ("deployment", 6, "unknown"), ("deployment", 5, "aurora"),
    ]  # fmt: skip
    rows = [
        {"annotation_id": str(number), "day": day(when), "kind": kind, "label": "x",
         "deployment_family": family}
        for number, (kind, when, family) in enumerate(notes)
    ]  # fmt: skip
    with store.begin() as connection:
        connection.execute(insert(schema.annotations), rows)
    assert deployed(settings, store) == {
        "aurora": [day(2), day(5), day(7), day(8)],
        "borea": [day(8)],
    }
    store.dispose()
