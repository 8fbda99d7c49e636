"""The page that is drawn before anybody comes."""

import sys

import pytest
from streamlit.runtime import Runtime
from streamlit.testing.v1 import AppTest

from alignment_monitor.operations import streamlit_server
from alignment_monitor.operations.streamlit_server import rehearse

READS = """
from pathlib import Path
import streamlit as st
import beside

@st.cache_data
def read():
    with Path(__file__).with_name("reads").open("a") as file:
        file.write("x")

read()
"""
CHOOSES = """
from pathlib import Path
import time
import streamlit as st

family = st.selectbox("Family", ["a", "b", "c", "slow", "d"], key="family")
with Path(__file__).with_name("reads").open("a") as file:
    file.write(family + " ")
while family == "slow":
    st.write("still reading")
    time.sleep(0.01)
"""
SLOW = """
import time
import streamlit as st
while True:
    st.write("still reading")
    time.sleep(0.01)
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "beside.py").touch()
    return tmp_path / "app.py"


def test_what_the_page_read_is_kept_for_the_first_visitor(script):
    script.write_text(READS)
    rehearse(str(script))
    reads = script.with_name("reads")
    assert reads.read_text() == "x"
    assert not AppTest.from_file(str(script)).run().exception
    assert reads.read_text() == "x"


def test_what_each_choice_reads_is_kept_as_far_as_there_is_time(script, monkeypatch):
    monkeypatch.setattr(streamlit_server, "REHEARSAL_SECONDS", 1.5)
    script.write_text(CHOOSES)
    rehearse(str(script))
    assert script.with_name("reads").read_text().split() == ["a", "b", "c", "slow"]
    assert not Runtime.exists()


@pytest.mark.parametrize("page", ["raise ValueError", "no python", SLOW])
def test_a_page_that_fails_or_takes_too_long_does_not_stop_the_start(script, page, monkeypatch):
    monkeypatch.setattr(streamlit_server, "REHEARSAL_SECONDS", 0.3)
    script.write_text(page)
    rehearse(str(script))
    assert not Runtime.exists(), "the server could not begin"
