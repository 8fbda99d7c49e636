"""Pages are run as Streamlit runs them: with their own folder on the path."""

import sys
from pathlib import Path

import pytest
from streamlit.config import set_option

from alignment_monitor.settings import HOME_VARIABLE
from tests.dashboard.sample_marts import Sample, write
from tests.dashboard.serving import CHROMIUM, FLAGS
from tests.untraced import untraced

DASHBOARDS = Path(__file__).resolve().parents[2] / "dashboards"
sys.path.insert(0, str(DASHBOARDS))
set_option("server.address", "localhost")
"""As the pages' own configuration says, which a test that runs a script does not read."""


@pytest.fixture(scope="session")
def drifted_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty days, of which the last twenty drift."""
    with untraced():
        return write(tmp_path_factory.mktemp("drifted"))


@pytest.fixture
def use_home(monkeypatch: pytest.MonkeyPatch):
    """Let pages read a home; given a sample, make that home first."""

    def use(home: Path, sample: Sample | None = None) -> Path:
        monkeypatch.setenv(HOME_VARIABLE, str(write(home, sample) if sample else home))
        return home

    return use


@pytest.fixture(autouse=True)
def _untraced():
    """Pages are not what coverage is counted of."""
    with untraced():
        yield


@pytest.fixture(scope="module")
def browser():
    """Real Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield chromium
        chromium.close()
