from datetime import timedelta
from itertools import product

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.statistics.estimation import (
    ROLL_UPS,
    cells_of,
    judge_scale,
    window_estimates,
)
from alignment_monitor.statistics.windows import CELL, SUMS, UserDays, dense, first_of
from tests.unit.statistics.conftest import FIRST, message
from tests.unit.statistics.test_estimation import MESSAGES, RELAXED, summed

CODES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**40)), min_size=1, max_size=30)


@given(CODES)
def test_combinations_are_numbered_as_they_occur(pairs):
    columns = [np.array(column) for column in zip(*pairs, strict=True)]
    code = dense(*columns, *columns)  # too many combinations for one number
    order = list(dict.fromkeys(pairs))
    assert code.tolist() == [order.index(pair) for pair in pairs]
    assert first_of(code).tolist() == [pairs.index(pair) for pair in order]


@RELAXED
@given(st.lists(MESSAGES, min_size=1, max_size=40), st.integers(0, 6), st.integers(1, 8))
def test_a_window_has_the_same_digits_whatever_else_was_read(frame, messages, day, length):
    rows = frame(summed(messages))
    end = FIRST + timedelta(days=day)
    alone = window_estimates(rows, day=end, window_days=length)
    among = judge_scale(cells_of(UserDays(rows), end, (length, 3, 9)), end)
    among = among[among["window_days"] == length].drop_duplicates(ignore_index=True)
    pd.testing.assert_frame_equal(among.astype(object), alone.astype(object), check_exact=True)


@RELAXED
@given(st.lists(MESSAGES, min_size=1, max_size=40), st.integers(0, 6))
def test_windows_that_share_a_last_day_are_what_a_plain_loop_makes_of_each(frame, messages, day):
    rows, lengths = summed(messages), (2, 1, 7)
    end = FIRST + timedelta(days=day)
    history = UserDays(frame(rows))
    for rolled in ROLL_UPS:
        wanted = {}
        for length, row in product(lengths, rows):
            if end - timedelta(days=length) < row["day"] <= end:
                labels = ("all" if name in rolled else row[name] for name in CELL)
                cell = wanted.setdefault((length, *labels), {})
                user = cell.setdefault(row["user_key"], dict.fromkeys(SUMS, 0.0))
                user.update({name: user[name] + row[name] for name in SUMS})
        cells = history.cells(history.rows(end, lengths), rolled)
        kinds = [np.asarray(cells.names[name].categories)[cells.codes[name]] for name in CELL]
        keys = list(zip(cells.days.tolist(), *kinds, strict=True))
        assert len(keys) == len(set(keys))
        assert set(keys) == set(wanted)
        for number, key in enumerate(keys):
            users = list(wanted[key].values())
            assert cells.clusters[number] == sum(user["n_o"] > 0 for user in users)
            for name in SUMS:
                assert cells.sum[name][number] == sum(user[name] for user in users)
            for name, values in cells.by_user.items():
                mine = values[cells.cell == number]
                assert sorted(mine) == sorted(user[name] for user in users)


@RELAXED
@given(st.lists(MESSAGES, min_size=1, max_size=40))
def test_a_cell_and_its_users_lie_within_the_whole_of_the_same_labels(frame, messages):
    history = UserDays(frame(summed(messages)))
    rows = history.rows(FIRST + timedelta(days=6), (1, 7))
    cells, whole = history.cells(rows), history.cells(rows, frozenset({"segment"}))
    cell, user = cells.within(whole)
    assert (whole.days[cell] == cells.days).all()
    for name in set(CELL) - {"segment"}:
        assert (whole.codes[name][cell] == cells.codes[name]).all()
    assert (whole.cell[user] == cell[cells.cell]).all()
    for name, values in cells.by_user.items():
        joined = np.bincount(user, values, len(whole.cell))
        assert joined.tolist() == whole.by_user[name].tolist()


def test_several_windows_are_each_estimated_on_its_own(frame):
    rows = frame([message(int(day > 3), day=day, user_key=f"u{day}") for day in range(7)])
    end = FIRST + timedelta(days=6)
    found = judge_scale(cells_of(UserDays(rows), end, (1, 3, 7)), end)
    whole = found[(found["deployment"] == "all") & (found["segment"] == "all")]
    assert whole.set_index("window_days")["n"].to_dict() == {1: 1, 3: 3, 7: 7}
    assert whole.set_index("window_days")["prevalence"].to_dict() == {1: 1, 3: 1, 7: 3 / 7}
