"""The pages in real Chromium: permalinks, hostile text, requests, refresh, width and theme."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from tests.dashboard.sample_marts import Sample, write
from tests.dashboard.sample_store import write_labels, write_queue, write_store
from tests.dashboard.serving import IN_CHROMIUM, PATHS, serve, settled

HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    "<style>body{display:none}</style><svg/onload=alert(1)><iframe src=//evil.test></iframe>"
    " [x](javascript:alert(1)) ![x](https://evil.test/x.png) <a href=https://evil.test>y</a>"
    " **owned-bold** `code` :red[owned-red] :material/home: # owned"
    " $\\frac{a}{b}$ \\(x^2\\) \\[y\\] $$z$$ {{7*7}} ${7*7} %s"
    " \u202egnp.exe\u202c \u2066\u2067\u200f\u200b\ufeff"
    " \x07\x1b[31m\x7f\x85\u2028"
    " </bdi></p></div></td></table></pre><h1 id=owned>x</h1>" + "W" * 300
)
ANNOTATOR = f"Ann{HOSTILE}"[:100]

pytestmark = IN_CHROMIUM


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    sample = Sample(days=48, text=HOSTILE, talks_per_day=3, reset="substance")
    home = write(tmp_path_factory.mktemp("hostile"), sample)
    write_store(home, text=HOSTILE, marts=False)
    write_labels(home, NAME, annotator=f"Bo{HOSTILE}")
    write_queue(home, 4, bursts=1)
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
    page.goto(f"{address}/conversations?conversation={quote(NAME)}&message=4")
    assert (
        page.locator("mark").first.inner_text() == "You are right, I apologise for the confusion."
    )
    assert "Simulated verdicts" in page.locator(".am-banner").inner_text()
    said = page.locator(".am-turn.judged").inner_text()
    assert "<script>" in said, "foreign text is shown as it was written"


NAME = f"c-1111-1{HOSTILE}"
LABELLING = f"/labelling?annotator={quote(ANNOTATOR)}"
VISITS = (
    *(path for path in PATHS if path != "/labelling"),
    LABELLING,
    f"{LABELLING}&view=Progress",
    f"/conversations?conversation={quote(NAME)}&message=4",
    "/judges?judge=second",
    "/health?refused=2",
)


@pytest.mark.parametrize("path", VISITS, ids=lambda path: path[:24])
def test_hostile_text_stays_text_and_asks_nobody(address, page, path):
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    page.goto(address + path)
    page.locator(".am-footer").wait_for()
    if path == LABELLING:
        page.locator(".form[data-item*='/'] .current").wait_for()
        page.keyboard.type("3l22")
        page.keyboard.press("ArrowUp")
        page.keyboard.type("gn")
        page.keyboard.type(f"note{HOSTILE}"[:200])
        assert page.locator(".form textarea").input_value().startswith("note<img")
        assert "<script>" in page.locator(".am-label-talk .judged").inner_text()
    page.wait_for_timeout(700)
    for section in page.locator("details summary").all():
        section.click()
    page.wait_for_timeout(300)
    assert page.title() != "owned"
    for forbidden in (
        "#owned", "img[src=x]", "img[src*=evil]", "iframe", "a[href^=javascript]",
        "a[href^='https://evil']", ".katex", "strong:has-text('owned-bold')", "[class*=am-] script",
        "[class*=am-] style", "span:text-is('owned-red')",
    ):  # fmt: skip
        assert page.locator(forbidden).count() == 0, forbidden
    assert page.locator(".am-banner").is_visible()
    assert asked - {""} == {address.removeprefix("http://")}
    for width in (1280, 400):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        wide = page.evaluate(
            "() => [document.documentElement, document.querySelector('[data-testid=stMain]')]"
            ".map(element => element.scrollWidth - element.clientWidth)"
        )
        assert max(wide) <= 1, f"{width} pixels: {wide} too wide"


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


def test_a_change_leads_to_the_conversations_behind_it(address, page):
    page.goto(address)
    page.get_by_role("link", name="the conversations behind it").click()
    page.get_by_text("8 judged messages").wait_for()
    assert "days=2026-11-04" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_wider_than_a_phone_shows_that_it_goes_on(address, browser, scheme):
    page = browser.new_page(viewport={"width": 390, "height": 900}, color_scheme=scheme)
    page.goto(f"{address}/health")
    table = page.locator(".am-scroll").first
    table.wait_for(timeout=40_000)
    settled(page)
    assert table.evaluate("e => e.scrollWidth - e.clientWidth") > 9

    def edge():
        """How light the last pixels of the first row are, above all text."""
        shown = Image.open(BytesIO(table.screenshot())).convert("L")
        return shown.getpixel((shown.width - 1, 2)), shown.getpixel((shown.width // 2, 2))

    (cut, plain), _ = edge(), table.evaluate("e => { e.scrollLeft = e.scrollWidth }")
    (end, _) = edge()
    assert abs(cut - plain) > 30
    assert end == plain
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
