"""The demo's own pages in real Chromium, started by the command that starts them for users."""

import re

import pytest

from alignment_monitor.operations import servers
from alignment_monitor.settings import load
from tests.dashboard.conftest import browser
from tests.dashboard.serving import CHROMIUM
from tests.dashboard.test_browser import page

__all__ = ["browser", "page"]  # fixtures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: install chromium"),
]


@pytest.fixture(scope="module")
def address(demo_home):
    settings = load(demo_home)
    yield servers.start_dashboard(settings, port=8601)
    assert servers.stop_dashboard(settings)


def test_the_overview_says_what_it_cannot_tell_yet(address, page):
    page.goto(address)
    # The page arrives piece by piece: its last piece first, then the text is whole.
    page.locator("canvas, svg.marks").first.wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    text = page.locator("[data-testid=stMain]").inner_text()
    assert "Still learning" in text
    assert "Simulated verdicts" in text
    assert re.search(r"day 10 of 28", text)
    assert "Unwarranted agreement" in text


def test_a_transcript_shows_the_quote_and_its_verdict(address, page):
    page.goto(f"{address}/conversations?flagged=Caving")
    page.get_by_text("Read", exact=True).first.click()
    page.get_by_role("heading", name="Verdict of simulated").wait_for()
    quote = page.locator("mark").first.inner_text()
    assert quote.strip() in page.locator(".am-turn.judged").inner_text()
    text = page.locator("[data-testid=stMain]").inner_text()
    assert "Sampled with" in text
    assert "conversation=" in page.url


def test_the_health_page_adds_up(address, page):
    page.goto(f"{address}/health")
    page.get_by_text("What became of everything").wait_for()
    page.get_by_text("all", exact=True).click()
    page.wait_for_timeout(1500)
    text = page.locator("[data-testid=stMain]").inner_text().replace(",", "").replace("\n", " ")
    judged = int(re.search(r"Judged (\d+)", text).group(1))
    out = int(re.search(r"Sampled out (\d+)", text).group(1))
    offered = int(re.search(r"= offered (\d+)", text).group(1))
    assert judged + out == offered > judged > 300
    assert "expectations met" in text
