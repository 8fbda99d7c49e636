"""The Alerts page: what it shows, and that what is done there is done."""

from datetime import UTC, datetime

import pytest

from alignment_monitor.operations import alerts
from alignment_monitor.settings import load
from alignment_monitor.store import open_store
from tests.dashboard.sample_marts import Sample, write
from tests.dashboard.sample_store import FIRING, HELD, JUDGE, MUTED, WARNED, write_store
from tests.dashboard.serving import IN_CHROMIUM, serve, settled
from tests.dashboard.test_pages import HOSTILE, markup, opened, said

PAGE = "views/alerts.py"
SAMPLE = Sample(days=5, talks_per_day=2)


@pytest.fixture
def worked(tmp_path, use_home):
    """A home with alerts in every state, and their ids."""
    use_home(tmp_path, SAMPLE)
    return tmp_path, write_store(tmp_path)


def kept(home, name):
    engine = open_store(load(home).store_url)
    found = alerts.shown(engine, name, datetime.now(UTC))
    engine.dispose()
    return found


def named(app, who="Bo"):
    app.text_input(key="who").input(who).run()
    return app


def test_it_shows_what_is_open_why_it_is_not_sent_and_what_was_done(worked):
    text = said(opened(PAGE))
    assert "4 pages, 2 warnings open" in text
    for told in (
        "Page · MODEL · firing, held", "Held", "the judge judge changed".replace("the", "The"),
        "Silenced", "provider changes", "No page", "effective n of 20, and this rests on 9.3",
        "Only on the tutoring surface", "false alarm", "98 % of the replies sampled",
        "alignment-monitor explain MODEL/aurora/caving/up",
        "True drifts among the alerts that people judged: 0 % [0, 98], n = 1 (MODEL 0 of 1)",
    ):  # fmt: skip
        assert told in text, told
    assert text.index("Unwarranted agreement of aurora") < text.index("Caving of aurora")


def test_a_home_without_a_store_shows_its_alerts_and_says_what_cannot_be_done(tmp_path, use_home):
    use_home(tmp_path, Sample(days=48, talks_per_day=2))
    app = named(opened(PAGE))
    assert "3 pages open" in said(app)
    assert "3 alerts fired so far, and nobody has called one" in said(app)
    app.button(key="ack-alert-0").click().run()
    assert "nothing was run there yet" in app.error[0].value
    assert not (tmp_path / "store.sqlite").exists()


def test_a_store_that_is_no_database_is_told_in_a_sentence(tmp_path, use_home):
    use_home(tmp_path, SAMPLE)
    assert not opened(PAGE).error, "no store at all is no fault"
    (tmp_path / "store.sqlite").write_text("x\n")
    app = opened(PAGE)
    (told,) = app.error
    assert told.value.startswith("What was done about alerts, and which are silenced, cannot be")
    assert "file is not a database" in told.value
    assert "alerts below are as the last run left them" in told.value


def test_what_people_write_stays_text(tmp_path, use_home):
    use_home(tmp_path, SAMPLE)
    write_store(tmp_path, text=HOSTILE)
    shown = markup(opened(PAGE))
    assert "&lt;img src=x" in shown
    assert "<img" not in shown
    assert "<script" not in shown


def test_nobody_acts_without_a_name(worked):
    home, names = worked
    app = opened(PAGE)
    app.button(key=f"ack-{names[FIRING]}").click().run()
    assert "Type your name" in app.error[0].value
    assert kept(home, names[FIRING])["state"] == "firing"


def test_an_acknowledgement_is_kept_with_the_name(worked):
    home, names = worked
    app = named(opened(PAGE))
    app.button(key=f"ack-{names[FIRING]}").click().run()
    assert "Acknowledged." in said(app)
    found = kept(home, names[FIRING])
    assert (found["state"], found["history"][-1]["who"]) == ("acknowledged", "Bo")
    assert f"ack-{names[FIRING]}" not in {button.key for button in app.button}


def test_a_verdict_releases_what_was_held_and_counts(worked):
    home, names = worked
    app = named(opened(PAGE))
    app.radio(key=f"verdict-{names[JUDGE]}").set_value("true_drift")
    app.text_input(key=f"note-{names[JUDGE]}").set_value("a new version")
    (resolve,) = [
        button for button in app.button
        if button.label == "Resolve" and names[JUDGE] in button.proto.form_id
    ]  # fmt: skip
    resolve.click().run()
    assert "Resolved." in said(app)
    assert "50 % [1, 99], n = 2 (JUDGE 1 of 1 and MODEL 0 of 1)" in said(app)
    assert kept(home, names[JUDGE])["resolution"] == "true_drift"
    assert kept(home, names[HELD])["held_by"] is None


