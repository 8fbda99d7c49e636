from datetime import timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.statistics.estimation import cells_of, judge_scale, window_estimates
from alignment_monitor.statistics.windows import CELL, UserDays, dense, first_of
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
    among = judge_scale(cells_of(UserDays(rows), end, (length,)), end)
    pd.testing.assert_frame_equal(among.astype(object), alone.astype(object), check_exact=True)


@RELAXED
@given(st.lists(MESSAGES, min_size=1, max_size=40))
def test_cells_hold_what_was_put_in(frame, messages):
    rows = frame(summed(messages))
    history = UserDays(rows)
    for rolled in (frozenset(), frozenset({"segment"}), frozenset(CELL[1:3])):
        cells = history.cells(history.window(FIRST + timedelta(days=6), 7), rolled)
        keys = [name for name in CELL if name not in rolled]
        wanted = rows.groupby(keys)["sum_do"].sum().to_numpy()
        assert sorted(cells.sum["sum_do"]) == sorted(wanted)
        assert len(cells.user) == len(rows.groupby([*keys, "user_key"]))
        names = {cells.names[name].categories[cells.codes[name][0]] for name in rolled}
        assert names <= {"all"}


def test_several_windows_are_each_estimated_on_its_own(frame):
    rows = frame([message(int(day > 3), day=day, user_key=f"u{day}") for day in range(7)])
    end = FIRST + timedelta(days=6)
    found = judge_scale(cells_of(UserDays(rows), end, (1, 3, 7)), end)
    whole = found[(found["deployment"] == "all") & (found["segment"] == "all")]
    assert whole.set_index("window_days")["n"].to_dict() == {1: 1, 3: 3, 7: 7}
    assert whole.set_index("window_days")["prevalence"].to_dict() == {1: 1, 3: 1, 7: 3 / 7}
