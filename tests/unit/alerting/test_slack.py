import json

import pytest

from alignment_monitor.alerting.channels import ChannelError, DeliveryError
from alignment_monitor.alerting.channels.slack import SlackChannel, message, open_slack
from alignment_monitor.alerts_settings import Slack
from tests.fakes.http_receiver import HttpReceiver
from tests.unit.alerting.messages import delivery, row


def texts(found):
    return json.dumps(found["blocks"], ensure_ascii=False)


def test_a_message_arrives_with_what_one_needs_to_judge_it():
    receiver = HttpReceiver(lambda number: 200)
    with receiver.running() as url:
        SlackChannel("chat", url, allow_private_addresses=True).send(delivery(row("firing")))
    (got,) = receiver.got
    assert got["text"] == "Firing: MODEL page, caving of aurora"
    assert [block["type"] for block in got["blocks"]] == ["header", "section", "context"]
    assert "8 % to 19 %" in texts(got)
    assert "<http://localhost:8501/?family=aurora&amp;day=1|Dashboard>" in texts(got)


def test_names_cannot_call_people_or_make_links():
    found = message(delivery(row("firing", deployment_family="<!here> <https://evil|click>")))
    for text in (found["text"], found["blocks"][1]["text"]["text"]):
        assert "<" not in text
    assert "&lt;!channel&gt;" in texts(found)
    assert found["blocks"][0]["text"]["type"] == "plain_text"


def test_two_hundred_alerts_keep_slacks_limits_and_say_how_many_there_are():
    long = "x" * 5000
    found = message(delivery(*(row("firing", n, statement=long) for n in range(200))))
    assert found["text"] == "200 alerts: 200 firing"
    assert len(found["blocks"]) <= 50
    for block in found["blocks"][:2]:
        assert len(block["text"]["text"]) <= 3000
    short = message(delivery(*(row("firing", n) for n in range(200))))
    assert "and 180 more, on the dashboard" in texts(short)


def test_an_image_is_shown_only_where_a_public_address_is_set():
    assert "image" not in texts(message(delivery(row("firing"))))
    one = delivery(row("firing", deployment_family="a/b"))
    found = message(one, "https://charts.example.org/{family}/{alert_id}.png")
    assert found["blocks"][2]["image_url"] == "https://charts.example.org/a%2Fb/a0.png"
    group = delivery(row("firing", 0), row("firing", 1))
    assert "image" not in texts(message(group, "https://charts.example.org/{alert_id}.png"))


def test_what_is_not_known_is_a_plain_message():
    found = message(delivery(row("sang_a_song")))
    assert found["text"].startswith("Sang a song: MODEL page")
    test = {"test": True, "statement": "A test of the channel chat", "severity": "warn"}
    body = json.dumps({"type": "alert.test", "timestamp": "2026-12-01T00:00:00Z", "data": test})
    found = message(delivery({"delivery_id": "msg_t", "digest": False, "body": body}))
    assert found["text"] == "Test: warn"
    assert "A test of the channel" in texts(found)


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_a_refusal_is_a_failure_and_keeps_the_address_to_itself(status):
    receiver = HttpReceiver(lambda number: status)
    with receiver.running() as url:
        channel = SlackChannel("chat", f"{url}/secret", allow_private_addresses=True)
        with pytest.raises(DeliveryError, match=f"^HTTP {status}$"):
            channel.send(delivery(row("firing")))
    assert "secret" not in repr(channel)


def test_settings_say_what_is_missing(monkeypatch):
    settings = Slack(kind="slack", name="chat", url_variable="TEST_SLACK")
    with pytest.raises(ChannelError, match="TEST_SLACK is not set"):
        open_slack(settings)
    monkeypatch.setenv("TEST_SLACK", "https://hooks.slack.com/services/T/B/x")
    assert open_slack(settings).url.endswith("/x")
    with pytest.raises(ChannelError, match="image_url must be https"):
        open_slack(settings.model_copy(update={"image_url": "http://10.0.0.1/x.png"}))
