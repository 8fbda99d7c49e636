"""The page that is drawn before anybody comes."""

import os
import sys

import pytest
import streamlit.web.bootstrap
import streamlit.web.cli
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


def test_a_page_that_hangs_within_one_call_makes_the_server_begin_anew(script, monkeypatch):
    monkeypatch.setattr(streamlit_server, "REHEARSAL_SECONDS", 0.1)
    monkeypatch.setattr(streamlit_server, "GRACE_SECONDS", 0.1)
    monkeypatch.setenv(streamlit_server.UNREHEARSED, "")
    begun = []
    monkeypatch.setattr(os, "execv", lambda *command: begun.append(command))
    script.write_text("import time\ntime.sleep(2)")
    rehearse(str(script))
    assert begun == [(sys.executable, sys.orig_argv)]
    assert os.environ[streamlit_server.UNREHEARSED]


@pytest.mark.parametrize("unrehearsed", ["", "yes"])
def test_a_server_that_began_anew_does_not_rehearse_again(unrehearsed, monkeypatch):
    done = []
    monkeypatch.setenv(streamlit_server.UNREHEARSED, unrehearsed)
    monkeypatch.setattr(streamlit_server, "rehearse", lambda script: done.append("rehearsed"))
    monkeypatch.setattr(streamlit_server.gc, "freeze", lambda: None)
    monkeypatch.setattr(streamlit_server.gc, "set_threshold", lambda *sizes: None)
    monkeypatch.setattr(streamlit.web.bootstrap, "run", lambda *a, **k: done.append("served"))
    monkeypatch.setattr(
        streamlit.web.cli, "main", lambda prog_name: streamlit.web.bootstrap.run("app.py")
    )
    streamlit_server.main()
    assert done == [*([] if unrehearsed else ["rehearsed"]), "served"]
    assert streamlit_server.UNREHEARSED not in os.environ
