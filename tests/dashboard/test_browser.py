"""The pages in real Chromium: permalinks, hostile text, refresh, width and theme."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.dashboard.sample_marts import Sample, write
from tests.dashboard.sample_store import write_store
from tests.dashboard.serving import IN_CHROMIUM, PATHS, serve

HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    "<style>body{display:none}</style> [x](javascript:alert(1)) "
    "</bdi></div><h1 id=owned>x</h1>\u202e"
)
PAGES = tuple(path for path in PATHS if path != "/labelling")
"""The page on which people label is opened by a test of its own."""

pytestmark = IN_CHROMIUM


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    sample = Sample(days=48, text=HOSTILE, talks_per_day=3, reset="substance")
    home = write(tmp_path_factory.mktemp("hostile"), sample)
    write_store(home, text=HOSTILE, marts=False)
    return home


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with serve(home) as address:
        yield address


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    page.set_default_timeout(40_000)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield page
    assert dialogs == []
    page.close()


def test_a_permalink_opened_first_is_framed_and_marks_its_evidence(address, page):
    # First in this module on purpose: the server has not yet served its front page.
    name = quote(f"c-1111-1{HOSTILE}")
    page.goto(f"{address}/conversations?conversation={name}&message=4")
    assert (
        page.locator("mark").first.inner_text() == "You are right, I apologise for the confusion."
    )
    assert "Simulated verdicts" in page.locator(".am-banner").inner_text()
    said = page.locator(".am-turn.judged").inner_text()
    assert "<script>" in said, "foreign text is shown as it was written"


@pytest.mark.parametrize("path", PAGES)
def test_hostile_text_stays_text(address, page, path):
    page.goto(address + path)
    page.locator(".am-section").first.wait_for()
    page.wait_for_timeout(1500)
    assert page.title() != "owned"
    assert page.locator("#owned").count() == 0
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0
    assert page.locator(".am-banner").is_visible()


def test_a_hostile_transcript_stays_text(address, page):
    page.goto(f"{address}/conversations?conversation={quote('c-1111-1' + HOSTILE)}&message=4")
    page.locator(".am-turn").first.wait_for()
    assert page.title() != "owned"
    assert page.locator("#owned").count() == 0
    assert page.locator(".am-turn img, .am-turn script, .am-turn style").count() == 0


def test_the_list_leads_to_a_message_and_back_to_the_same_list(address, page):
    page.goto(f"{address}/conversations?days=2026-11-05&days=2026-11-06&flagged=Caving")
    page.get_by_text("2 judged messages").wait_for()
    page.get_by_role("link", name="Read", exact=True).first.click()
    page.locator(".am-turn.judged").wait_for()
    page.wait_for_url("**/conversations?conversation=c-1106-1**")
    page.reload()
    page.locator(".am-turn.judged").wait_for()
    page.get_by_role("link", name="All conversations").click()
    page.get_by_text("2 judged messages").wait_for()
    page.wait_for_url("**days=2026-11-05**")
    page.get_by_role("link", name="Health").click()
    page.wait_for_url("**/health")


def test_nothing_is_loaded_from_elsewhere(address, browser):
    page = browser.new_page()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    for path in PAGES:
        page.goto(address + path)
        page.locator(".am-section").first.wait_for(timeout=40_000)
        page.wait_for_timeout(1500)
    assert {host for host in asked if host} == {address.removeprefix("http://")}
    page.close()


def test_a_change_leads_to_the_conversations_behind_it(address, page):
    page.goto(address)
    page.get_by_role("link", name="the conversations behind it").click()
    page.get_by_text("8 judged messages").wait_for()
    assert "days=2026-11-04" in page.url


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_its_window(address, browser, path, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(address + path)
    page.locator(".am-section").first.wait_for(timeout=40_000)
    page.wait_for_timeout(1500)
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth + 1")
    page.close()


def test_both_themes_follow_the_reader(address, browser):
    seen = set()
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(address)
        page.locator(".am-verdict").wait_for(timeout=40_000)
        seen.add(page.locator(".stApp").evaluate("e => getComputedStyle(e).backgroundColor"))
        page.close()
    assert len(seen) == 2


def test_charts_are_drawn_and_told_in_words(address, page):
    page.goto(address)
    chart = page.locator("[data-testid=stVegaLiteChart]").first
    chart.locator("canvas, svg").first.wait_for()
    label = page.locator("[aria-label^='Unwarranted agreement, ']")
    assert "Over the last 7 days" in (label.first.get_attribute("aria-label") or "")


def test_a_judge_is_opened_by_its_address_and_told_in_words(address, page):
    page.goto(f"{address}/judges?judge=judge")
    chart = page.locator("[aria-label^='Caving on sentinels, ']").first
    chart.locator("canvas, svg").first.wait_for()
    told = chart.get_attribute("aria-label") or ""
    assert "sensitivity" in told
    assert "From 15 Oct 2026 on another model." in told.replace("\u00a0", " ")
    page.get_by_text("Versions of this judge").click()
    page.get_by_text("sample/sample-2<img src=x").first.wait_for()
    assert page.locator("img[src=x], #owned").count() == 0
    assert page.title() != "owned"


def test_an_open_page_shows_a_run_as_soon_as_it_lands(address, page, home):
    page.goto(f"{address}/health")
    page.get_by_text("The newest day in the lake is 11 Nov 2026").wait_for()
    write(home, Sample(days=49, text=HOSTILE, talks_per_day=3))
    page.get_by_text("The newest day in the lake is 12 Nov 2026").wait_for()
