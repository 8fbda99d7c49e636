"""Signing in at a real OpenID Connect provider, in real Chromium."""

from pathlib import Path

import pytest

from alignment_monitor.operations import alerts
from alignment_monitor.settings import load
from alignment_monitor.store import open_store
from tests.dashboard.sample_marts import Sample, write
from tests.dashboard.sample_store import FIRING, TODAY, write_store
from tests.dashboard.serving import IN_CHROMIUM, serve
from tests.fakes.identity_provider import CLIENT, SECRET, providing
from tests.pipeline.homes import closed_port

pytestmark = IN_CHROMIUM

PEOPLE = {
    "Ann": {"email": "Ann@example.org", "email_verified": True},
    "Mallory": {"email": "ann@example.org", "email_verified": False},
}
SECRETS = """\
[auth]
redirect_uri = "http://localhost:{port}/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    home: Path = tmp_path_factory.mktemp("signed")
    write(home, Sample(days=5, talks_per_day=2))
    (home / "monitor.yaml").write_text('dashboard: {roles: {"ann@example.org": operator}}')
    return home, write_store(home)


@pytest.fixture(scope="module")
def served(names):
    home, _ = names
    port = closed_port()
    with providing(PEOPLE) as provider:
        (home / "secrets.toml").write_text(
            SECRETS.format(port=port, client=CLIENT, secret=SECRET, provider=provider.address)
        )
        with serve(home, port=port) as address:
            yield address, provider


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 1400})
    page = context.new_page()
    page.set_default_timeout(40_000)
    yield page
    context.close()


def sign_in(page, address, who):
    page.goto(f"{address}/alerts")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=who).click()
    page.get_by_role("button", name="Sign out").wait_for()


def test_an_operator_signs_in_acts_under_their_address_and_signs_out(served, names, page):
    address, provider = served
    home, alert = names
    page.goto(f"{address}/conversations")
    page.get_by_text("Sign in to read on").wait_for()
    assert page.locator(".am-section, .am-row, .am-banner").count() == 0
    sign_in(page, address, "Ann")
    assert "Ann@example.org · operator" in page.locator(".am-badge").inner_text()
    page.get_by_test_id("stTopNav").get_by_role("link", name="Alerts").click()
    page.get_by_role("button", name="Acknowledge").first.wait_for()
    assert page.get_by_label("Your name").count() == 0
    page.locator(f".st-key-ack-{alert[FIRING]} button").click()
    page.get_by_text("Acknowledged.").wait_for()
    engine = open_store(load(home).store_url)
    history = alerts.shown(engine, alert[FIRING], TODAY)["history"]
    engine.dispose()
    assert history[-1]["who"] == "Ann@example.org"
    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("Sign in to read on").wait_for()
    assert provider.ended == 1


def test_an_address_that_is_not_verified_gives_nobody_its_role(served, page):
    sign_in(page, served[0], "Mallory")
    page.get_by_test_id("stTopNav").get_by_role("link", name="Alerts").click()
    page.get_by_text("yours is viewer").wait_for()
    page.locator(".am-alert").first.wait_for()
    assert page.get_by_role("button", name="Acknowledge").count() == 0
    assert page.get_by_role("button", name="Resolve").count() == 0
