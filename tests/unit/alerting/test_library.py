import logging
import subprocess
import sys

import pytest

from alignment_monitor.alerting.channels import ChannelError, DeliveryError
from alignment_monitor.alerting.channels.library import AppriseChannel, open_apprise
from alignment_monitor.alerts_settings import Apprise
from tests.fakes.http_receiver import HttpReceiver
from tests.unit.alerting.messages import delivery, row


def test_apprise_brings_a_message_to_a_service_it_knows():
    receiver = HttpReceiver(lambda number: 200)
    with receiver.running() as url:
        AppriseChannel("ops", url.replace("http:", "json:")).send(delivery(row("firing")))
        AppriseChannel("ops", url.replace("http:", "json:")).send(delivery(row("resolved")))
    firing, resolved = receiver.got
    assert firing["title"] == "Firing: MODEL page, caving of aurora"
    assert "8 % to 19 %" in firing["message"]
    assert [firing["type"], resolved["type"]] == ["failure", "success"]


def test_a_failure_is_one_and_no_log_tells_the_address(caplog):
    receiver = HttpReceiver(lambda number: 500)
    with receiver.running() as url, caplog.at_level(logging.DEBUG):
        channel = AppriseChannel("ops", url.replace("http://", "json://user:hidden@"))
        with pytest.raises(DeliveryError, match=r"^apprise could not send it$"):
            channel.send(delivery(row("firing")))
        path = AppriseChannel("ops", url.replace("http:", "json:") + "/hidden")
        with pytest.raises(DeliveryError):
            path.send(delivery(row("firing")))
    assert receiver.paths[1] == "/hidden"
    assert "hidden" not in caplog.text
    assert "hidden" not in repr(channel)


def test_an_address_that_apprise_does_not_know_is_told_when_it_is_opened(monkeypatch):
    settings = Apprise(kind="apprise", name="ops", url_variable="TEST_URL")
    monkeypatch.setenv("TEST_URL", "nobody-knows-this://hidden")
    with pytest.raises(ChannelError, match="TEST_URL holds no address that apprise knows"):
        open_apprise(settings)
    monkeypatch.setenv("TEST_URL", "json://127.0.0.1:1/hidden")
    assert open_apprise(settings).name == "ops"


def test_who_does_not_use_apprise_does_not_load_it():
    code = (
        "import sys, alignment_monitor.alerting.outlets, alignment_monitor.alerting.outbox;"
        "sys.exit('apprise' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
