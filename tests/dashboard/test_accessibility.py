"""Every page held against axe-core, in both themes, wide and narrow; keyboard and headings."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.dashboard.sample_marts import write
from tests.dashboard.sample_store import write_queue, write_store
from tests.dashboard.serving import IN_CHROMIUM, PATHS, serve

AXE = Path(__file__).resolve().parents[2] / ".browser/node_modules/axe-core/axe.min.js"
LOOKS = (("light", 1280), ("dark", 400))
BEYOND = {
    "/conversations?conversation=c-1123-1&message=4": ".am-talk",
    "/labelling?annotator=ann": ".form[data-item*='/']",
}
"""What no navigation leads to, and what it shows: a transcript, and a message to label."""
GRAVE = ("serious", "critical")
WHOLE = 8000
"""Pixels that hold a page from its head to its foot: what has to be scrolled to has no contrast."""
OF_STREAMLIT = {
    # Day, month and year of a date stand closer than fingers are wide.
    ("target-size", '<span role="spinbutton"'),
}
"""Rule and beginning of the markup of what Streamlit breaks and no sheet of ours mends."""

pytestmark = [
    *IN_CHROMIUM,
    pytest.mark.skipif(
        not AXE.exists(), reason="axe-core is missing: `make browser` installs it where npm is"
    ),
]


@pytest.fixture(scope="module")
def full(tmp_path_factory) -> Iterator[str]:
    home = write(tmp_path_factory.mktemp("full"))
    write_store(home)
    write_queue(home, 4, bursts=1)
    with serve(home) as address:
        yield address


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("empty")) as address:
        yield address


def drawn(page) -> None:
    """Wait until a page is drawn to its end."""
    page.wait_for_function(
        "() => document.querySelector('[data-test-script-state=notRunning]') && "
        "document.querySelector('h1') && !document.querySelector('[data-stale=true]')"
    )


def visits(browser, address: str, *, full: bool):
    """Each page in turn, drawn to its end; one visit, as a reader walks through."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page.set_default_timeout(40_000)
    page.goto(address)
    page.locator("h1").first.wait_for()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for path in PATHS:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.locator(f"a[href$='{path}']").first.click()
        page.wait_for_url(f"{address}{path}*")
        page.wait_for_timeout(200)
        drawn(page)
        yield page, path
    for path, shown in BEYOND.items():
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address + path)
        drawn(page)
        if full:
            page.locator(shown).first.wait_for()
        page.evaluate(AXE.read_text(encoding="utf-8"))
        yield page, path
    page.close()


def faults(page) -> set[tuple[str, str]]:
    """Rule and markup of each grave fault of a page as it is now."""
    found = page.evaluate(
        "axe.run(document, {resultTypes: ['violations'], runOnly: {type: 'tag', values: "
        "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}})"
    )
    return {
        (rule["id"], node["html"][:160])
        for rule in found["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    }


def allowed(fault: tuple[str, str]) -> bool:
    return any(fault[0] == rule and fault[1].startswith(start) for rule, start in OF_STREAMLIT)


def headings(page) -> list[int]:
    return page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(one => +one.tagName[1])"
    )


@pytest.mark.parametrize("home", ["full", "empty"])
def test_no_page_shuts_anybody_out(home, request, browser):
    grave, disorder = {}, {}
    # Empty pages are one piece of markup, so that each needs but one look.
    few = home == "empty"
    address = request.getfixturevalue(home)
    for place, (page, path) in enumerate(visits(browser, address, full=not few)):
        levels = headings(page)
        jumps = [now for before, now in pairwise(levels) if now > before + 1]
        if levels[:1] != [1] or levels.count(1) != 1 or jumps:
            disorder[path] = levels
        for scheme, width in LOOKS[place % 2 :][:1] if few else LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": WHOLE})
            page.wait_for_timeout(120)
            if found := {fault for fault in faults(page) if not allowed(fault)}:
                grave[path, scheme, width] = found
    assert not disorder
    assert not grave


def test_the_keyboard_reaches_every_link_of_the_verdict_and_shows_where_it_is(full, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(full)
    page.locator(".am-brief").wait_for(timeout=40_000)
    wanted = page.locator(".am-brief a, .am-brief summary").count()
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            "(() => { const one = document.activeElement, look = getComputedStyle(one);"
            " return [!!one.closest('.am-brief'), one.outerHTML,"
            " look.outlineStyle + look.outlineWidth + look.boxShadow] })()"
        )
        if focus[0]:
            seen.add(focus[1])
            assert focus[2] != "none0pxnone", "focus is seen"
        if len(seen) == wanted:
            break
    assert wanted >= 4
    assert len(seen) == wanted
    page.close()
