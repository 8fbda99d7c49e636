"""Marks on the time line: kept all or none, and never twice."""

from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from alignment_monitor.store import open_store
from alignment_monitor.store.annotations import Mark, keep_annotations
from alignment_monitor.store.schema import annotations

DAY, TODAY, LATER = date(2026, 11, 4), date(2026, 11, 6), date(2026, 11, 9)


@pytest.fixture
def store(store_url):
    engine = open_store(store_url)
    yield engine
    engine.dispose()


def kept(store):
    query = select(annotations).order_by(annotations.c.label)
    with store.connect() as connection:
        return connection.execute(query).all()


def test_a_mark_again_replaces_its_details_and_keeps_the_day_it_was_written_down(store):
    mark = Mark(DAY, "deployment", "aurora-1.2", "planned")
    again = Mark(DAY, "deployment", "aurora-1.2", "done", family="")
    first = keep_annotations(store, [mark], recorded_on=TODAY)
    assert keep_annotations(store, [again], recorded_on=LATER) == first
    (row,) = kept(store)
    assert (row.details, row.recorded_on) == ("done", TODAY)


def test_marks_that_read_alike_are_two(store):
    marks = [Mark(DAY, "note", "a/b"), Mark(DAY, "note", "a", family="b")]
    ids = keep_annotations(store, [*marks, *marks], recorded_on=TODAY)
    assert len(set(ids)) == 2
    assert ids[:2] == ids[2:]
    assert len(kept(store)) == 2


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (Mark(DAY, "party", "not fine"), ValueError),
        (Mark(DAY, "note", None), IntegrityError),  # what only the database refuses
    ],
)
def test_a_bad_mark_in_the_middle_leaves_nothing_behind(store, bad, error):
    known = Mark(DAY, "note", "known", "as it was")
    keep_annotations(store, [known], recorded_on=TODAY)
    fresh, changed = Mark(DAY, "note", "fresh"), Mark(DAY, "note", "known", "changed")
    with pytest.raises(error):
        keep_annotations(store, [changed, fresh, bad, fresh], recorded_on=LATER)
    (row,) = kept(store)
    assert (row.label, row.details) == ("known", "as it was")
