import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.store.texts import uncarried


@pytest.mark.parametrize("text", ["", "Search was down", "two\nlines\r\n\twith a tab", "größer 🙂"])
def test_what_people_write_is_carried(text):
    assert uncarried(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("a\0b", "U+0000"), ("\x1b[2J", "U+001B"), ("\x9b", "U+009B"), ("a\ud800\0", "U+D800")],
)
def test_the_first_that_is_not_is_named(text, code):
    assert uncarried(text) == code


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_carried_comes_back_from_a_database_whole(text):
    if uncarried(text) is None:
        with sqlite3.connect(":memory:") as connection:
            assert connection.execute("select ?", [text]).fetchone() == (text,)
        assert "\0" not in text
        assert text.encode().decode() == text
