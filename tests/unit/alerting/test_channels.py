import shutil
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from alignment_monitor.alerting.channels import Delivery, DeliveryError, WebhookChannel
from tests.fakes.webhook_receiver import SECRET, Fault, Request, WebhookReceiver

DELIVERY = Delivery(
    "msg_1", '{"type":"alert.firing","data":{"statement":"Caving rose, 11 – 27 %"}}'
)


def channel(url, **changes):
    return WebhookChannel("on-call", url, SECRET, **{"timeout_seconds": 5, **changes})


def attempt(fault, **changes):
    """One attempt at a receiver with a fault: (receiver, the error if any)."""
    receiver = WebhookReceiver(lambda number: fault)
    with receiver.running() as url:
        try:
            channel(url, **changes).send(DELIVERY)
        except DeliveryError as error:
            return receiver, error
    return receiver, None


def test_a_delivery_arrives_signed_and_as_it_was_built():
    receiver, error = attempt(Fault())
    assert error is None
    (request,) = receiver.requests
    assert request.body == DELIVERY.body.encode()
    assert request.headers["webhook-id"] == "msg_1"
    assert receiver.events == ["alert.firing"]


def test_what_was_tampered_with_or_is_old_does_not_verify():
    receiver, _ = attempt(Fault())
    (request,) = receiver.requests
    assert receiver.accept(request) == 204
    assert receiver.accept(Request(request.headers, request.body.replace(b"27", b"12"))) == 401
    other = {**request.headers, "webhook-id": "msg_2"}
    assert receiver.accept(Request(other, request.body)) == 401

    old, error = attempt(Fault(), clock=lambda: datetime.now(UTC) - timedelta(minutes=6))
    assert str(error) == "HTTP 401"
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(SECRET).verify(old.requests[0].body, old.requests[0].headers)


@pytest.mark.parametrize("status", [300, 400, 404, 429, 500, 503])
def test_any_answer_but_2xx_is_a_failure(status):
    receiver, error = attempt(Fault(status=status))
    assert str(error) == f"HTTP {status}"
    assert error.reached
    assert receiver.seen == []


def test_no_redirect_is_followed():
    elsewhere = WebhookReceiver()
    with elsewhere.running() as url:
        _, error = attempt(Fault(status=307, headers={"location": url}))
    assert str(error) == "HTTP 307"
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "fault", [Fault(hang_seconds=1), Fault(drip_seconds=0.1), Fault(cut=True)], ids=repr
)
def test_silence_dripping_and_half_an_answer_end_in_time(fault):
    began = time.monotonic()
    _, error = attempt(fault, timeout_seconds=0.4)
    assert time.monotonic() - began < 3
    assert str(error).startswith("no answer (")
    assert not error.reached


def test_errors_and_representations_keep_addresses_and_secrets_to_themselves():
    unreachable = channel("http://127.0.0.1:1/hook?token=hidden")
    with pytest.raises(DeliveryError) as caught:
        unreachable.send(DELIVERY)
    assert str(caught.value) == "no answer (ConnectError)"
    assert caught.value.__cause__ is None
    assert "hidden" not in repr(unreachable)
    assert SECRET not in repr(unreachable)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"
    command = [*command.split(), "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(DeliveryError, match="ConnectError"):
            channel(f"https://localhost:{server.server_port}/").send(DELIVERY)
