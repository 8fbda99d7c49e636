import sqlite3

import pytest

from alignment_monitor.alerting.service import export_deliveries
from alignment_monitor.store import database, open_store
from tests.fakes.webhook_receiver import SECRET, Fault, WebhookReceiver

CHANNELS = """\
alerts:
  channels:
    - {kind: webhook, name: on-call, url_variable: HOOK_URL, secret_variable: HOOK_SECRET,
       allow_private_addresses: true}
    - {kind: webhook, name: outside, url_variable: HOOK_URL, secret_variable: HOOK_SECRET}
    - {kind: slack, name: chat, url_variable: SLACK_URL}
"""


@pytest.fixture
def rows(configured):
    """The outbox of the home."""
    settings = configured(CHANNELS)

    def read():
        return export_deliveries(open_store(settings.store_url)).to_pylist()

    return read


def test_a_test_arrives_as_a_signed_message_that_says_it_is_one(cli, rows):
    receiver = WebhookReceiver()
    with receiver.running() as url:
        code, said = cli("alert", "test", "on-call", HOOK_URL=url, HOOK_SECRET=SECRET)
    assert code == 0
    assert "on-call took the test msg_" in said
    (payload,) = receiver.seen
    assert payload["type"] == "alert.test"
    assert payload["data"]["test"] is True
    (row,) = rows()
    assert (row["event"], row["status"], row["alert_id"]) == ("alert.test", "delivered", None)
    assert row["delivery_id"] == receiver.requests[0].headers["webhook-id"]


def test_what_goes_wrong_is_told_and_not_repeated(cli, rows):
    receiver = WebhookReceiver(lambda number: Fault(status=503))
    with receiver.running() as url:
        given = {"HOOK_URL": f"{url}?token=hidden", "HOOK_SECRET": SECRET}
        code, said = cli("alert", "test", "on-call", **given)
        assert (code, "on-call did not take the test: HTTP 503" in said) == (1, True)
        code, said = cli("alert", "test", "outside", **given)
        assert (code, "private address: set allow_private_addresses" in said) == (1, True)
        code, said = cli("alert", "test", "chat", **given)
        assert (code, "environment variable SLACK_URL is not set" in said) == (1, True)
    assert "hidden" not in said
    assert [row["status"] for row in rows()] == ["dead"] * 3
    assert len(receiver.requests) == 1


def test_an_unknown_channel_names_those_there_are(cli, configured):
    configured(CHANNELS)
    code, said = cli("alert", "test", "nobody")
    assert code == 2
    assert "there are: on-call, outside, chat" in said


def test_tests_that_failed_are_not_sent_again(cli, rows):
    cli("alert", "test", "chat")
    code, said = cli("alert", "redeliver")
    assert (code, "0 dead deliveries wait" in said) == (0, True)


def test_the_doctor_says_of_every_kind_what_is_missing(cli, configured):
    configured("""\
alerts:
  channels:
    - {kind: slack, name: chat, url_variable: SLACK_URL}
    - {kind: pagerduty, name: pager, routing_key_variable: PAGER_KEY}
    - {kind: alertmanager, name: prometheus, url_variable: PROMETHEUS_URL}
    - {kind: email, name: mail, host: mail.example.org, sender: m@example.org,
       recipients: [a@example.org], username: m, password_variable: MAIL_PASSWORD}
    - {kind: apprise, name: ops, url_variable: OPS_URL}
""")
    names = ["SLACK_URL", "PAGER_KEY", "PROMETHEUS_URL", "MAIL_PASSWORD", "OPS_URL"]
    code, said = cli("doctor")
    assert code == 1
    for name in names:
        assert f"{name} is not set" in said
    fine = {name: "https://example.org/x" for name in names} | {"OPS_URL": "json://example.org"}
    _, said = cli("doctor", **fine)
    assert said.count("what it needs is set") == 5


def test_a_store_that_another_process_holds_is_told_in_words(cli, rows, home, monkeypatch):
    given = {"HOOK_URL": "http://127.0.0.1:1/hook", "HOOK_SECRET": SECRET}
    assert rows() == []  # makes the store
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    other = sqlite3.connect(home / "store.sqlite", isolation_level=None)
    other.execute("begin immediate")
    code, said = cli("alert", "test", "on-call", **given)
    other.close()
    assert (code, "in use by another process" in said) == (2, True)
