import pytest
from pydantic import ValidationError

from alignment_monitor.alerting.channels import BrokenChannel, WebhookChannel
from alignment_monitor.alerting.outlets import open_channels
from alignment_monitor.settings import Settings
from tests.fakes.webhook_receiver import SECRET

WEBHOOK = {"kind": "webhook", "url": "http://127.0.0.1:1/hook", "secret_variable": "TEST_SECRET"}


def _settings(*channels):
    return Settings(alerts={"channels": channels})


def test_a_channel_without_its_secret_waits_and_the_others_go_on(monkeypatch, caplog):
    monkeypatch.setenv("TEST_SECRET", SECRET)
    monkeypatch.setenv("TEST_SHORT", "whsec_c2hvcnQ=")
    monkeypatch.delenv("TEST_UNSET", raising=False)
    opened = open_channels(
        _settings(
            {"name": "unset", **WEBHOOK, "secret_variable": "TEST_UNSET"},
            {"name": "short", **WEBHOOK, "secret_variable": "TEST_SHORT"},
            {"kind": "webhook", "name": "nowhere", "secret_variable": "TEST_SECRET"},
            {"name": "file", **WEBHOOK, "url": "file:///etc/passwd"},
            {"name": "fine", **WEBHOOK},
        )
    )
    assert [channel.name for channel in opened] == ["unset", "short", "nowhere", "file", "fine"]
    kinds = [type(outlet.channel) for outlet in opened]
    assert kinds == [BrokenChannel] * 4 + [WebhookChannel]
    for hint in ("TEST_UNSET is not set", "TEST_SHORT must hold", "url_variable", "https://"):
        assert hint in caplog.text
    assert "c2hvcnQ" not in caplog.text


@pytest.mark.parametrize(
    "address", ["https://[token", "https://h:99999/token", "https://h:token/", "https:///token"]
)
def test_an_address_that_is_none_holds_up_no_other_channel(monkeypatch, caplog, address):
    monkeypatch.setenv("TEST_SECRET", SECRET)
    monkeypatch.setenv("TEST_URL", address)
    slack = {"kind": "slack", "name": "image", "url_variable": "TEST_FINE", "image_url": address}
    monkeypatch.setenv("TEST_FINE", "https://hooks.example.com/")
    broken = {"name": "broken", **WEBHOOK, "url": None, "url_variable": "TEST_URL"}
    opened = open_channels(_settings(broken, slack, {"name": "fine", **WEBHOOK}))
    kinds = [type(outlet.channel) for outlet in opened]
    assert kinds == [BrokenChannel, BrokenChannel, WebhookChannel]
    assert "Channel 'broken': the address must be https://" in caplog.text
    assert "token" not in caplog.text


def test_channels_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="used twice: a"):
        _settings({"name": "a", **WEBHOOK}, {"name": "a", **WEBHOOK})


def test_routes_to_channels_that_are_not_there_are_refused():
    with pytest.raises(ValidationError, match="not there: b"):
        Settings(alerts={"channels": [{"name": "a", **WEBHOOK}], "routes": [{"channels": ["b"]}]})
