import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from alignment_monitor.alerting.channels import Delivery, DeliveryError, WebhookChannel, http
from tests.fakes.webhook_receiver import SECRET, Fault, Request, WebhookReceiver

DELIVERY = Delivery(
    "msg_1", '{"type":"alert.firing","data":{"statement":"Caving rose, 11 – 27 %"}}'
)


def channel(url, **changes):
    return WebhookChannel(
        "on-call",
        url,
        SECRET,
        **{"timeout_seconds": 5, "allow_private_addresses": True, **changes},
    )


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
    assert receiver.events == ["alert.firing"]  # the same again is known by its id
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


ELSEWHERE = ["127.0.0.1", "10.0.0.8", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "localhost"]


@pytest.mark.parametrize("host", ELSEWHERE)
def test_private_addresses_are_not_connected_to_unless_allowed(host):
    with pytest.raises(DeliveryError, match="allow_private_addresses"):
        channel(f"http://{host}:1/hook", allow_private_addresses=False).send(DELIVERY)


def test_a_refused_receiver_sees_nothing_and_no_proxy_gets_round_it(monkeypatch):
    receiver = WebhookReceiver()
    with receiver.running() as url:
        monkeypatch.setenv("HTTP_PROXY", url.removesuffix("/hook"))
        monkeypatch.setenv("ALL_PROXY", url.removesuffix("/hook"))
        with pytest.raises(DeliveryError, match="private address"):
            channel(url, allow_private_addresses=False).send(DELIVERY)
        assert receiver.requests == []


def test_a_name_is_checked_by_the_address_it_leads_to(monkeypatch):
    """A name that looks public, but that DNS leads into one's own network."""
    receiver = WebhookReceiver()
    with receiver.running() as url:
        port = int(url.split(":")[2].split("/")[0])
        inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: inside)
        named = channel(f"http://alerts.example.com:{port}/hook", allow_private_addresses=False)
        with pytest.raises(DeliveryError, match="private address"):
            named.send(DELIVERY)
    assert receiver.requests == []


def test_what_is_taken_for_public_is_connected_to_by_that_address(monkeypatch):
    receiver = WebhookReceiver()
    monkeypatch.setattr(http, "is_public", lambda address: address == "127.0.0.1")
    with receiver.running() as url:
        channel(url, allow_private_addresses=False).send(DELIVERY)
    assert receiver.events == ["alert.firing"]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("::ffff:93.184.215.14", True),
        ("::ffff:10.0.0.1", False),
        ("::10.0.0.1", False),
        ("0.0.0.0", False),
        ("100.64.0.1", False),
        ("172.31.255.255", False),
        ("192.168.1.1", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("fec0::1", False),
        ("192.0.0.8", False),
        ("192.88.99.1", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert http.is_public(address) is public


def test_no_log_tells_the_address_and_others_keep_theirs(caplog):
    receiver = WebhookReceiver()
    with receiver.running() as url, caplog.at_level(logging.DEBUG):
        channel(f"{url}?token=hidden").send(DELIVERY)
        with httpx2.Client() as other:
            other.get(f"{url}?another")
    assert len(receiver.requests) == 2
    assert "hidden" not in caplog.text
    assert "another" in caplog.text


def test_an_endless_answer_is_not_read_to_its_end():
    receiver, error = attempt(Fault(body_bytes=50_000_000))
    assert error is None
    assert receiver.events == ["alert.firing"]
    assert 0 < receiver.answered_bytes < 20_000_000


def test_a_receiver_may_ask_to_be_left_alone():
    _, error = attempt(Fault(status=429, headers={"retry-after": "90"}))
    assert error.retry_after == timedelta(seconds=90)
