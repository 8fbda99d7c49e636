from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.statistics.row_hashes import hash_of, row_hashes

ROW_HASHES = ["a7fbee8169e03dc3", "81cc9805e565b07b"]
WHOLE = "78cee0b364678afdef1aa2f4c3bb776f"
ROWS = st.lists(
    st.tuples(st.text(max_size=3), st.integers(-5, 5), st.floats(allow_nan=False, width=32)),
    min_size=1,
    max_size=12,
)


def frame(rows):
    return pd.DataFrame(rows, columns=["name", "n", "x"])


def whole(rows):
    return hash_of({"rows": row_hashes(frame(rows))}, {})


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_columns_does_not_count(rows, random):
    mixed = rows.copy()
    random.shuffle(mixed)
    assert whole(mixed) == whole(rows)
    turned = frame(rows)[["x", "name", "n"]]
    assert list(row_hashes(turned)) == list(row_hashes(frame(rows)))


@given(ROWS, st.data())
def test_any_other_value_is_another_hash(rows, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    name, n, x = rows[place]
    changed = data.draw(
        st.sampled_from(
            [(name + "!", n, x), (name, n + 1, x), (name, n, np.nextafter(x, 0 if x else 1))]
        )
    )
    other = [*rows[:place], changed, *rows[place + 1 :]]
    assert whole(other) != whole(rows)
    assert whole([*rows, rows[place]]) != whole(rows)  # a row twice is no row once


def test_the_same_meaning_in_other_types_is_the_same():
    days = pd.Series([date(2026, 1, 1), date(2026, 1, 2)])
    one = pd.DataFrame({"day": pd.to_datetime(days), "n": [1, 2], "x": [0.0, np.nan]})
    other = pd.DataFrame(
        {
            "day": pd.to_datetime(days).astype("datetime64[s]"),
            "n": [1.0, 2.0],
            "x": [-0.0, float("nan")],
        }
    )
    assert list(row_hashes(one)) == list(row_hashes(other))
    texts = pd.DataFrame({"t": ["a", None]})
    assert list(row_hashes(texts)) == list(row_hashes(texts.astype("category")))


def test_a_hash_is_that_of_any_version():
    """Kept for years: what it is must not change with this code or with a library."""
    rows = row_hashes(frame([("caving", 3, 0.1), (None, 0, float("nan"))]))
    assert [f"{value:016x}" for value in rows] == ROW_HASHES
    assert hash_of({"rows": rows}, {"day": date(2026, 1, 2), "limit": 0.05}) == WHOLE


@pytest.mark.parametrize("columns", [[], ["a"]])
def test_a_frame_without_rows_has_no_hashes(columns):
    assert len(row_hashes(pd.DataFrame(columns=columns))) == 0


def test_names_of_sets_and_figures_count():
    rows = row_hashes(frame([("a", 1, 1.0)]))
    hashes = {
        hash_of({"one": rows}, {}),
        hash_of({"other": rows}, {}),
        hash_of({"one": rows}, {"limit": 1}),
        hash_of({"one": rows, "other": rows[:0]}, {}),
    }
    assert len(hashes) == 4
