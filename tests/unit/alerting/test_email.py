import shutil
import socket
import ssl
import subprocess
import threading
import time
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from alignment_monitor.alerting.channels import ChannelError, DeliveryError
from alignment_monitor.alerting.channels.email import EmailChannel, open_email
from alignment_monitor.alerts_settings import Email
from tests.unit.alerting.messages import delivery, row

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl signs for the test")


class Mailbox:
    """What a mail server takes in; ``refuse`` answers for an address."""

    def __init__(self):
        self.got, self.refuse = [], {}

    async def handle_RCPT(self, server, session, envelope, address, options):
        if answer := self.refuse.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients = envelope.rcpt_tos
        return "250 taken"


@pytest.fixture
def serve():
    """Start a mail server: its port and its mailbox."""
    running = []

    def start(**options):
        box = Mailbox()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]  # the controller does not learn of one chosen for it
        controller = Controller(box, hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return port, box

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A server's and a client's context; the client trusts this one certificate alone."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = str(folder / "key.pem"), str(folder / "certificate.pem")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"
    command = [*command.split(), "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=cert)


def channel(port, **changes):
    usual = {"tls": "none", "timeout_seconds": 5}
    who = {"sender": "monitor@example.org", "recipients": ("a@example.org", "b@example.org")}
    return EmailChannel("mail", "localhost", port, **{**who, **usual, **changes})


def test_a_message_arrives_with_its_id_and_what_one_needs(serve):
    port, box = serve()
    channel(port).send(delivery(row("firing")))
    (mail,) = box.got
    assert mail["subject"] == "Firing: MODEL page, caving of aurora"
    assert mail["message-id"] == "<msg_firing_0@alignment-monitor>"
    assert box.recipients == ["a@example.org", "b@example.org"]
    text = mail.get_content()
    assert "8 % to 19 % & more." in text
    assert "http://localhost:8501/?family=aurora&day=1" in text


def test_a_repeat_has_the_same_id_and_text(serve):
    port, box = serve()
    for _ in range(2):
        channel(port).send(delivery(row("firing")))
    first, second = (mail.as_bytes() for mail in box.got)
    assert first == second


def test_names_cannot_add_headers_or_lines(serve):
    port, box = serve()
    evil = "aurora\r\nBcc: everyone@example.org\r\n\r\nHello"
    channel(port).send(delivery(row("firing", deployment_family=evil, statement=evil)))
    (mail,) = box.got
    assert mail["bcc"] is None
    assert "Bcc: everyone" in mail["subject"]
    assert box.recipients == ["a@example.org", "b@example.org"]


@needs_openssl
def test_a_password_is_sent_only_after_starttls(serve, certificate):
    server, client = certificate
    seen = []

    def check(server, session, envelope, mechanism, data):
        seen.append((session.ssl is not None, data.login, data.password))
        return AuthResult(success=data.password == b"sesame", handled=False)

    port, box = serve(tls_context=server, authenticator=check, auth_required=True)
    for password in ("sesame", "wrong"):
        secret = {"tls": "starttls", "context": client, "credentials": ("monitor", password)}
        sent = channel(port, **secret)
        assert password not in repr(sent)
        if password == "sesame":
            sent.send(delivery(row("firing")))
        else:
            with pytest.raises(DeliveryError, match=r"^SMTP 535$"):
                sent.send(delivery(row("firing")))
    assert [one[0] for one in seen] == [True] * len(seen)
    assert len(box.got) == 1


@needs_openssl
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(serve, certificate, tls):
    server, _ = certificate
    options = {"tls_context": server} if tls == "starttls" else {"ssl_context": server}
    if tls == "tls":  # its controller tries a connection of its own, which must be trusted
        port = _raw_tls(server)
        box = None
    else:
        port, box = serve(**options)
    with pytest.raises(DeliveryError, match="SSLCertVerificationError"):
        channel(port, tls=tls).send(delivery(row("firing")))
    assert box is None or box.got == []


def test_no_message_goes_in_the_clear_when_tls_is_wanted(serve):
    port, box = serve()
    with pytest.raises(DeliveryError, match="SMTPNotSupportedError"):
        channel(port, tls="starttls").send(delivery(row("firing")))
    assert box.got == []


def test_refusals_tell_a_number_and_no_name(serve, caplog):
    port, box = serve()
    box.refuse = {"a@example.org": "550 no a@example.org here"}
    channel(port).send(delivery(row("firing")))
    assert box.recipients == ["b@example.org"]
    assert "1 recipients were refused" in caplog.text
    box.refuse["b@example.org"] = "450 later"
    with pytest.raises(DeliveryError, match=r"^all recipients are refused$") as caught:
        channel(port).send(delivery(row("firing")))
    assert caught.value.reached


def test_silence_and_dripping_end_in_time():
    for drip in (b"", b"2"):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=_drip, args=(listener, drip), daemon=True).start()
            slow = channel(listener.getsockname()[1], timeout_seconds=0.5)
            began = time.monotonic()
            with pytest.raises(DeliveryError, match="no answer") as caught:
                slow.send(delivery(row("firing")))
            assert time.monotonic() - began < 4
            assert not caught.value.reached


def test_settings_say_what_is_missing(monkeypatch):
    fine = {"kind": "email", "name": "mail", "host": "mail.example.org"}
    fine |= {"sender": "m@example.org", "recipients": ["a@example.org"]}
    assert open_email(Email(**fine)).tls == "starttls"
    secret = {"username": "monitor", "password_variable": "TEST_PASSWORD"}
    with pytest.raises(ChannelError, match="TEST_PASSWORD is not set"):
        open_email(Email(**fine, **secret))
    monkeypatch.setenv("TEST_PASSWORD", "x")
    with pytest.raises(ChannelError, match="a password needs tls"):
        open_email(Email(**fine, **secret, tls="none"))
    with pytest.raises(ChannelError, match="set username"):
        open_email(Email(**fine, password_variable="TEST_PASSWORD"))


def _drip(listener, byte):
    """Take one connection and never come to an end."""
    taken, _ = listener.accept()
    with taken:
        for _ in range(100):
            time.sleep(0.1)
            try:
                taken.sendall(byte)
            except OSError:
                return


def _raw_tls(context):
    """A port that speaks TLS and nothing else, for one connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        taken, _ = listener.accept()
        try:
            context.wrap_socket(taken, server_side=True)
        except OSError:
            return

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]