def test_an_expected_change_says_how_it_becomes_normal(worked):
    _, names = worked
    app = named(opened(PAGE))
    app.radio(key=f"verdict-{names[FIRING]}").set_value("expected_change")
    (resolve,) = [
        button for button in app.button
        if button.label == "Resolve" and names[FIRING] in button.proto.form_id
    ]  # fmt: skip
    resolve.click().run()
    assert f"rebaseline --alert {names[FIRING]}" in said(app)


def test_a_silence_is_ended_from_the_page(worked):
    home, names = worked
    app = named(opened(PAGE))
    (end,) = [button for button in app.button if button.label == "End it"]
    end.click().run()
    assert "The silence has ended." in said(app)
    assert kept(home, names[MUTED])["state"] == "firing"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    home = write(tmp_path_factory.mktemp("worked"), SAMPLE)
    names = write_store(home)
    with serve(home) as address:
        yield home, names, address


class TestInChromium:
    pytestmark = IN_CHROMIUM

    @pytest.fixture
    def page(self, served, browser):
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.set_default_timeout(40_000)
        page.goto(f"{served[2]}/alerts")
        page.locator(".am-alert").first.wait_for()
        yield page
        page.close()

    def test_an_acknowledgement_lands_in_the_store(self, served, page):
        home, names, _ = served
        card = page.locator(f".st-key-alert-{names[FIRING]}")
        card.get_by_role("button", name="Acknowledge").click()
        page.get_by_text("Type your name at the top first").wait_for()
        page.get_by_label("Your name").fill("Cy")
        page.get_by_label("Your name").press("Enter")
        settled(page)
        card.get_by_role("button", name="Acknowledge").click()
        page.get_by_text("Acknowledged.").wait_for()
        found = kept(home, names[FIRING])
        assert (found["state"], found["history"][-1]["who"]) == ("acknowledged", "Cy")
        # The name stays when one has been elsewhere.
        page.get_by_role("link", name="Health").click()
        page.get_by_text("Freshness").first.wait_for()
        page.get_by_role("link", name="Alerts").first.click()
        page.locator(".am-alert").first.wait_for()
        assert page.get_by_label("Your name").input_value() == "Cy"

    def test_a_comment_and_a_silence_from_their_forms(self, served, page):
        home, names, _ = served
        page.get_by_label("Your name").fill("Di")
        page.get_by_label("Your name").press("Enter")
        settled(page)
        card = page.locator(f".st-key-alert-{names[WARNED]}")
        card.get_by_role("button", name="Comment").click()
        page.get_by_role("textbox", name="Comment").fill("seen <b>twice</b>")
        page.get_by_role("button", name="Add").click()
        page.get_by_text("Noted.").wait_for()
        settled(page)
        assert kept(home, names[WARNED])["history"][-1]["note"] == "seen <b>twice</b>"
        held = page.locator(f".st-key-alert-{names[HELD]}")
        held.get_by_role("button", name="Silence").click()
        page.get_by_label("Why").fill("known")
        page.get_by_test_id("stFormSubmitButton").get_by_role("button", name="Silence").click()
        page.get_by_text("Silenced.").wait_for()
        assert kept(home, names[HELD])["state"] == "silenced"

    def test_the_command_of_an_expected_change_fits_a_phone(self, served, page):
        names = served[1]
        page.get_by_label("Your name").fill("Ed")
        page.get_by_label("Your name").press("Enter")
        settled(page)
        page.set_viewport_size({"width": 400, "height": 900})
        card = page.locator(f".st-key-alert-{names[FIRING]}")
        card.get_by_role("button", name="Resolve").click()
        page.get_by_text("expected change", exact=True).first.click()
        page.get_by_test_id("stFormSubmitButton").get_by_role("button", name="Resolve").click()
        page.get_by_text(f"rebaseline --alert {names[FIRING]}").wait_for()
        main = page.locator("[data-testid=stMain]")
        assert main.evaluate("element => element.scrollWidth <= element.clientWidth + 1")
